"""Serves the page, built on the fake worker, under the policy of production."""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; connect-src 'self'; "
    "style-src 'self'; img-src 'self' blob: data:; font-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
TRUSTED_TYPES = "; require-trusted-types-for 'script'; trusted-types lit-html dompurify"
FILES = {"app.js": "app.js", "app.css": "style.css", "img/icon.svg": "icon.svg"}


def build(out: Path) -> dict[str, int]:
    """Bundles the page for its tests; returns the size of each output by its name."""
    command = ["node", str(ROOT / "tests/page/build.mjs"), str(ROOT), str(out)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    (out / "icon.svg").write_bytes((ROOT / "static/img/icon.svg").read_bytes())
    return {Path(name).name: size for name, size in json.loads(done.stdout).items()}


def render_shell() -> bytes:
    """The shell as Django would render it, without integrity hashes."""
    text = (ROOT / "templates/page.html").read_text(encoding="utf-8")
    text = text.replace("{% load balon_assets %}", "")
    text = re.sub(r'\{% asset_url "([^"]+)" %\}', lambda match: f"/static/{FILES[match[1]]}", text)
    text = re.sub(r' integrity="\{% asset_integrity "[^"]+" %\}"', "", text)
    assert "{%" not in text, "the shell has a tag that the tests do not know"
    return text.encode()


class Handler(SimpleHTTPRequestHandler):
    """The shell at "/" and "/c/…", the build below "/static/", and nothing else."""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/" or path.startswith("/c/"):
            return self._send_shell()
        if path.startswith("/static/"):
            self.path = path.removeprefix("/static")
            return super().do_GET()
        return self.send_error(404)

    def _send_shell(self) -> None:
        body = render_shell()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", POLICY + TRUSTED_TYPES)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing: pytest reports what matters."""


class Server(ThreadingHTTPServer):
    """Serves in threads, and is not surprised when a page goes in the middle of an answer."""

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def serve(out: Path) -> ThreadingHTTPServer:
    """Starts on a free loopback port, in a thread."""
    handler = functools.partial(Handler, directory=str(out))
    server = Server(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
