"""A browser's socket for tests: JSON messages over the ASGI application, with the cookie of a signed-in browser."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from asgiref.testing import ApplicationCommunicator
from channels.db import database_sync_to_async
from channels.testing import WebsocketCommunicator
from django.conf import settings

from balon.protocol.encoding import decode_b64u
from tests.keys import ORIGIN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.browsers import Browser

TIMEOUT_S = 10


@database_sync_to_async
def calling(function: Callable[..., Any], *args: Any) -> Any:
    """Runs a request or a query as the server does: apart from the event loop."""
    return function(*args)


class _Communicator(WebsocketCommunicator):
    """Channels' own leaves database connections open, for tests inside a transaction; sockets here have threads."""

    send_input = ApplicationCommunicator.send_input
    receive_output = ApplicationCommunicator.receive_output


class Socket:
    """One socket."""

    def __init__(self, communicator: WebsocketCommunicator) -> None:
        self._communicator = communicator
        self._waiting: list[dict[str, Any]] = []

    async def send(self, message: Any) -> None:
        """Sends a text as it is, bytes as they are, and anything else as JSON."""
        if isinstance(message, bytes):
            await self._communicator.send_to(bytes_data=message)
        else:
            await self._communicator.send_to(text_data=message if isinstance(message, str) else json.dumps(message))

    async def receive(self, kind: str, **members: Any) -> dict[str, Any]:
        """The next message of a kind with such members; others wait for their turn."""
        for index, message in enumerate(self._waiting):
            if _fits(message, kind, members):
                return self._waiting.pop(index)
        while True:
            event = await self._communicator.receive_output(timeout=TIMEOUT_S)
            assert event["type"] == "websocket.send", (event, self._waiting)
            message = json.loads(event["text"])
            if _fits(message, kind, members):
                return message
            self._waiting.append(message)

    async def receive_frames(self, count: int) -> list[tuple[int, bytes]]:
        """The next frames with their numbers."""
        found = [await self.receive("frame") for _ in range(count)]
        return [(message["number"], decode_b64u(message["frame"])) for message in found]

    async def receive_close(self) -> int:
        """The code that the server closes with."""
        while True:
            event = await self._communicator.receive_output(timeout=TIMEOUT_S)
            if event["type"] == "websocket.close":
                return int(event["code"])
            self._waiting.append(json.loads(event["text"]))

    async def expect_nothing(self, kind: str) -> None:
        """Nothing of a kind came before the answer to a ping."""
        await self.send({"type": "ping", "ref": "quiet"})
        await self.receive("pong", ref="quiet")
        assert kind not in [message["type"] for message in self._waiting], self._waiting

    async def leave(self) -> None:
        """Closes, as a browser that goes away does."""
        await self._communicator.disconnect()


async def wait_until(condition: Callable[[], Any]) -> None:
    """Waits for something that happens beside the socket."""
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


def _fits(message: dict[str, Any], kind: str, members: dict[str, Any]) -> bool:
    return message["type"] == kind and all(message.get(name) == value for name, value in members.items())


def knock(browser: Browser | None, origin: str | None = ORIGIN) -> WebsocketCommunicator:
    """A socket that is not open yet."""
    from balon.asgi import application

    headers = [] if origin is None else [(b"origin", origin.encode())]
    if browser is not None:
        cookie = browser.client.cookies[settings.SESSION_COOKIE_NAME]
        headers.append((b"cookie", f"{cookie.key}={cookie.value}".encode()))
    return _Communicator(application, "/ws/v1/", headers=headers)


@asynccontextmanager
async def open_socket(browser: Browser) -> AsyncIterator[Socket]:
    """A socket that was accepted and said hello."""
    communicator = knock(browser)
    accepted, _ = await communicator.connect(timeout=TIMEOUT_S)
    assert accepted
    socket = Socket(communicator)
    await socket.receive("hello")
    try:
        yield socket
    finally:
        await socket.leave()
