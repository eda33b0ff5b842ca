"""A gateway that says what a test tells it to say, over real HTTP on loopback."""

import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CONFIG = {
    "statement": "c3RhdGVtZW50LXN0YXRlbWVudA",
    "signature": "A" * 86,
    "identity": "A" * 43,
    "key_id": "A" * 11,
    "hpke_pub": "A" * 43,
    "not_after_ms": 1_900_000_000_000,
    "models": "W10",
}
NONCE = bytes(range(32))
FRAME = b"a sealed frame".ljust(80)


def framed(frame: bytes) -> bytes:
    """LP(frame), as a gateway sends it."""
    return len(frame).to_bytes(4, "big") + frame


@dataclass
class FakeGateway:
    """What the gateway was asked, and what it answers: `say` bytes of the reply, `finish` or `break_off`.

    While `accepting` is not set, requests wait for an answer.
    """

    url: str = ""
    status: int = 200
    ready: int = 200
    config: bytes = json.dumps(CONFIG).encode()
    requests: list[bytes] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    stop_status: int = 204
    accepting: threading.Event = field(default_factory=threading.Event)
    _reply: "queue.Queue[bytes | None]" = field(default_factory=queue.Queue)
    _whole: bool = True

    def __post_init__(self) -> None:
        self.accepting.set()

    def say(self, *chunks: bytes) -> None:
        """Sends chunks of the body as they are."""
        for chunk in chunks:
            self._reply.put(chunk)

    def finish(self) -> None:
        """Ends the body in order."""
        self._reply.put(None)

    def break_off(self) -> None:
        """Drops the connection in the middle of the body."""
        self._whole = False
        self._reply.put(None)

    def chunks(self) -> Iterator[bytes]:
        """The body of the one reply that is asked for next."""
        while (chunk := self._reply.get(timeout=30)) is not None:
            yield chunk

    @property
    def whole(self) -> bool:
        """Whether the body ends in order."""
        return self._whole


@contextmanager
def run_fake_gateway() -> Iterator[FakeGateway]:
    """Serves a fake gateway on a free port until the block ends."""
    gateway = FakeGateway()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"gateway": gateway}))
    server.daemon_threads = True
    gateway.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield gateway
    finally:
        gateway.finish()
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    gateway: FakeGateway

    def log_message(self, *args: Any) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        if self.path == "/v1/keys":
            self._answer(self.gateway.status, self.gateway.config)
        else:
            self._answer(self.gateway.ready, b"{}")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.endswith("/stop"):
            self.gateway.stopped.append(self.path.split("/")[3])
            self._answer(self.gateway.stop_status, b"")
            return
        self.gateway.requests.append(body)
        self.gateway.accepting.wait(timeout=30)
        if self.gateway.status != 200:
            self._answer(self.gateway.status, b"{}")
        else:
            self._stream()

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for chunk in self.gateway.chunks():
            self.wfile.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
            self.wfile.flush()
        if self.gateway.whole:
            self.wfile.write(b"0\r\n\r\n")
        self.close_connection = not self.gateway.whole
