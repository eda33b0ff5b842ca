"""Lets a limited number of replies run, a limited number wait, and turns the rest away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from inference.errors import ReplyError


class Turnstile:
    """Counts replies that run and replies that wait."""

    def __init__(self, *, running: int, waiting: int, waiting_s: float) -> None:
        self._places = asyncio.Semaphore(running)
        self._max_waiting = waiting
        self._waiting_s = waiting_s
        self._waiting = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Holds a place while the block runs; waits for one, in the order of arrival.

        Raises:
            ReplyError: `busy`: too many wait already, or no place became free in time.
        """
        await self._enter()
        try:
            yield
        finally:
            self._places.release()

    async def _enter(self) -> None:
        if self._places.locked() and self._waiting >= self._max_waiting:
            raise ReplyError("busy")
        self._waiting += 1
        try:
            async with asyncio.timeout(self._waiting_s):
                await self._places.acquire()
        except TimeoutError:
            raise ReplyError("busy") from None
        finally:
            self._waiting -= 1
