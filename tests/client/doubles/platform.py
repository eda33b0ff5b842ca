"""The ports `KeyStore`, `Tabs`, `Clock`, `Files` and `Random` in memory."""

import asyncio
import copy
import io
import os
import time
from contextlib import asynccontextmanager

from balon_client.errors import FileGoneError
from balon_client.ports import SessionRecord
from balon_client.randomness import CheckedRandom


class SystemClock:
    """The port `Clock`, real."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class FakeClock:
    """The port `Clock`, moved by the test: `advance` wakes who sleeps long enough."""

    def __init__(self, now_ms: int = 1_790_000_000_000) -> None:
        self._now_s = now_ms / 1000
        self._started_s = self._now_s
        self._sleepers: list[tuple[float, asyncio.Future]] = []

    def now_ms(self) -> int:
        return round(self._now_s * 1000)

    def monotonic_s(self) -> float:
        return self._now_s - self._started_s

    async def sleep(self, seconds: float) -> None:
        future = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._now_s + seconds, future))
        await future

    async def advance(self, seconds: float) -> None:
        """Moves time on, waking sleepers in order of their times, and lets them run."""
        await settle()
        target = self._now_s + seconds
        while due := sorted((entry for entry in self._sleepers if entry[0] <= target), key=lambda entry: entry[0]):
            self._sleepers.remove(due[0])
            self._now_s = max(self._now_s, due[0][0])
            if not due[0][1].done():
                due[0][1].set_result(None)
            await settle()
        self._now_s = target
        await settle()


async def settle(rounds: int = 20) -> None:
    """Lets every task that can run, run."""
    for _ in range(rounds):
        await asyncio.sleep(0)


class BrowserStorage:
    """What a browser profile keeps; several `MemoryKeyStore`s on one are tabs, or the same tab after a reload."""

    def __init__(self, *, refuses_handles: bool = False) -> None:
        self.record: SessionRecord | None = None
        self.refuses_handles = refuses_handles


class MemoryKeyStore:
    """The port `KeyStore`."""

    def __init__(self, storage: BrowserStorage | None = None) -> None:
        self.storage = storage or BrowserStorage()
        self._memory: SessionRecord | None = None
        self._persistent = True

    @property
    def persistent(self) -> bool:
        return self._persistent

    async def save(self, record: SessionRecord) -> None:
        await asyncio.sleep(0)
        copied = SessionRecord(copy.deepcopy(record.metadata), record.keys)
        self._persistent = not self.storage.refuses_handles
        self.storage.record = copied if self._persistent else None
        self._memory = None if self._persistent else copied

    async def update_metadata(self, changes, *, session_id) -> bool:
        record = self.storage.record or self._memory
        if record is None or record.metadata.get("session_id") != session_id:
            return False
        record.metadata.update(copy.deepcopy(dict(changes)))
        return True

    async def load(self) -> SessionRecord | None:
        await asyncio.sleep(0)
        record = self.storage.record or self._memory
        return SessionRecord(copy.deepcopy(record.metadata), record.keys) if record else None

    async def wipe(self) -> None:
        self._memory = None
        self.storage.record = None


class TabsHub:
    """A browser profile's channel and locks; one `MemoryTabs` for each tab."""

    def __init__(self) -> None:
        self.tabs: list[MemoryTabs] = []
        self.locks: dict[str, asyncio.Lock] = {}


class MemoryTabs:
    """The port `Tabs`."""

    def __init__(self, hub: TabsHub | None = None) -> None:
        self._hub = hub or TabsHub()
        self._hub.tabs.append(self)
        self._inbox: asyncio.Queue = asyncio.Queue()

    def post(self, message) -> None:
        for tab in self._hub.tabs:
            if tab is not self:
                tab._inbox.put_nowait(copy.deepcopy(dict(message)))

    async def receive(self):
        messages = [await self._inbox.get()]
        while not self._inbox.empty():
            messages.append(self._inbox.get_nowait())
        return messages

    @asynccontextmanager
    async def lock(self, name: str):
        async with self._hub.locks.setdefault(name, asyncio.Lock()):
            yield


class MemoryFiles:
    """The port `Files`: what the page would send are bytes."""

    def open(self, handle):
        if not isinstance(handle, bytes):
            raise FileGoneError
        return io.BytesIO(handle)


def system_random(clock=None) -> CheckedRandom:
    """The port `Random` on os.urandom."""
    return CheckedRandom(os.urandom, clock or SystemClock())
