"""Relays replies from the gateway into the frame log. A relay outlives the socket that asked for it.

It cannot read what it relays: it takes the body apart into frames, numbers them, and says at the end whether the body
was whole (`complete`) or not (`cut`).
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import lru_cache
from uuid import UUID

import httpx
import structlog
from channels.db import database_sync_to_async

from balon.protocol.errors import FrameError
from balon.protocol.frames import ReplyReader
from conversations.errors import ConversationError, GatewayUnavailableError
from conversations.frames import get_frame_log
from conversations.frames.port import EndReason, FrameLog, LogGoneError
from conversations.gateway import ask_to_stop, create_client, open_reply
from conversations.models import Stream
from conversations.streams import drop_stream, is_outdated, update_stream_state

logger = structlog.get_logger(__name__)

_HEARTBEAT_S = 3.0
MAX_FRAMES = 1 << 16
MAX_REPLY_SIZE = 1 << 24
"""A reply of more frames or bytes than these is cut: no model says that much."""

_set_state = database_sync_to_async(update_stream_state, thread_sensitive=False)
_is_outdated = database_sync_to_async(is_outdated, thread_sensitive=False)
_drop = database_sync_to_async(drop_stream, thread_sensitive=False)


class Relays:
    """All relays of this process."""

    def __init__(self, log: FrameLog, client: httpx.AsyncClient) -> None:
        self._log = log
        self._client = client
        self._tasks: dict[UUID, asyncio.Task[None]] = {}
        self._accepted: dict[UUID, asyncio.Future[None]] = {}

    async def start(self, stream_id: UUID, request: bytes) -> None:
        """Relays a sealed request in a task of its own and waits for the gateway's yes or no.

        Raises:
            RelayRefusedError: The gateway refuses; the stream is forgotten.
            GatewayUnavailableError: It does not answer; the stream is forgotten.
        """
        accepted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._accepted[stream_id] = accepted
        task = asyncio.create_task(self._run(stream_id, request, accepted))
        self._tasks[stream_id] = task
        task.add_done_callback(lambda _: self._forget(stream_id))
        await asyncio.shield(accepted)

    async def wait_accepted(self, stream_id: UUID) -> None:
        """Waits for the gateway's yes or no to a request that this process relays; else returns at once.

        Raises:
            RelayRefusedError: As `start`.
            GatewayUnavailableError: As `start`.
        """
        if accepted := self._accepted.get(stream_id):
            await asyncio.shield(accepted)

    async def stop(self, stream_id: UUID) -> None:
        """Asks the gateway to stop a reply.

        Raises:
            GatewayUnavailableError: It does not answer.
        """
        await ask_to_stop(self._client, stream_id)

    async def close(self) -> None:
        """Cuts every reply and lets go of the connections."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._client.aclose()

    def _forget(self, stream_id: UUID) -> None:
        self._tasks.pop(stream_id, None)
        accepted = self._accepted.pop(stream_id, None)
        if accepted is not None and not accepted.done():
            accepted.set_exception(GatewayUnavailableError())
        if accepted is not None and not accepted.cancelled():
            accepted.exception()  # Whoever asked may be gone; the refusal is no surprise then.

    async def _run(self, stream_id: UUID, request: bytes, accepted: "asyncio.Future[None]") -> None:
        heartbeat = asyncio.create_task(self._beat(stream_id))
        try:
            async with open_reply(self._client, request) as body:
                await _set_state(stream_id, Stream.State.LIVE)
                accepted.set_result(None)
                await self._stop_if_outdated(stream_id)
                reason = await self._copy(stream_id, body)
            await self._finish(stream_id, reason)
        except ConversationError as error:
            await _drop(stream_id)
            accepted.set_exception(error)
        except LogGoneError:  # The reply was saved, or its conversation deleted, while it still came.
            await self._log.delete(stream_id)
        finally:
            heartbeat.cancel()

    async def _stop_if_outdated(self, stream_id: UUID) -> None:
        """A new epoch may have begun, and stopped what the gateway knew, while the request was on its way."""
        if await _is_outdated(stream_id):
            with contextlib.suppress(GatewayUnavailableError):
                await self.stop(stream_id)

    async def _copy(self, stream_id: UUID, body: AsyncIterator[bytes]) -> EndReason:
        reader = ReplyReader()
        count = size = 0
        try:
            async for chunk in body:
                frames = reader.feed(chunk)
                count, size = count + len(frames), size + len(chunk)
                if count > MAX_FRAMES or size > MAX_REPLY_SIZE:
                    return EndReason.CUT
                if frames:
                    await self._log.append(stream_id, frames)
        except (httpx.HTTPError, FrameError) as error:
            logger.warning("relay-cut", error=type(error).__name__, frames=count)
            return EndReason.CUT
        return EndReason.COMPLETE if reader.at_boundary else EndReason.CUT

    async def _finish(self, stream_id: UUID, reason: EndReason) -> None:
        state = Stream.State.COMPLETE if reason is EndReason.COMPLETE else Stream.State.CUT
        still_there = await _set_state(stream_id, state)
        if still_there:
            await self._log.end(stream_id, reason)
        else:
            await self._log.delete(stream_id)

    async def _beat(self, stream_id: UUID) -> None:
        while True:
            await asyncio.sleep(_HEARTBEAT_S)
            await self._log.touch(stream_id)


@lru_cache(maxsize=1)
def get_relays() -> Relays:
    """The relays of this process."""
    return Relays(get_frame_log(), create_client())
