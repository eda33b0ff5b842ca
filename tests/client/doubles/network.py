"""The ports `Http` and `Socket` over real connections, for tests against a real server on loopback."""

import asyncio
from urllib.parse import urlsplit

import httpx
import websockets

from balon_client.answers import parse_answer
from balon_client.errors import NetworkError, SocketClosedError


class HttpxHttp:
    """The port `Http`; its client's cookie jar is the browser's."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.csrf_token: str | None = None
        # Servers close idle connections after five seconds: one that is nearly so old might be gone when it is used.
        limits = httpx.Limits(keepalive_expiry=1.0)
        self.client = httpx.AsyncClient(base_url=origin, follow_redirects=False, trust_env=False, limits=limits)

    async def request(self, method, path, *, query=None, body=None, proof=None, timeout_s=30.0):
        headers = {"Accept": "application/json", "Origin": self.origin}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if self.csrf_token is not None and method != "GET":
            headers |= {"X-CSRFToken": self.csrf_token, "Referer": f"{self.origin}/"}
        if proof is not None:
            headers["Balon-Proof"] = proof
        try:
            answer = await self.client.request(
                method, path, params=query, content=body, headers=headers, timeout=timeout_s
            )
        except httpx.HTTPError as error:
            raise NetworkError from error
        return parse_answer(answer.status_code, {k.lower(): v for k, v in answer.headers.items()}, answer.content)

    async def close(self) -> None:
        await self.client.aclose()


class WebsocketsConnection:
    """The port `Connection`."""

    def __init__(self, socket) -> None:
        self._socket = socket
        self._inbox: asyncio.Queue[str | None] = asyncio.Queue()
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            async for message in self._socket:
                self._inbox.put_nowait(message)
        except websockets.ConnectionClosed:
            pass
        self._inbox.put_nowait(None)

    async def send(self, text: str) -> None:
        try:
            await self._socket.send(text)
        except websockets.ConnectionClosed as error:
            raise self._closed() from error

    async def receive(self) -> list[str]:
        messages: list[str] = []
        while not messages or not self._inbox.empty():
            message = await self._inbox.get()
            if message is None:
                self._inbox.put_nowait(None)
                if messages:
                    return messages
                raise self._closed()
            messages.append(message)
        return messages

    async def close(self) -> None:
        await self._socket.close()
        await self._reader

    def _closed(self) -> SocketClosedError:
        return SocketClosedError(self._socket.close_code or 1006)


class WebsocketsSocket:
    """The port `Socket`; takes its cookies from the HTTP double."""

    def __init__(self, http: HttpxHttp) -> None:
        self._http = http

    async def connect(self, path, *, timeout_s=15.0):
        parts = urlsplit(self._http.origin)
        url = f"{'wss' if parts.scheme == 'https' else 'ws'}://{parts.netloc}{path}"
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self._http.client.cookies.jar)
        headers = {"Cookie": cookies} if cookies else {}
        try:
            socket = await asyncio.wait_for(
                websockets.connect(
                    url, origin=self._http.origin, additional_headers=headers, max_size=None, proxy=None
                ),
                timeout_s,
            )
        except (OSError, TimeoutError, websockets.WebSocketException) as error:
            raise NetworkError from error
        return WebsocketsConnection(socket)
