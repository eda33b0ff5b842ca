"""Runs `python -m inference` as operators do."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[2]


@dataclass
class GatewayProcess:
    """A gateway of its own."""

    process: subprocess.Popen[bytes]
    url: str
    log_path: Path

    @property
    def log(self) -> str:
        return self.log_path.read_text()

    def wait_until_ready(self, timeout_s: float = 60.0) -> None:
        deadline = time.monotonic() + timeout_s
        while True:
            assert self.process.poll() is None, self.log
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/readyz", trust_env=False).status_code == 200:
                    return
            assert time.monotonic() < deadline, self.log
            time.sleep(0.1)

    def end(self) -> None:
        """Asks it to end as a process manager does, and checks that it does so in order."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(20) in (0, -signal.SIGTERM), self.log
        assert "Application shutdown complete." in self.log


@contextlib.contextmanager
def run_gateway(folder: Path, **environ: str) -> Iterator[GatewayProcess]:
    """Starts a gateway with its state and log in a folder, and ends it with the block."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("BALON_", "OPENAI_"))}
    settings = {"BALON_GATEWAY_PORT": str(port), "BALON_GATEWAY_STATE": str(folder / "state")}
    log_path = folder / "gateway.log"
    with log_path.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "inference"],
            cwd=ROOT,
            env=inherited | settings | environ,
            stdout=log,
            stderr=log,
        )
    try:
        yield GatewayProcess(process, f"http://127.0.0.1:{port}", log_path)
    finally:
        process.kill()
        process.wait()
