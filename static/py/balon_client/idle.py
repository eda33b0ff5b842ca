"""When an unlocked session must lock: by time stamps that all tabs share, so that sleep counts (section 11)."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Literal

from balon_client.ports import Clock
from balon_client.session_record import Times
from balon_client.session_store import SessionStore

LOOK_S: Final = 5.0

Over = Literal["idle", "expired", "other-tab"]


class IdleWatch:
    """Watches the time of one unlocked session in one tab."""

    def __init__(
        self,
        store: SessionStore,
        clock: Clock,
        times: Times,
        *,
        expires_at_ms: int,
        over: Callable[[Over], Awaitable[None]],
    ) -> None:
        """Begins nothing yet; `start` does.

        Args:
            store: Where the tabs share their time stamps.
            clock: Time.
            times: As the session record has them.
            expires_at_ms: When the server's session ends.
            over: Locks or ends the session.
        """
        self._store = store
        self._clock = clock
        self._expires_at_ms = expires_at_ms
        self._over = over
        self._task: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[None] | None = None
        self._is_closed = False
        self.times = times
        self.session_id = ""

    def start(self, session_id: str) -> None:
        """Begins to look every few seconds."""
        self.session_id = session_id
        self._task = asyncio.ensure_future(self._watch())

    @property
    def is_over(self) -> bool:
        """Whether this tab's own time stamps say that the keys must go; another tab may know of newer ones."""
        now_ms = self._clock.now_ms()
        return now_ms >= self._expires_at_ms or self.times.is_over(now_ms)

    async def touch(self) -> None:
        """The person is active. After sleep it is too late for that: then it locks."""
        if self.is_over:
            await self.look()
            return
        self.times.active_ms = self._clock.now_ms()
        await self._share()

    async def set_idle_minutes(self, minutes: int) -> None:
        """Changes how long nothing may happen, for all tabs."""
        self.times.idle_minutes = minutes
        await self._share()

    async def _share(self) -> None:
        if not self._is_closed and not await self._store.share_times(self.times, self.session_id):
            await self._over("other-tab")

    async def look(self) -> None:
        """Looks at the shared time stamps, and locks or ends the session when the time has come."""
        found = await self._store.load()
        if self._is_closed:
            return
        if found is None or found.session_id != self.session_id:
            await self._over("other-tab")
            return
        self.times = found.kept.times
        now_ms = self._clock.now_ms()
        if now_ms >= self._expires_at_ms:
            await self._over("expired")
        elif self.times.is_over(now_ms):
            await self._over("idle")

    async def _watch(self) -> None:
        while not self._is_closed:
            await self._clock.sleep(LOOK_S)
            if self.is_over:
                # What locks the session also cancels this task: it must not be cut short by that.
                self._looking = asyncio.ensure_future(self.look())
                await asyncio.shield(self._looking)

    def close(self) -> None:
        """Looks no more."""
        self._is_closed = True
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
