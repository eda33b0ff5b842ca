"""Frame logs in Redis Streams, for any number of processes.

Frame `n` is the entry `n + 1`-0 of the stream of its log, and an entry with a reason ends it. A lease, kept alive by
the writer, tells a slow model from a writer that died: who finds the lease gone and no end writes the end `cut`. Each
process reads each log that it follows with one XREAD, into a copy in memory that all its readers share.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from conversations.frames.memory import MemoryLog
from conversations.frames.port import LIFETIME_S, EndReason, FrameReader, LogGoneError

logger = structlog.get_logger(__name__)

_FRAME, _REASON = b"f", b"r"
_LEASE_S = 10
_BLOCK_MS = 2000
_RETRY_S = 0.5
_READ_COUNT = 512
_TOMBSTONE_ID = "18446744073709551615-0"
_TOMBSTONE_S = 60


@dataclass
class _Copy:
    """This process's copy of a log: how many read it, and the task that fills it."""

    log: MemoryLog
    pump: "asyncio.Task[None]"
    readers: int = 0


class RedisFrameLog:
    """The logs of all processes that share one Redis."""

    def __init__(self, url: str, *, max_connections: int = 100) -> None:
        """Connects when it is first used.

        Args:
            url: Where Redis is.
            max_connections: Each log that is followed in this process holds one.
        """
        self._url = url
        self._redis: Redis = Redis.from_url(url, max_connections=max_connections)
        self._copies: dict[UUID, _Copy] = {}
        self._written: dict[UUID, int] = {}

    async def open(self, stream_id: UUID) -> None:
        """Begins an empty log. Nothing is stored but the lease until the first frame comes."""
        await self._redis.delete(_frames_key(stream_id))
        self._written[stream_id] = 0
        await self._renew_lease(stream_id)

    async def touch(self, stream_id: UUID) -> None:
        """Renews the writer's lease. Where Redis is away for a moment, the next call does."""
        try:
            await self._renew_lease(stream_id)
        except RedisError as error:
            logger.warning("frame-log-unreachable", error=type(error).__name__)

    async def _renew_lease(self, stream_id: UUID) -> None:
        await self._redis.set(_lease_key(stream_id), b"1", ex=_LEASE_S)

    async def append(self, stream_id: UUID, frames: Sequence[bytes]) -> None:
        """Appends frames in one round trip.

        Raises:
            LogGoneError: The log was deleted or ended.
        """
        written = self._written.get(stream_id)
        if written is None:
            raise LogGoneError
        async with self._redis.pipeline(transaction=True) as pipe:
            for number, frame in enumerate(frames, start=written):
                pipe.xadd(_frames_key(stream_id), {_FRAME: frame}, id=f"{number + 1}-0")
            pipe.expire(_frames_key(stream_id), LIFETIME_S)
            await self._execute(pipe)
        self._written[stream_id] = written + len(frames)

    async def end(self, stream_id: UUID, reason: EndReason) -> None:
        """Ends a log that this process wrote, unless it ended or is gone."""
        written = self._written.pop(stream_id, None)
        if written is not None:
            await self._write_end(stream_id, written, reason)
        await self._redis.delete(_lease_key(stream_id))

    async def delete(self, stream_id: UUID, reason: EndReason = EndReason.GONE) -> None:
        """Replaces a log by a tombstone that tells readers and writer, and lasts a minute."""
        self._written.pop(stream_id, None)
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.delete(_frames_key(stream_id), _lease_key(stream_id))
            pipe.xadd(_frames_key(stream_id), {_REASON: str(reason)}, id=_TOMBSTONE_ID)
            pipe.expire(_frames_key(stream_id), _TOMBSTONE_S)
            await pipe.execute()

    @asynccontextmanager
    async def follow(self, stream_id: UUID) -> AsyncIterator[FrameReader]:
        """Opens a log for reading; the last reader of this process ends its pump."""
        copy = self._copies.get(stream_id)
        if copy is None:
            log = MemoryLog()
            copy = _Copy(log=log, pump=asyncio.create_task(self._pump(stream_id, log)))
            self._copies[stream_id] = copy
        copy.readers += 1
        try:
            yield copy.log
        finally:
            copy.readers -= 1
            if not copy.readers:
                self._copies.pop(stream_id, None)
                copy.pump.cancel()

    def list_old(self) -> list[UUID]:
        """None: whoever deletes a stream reaches its frames in Redis."""
        return []

    async def snapshot(self, stream_id: UUID) -> list[bytes]:
        """The frames as Redis has them, over a connection of its own: who asks may be on any event loop."""
        async with Redis.from_url(self._url) as redis:
            entries: Any = await redis.xrange(_frames_key(stream_id))
        return [fields[_FRAME] for _, fields in entries if _FRAME in fields]

    async def close(self) -> None:
        """Closes the connections."""
        await self._redis.aclose()

    async def _pump(self, stream_id: UUID, log: MemoryLog) -> None:
        """Copies the log from Redis until it ends; waits where Redis is away."""
        last_id: bytes | str = "0-0"
        while log.ended is None:
            try:
                last_id = await self._copy_next(stream_id, log, last_id)
            except RedisError as error:
                logger.warning("frame-log-unreachable", error=type(error).__name__)
                await asyncio.sleep(_RETRY_S)

    async def _copy_next(self, stream_id: UUID, log: MemoryLog, last_id: bytes | str) -> bytes | str:
        answer: Any = await self._redis.xread({_frames_key(stream_id): last_id}, count=_READ_COUNT, block=_BLOCK_MS)
        entries: list[tuple[bytes, dict[bytes, bytes]]] = answer[0][1] if answer else []
        if not entries:
            await self._end_if_abandoned(stream_id, len(log.frames))
            return last_id
        await _copy_entries(entries, log)
        return entries[-1][0]

    async def _end_if_abandoned(self, stream_id: UUID, written: int) -> None:
        if not await self._redis.exists(_lease_key(stream_id)):
            await self._write_end(stream_id, written, EndReason.CUT)

    async def _write_end(self, stream_id: UUID, written: int, reason: EndReason) -> None:
        """Writes the end behind the last frame. Where anything stands there already, that stands."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.xadd(_frames_key(stream_id), {_REASON: str(reason)}, id=f"{written + 1}-0")
            pipe.expire(_frames_key(stream_id), LIFETIME_S)
            with contextlib.suppress(LogGoneError):
                await self._execute(pipe)

    @staticmethod
    async def _execute(pipe: Any) -> None:
        try:
            await pipe.execute()
        except ResponseError as error:  # The id is not above the newest: an end or a tombstone stands there.
            raise LogGoneError from error


async def _copy_entries(entries: list[tuple[bytes, dict[bytes, bytes]]], log: MemoryLog) -> None:
    frames = [fields[_FRAME] for _, fields in entries if _FRAME in fields]
    if frames:
        await log.append(frames)
    reason = entries[-1][1].get(_REASON)
    if reason is not None:
        ended = EndReason(reason.decode())
        await (log.end(ended) if ended in {EndReason.COMPLETE, EndReason.CUT} else log.drop(ended))


def _frames_key(stream_id: UUID) -> str:
    return f"balon:frames:{stream_id.hex}"


def _lease_key(stream_id: UUID) -> str:
    return f"balon:relay:{stream_id.hex}"
