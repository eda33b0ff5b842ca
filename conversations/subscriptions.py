"""One reader of one stream on one socket, with an acknowledged window.

The server under the socket has no back-pressure: its memory would grow for a browser that never reads. So at most
`WINDOW` frames are sent beyond the last one that the browser acknowledged.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from balon.protocol.encoding import encode_b64u
from conversations.frames.port import EndReason, FrameLog, FrameReader

WINDOW = 256

Send = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class StreamPlace:
    """A stream in its conversation."""

    conversation_id: UUID
    stream_id: UUID


class Subscription:
    """Sends frames from a number on until the stream ends or the task is cancelled."""

    def __init__(self, place: StreamPlace, *, after: int, send: Send) -> None:
        self.place = place
        self._sent = after
        self._acknowledged = after
        self._send = send
        self._progress = asyncio.Event()

    def acknowledge(self, number: int) -> None:
        """Moves the window; numbers that were never sent count as the last one that was."""
        self._acknowledged = max(self._acknowledged, min(number, self._sent))
        self._progress.set()

    async def run(self, log: FrameLog) -> EndReason:
        """Follows the log to its end.

        Returns:
            Why there are no more frames.
        """
        async with log.follow(self.place.stream_id) as reader:
            while (ended := await self._send_next(reader)) is None:
                pass
        await self._send_end(ended)
        return ended

    async def _send_next(self, reader: FrameReader) -> EndReason | None:
        batch = await reader.read(self._sent, await self._wait_for_room())
        for number, frame in enumerate(batch.frames, start=batch.first):
            self._sent = number
            await self._send(
                {
                    "type": "frame",
                    "stream_id": str(self.place.stream_id),
                    "number": number,
                    "frame": encode_b64u(frame),
                }
            )
        return batch.ended

    async def _wait_for_room(self) -> int:
        while (room := self._acknowledged + WINDOW - self._sent) <= 0:
            self._progress.clear()
            await self._progress.wait()
        return room

    async def _send_end(self, reason: EndReason) -> None:
        await self._send(
            {
                "type": "stream-ended",
                "stream_id": str(self.place.stream_id),
                "number": self._sent,
                "reason": str(reason),
            }
        )
