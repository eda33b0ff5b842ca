"""What sealing costs on the way from the model to the reader: the gateway against a relay that passes bytes on.

Model server, gateway and bare relay are processes of their own; the reader opens every frame, or parses every event. Each
chunk carries the time when it was sent, so latency is from the model's send to the text in the reader's hands. Chunks come
every 50 ms, so that the gateway's coalescing (40 ms) holds none back. Run: ``python -m scripts.bench.relay [--model]``.
"""

import argparse
import asyncio
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from balon.protocol.frames import SealedRequest
from balon.protocol.types import Ciphertext
from inference.sealing import FrameSealer
from tests.inference.sealed_client import SealedPrompt, seal_prompt

ROOT = Path(__file__).resolve().parents[2]
INTERVAL_MS = 50
CHUNKS = 60
READY_LIMIT_S = 60
PROMPT = {"model": "fake-model", "stream": True, "messages": [{"role": "user", "content": "hello"}]}

Reader = Callable[[httpx2.AsyncClient, list[float]], Awaitable[None]]


@dataclass
class Figures:
    """Latencies of every chunk of a run in milliseconds, and how long the run took."""

    latencies_ms: list[float] = field(default_factory=list)
    elapsed_s: float = 0.0

    @property
    def median(self) -> float:
        """Half of the chunks were faster."""
        return statistics.median(self.latencies_ms)

    @property
    def p95(self) -> float:
        """One chunk in twenty was slower."""
        return statistics.quantiles(self.latencies_ms, n=20)[-1]

    @property
    def rate(self) -> float:
        """Chunks a second."""
        return len(self.latencies_ms) / self.elapsed_s


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def running(*arguments: str, ready_url: str, **environ: str) -> Iterator[None]:
    """Runs a Python program until the block ends; the block starts once it answers."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BALON_")}
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=clean | environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until_ready(ready_url)
        yield
    finally:
        process.terminate()
        process.wait()


def wait_until_ready(url: str) -> None:
    """Asks until the answer is 200."""
    deadline = time.monotonic() + READY_LIMIT_S
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx2.TransportError):
            if httpx2.get(url, trust_env=False).status_code == 200:
                return
        time.sleep(0.1)
    raise SystemExit(f"{url} did not get ready.")


@contextlib.contextmanager
def running_model(*, chunks: int, delay_ms: float) -> Iterator[str]:
    """A fake model server that stamps its chunks."""
    port = free_port()
    options = ("--port", str(port), "--chunks", str(chunks), "--delay-ms", str(delay_ms), "--stamped")
    url = f"http://127.0.0.1:{port}/v1"
    with running("-m", "tests.fakes.openai_server", *options, ready_url=f"{url}/models"):
        yield url


@contextlib.contextmanager
def running_gateway(upstream: str | None) -> Iterator[str]:
    """A gateway before a model server, or with the embedded model."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environ = {"BALON_UPSTREAM_URL": upstream} if upstream else {}
    with tempfile.TemporaryDirectory() as state:
        environ |= {"BALON_GATEWAY_STATE": state, "BALON_GATEWAY_PORT": str(port)}
        with running("-m", "inference", ready_url=f"{url}/readyz", **environ):
            yield url


@contextlib.contextmanager
def running_bare_relay(upstream: str) -> Iterator[str]:
    """A relay that passes the model's bytes on and reads nothing."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with running("-m", "scripts.bench.relay", "--bare", upstream, str(port), ready_url=f"{url}/ready"):
        yield url


def serve_bare_relay(upstream: str, port: int) -> None:
    """What `running_bare_relay` runs."""
    client = httpx2.AsyncClient(trust_env=False, timeout=60, limits=httpx2.Limits(max_connections=None))

    async def ready(_: Request) -> StreamingResponse:
        return StreamingResponse(iter([b"ok"]))

    async def relay(request: Request) -> StreamingResponse:
        body = await request.body()

        async def pieces() -> AsyncIterator[bytes]:
            async with client.stream("POST", f"{upstream}/chat/completions", content=body) as response:
                async for piece in response.aiter_raw():
                    yield piece

        return StreamingResponse(pieces(), media_type="text/event-stream")

    routes = [Route("/ready", ready), Route("/", relay, methods=["POST"])]
    uvicorn.run(Starlette(routes=routes), port=port, log_level="critical")


async def read_bare(http: httpx2.AsyncClient, latencies_ms: list[float]) -> None:
    """Reads one stream of events and notes how old each chunk is."""
    async with http.stream("POST", "/", json=PROMPT) as response:
        async for line in response.aiter_lines():
            if line.startswith("data: {"):
                note_ages(json.loads(line[6:])["choices"][0]["delta"].get("content", ""), latencies_ms)


def read_sealed(config: dict[str, Any]) -> Reader:
    """Makes a reader of sealed replies under a key config."""

    async def read(http: httpx2.AsyncClient, latencies_ms: list[float]) -> None:
        prompt = seal_prompt(config)
        opener = prompt.opener()
        async with http.stream("POST", "/v1/sealed", content=prompt.wire) as response:
            async for piece in response.aiter_raw():
                for content in opener.feed(piece):
                    note_ages(content.get("delta", ""), latencies_ms)

    return read


def note_ages(text: str, latencies_ms: list[float]) -> None:
    """Each word is the time when it was sent."""
    now = time.time_ns()
    latencies_ms.extend((now - int(stamp)) / 1e6 for stamp in text.split())


async def measure(url: str, streams: int, read: Reader) -> Figures:
    """Reads several streams at once to their ends."""
    figures = Figures()
    limits = httpx2.Limits(max_connections=None)
    async with httpx2.AsyncClient(base_url=url, trust_env=False, timeout=120, limits=limits) as http:
        started = time.monotonic()
        await asyncio.gather(*(read(http, figures.latencies_ms) for _ in range(streams)))
        figures.elapsed_s = time.monotonic() - started
    return figures


def fetch_config(url: str) -> dict[str, Any]:
    """The gateway's key config."""
    config: dict[str, Any] = httpx2.get(f"{url}/v1/keys", trust_env=False).json()
    return config


def compare(label: str, *, streams: int, chunks: int, delay_ms: float) -> None:
    """Prints the bare relay and the gateway side by side."""
    with (
        running_model(chunks=chunks, delay_ms=delay_ms) as upstream,
        running_bare_relay(upstream) as bare_url,
        running_gateway(upstream) as gateway_url,
    ):
        bare = asyncio.run(measure(bare_url, streams, read_bare))
        sealed = asyncio.run(measure(gateway_url, streams, read_sealed(fetch_config(gateway_url))))
    for name, figures in (("bare", bare), ("sealed", sealed)):
        numbers = f"median {figures.median:7.2f} ms  p95 {figures.p95:7.2f} ms  {figures.rate:8.0f} chunks/s"
        print(f"{label:<34} {name:<7} {numbers}")
    print(f"{'':<34} added   median {sealed.median - bare.median:7.2f} ms")


def measure_sealing() -> None:
    """Prints what sealing one frame costs by itself."""
    request = SealedRequest(bytes(8), uuid4(), uuid4(), bytes(32), Ciphertext(b""))
    sealer = FrameSealer(request, bytes(32))
    rounds = 20_000
    started = time.perf_counter()
    for _ in range(rounds):
        sealer.seal_frame({"delta": " capital of France"})
    print(f"{'sealing one frame':<34} {(time.perf_counter() - started) / rounds * 1e6:.1f} us")


def measure_model() -> None:
    """Prints how fast the embedded model is, through the gateway."""
    with running_gateway(None) as url:
        config = fetch_config(url)
        for number in range(3):
            first_s, total_s, text = asyncio.run(
                _time_reply(url, seal_prompt(config, f"Tell me about the number {number}."))
            )
            print(f"{'embedded model':<34} first token {first_s * 1000:.0f} ms, {len(text) / total_s:.0f} characters/s")


async def _time_reply(url: str, prompt: SealedPrompt) -> tuple[float, float, str]:
    opener, text, first_s = prompt.opener(), "", 0.0
    started = time.monotonic()
    async with (
        httpx2.AsyncClient(base_url=url, trust_env=False, timeout=120) as http,
        http.stream("POST", "/v1/sealed", content=prompt.wire) as response,
    ):
        async for piece in response.aiter_raw():
            for content in opener.feed(piece):
                text += content.get("delta", "")
                first_s = first_s or (time.monotonic() - started if text else 0.0)
    return first_s, time.monotonic() - started, text


def main() -> None:
    """Runs what the arguments ask for."""
    parser = argparse.ArgumentParser(description="Sealed relay against a bare one.")
    parser.add_argument("--model", action="store_true", help="measure the embedded model too")
    parser.add_argument("--bare", nargs=2, metavar=("UPSTREAM", "PORT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bare:
        serve_bare_relay(options.bare[0], int(options.bare[1]))
        return
    measure_sealing()
    compare("1 stream, a chunk each 50 ms", streams=1, chunks=CHUNKS, delay_ms=INTERVAL_MS)
    compare("100 streams, a chunk each 50 ms", streams=100, chunks=CHUNKS, delay_ms=INTERVAL_MS)
    compare("1 stream, as fast as it goes", streams=1, chunks=5000, delay_ms=0)
    if options.model:
        measure_model()


if __name__ == "__main__":
    main()
