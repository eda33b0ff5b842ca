"""Keeps the process of an embedded model alive for as long as the gateway lives."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
from collections import deque
from dataclasses import asdict, dataclass
from pathlib import Path

import structlog

from inference.backends.base import Readiness

NEEDS_AVX2 = "this processor lacks AVX2, which the embedded model needs: set BALON_UPSTREAM_URL to a model server"

_log = structlog.get_logger("inference.model")
_PROGRAM = Path(__file__).with_name("model_server.py")
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH")
_KEPT_LINES = 5
_MAX_PAUSE_S = 30.0
_HEALTHY_S = 60.0


@dataclass(frozen=True)
class ModelSpec:
    """Which model the process serves, and how. An empty template means the one in the model's file."""

    model_path: str
    model_id: str
    context_tokens: int
    threads: int
    chat_template: str = ""


class ModelProcess:
    """Starts the process, notices when it is ready, starts it again when it crashed, and ends it."""

    def __init__(self, spec: ModelSpec, *, program: Path = _PROGRAM) -> None:
        self._spec = spec
        self._program = program
        self._folder = Path(tempfile.mkdtemp(prefix="balon-model-"))
        self._readiness = Readiness(ready=False, reason="the model is loading")
        self.failed = False
        """Whether the model will not run on this machine, however often it is tried."""
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None

    @property
    def socket(self) -> str:
        """Path of the Unix socket; its folder is closed to other users."""
        return str(self._folder / "model.sock")

    @property
    def pid(self) -> int | None:
        """The process id, while there is a process."""
        return None if self._process is None else self._process.pid

    def readiness(self) -> Readiness:
        """Whether the model has loaded, or why not."""
        return self._readiness

    async def start(self) -> None:
        """Starts the process and returns at once."""
        if not has_avx2():
            self._give_up(NEEDS_AVX2)
            return
        self._keeper = asyncio.create_task(self._keep())

    async def close(self) -> None:
        """Ends the process and removes its socket."""
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        shutil.rmtree(self._folder, ignore_errors=True)

    def _give_up(self, reason: str) -> None:
        _log.error("model", reason=reason)
        self.failed = True
        self._readiness = Readiness(ready=False, reason=reason)

    async def _keep(self) -> None:
        pause_s = 0.5
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            code = await self._run_once()
            if code == -signal.SIGILL:
                self._give_up(NEEDS_AVX2)
                return
            _log.error("model-ended", exit_code=code)
            pause_s = 0.5 if loop.time() - started > _HEALTHY_S else min(2 * pause_s, _MAX_PAUSE_S)
            await asyncio.sleep(pause_s)

    async def _run_once(self) -> int:
        """Runs the process until it ends, and returns its exit code."""
        self._remove_socket()
        process = self._process = await self._spawn()
        last_words: deque[str] = deque(maxlen=_KEPT_LINES)
        listeners = asyncio.gather(self._listen(process), _read_lines(process.stderr, last_words))
        try:
            code = await process.wait()
            await listeners
        finally:
            was_ready = self._readiness.ready
            self._process = None
            await _end(process)
            listeners.cancel()
        if was_ready:
            self._readiness = Readiness(ready=False, reason="the model is starting again")
        else:
            self._readiness = Readiness(ready=False, reason=f"the model does not load: {' / '.join(last_words)}")
        return code

    def _remove_socket(self) -> None:
        Path(self.socket).unlink(missing_ok=True)

    async def _spawn(self) -> asyncio.subprocess.Process:
        spec = asdict(self._spec) | {"socket": self.socket, "parent": os.getpid()}
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            str(self._program),
            json.dumps(spec),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
        )

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        """Waits for `ready`, then drops whatever the process prints."""
        if process.stdout is None:
            return
        async for line in process.stdout:
            if line.strip() == b"ready":
                self._readiness = Readiness(ready=True, reason="ok")
                _log.info("model-ready", model=self._spec.model_id)


async def _read_lines(reader: asyncio.StreamReader | None, last_words: deque[str]) -> None:
    """Empties a pipe, keeping the last lines: they tell why a model does not load."""
    if reader is None:
        return
    while line := await reader.read(4096):
        last_words.extend(line.decode(errors="replace").strip().splitlines()[-_KEPT_LINES:])


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()


def has_avx2(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether this processor runs the prebuilt llama.cpp. Where the system does not tell, it is tried."""
    try:
        text = cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True
    flags = next((line for line in text.splitlines() if line.startswith("flags")), "")
    return not flags or "avx2" in flags.split()
