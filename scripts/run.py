"""Runs Balon on this machine: local secrets, database, then web tier and gateway until Ctrl-C.

The processes are those of the Procfile. Their logs go to var/log/balon.log, so that the terminal shows what a person
needs. Nothing here is for production: docs/operations.md says how Balon runs there.
"""

import base64
import os
import secrets
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from honcho.environ import parse_procfile
from honcho.manager import Manager
from honcho.printer import Printer

ROOT = Path(__file__).resolve().parent.parent
READY_TIMEOUT_S = 120


def main() -> int:
    """Prepares what is missing, starts the processes, says when they are ready, and waits for their end."""
    port = int(os.environ.get("PORT", "8000"))
    if not is_free(port):
        sys.exit(f"balon: Port {port} is taken. Choose another one:  make run PORT={port + 1}")
    var = Path(os.environ.get("BALON_VAR", ROOT / "var"))
    environment = local_environment(var, port)
    say("Bringing the database up to date")
    subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity", "0"], cwd=ROOT, env=environment, check=True)
    subprocess.run([sys.executable, "manage.py", "delete_due_accounts"], cwd=ROOT, env=environment, check=True)
    say("Starting the web tier and the inference gateway")
    return run_processes(environment, var / "log" / "balon.log", port)


def local_environment(var: Path, port: int) -> dict[str, str]:
    """The settings of a local installation; whatever the environment already says stands."""
    gateway_port = free_port()
    settings = {
        "PORT": str(port),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONUNBUFFERED": "1",
        "BALON_VAR": str(var),
        "BALON_ORIGIN": f"http://localhost:{port}",
        "BALON_ALLOWED_HOSTS": "localhost,127.0.0.1",
        "BALON_SECRET_KEY_FILE": keep_secret(var, "secret-key", random_text),
        "BALON_INSTALLATION_KEYS_FILE": keep_secret(var, "installation-keys", random_fernet_key),
        "BALON_INFERENCE_URL": f"http://127.0.0.1:{gateway_port}",
        "BALON_GATEWAY_PORT": str(gateway_port),
        "BALON_GATEWAY_STATE": str(var / "gateway"),
        "DATABASE_URL": f"sqlite:///{var / 'balon.sqlite3'}",
    }
    return {**settings, **os.environ, "PATH": settings["PATH"]}


def keep_secret(var: Path, name: str, generate: Callable[[], str]) -> str:
    """The path of a secret that is made once and kept, readable by its owner alone."""
    path = var / "secrets" / name
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        draft = path.with_suffix(".new")
        draft.touch(mode=0o600)
        draft.write_text(generate())
        draft.rename(path)
    return str(path)


def random_text() -> str:
    """64 characters of 384 random bits."""
    return secrets.token_urlsafe(48)


def random_fernet_key() -> str:
    """A Fernet key: 32 random bytes in base64url."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode("ascii")


def run_processes(environment: dict[str, str], log: Path, port: int) -> int:
    """Runs the processes of the Procfile until one ends or the person stops them."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as output:
        manager = Manager(Printer(output=output, colour=False))
        for name, command in parse_procfile((ROOT / "Procfile").read_text()).processes.items():
            manager.add_process(name, f"exec {command}", env=environment, cwd=str(ROOT))
        threading.Thread(target=announce_readiness, args=(port, log), daemon=True).start()
        manager.loop()
    return report_end(manager.returncode, log)


def report_end(status: int | None, log: Path) -> int:
    """Says how the processes ended; a negative status is the signal of Ctrl-C."""
    if status is None or status <= 0 or status in {130, 143}:
        print("\nbalon: Stopped.", flush=True)
        return 0
    print(f"\nbalon: A process failed. The end of {log}:\n", file=sys.stderr)
    print("\n".join(log.read_text(encoding="utf-8").splitlines()[-20:]), file=sys.stderr)
    return status


def announce_readiness(port: int, log: Path) -> None:
    """Says once that Balon can be used, or after a while what it waits for."""
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline:
        if is_ready(port):
            print(f"\nbalon: Ready.  Open http://localhost:{port}\n       Logs: {log}   Stop: Ctrl-C\n", flush=True)
            return
        time.sleep(0.2)
    say(f"Still not ready after {READY_TIMEOUT_S} seconds; {log} may say why")


def is_ready(port: int) -> bool:
    """Whether the readiness page answers 200."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def is_free(port: int) -> bool:
    """Whether nothing listens on a port of the loopback interface."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def say(message: str) -> None:
    """Tells the person what happens now."""
    print(f"balon: {message} …", flush=True)


if __name__ == "__main__":
    sys.exit(main())
