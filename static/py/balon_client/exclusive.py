"""Long work of which one piece goes on at a time: an import, a migration."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from balon_client.errors import ClientError
from balon_client.problems import LockedError, SignedOutError

T = TypeVar("T")


class Exclusive:
    """Runs one piece of work at a time. It outlives the call that began it, and ends with the session."""

    def __init__(self, busy: type[ClientError], ended: type[ClientError]) -> None:
        """Begins with nothing to do.

        Args:
            busy: What a second piece of work is refused with.
            ended: What one that was cut off by the end of the session ends with.
        """
        self._busy = busy
        self._ended = ended
        self._task: asyncio.Task[Any] | None = None
        self._is_ended = False

    @property
    def is_running(self) -> bool:
        """Whether something goes on."""
        return self._task is not None

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Does a piece of work."""
        if self._task is not None:
            work.close()
            raise self._busy
        task = self._task = asyncio.ensure_future(work)
        task.add_done_callback(self._forget)
        try:
            return await asyncio.shield(task)
        except (asyncio.CancelledError, SignedOutError, LockedError):
            if not self._is_ended:
                raise
            raise self._ended from None

    def _forget(self, _task: "asyncio.Task[Any]") -> None:
        self._task = None

    def end(self) -> None:
        """Cuts off what goes on: the session is over."""
        self._is_ended = True
        if self._task is not None:
            self._task.cancel()
