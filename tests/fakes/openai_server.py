"""A real HTTP server on loopback that speaks as much of OpenAI's API as a chat needs, and fails on demand.

In asyncio tests:      async with FakeOpenAIServer(Script.of("Hel", "lo")) as server: ... server.url
In other tests:        with run_in_thread(Script.numbered(1000)) as server: ... server.script = Script(mode="cut")
By hand, or a Procfile: python -m tests.fakes.openai_server --port 9999 --chunks 1000 --delay-ms 5

It writes its own HTTP, so that it can also break off in the middle of it.
"""

import argparse
import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, Self

Mode = Literal[
    "ok",
    "error-500",
    "unauthorized",
    "too-long",
    "rate-limited",
    "filtered",
    "hang",
    "hang-midway",
    "cut",
    "no-finish",
    "redirect",
]
MODEL = "fake-model"
GATE_LIMIT_S = 120
"""No test that failed before it opened its gate may keep a server from ending."""

_ERRORS: dict[str, tuple[str, dict[str, Any]]] = {
    "error-500": ("500 Internal Server Error", {"message": "quotes the prompt: {prompt}", "type": "server_error"}),
    "unauthorized": ("401 Unauthorized", {"message": "bad key", "type": "invalid_request_error"}),
    "too-long": (
        "400 Bad Request",
        {"message": "quotes the prompt: {prompt}", "type": "invalid_request_error", "code": "context_length_exceeded"},
    ),
    "rate-limited": ("429 Too Many Requests", {"message": "slow down", "type": "rate_limit_error"}),
}


@dataclass(frozen=True)
class Script:
    """What the server answers to the next prompts."""

    chunks: tuple[str, ...] = ("Hello", " from", " the", " fake", " model", ".")
    delay_s: float = 0.0
    first_delay_s: float = 0.0
    mode: Mode = "ok"
    finish: str = "stop"
    break_after: int = 3
    """Chunks before `cut`, `hang-midway`, `filtered` and the gate take effect."""
    gate: threading.Event | None = None
    """What comes after waits until it is set: a test looks at half a reply as long as it needs."""
    stamped: bool = False
    """Put the time of sending, in nanoseconds, in place of each chunk: for measurements."""

    @classmethod
    def of(cls, *chunks: str, **others: Any) -> "Script":
        """Answers these chunks."""
        return cls(chunks=chunks, **others)

    @classmethod
    def numbered(cls, count: int, **others: Any) -> "Script":
        """Answers `w0 w1 w2 …`: every chunk can be told from every other."""
        return cls(chunks=tuple(f"w{number} " for number in range(count)), **others)


@dataclass
class FakeOpenAIServer:
    """Counts what it sees, so that tests can ask."""

    script: Script = field(default_factory=Script)
    models: tuple[str, ...] = (MODEL,)
    port: int = 0
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    chunks_sent: int = 0
    streams_open: int = 0
    streams_aborted: int = 0
    models_asked: int = 0
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        """For BALON_UPSTREAM_URL."""
        return f"http://127.0.0.1:{self.port}/v1"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Refuses new connections and cuts those that are open."""
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            while await self._answer(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answers one request; False when the connection is to be closed."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        request_line, *header_lines = head.split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in header_lines if line)
        }
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        method, path, _ = request_line.split(" ")
        if (method, path) == ("GET", "/v1/models"):
            self.models_asked += 1
            return await self._answer_models(writer)
        if (method, path) == ("POST", "/v1/chat/completions"):
            self.requests.append(json.loads(body))
            self.headers.append(headers)
            return await self._answer_chat(reader, writer, self.requests[-1])
        return await _send_json(writer, "404 Not Found", {"error": {"message": "no such path"}})

    async def _answer_models(self, writer: asyncio.StreamWriter) -> bool:
        if self.script.mode in ("error-500", "unauthorized"):
            status, error = _ERRORS[self.script.mode]
            return await _send_json(writer, status, {"error": error})
        entries = [
            {"id": name, "object": "model", "created": 0, "owned_by": "fake", "max_model_len": 8192}
            for name in self.models
        ]
        return await _send_json(writer, "200 OK", {"object": "list", "data": entries})

    async def _answer_chat(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: dict[str, Any]
    ) -> bool:
        script = self.script
        if script.mode == "redirect":
            writer.write(
                f"HTTP/1.1 307 Temporary Redirect\r\nlocation: {self.url}/elsewhere\r\ncontent-length: 0\r\n\r\n".encode()
            )
            await writer.drain()
            return True
        if script.mode in _ERRORS:
            status, error = _ERRORS[script.mode]
            message = error["message"].replace("{prompt}", json.dumps(request["messages"]))
            return await _send_json(writer, status, {"error": error | {"message": message}})
        self.streams_open += 1
        gone = asyncio.ensure_future(reader.read())
        stream = asyncio.ensure_future(self._stream(writer, script))
        try:
            await asyncio.wait({gone, stream}, return_when=asyncio.FIRST_COMPLETED)
            # Whoever left is noticed by reading, or by a write that fails before.
            if not stream.done() or stream.exception() is not None:
                self.streams_aborted += 1
        finally:
            self.streams_open -= 1
            gone.cancel()
            stream.cancel()
            await asyncio.gather(gone, stream, return_exceptions=True)
        return False

    async def _stream(self, writer: asyncio.StreamWriter, script: Script) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        await asyncio.sleep(script.first_delay_s)
        if script.mode == "hang":
            await asyncio.sleep(3600)
        for number, text in enumerate(script.chunks):
            if number == script.break_after and script.mode in ("cut", "hang-midway", "filtered"):
                await writer.drain()
                if script.mode == "cut":
                    return
                if script.mode == "filtered":
                    break
                await asyncio.sleep(3600)
            await _wait_at_gate(script, number)
            content = f"{time.time_ns()} " if script.stamped else text
            await _send_event(writer, _chunk({"content": content}, None))
            self.chunks_sent += 1
            if script.delay_s:
                await asyncio.sleep(script.delay_s)
        if script.mode != "no-finish":
            await _send_event(writer, _chunk({}, "content_filter" if script.mode == "filtered" else script.finish))
        await _send_event(writer, "[DONE]")
        writer.write(b"0\r\n\r\n")
        await writer.drain()


async def _wait_at_gate(script: Script, number: int) -> None:
    if script.gate is not None and number == script.break_after:
        await asyncio.to_thread(script.gate.wait, GATE_LIMIT_S)


def _chunk(delta: dict[str, str], finish: str | None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return json.dumps(
        {"id": "chatcmpl-fake", "object": "chat.completion.chunk", "created": 0, "model": MODEL, "choices": [choice]}
    )


async def _send_event(writer: asyncio.StreamWriter, event: str) -> None:
    line = f"data: {event}\n\n".encode()
    writer.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
    await writer.drain()


async def _send_json(writer: asyncio.StreamWriter, status: str, content: dict[str, Any]) -> bool:
    body = json.dumps(content).encode()
    writer.write(
        f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
    )
    await writer.drain()
    return True


@contextlib.contextmanager
def run_in_thread(script: Script | None = None, *, port: int = 0) -> Iterator[FakeOpenAIServer]:
    """Runs a server beside a test that is not asyncio; set `server.script` to change what it answers next."""
    server = FakeOpenAIServer(script or Script(), port=port)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="fake-openai")
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(10)
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _serve(server: FakeOpenAIServer) -> None:
    async with server:
        print(server.url, flush=True)  # noqa: T201 - a program of its own
        await asyncio.Event().wait()


def main() -> None:
    """Serves until it is ended."""
    parser = argparse.ArgumentParser(description="A fake OpenAI-compatible server on loopback.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--chunks", type=int, default=0, help="answer so many numbered words instead of a greeting")
    parser.add_argument("--text", default="", help="answer this text, word by word")
    parser.add_argument("--delay-ms", type=float, default=0)
    parser.add_argument("--first-delay-ms", type=float, default=0)
    parser.add_argument("--mode", default="ok")
    parser.add_argument("--stamped", action="store_true", help="send the time instead of words")
    options = parser.parse_args()
    pauses = {
        "delay_s": options.delay_ms / 1000,
        "first_delay_s": options.first_delay_ms / 1000,
        "mode": options.mode,
        "stamped": options.stamped,
    }
    script = Script(**pauses)
    if options.chunks:
        script = Script.numbered(options.chunks, **pauses)
    elif options.text:
        script = Script.of(*(f"{word} " for word in options.text.split()), **pauses)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(FakeOpenAIServer(script, port=options.port)))


if __name__ == "__main__":
    main()
