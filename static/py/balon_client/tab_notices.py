"""What tabs tell each other: that the shared session record is worth a look. Nothing said is believed (section 11)."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from balon_client.errors import ClientError
from balon_client.events import Events
from balon_client.ports import Tabs

Notice = Literal["signed-in", "unlocked", "locked", "signed-out", "times", "account-changed"]


class TabNotices:
    """Tells the other tabs, and hears them one notice after the other."""

    def __init__(self, tabs: Tabs, events: Events, hear: Callable[[Any, Any], Awaitable[None]]) -> None:
        """Begins nothing yet; `start` does.

        Args:
            tabs: The port.
            events: Where a refusal is shown.
            hear: Takes a notice's kind and session id, which may be anything.
        """
        self._tabs = tabs
        self._events = events
        self._hear = hear
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to listen; harmless twice."""
        if self._task is None:
            self._task = asyncio.ensure_future(self._listen())

    def tell(self, kind: Notice, session_id: str | None) -> None:
        """Sends a notice to all other tabs."""
        self._tabs.post({"type": kind, "session_id": session_id})

    async def _listen(self) -> None:
        while True:
            for message in await self._tabs.receive():
                try:
                    await self._hear(message.get("type"), message.get("session_id"))
                except ClientError as error:
                    self._events.publish_alarm(error.problem)

    def close(self) -> None:
        """Listens no more."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
