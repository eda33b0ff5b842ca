"""A reverse proxy between browser and web tier that records everything and can lie: the hostile server of docs/threats.md.

It stands where an attacker who owns the web tier stands. A test asks it to rewrite answers, to drop or repeat socket messages, or
to refuse connections; without rules it passes every byte on.
"""

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import uvicorn
import websockets
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

Json = Any
Rewrite = Callable[[Json], Json]
HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "transfer-encoding",
    "content-length",
    "content-encoding",
    "host",
    "date",
    "server",
}


@dataclass(frozen=True)
class Exchange:
    """One request with its answer as the browser got it, or one socket message ("up" or "down")."""

    method: str
    path: str
    request_headers: str
    request: bytes
    status: int = 0
    answer_headers: str = ""
    answer: bytes = b""
    at: float = field(default_factory=time.monotonic)


@dataclass
class Rule:
    """A lie: what it applies to and what it does."""

    method: str
    matches: Callable[[str], bool]
    rewrite: Rewrite
    times: int = -1
    raw: bool = False
    used: int = 0
    told_at: int = -1
    """How many exchanges there were when it was first told, itself included."""

    def applies(self, method: str, path: str) -> bool:
        """Whether the rule is still in force for a request."""
        return self.method in {method, "*"} and self.matches(path) and self.times != self.used


class Wiretap:
    """The proxy and its records; starts with `start`, ends with `close`."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.origin = f"http://localhost:{port}"
        self.upstream = ""
        self.exchanges: list[Exchange] = []
        self.rules: list[Rule] = []
        self.socket_rules: list[Rule] = []
        self.sockets_down = False
        self._sockets: set[WebSocket] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._passing_on: httpx.AsyncClient
        routes = [
            WebSocketRoute("/{path:path}", self._websocket),
            Route("/{path:path}", self._http, methods=["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]),
        ]
        config = uvicorn.Config(
            Starlette(routes=routes, lifespan=self._lifespan),
            host="127.0.0.1",
            port=port,
            log_level="critical",
            loop="asyncio",
            ws="websockets-sansio",
            timeout_graceful_shutdown=3,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def start(self, upstream_port: int) -> None:
        """Starts to listen and passes on to the web tier on a port."""
        self.upstream = f"127.0.0.1:{upstream_port}"
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)

    def close(self) -> None:
        """Drops what is open and stops."""
        self.cut_sockets(stay_down=True)
        self._server.should_exit = True
        self._thread.join(timeout=10)

    def forget(self) -> None:
        """Goes back to honesty and drops the records."""
        self.exchanges.clear()
        self.rules.clear()
        self.socket_rules.clear()
        self.sockets_down = False

    def lie(
        self, method: str, path: str | Callable[[str], bool], rewrite: Rewrite, *, times: int = -1, raw: bool = False
    ) -> Rule:
        """Rewrites the JSON of answers, or with `raw` their bytes. `path` is how the path ends, or a predicate."""
        rule = Rule(method, path if callable(path) else lambda found: found.endswith(path), rewrite, times, raw)
        self.rules.append(rule)
        return rule

    def lie_on_socket(self, direction: str, rewrite: Rewrite, *, times: int = -1) -> Rule:
        """Rewrites socket messages, "up" or "down": the function gives one message, a list of messages, or None to drop it."""
        rule = Rule(direction, lambda _path: True, rewrite, times)
        self.socket_rules.append(rule)
        return rule

    def cut_sockets(self, *, stay_down: bool = False) -> None:
        """Drops every open socket, and refuses new ones while `stay_down`."""
        self.sockets_down = stay_down
        for socket in list(self._sockets):
            if self._loop:
                asyncio.run_coroutine_threadsafe(socket.close(1012), self._loop)

    def requests(self, method: str, ending: str = "") -> list[Exchange]:
        """The recorded requests of a method whose path ends so."""
        return [each for each in list(self.exchanges) if each.method == method and each.path.endswith(ending)]

    def since(self, rule: Rule) -> list[Exchange]:
        """What crossed the wire after a lie was first told; fails when it never was."""
        assert rule.used, "the lie was told"
        return self.exchanges[rule.told_at :]

    def all_bytes(self) -> bytes:
        """Everything that crossed the wire, to search in."""
        parts: list[bytes] = []
        for each in list(self.exchanges):
            parts += [each.path.encode(), each.request_headers.encode(), each.request]
            parts += [each.answer_headers.encode(), each.answer]
        return b"\n".join(parts)

    @contextlib.asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        async with httpx.AsyncClient(timeout=60, trust_env=False) as self._passing_on:
            yield

    async def _http(self, request: Request) -> Response:
        self._loop = asyncio.get_running_loop()
        body = await request.body()
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        headers = [(name, value) for name, value in request.headers.items() if name not in {"host", "accept-encoding"}]
        headers.append(("host", f"localhost:{self.port}"))
        url = f"http://{self.upstream}{path}"
        answer = await self._passing_on.request(request.method, url, headers=headers, content=body)
        content = self._rewrite(request.method, request.url.path, answer.content)
        self.exchanges.append(
            Exchange(request.method, path, str(headers), body, answer.status_code, str(answer.headers), content)
        )
        response = Response(content, status_code=answer.status_code)
        response.raw_headers = [
            (name.lower(), value) for name, value in answer.headers.raw if name.decode().lower() not in HOP_BY_HOP
        ]
        response.headers["content-length"] = str(len(content))
        return response

    def _rewrite(self, method: str, path: str, content: bytes) -> bytes:
        for rule in self.rules:
            if rule.applies(method, path):
                self._note_use(rule)
                changed = rule.rewrite(content if rule.raw else json.loads(content) if content else None)
                content = changed if isinstance(changed, bytes) else json.dumps(changed).encode()
        return content

    def _note_use(self, rule: Rule) -> None:
        rule.used += 1
        if rule.told_at < 0:
            rule.told_at = len(self.exchanges) + 1

    async def _websocket(self, browser: WebSocket) -> None:
        self._loop = asyncio.get_running_loop()
        if self.sockets_down:
            await browser.close(1012)
            return
        headers = {name: browser.headers[name] for name in ("cookie", "origin") if name in browser.headers}
        url = f"ws://{self.upstream}{browser.url.path}"
        try:
            async with websockets.connect(
                url, additional_headers={**headers, "Host": f"localhost:{self.port}"}, max_size=None, proxy=None
            ) as web_tier:
                await browser.accept()
                self._sockets.add(browser)
                await self._pump_both(browser, web_tier)
        except (OSError, websockets.WebSocketException):
            with contextlib.suppress(RuntimeError):
                await browser.close(1011)
        finally:
            self._sockets.discard(browser)

    async def _pump_both(self, browser: WebSocket, web_tier: websockets.ClientConnection) -> None:
        async def up() -> None:
            with contextlib.suppress(WebSocketDisconnect):
                while True:
                    for text in self._socket_texts("up", await browser.receive_text()):
                        await web_tier.send(text)
            await web_tier.close()

        async def down() -> None:
            with contextlib.suppress(websockets.ConnectionClosed):
                async for text in web_tier:
                    for changed in self._socket_texts("down", str(text)):
                        await browser.send_text(changed)
            with contextlib.suppress(RuntimeError):
                await browser.close(web_tier.close_code or 1011)

        tasks = [asyncio.create_task(up()), asyncio.create_task(down())]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _socket_texts(self, direction: str, text: str) -> list[str]:
        texts = [text]
        for rule in self.socket_rules:
            if rule.applies(direction, ""):
                changed = rule.rewrite(json.loads(text))
                messages = changed if isinstance(changed, list) else [changed]
                if messages == [json.loads(text)]:
                    continue
                self._note_use(rule)
                texts = [json.dumps(message) for message in messages if message is not None]
        for each in texts:
            self.exchanges.append(Exchange(direction, "/ws/v1/", "", each.encode()))
        return texts
