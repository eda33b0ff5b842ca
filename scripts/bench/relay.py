"""What sealing costs on the way from the model to the reader: gateway and web tier against a bare relay.

Model server, gateway, web tier and bare relay are processes of their own. The reader has one WebSocket for each stream
and opens every frame, or parses every chunk. Each chunk carries the time when it was sent, so latency is from the
model's send to the text in the reader's hands. Latencies are taken at a pace at which the gateway's coalescing (40 ms)
holds no chunk back; frames a second at one that all of these together cannot keep.
"""

import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import websockets

from balon.protocol.encoding import decode_b64u, encode_b64u
from scripts.bench.rows import Row
from scripts.bench.stack import Caller, running_installation
from tests.inference.sealed_client import FrameOpener, seal_prompt
from tests.keys import uuid7
from tests.stack.installation import ROOT, Installation, free_port, wait_for

PROMPT = {"model": "fake-model", "stream": True, "messages": [{"role": "user", "content": "hello"}]}
ACK_EVERY = 64


@dataclass(frozen=True)
class Load:
    """How many streams, and what the model sends on each."""

    streams: int
    chunks: int
    pause_ms: float
    warm_up_s: float = 0.0
    """Chunks sent before this do not count: all streams begin at the same moment, which is a row of its own."""


ONE = Load(streams=1, chunks=100, pause_ms=50, warm_up_s=1)
HUNDRED = Load(streams=100, chunks=40, pause_ms=250, warm_up_s=4)
FLAT_OUT = Load(streams=100, chunks=100, pause_ms=20)


@dataclass
class Figures:
    """When the chunks of a run arrived, and how old they were."""

    counted_from_ns: int
    latencies_ms: list[float] = field(default_factory=list)
    early_ms: list[float] = field(default_factory=list)
    arrivals_s: list[float] = field(default_factory=list)
    frames: int = 0

    def note(self, text: str) -> None:
        """Takes a frame's text, in which each word is the time when it was sent."""
        now, stamps = time.time_ns(), [int(stamp) for stamp in text.split()]
        self.frames += bool(stamps)
        for stamp in stamps:
            ages = self.early_ms if stamp < self.counted_from_ns else self.latencies_ms
            ages.append((now - stamp) / 1e6)
        self.arrivals_s.append(now / 1e9)

    @property
    def chunks(self) -> int:
        """How many chunks arrived in all."""
        return len(self.latencies_ms) + len(self.early_ms)

    @property
    def slowest_at_first(self) -> float:
        """The oldest chunk of the warm-up."""
        return max(self.early_ms)

    @property
    def median(self) -> float:
        """Half of the chunks were faster."""
        return statistics.median(self.latencies_ms)

    @property
    def p95(self) -> float:
        """One chunk in twenty was slower."""
        return statistics.quantiles(self.latencies_ms, n=20)[-1]

    @property
    def elapsed_s(self) -> float:
        """From the first arrival to the last."""
        return max(self.arrivals_s) - min(self.arrivals_s)

    @property
    def chunk_rate(self) -> float:
        """Chunks a second."""
        return self.chunks / self.elapsed_s

    @property
    def frame_rate(self) -> float:
        """Frames, or socket messages, a second."""
        return self.frames / self.elapsed_s


Reader = Callable[[Figures], Awaitable[None]]


def measure() -> list[Row]:
    """Runs each load over both relays."""
    rows: list[Row] = []
    for load in (ONE, HUNDRED):
        bare, sealed = compare(load)
        label = f"relay, {load.streams} stream{'s' * (load.streams > 1)}"
        rows += [
            Row.against(f"{label}: latency of a frame, median", sealed.median, "ms", bare.median),
            Row.against(f"{label}: latency of a frame, 95 %", sealed.p95, "ms", bare.p95),
            Row(f"{label}: added latency of a frame, median", sealed.median - bare.median, "ms"),
            Row.against(f"{label}: all begin at once, slowest", sealed.slowest_at_first, "ms", bare.slowest_at_first),
        ]
    bare, sealed = compare(FLAT_OUT)
    label = f"relay, {FLAT_OUT.streams} streams, flat out"
    return [
        *rows,
        Row.against(f"{label}: chunks a second", sealed.chunk_rate, "1/s", bare.chunk_rate),
        Row.against(f"{label}: frames a second", sealed.frame_rate, "1/s", bare.frame_rate),
    ]


def compare(load: Load) -> tuple[Figures, Figures]:
    """Runs one load over the bare relay, then over the sealed one."""
    with running_model(load) as upstream:
        with running_bare_relay(upstream) as url:
            bare = asyncio.run(read_all([bare_reader(url)] * load.streams, load))
        with running_installation(BALON_UPSTREAM_URL=upstream) as installation:
            sealed = asyncio.run(read_all(sealed_readers(installation, load.streams), load))
    for figures in (bare, sealed):
        if figures.chunks != load.streams * load.chunks:
            raise RuntimeError(f"{figures.chunks} of {load.streams * load.chunks} chunks arrived.")
    return bare, sealed


@contextlib.contextmanager
def running_model(load: Load) -> Iterator[str]:
    """A fake model server that stamps its chunks."""
    port = free_port()
    pace = ("--chunks", str(load.chunks), "--delay-ms", str(load.pause_ms), "--stamped")
    url = f"http://127.0.0.1:{port}/v1"
    with running("tests.fakes.openai_server", "--port", str(port), *pace, ready_url=f"{url}/models"):
        yield url


@contextlib.contextmanager
def running_bare_relay(upstream: str) -> Iterator[str]:
    """A relay that passes the model's chunks on."""
    port = free_port()
    with running("scripts.bench.bare_relay", upstream, str(port), ready_url=f"http://127.0.0.1:{port}/ready"):
        yield f"ws://127.0.0.1:{port}/"


@contextlib.contextmanager
def running(module: str, *arguments: str, ready_url: str) -> Iterator[None]:
    """Runs a module as a program until the block ends; the block starts once it answers."""
    with tempfile.NamedTemporaryFile(prefix="balon-bench-") as log:
        process = subprocess.Popen([sys.executable, "-m", module, *arguments], cwd=ROOT, stdout=log, stderr=log)
        try:
            wait_for(ready_url, process, Path(log.name))
            yield
        finally:
            process.terminate()
            process.wait()


async def read_all(readers: list[Reader], load: Load) -> Figures:
    """Reads several streams at once to their ends."""
    figures = Figures(counted_from_ns=time.time_ns() + int(load.warm_up_s * 1e9))
    await asyncio.gather(*(reader(figures) for reader in readers))
    return figures


def bare_reader(url: str) -> Reader:
    """A reader of one reply from the bare relay."""

    async def read(figures: Figures) -> None:
        async with websockets.connect(url, compression=None, proxy=None) as socket:
            await socket.send(json.dumps(PROMPT))
            async for message in socket:
                figures.note(json.loads(message).get("content", ""))

    return read


def sealed_readers(installation: Installation, count: int) -> list[Reader]:
    """Readers of one sealed reply each, all of one new person."""
    caller = Caller(installation)
    caller.sign_up()
    conversation_id = caller.create_conversation()
    config = caller.get("inference/config")
    readers = [sealed_reader(installation, caller, conversation_id, config) for _ in range(count)]
    caller.close()
    return readers


def sealed_reader(installation: Installation, caller: Caller, conversation_id: str, config: dict[str, Any]) -> Reader:
    """A reader that seals a prompt, sends it over its socket, and opens each frame of the reply."""
    prompt = seal_prompt(config, place=(UUID(conversation_id), uuid7()))
    stream_id = str(prompt.request.stream_id)
    request = caller.keys.infer(conversation_id, prompt.request.stream_id, request=encode_b64u(prompt.wire))
    headers = {"Cookie": caller.cookie, "Origin": installation.origin}
    url = f"ws://127.0.0.1:{installation.port}/ws/v1/"

    async def read(figures: Figures) -> None:
        async with websockets.connect(
            url, additional_headers=headers, compression=None, proxy=None, max_size=None
        ) as socket:
            await socket.send(json.dumps(request))
            await read_frames(socket, stream_id, prompt.opener(), figures)

    return read


async def read_frames(
    socket: websockets.ClientConnection, stream_id: str, opener: FrameOpener, figures: Figures
) -> None:
    """Opens and acknowledges frames until the stream ends."""
    async for text in socket:
        message = json.loads(text)
        if message["type"] == "frame":
            for content in opener.take(decode_b64u(message["frame"])):
                figures.note(content.get("delta", ""))
            if message["number"] % ACK_EVERY == 0:
                ack = {"type": "ack", "stream_id": stream_id, "number": message["number"]}
                await socket.send(json.dumps(ack))
        elif message["type"] == "stream-ended" and message["reason"] == "complete":
            return
        elif message["type"] in {"refused", "stream-ended", "session-ended"}:
            raise RuntimeError(text)
