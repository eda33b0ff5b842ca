"""The ports `Tabs` and `Clock`, and everything in one `Platform`."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from balon_client.adapters.crypto import BrowserCrypto
from balon_client.adapters.files import BrowserFiles
from balon_client.adapters.javascript import js_network, page_origin
from balon_client.adapters.key_store import BrowserKeyStore
from balon_client.adapters.network import BrowserHttp, BrowserSocket
from balon_client.ports import JsonObject, Platform
from balon_client.randomness import CheckedRandom

_CHANNEL = "balon"


class BrowserTabs:
    """The other tabs. The port's docstrings hold."""

    def __init__(self) -> None:
        self._js = js_network.openChannel(_CHANNEL)

    def post(self, message: Mapping[str, Any]) -> None:
        """Sends a JSON object to all other tabs."""
        self._js.post(json.dumps(dict(message)))

    async def receive(self) -> list[JsonObject]:
        """Gives all messages of other tabs that have arrived, at least one."""
        found = await self._js.receive()
        return [json.loads(text) for text in found.to_py()]

    def lock(self, name: str) -> AbstractAsyncContextManager[None]:
        """An exclusive lock among all tabs."""
        return _hold_lock(f"balon-{name}")


@asynccontextmanager
async def _hold_lock(name: str) -> AsyncIterator[None]:
    request = js_network.requestLock(name)
    try:
        await request.granted
        yield
    finally:
        request.release()


class BrowserClock:
    """Time as the browser tells it."""

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        """Seconds that never run backwards."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        await asyncio.sleep(seconds)


def build_platform() -> Platform:
    """The ports as the worker has them. Pyodide's os.urandom is crypto.getRandomValues."""
    clock = BrowserClock()
    return Platform(
        crypto=BrowserCrypto(),
        key_store=BrowserKeyStore(),
        http=BrowserHttp(),
        socket=BrowserSocket(),
        tabs=BrowserTabs(),
        clock=clock,
        random=CheckedRandom(os.urandom, clock),
        files=BrowserFiles(),
        origin=page_origin(),
    )
