"""Real PostgreSQL and Redis servers for tests: started on free ports, ended with the test run."""

import atexit
import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

POSTGRES_VERSIONS = Path("/usr/lib/postgresql")
"""Where Debian keeps PostgreSQL's programs: a folder for each version, off the path."""
START_TIMEOUT_S = 30


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, process: "subprocess.Popen[bytes]") -> None:
    """Waits until something listens on a port of the loopback interface."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"Nothing listens on port {port}.")


def start_redis(log_of_writes: Path | None = None) -> str:
    """Starts a Redis that keeps nothing on disk, or in a given folder a log of every write.

    Returns:
        Its URL.
    """
    port = free_port()
    folder = log_of_writes or _make_folder("redis")
    keeping = "yes" if log_of_writes else "no"
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", keeping]
    process = subprocess.Popen([*command, "--dir", str(folder)], stdout=subprocess.DEVNULL)
    atexit.register(_end, process, folder)
    wait_for_port(port, process)
    return f"redis://127.0.0.1:{port}/0"


def start_postgres(folder: Path | None = None) -> str:
    """Makes and starts a PostgreSQL cluster that does not wait for the disk. Not as root: PostgreSQL refuses that.

    Args:
        folder: Where its files go; one of its own unless given.

    Returns:
        The URL of its database.
    """
    port, folder = free_port(), folder or _make_folder("postgres")
    as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    if as_user:
        shutil.chown(folder, "postgres", "postgres")
    cluster = folder / "cluster"
    make = [_postgres("initdb"), "-D", str(cluster), "-U", "balon", "--auth=trust", "--no-sync", "--encoding=UTF8"]
    subprocess.run([*as_user, *make], check=True, stdout=subprocess.DEVNULL, cwd=folder)
    options = ["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]
    serve = [_postgres("postgres"), "-D", str(cluster), "-p", str(port), "-h", "127.0.0.1", "-k", str(folder), *options]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*as_user, *serve], stdout=log, stderr=log, cwd=folder)
    atexit.register(_end, process, folder)
    wait_for_port(port, process)
    _wait_until_ready(port)
    return f"postgres://balon@127.0.0.1:{port}/postgres"


def _wait_until_ready(port: int) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    ready = [_postgres("pg_isready"), "-h", "127.0.0.1", "-p", str(port), "-q"]
    while subprocess.run(ready, check=False).returncode:
        if time.monotonic() > deadline:
            raise RuntimeError("PostgreSQL does not become ready.")
        time.sleep(0.05)


def _postgres(program: str) -> str:
    newest = max(POSTGRES_VERSIONS.iterdir(), key=lambda folder: float(folder.name))
    return str(newest / "bin" / program)


def dump_postgres(url: str) -> bytes:
    """Everything in a database, as SQL."""
    return subprocess.run([_postgres("pg_dump"), url], check=True, capture_output=True).stdout


def _make_folder(name: str) -> Path:
    return Path(tempfile.mkdtemp(prefix=f"balon-{name}-"))


def _end(process: "subprocess.Popen[bytes]", folder: Path) -> None:
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=10)
    process.kill()
    shutil.rmtree(folder, ignore_errors=True)
