"""Frame logs in the memory of one process. A restart forgets them; readers then see `cut`."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from conversations.frames.port import LIFETIME_S, Batch, EndReason, FrameReader, LogGoneError

_SETTLED_S = 60


class MemoryLog:
    """One log: a list and a condition that wakes its readers."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.ended: EndReason | None = None
        self.opened_s = time.monotonic()
        self._changed = asyncio.Condition()

    async def read(self, after: int, limit: int) -> Batch:
        """Waits for frames above `after`, or the end."""
        first = after + 1
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.frames) > first or self.ended is not None)
        frames = self.frames[first : first + limit]
        at_end = first + len(frames) >= len(self.frames)
        return Batch(first=first, frames=frames, ended=self.ended if at_end else None)

    async def append(self, frames: Sequence[bytes]) -> None:
        """Adds frames and wakes the readers.

        Raises:
            LogGoneError: The log ended.
        """
        if self.ended is not None:
            raise LogGoneError
        self.frames.extend(frames)
        await self._wake()

    async def end(self, reason: EndReason) -> None:
        """Ends the log and wakes the readers."""
        self.ended = self.ended or reason
        await self._wake()

    async def drop(self, reason: EndReason) -> None:
        """Ends the log and lets go of its frames; readers get the reason next."""
        self.frames = []
        self.ended = reason
        await self._wake()

    async def _wake(self) -> None:
        async with self._changed:
            self._changed.notify_all()


class MemoryFrameLog:
    """The logs of one process."""

    def __init__(self) -> None:
        self._logs: dict[UUID, MemoryLog] = {}

    async def open(self, stream_id: UUID) -> None:
        """Begins an empty log, and forgets those of yesterday."""
        await self._expire()
        self._logs[stream_id] = MemoryLog()

    async def touch(self, stream_id: UUID) -> None:
        """The writer lives in this very process."""

    async def append(self, stream_id: UUID, frames: Sequence[bytes]) -> None:
        """Appends frames.

        Raises:
            LogGoneError: The log was deleted or ended.
        """
        log = self._logs.get(stream_id)
        if log is None:
            raise LogGoneError
        await log.append(frames)

    async def end(self, stream_id: UUID, reason: EndReason) -> None:
        """Ends a log, if it is there."""
        if log := self._logs.get(stream_id):
            await log.end(reason)

    async def delete(self, stream_id: UUID, reason: EndReason = EndReason.GONE) -> None:
        """Forgets a log, if it is there."""
        if log := self._logs.pop(stream_id, None):
            await log.drop(reason)

    @asynccontextmanager
    async def follow(self, stream_id: UUID) -> AsyncIterator[FrameReader]:
        """Opens a log for reading."""
        log = self._logs.get(stream_id)
        if log is None:
            log = MemoryLog()
            await log.end(EndReason.CUT)
        yield log

    def list_old(self) -> list[UUID]:
        """All logs that are older than a minute."""
        latest = time.monotonic() - _SETTLED_S
        return [stream_id for stream_id, log in list(self._logs.items()) if log.opened_s < latest]

    async def snapshot(self, stream_id: UUID) -> list[bytes]:
        """A copy of the frames."""
        log = self._logs.get(stream_id)
        return [] if log is None else list(log.frames)

    async def close(self) -> None:
        """There is nothing to let go of."""

    async def _expire(self) -> None:
        oldest = time.monotonic() - LIFETIME_S
        for stream_id in [stream_id for stream_id, log in self._logs.items() if log.opened_s < oldest]:
            await self.delete(stream_id, EndReason.EXPIRED)
