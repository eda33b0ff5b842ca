"""The ports `Http` and `Socket` on fetch and WebSocket."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from balon_client.adapters.javascript import js_bytes, js_network, take_bytes
from balon_client.answers import parse_answer
from balon_client.errors import NetworkError, SocketClosedError
from balon_client.ports import Connection, Response


class BrowserHttp:
    """Requests to the own origin. The port's docstrings hold."""

    def __init__(self) -> None:
        self.csrf_token: str | None = None

    async def request(  # noqa: PLR0913 - the port's
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        body: bytes | None = None,
        proof: str | None = None,
        timeout_s: float = 30.0,
    ) -> Response:
        """Sends a request and reads its answer."""
        target = f"{path}?{urlencode(query)}" if query else path
        headers = self._headers(method, has_body=body is not None, proof=proof)
        raw = None if body is None else js_bytes(body)
        found = await js_network.request(method, target, json.dumps(headers), raw, timeout_s * 1000)
        if found is None:
            raise NetworkError
        named = {"content-type": found.contentType, "retry-after": found.retryAfter}
        return parse_answer(found.status, named, take_bytes(found.body))

    def _headers(self, method: str, *, has_body: bool, proof: str | None) -> dict[str, str]:
        headers = {"Accept": "application/json"}
        if has_body:
            headers["Content-Type"] = "application/json"
        if method != "GET" and self.csrf_token is not None:
            headers["X-CSRFToken"] = self.csrf_token
        if proof is not None:
            headers["Balon-Proof"] = proof
        return headers


class BrowserConnection:
    """An open socket. The port's docstrings hold."""

    def __init__(self, connection: Any) -> None:
        self._js = connection

    async def send(self, text: str) -> None:
        """Sends one text message."""
        if not self._js.send(text):
            raise SocketClosedError(self._js.closeCode)

    async def receive(self) -> list[str]:
        """Gives all messages that have arrived, at least one."""
        found = await self._js.receive()
        if found is None:
            raise SocketClosedError(self._js.closeCode)
        messages: list[str] = found.to_py()
        return messages

    async def close(self) -> None:
        """Closes the socket."""
        self._js.close()


class BrowserSocket:
    """Opens WebSockets to the own origin."""

    async def connect(self, path: str, *, timeout_s: float = 15.0) -> Connection:
        """Opens a socket."""
        found = await js_network.connect(path, timeout_s * 1000)
        if found is None:
            raise NetworkError
        return BrowserConnection(found)
