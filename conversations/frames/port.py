"""The port of the frame log."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from uuid import UUID

LIFETIME_S = 24 * 3600
"""Frames are kept for a day at most (docs/protocol.md section 9)."""


class EndReason(StrEnum):
    """Why no more frames will come: `complete` and `cut` end a log, `expired` and `gone` say that it is no more."""

    COMPLETE = "complete"
    CUT = "cut"
    EXPIRED = "expired"
    GONE = "gone"


class LogGoneError(Exception):
    """The log was deleted or ended while its writer was still at it."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Frames numbered from `first` on, and why the log ends behind them, if it does."""

    first: int
    frames: Sequence[bytes]
    ended: EndReason | None

    @property
    def last(self) -> int:
        """The number of the last frame; `first - 1` if there is none."""
        return self.first + len(self.frames) - 1


class FrameReader(Protocol):
    """One log, open for reading."""

    async def read(self, after: int, limit: int) -> Batch:
        """Waits until there are frames with a number above `after`, or the end; gives at most `limit` of them."""


class FrameLog(Protocol):
    """All logs that a process can reach."""

    async def open(self, stream_id: UUID) -> None:
        """Begins an empty log. Its writer must `touch` it every few seconds."""

    async def touch(self, stream_id: UUID) -> None:
        """Says that the writer lives."""

    async def append(self, stream_id: UUID, frames: Sequence[bytes]) -> None:
        """Appends frames under the next numbers; the first frame of a log has number 0.

        Raises:
            LogGoneError: The log was deleted or ended.
        """

    async def end(self, stream_id: UUID, reason: EndReason) -> None:
        """Ends a log; its frames stay readable. Ending a log that ended or is gone does nothing."""

    async def delete(self, stream_id: UUID, reason: EndReason = EndReason.GONE) -> None:
        """Forgets a log. Who follows it is told the reason."""

    def follow(self, stream_id: UUID) -> AbstractAsyncContextManager[FrameReader]:
        """Opens a log for reading. One that is not there reads as `cut`: its writer was lost with it."""

    def list_old(self) -> list[UUID]:
        """Logs that rest in this process's memory alone, for longer than a stream's row takes to be committed."""

    async def snapshot(self, stream_id: UUID) -> list[bytes]:
        """All frames of a log as they are now; none if it is not there."""

    async def close(self) -> None:
        """Lets go of connections."""
