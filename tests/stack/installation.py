"""Web tier and gateway as their own processes, as `make run` starts them, in a folder of their own."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from scripts.run import local_environment

ROOT = Path(__file__).resolve().parents[2]
START_TIMEOUT_S = 60


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def procfile(name: str) -> list[str]:
    """The command of one process, as production runs it."""
    lines = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines() if line)
    return shlex.split(lines[name])


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Waits until a URL answers 200, or fails with the end of the process's log."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        with contextlib.suppress(urllib.error.URLError, OSError), urllib.request.urlopen(url, timeout=2) as answer:
            if answer.status == 200:
                return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise RuntimeError(f"{url} did not answer:\n{log.read_text()[-3000:]}")


@dataclass
class Installation:
    """One installation of Balon: its folder, its processes, its addresses."""

    folder: Path
    origin: str
    settings: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    gateway_port: int = field(default_factory=free_port)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of every process of this installation."""
        local = local_environment(self.folder, self.port)
        own = {
            "DJANGO_SETTINGS_MODULE": "balon.settings",
            "PORT": str(self.port),
            "BALON_ORIGIN": self.origin,
            "BALON_VAR": str(self.folder),
            "BALON_GATEWAY_PORT": str(self.gateway_port),
            "BALON_INFERENCE_URL": f"http://127.0.0.1:{self.gateway_port}",
            "BALON_GATEWAY_STATE": str(self.folder / "gateway"),
            "DATABASE_URL": f"sqlite:///{self.folder / 'balon.sqlite3'}",
        }
        return {**local, **own, **self.settings}

    def manage(self, *arguments: str) -> str:
        """Runs manage.py and gives its output."""
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return done.stdout

    def start(self) -> None:
        """Migrates and starts both processes, and waits until they can be used."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.manage("migrate", "--verbosity", "0")
        self.start_gateway()
        self.start_web()

    def start_web(self) -> None:
        """Starts Daphne and waits for its health page."""
        self._start("web", procfile("web"))
        wait_for(f"http://127.0.0.1:{self.port}/healthz", self.processes["web"], self.log("web"))

    def start_gateway(self) -> None:
        """Starts the gateway and waits until its model answers."""
        self._start("gateway", procfile("gateway"))
        wait_for(f"http://127.0.0.1:{self.gateway_port}/readyz", self.processes["gateway"], self.log("gateway"))

    def stop(self, name: str) -> None:
        """Ends one process and its children; it may die hard."""
        process = self.processes.pop(name, None)
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def close(self) -> None:
        """Ends all processes and deletes the folder."""
        for name in list(self.processes):
            self.stop(name)
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self, name: str) -> Path:
        """Where a process logs to."""
        return self.folder / "log" / f"{name}.log"

    def _start(self, name: str, arguments: list[str]) -> None:
        program = Path(sys.executable)
        path = self.log(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        environment = {**self.environment, "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"}
        with path.open("ab") as output:
            self.processes[name] = subprocess.Popen(
                [part.replace("$PORT", str(self.port)) for part in arguments],
                cwd=ROOT,
                env=environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
