"""Checks twice a second, for all sockets of the process together, that their sessions and memberships still stand."""

import asyncio
from collections.abc import Collection
from typing import Protocol
from uuid import UUID

import structlog
from channels.db import database_sync_to_async
from django.db import DatabaseError

from accounts.selectors import filter_sessions
from keystore.selectors import filter_readers

logger = structlog.get_logger(__name__)

INTERVAL_S = 0.5

_filter_sessions = database_sync_to_async(filter_sessions, thread_sensitive=False)
_filter_readers = database_sync_to_async(filter_readers, thread_sensitive=False)


class WatchedSocket(Protocol):
    """What the watch needs of a socket."""

    session_id: UUID
    user_id: UUID

    def watched_conversations(self) -> Collection[UUID]:
        """The conversations whose streams it follows."""

    async def end_session(self, reason: str) -> None:
        """Its session does not stand any more."""

    async def leave_conversation(self, conversation_id: UUID) -> None:
        """Its person reads it no more."""


class SocketWatch:
    """Runs while there are sockets."""

    def __init__(self) -> None:
        self._sockets: set[WatchedSocket] = set()
        self._task: asyncio.Task[None] | None = None

    def add(self, socket: WatchedSocket) -> None:
        """Begins to watch a socket."""
        self._sockets.add(socket)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    def remove(self, socket: WatchedSocket) -> None:
        """Watches a socket no longer."""
        self._sockets.discard(socket)

    async def _run(self) -> None:
        while self._sockets:
            await asyncio.sleep(INTERVAL_S)
            try:
                await self.check()
            except DatabaseError as error:
                logger.warning("socket-check-failed", error=type(error).__name__)
                await self._end_all()

    async def check(self) -> None:
        """One round: two queries, whatever the number of sockets."""
        sockets = set(self._sockets)
        standing = await _filter_sessions({socket.session_id for socket in sockets})
        for socket in sockets:
            if socket.session_id not in standing:
                await socket.end_session("ended")
        await self._check_memberships({socket for socket in sockets if socket.session_id in standing})

    async def _check_memberships(self, sockets: set[WatchedSocket]) -> None:
        pairs = {(socket.user_id, place) for socket in sockets for place in socket.watched_conversations()}
        readers = await _filter_readers(pairs) if pairs else set()
        for socket in sockets:
            for place in set(socket.watched_conversations()):
                if (socket.user_id, place) in pairs - readers:
                    await socket.leave_conversation(place)

    async def _end_all(self) -> None:
        """Nothing is delivered on the word of a session that cannot be checked."""
        for socket in set(self._sockets):
            await socket.end_session("unchecked")
