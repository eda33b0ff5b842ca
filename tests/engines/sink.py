"""A proxy that refuses everything and remembers what it was asked: the only way off loopback that the browsers have."""

import socketserver
import threading
from typing import Self


class Sink(socketserver.ThreadingTCPServer):
    """Refuses each request with 403. `asked` holds their first lines: a method and a URL, or CONNECT and a host."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Refusal)
        self.asked: list[str] = []
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, name="sink")

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class Refusal(socketserver.StreamRequestHandler):
    """One connection: read a line, refuse."""

    server: Sink

    def handle(self) -> None:
        line = self.rfile.readline(4096).decode("latin-1").strip()
        if line:
            self.server.asked.append(line)
            self.wfile.write(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
