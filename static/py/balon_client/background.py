"""Work that no call of the page waits for."""

import asyncio
from collections.abc import Awaitable, Callable

from balon_client.errors import ClientError, NetworkError, ProblemError
from balon_client.events import Events

Steps = list[Callable[[], Awaitable[None]]]


class Background:
    """Tasks that end with their owner. The network's failures pass, every other refusal becomes an alarm."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._tasks: set[asyncio.Future[object]] = set()

    def spawn(self, work: Awaitable[object]) -> None:
        """Begins some work."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._end)

    def _end(self, task: "asyncio.Future[object]") -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is None or isinstance(error, (NetworkError, ProblemError)):
            return
        if isinstance(error, ClientError):
            self._events.publish_alarm(error.problem)
            return
        task.get_loop().call_exception_handler({"message": "Background work failed.", "exception": error})

    def close(self) -> None:
        """Cancels all of it, but for the task that closes."""
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()


async def attempt_all(steps: Steps) -> list[BaseException | None]:
    """Does every step in order, whatever fails; gives what went wrong with each."""
    outcomes: list[BaseException | None] = []
    for step in steps:
        outcome: object = (await asyncio.gather(step(), return_exceptions=True))[0]
        outcomes.append(outcome if isinstance(outcome, BaseException) else None)
    return outcomes
