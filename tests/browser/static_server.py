"""A static file server that answers as production does: the page's policy, immutable caching, files compressed ahead."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; connect-src 'self'; "
    "style-src 'self'; img-src 'self' blob: data:; font-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm", ".css": "text/css"}


class StaticServer:
    """Serves a folder under /static/dist/ and one page at /."""

    def __init__(self, folder: Path, page: str, *, policy: str = POLICY) -> None:
        self.folder = folder
        self.page = page
        self.policy = policy
        self.missing: set[str] = set()
        self.altered: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.url = ""

    @contextmanager
    def running(self) -> Iterator["StaticServer"]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                outer.answer(self)

            def log_message(self, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                """A browser that goes away is no error."""

        server = Server(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        self.url = f"http://localhost:{server.server_port}/"
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        path = request.path.split("?")[0]
        self.requests.append(path)
        if path in ("/", "/favicon.ico"):
            self.send(request, self.page.encode(), {"Content-Type": "text/html; charset=utf-8"})
            return
        file = self.folder / path.removeprefix("/static/dist/")
        if file.name in self.missing or not file.is_file():
            request.send_error(404)
            return
        headers = {
            "Content-Type": TYPES.get(file.suffix, "application/octet-stream"),
            "Cache-Control": "public, max-age=31536000, immutable",
            "Vary": "Accept-Encoding",
        }
        self.send(request, *self.body(file, request.headers.get("Accept-Encoding", ""), headers))

    def body(self, file: Path, accepted: str, headers: dict[str, str]) -> tuple[bytes, dict[str, str]]:
        if file.name in self.altered:
            return self.altered[file.name], headers
        for coding, suffix in (("br", ".br"), ("gzip", ".gz")):
            compressed = file.with_name(file.name + suffix)
            if coding in accepted and compressed.is_file():
                return compressed.read_bytes(), {**headers, "Content-Encoding": coding}
        return file.read_bytes(), headers

    def send(self, request: BaseHTTPRequestHandler, body: bytes, headers: dict[str, str]) -> None:
        request.send_response(200)
        fixed = {
            "Content-Length": str(len(body)),
            "Content-Security-Policy": self.policy,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Opener-Policy": "same-origin",
        }
        for name, value in {**fixed, **headers}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)
