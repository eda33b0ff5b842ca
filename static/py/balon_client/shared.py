"""Work that several callers want at the same moment, done once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Shared(Generic[T]):
    """Runs its work for the first caller; whoever calls before it is done gets the same result or the same error.

    A caller that is cancelled takes nothing from the others.
    """

    def __init__(self, work: Callable[[], Awaitable[T]]) -> None:
        self._work = work
        self._running: asyncio.Task[T] | None = None

    async def __call__(self) -> T:
        """The result of the run that goes on, or of a new one."""
        if self._running is None:
            self._running = asyncio.ensure_future(self._run())
            self._running.add_done_callback(self._end)
        return await asyncio.shield(self._running)

    async def _run(self) -> T:
        return await self._work()

    def _end(self, task: "asyncio.Task[T]") -> None:
        if self._running is task:
            self._running = None
        if not task.cancelled():
            task.exception()  # Callers that were cancelled do not ask for it.

    def renew(self) -> None:
        """Lets later callers begin a new run: what goes on may still bring what was before."""
        self._running = None
