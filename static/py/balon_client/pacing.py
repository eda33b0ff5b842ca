"""How fast an import or a migration writes: below what the server takes, and again after refusals."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from balon_client.errors import NetworkError, ProblemError
from balon_client.import_problems import ServerBusyError
from balon_client.ports import Clock
from balon_client.problems import NotSentError

T = TypeVar("T")
_TOO_MANY: Final = 429
_SERVER_FAULT: Final = 500
_MOST_WAIT_S: Final = 15
"""Between tries of which the server did not say when; the first ones follow sooner."""
_LONGEST_WAIT_S: Final = 3600
_FAULTS: Final = 20


class StoppedError(Exception):
    """The person stopped it."""


class Bucket:
    """A token bucket: so many at once, then one each so many seconds."""

    def __init__(self, clock: Clock, *, burst: int, every_s: float) -> None:
        self._clock = clock
        self._burst = burst
        self._every_s = every_s
        self._tokens = float(burst)
        self._filled_s = clock.monotonic_s()

    def take(self) -> float:
        """Takes one, and gives how many seconds to wait before using it."""
        now_s = self._clock.monotonic_s()
        self._tokens = min(self._burst, self._tokens + (now_s - self._filled_s) / self._every_s)
        self._filled_s = now_s
        self._tokens -= 1
        return max(0.0, -self._tokens * self._every_s)


class Pace:
    """Spreads writes over time, and ends them when the person says so."""

    def __init__(self, clock: Clock, tell: Callable[[int], None]) -> None:
        """Begins at full speed.

        Args:
            clock: Time.
            tell: Hears of each pause that the server asks for, in seconds, and with 0 when it is over.
        """
        self._clock = clock
        self._tell = tell
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """Ends the work at its next step, however long it waits."""
        self._stop.set()

    async def write(self, bucket: Bucket, work: Callable[[], Awaitable[T]]) -> T:
        """Does one write, again and again until the server takes it or refuses it for good.

        Whatever is written twice must count once.

        Raises:
            StoppedError: The person stopped it.
            ServerBusyError: The server cannot be reached, or fails, for minutes.
            ClientError: It was refused.
        """
        await self._pause(bucket.take())
        return await self.insist(work)

    async def insist(self, work: Callable[[], Awaitable[T]]) -> T:
        """As `write`, for what has no limit but the server's own."""
        await self._pause(0)
        for fault in range(_FAULTS):
            wait_s = min(2**fault, _MOST_WAIT_S)
            try:
                return await work()
            except (NetworkError, NotSentError):
                pass
            except ProblemError as error:
                if error.status != _TOO_MANY and error.status < _SERVER_FAULT:
                    raise
                wait_s = min(error.retry_after_s or wait_s, _LONGEST_WAIT_S)
            await self.wait(wait_s)
        raise ServerBusyError

    async def wait(self, wait_s: int) -> None:
        """Waits, and tells of it."""
        self._tell(wait_s)
        try:
            await self._pause(wait_s)
        finally:
            self._tell(0)

    async def _pause(self, seconds: float) -> None:
        """Waits, unless the work is stopped meanwhile."""
        if seconds > 0 and not self._stop.is_set():
            waits = [asyncio.ensure_future(each) for each in (self._clock.sleep(seconds), self._stop.wait())]
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()
        if self._stop.is_set():
            raise StoppedError
