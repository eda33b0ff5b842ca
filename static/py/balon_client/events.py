"""The queue behind `next_events` (docs/worker.md): what the page is told, in order, with reply text joined."""

import asyncio
from typing import Any
from uuid import UUID

Event = dict[str, Any]
MAX_WAITING = 10_000
"""A page that never asks loses the oldest events rather than the worker its memory."""


class Events:
    """Collects events until the page asks. Text of the same reply is joined while it waits."""

    def __init__(self) -> None:
        self._waiting: list[Event] = []
        self._news = asyncio.Event()
        self._is_closed = False

    def branch(self) -> "Events":
        """A way into the same queue that can be closed: what a session still says after its end is not heard (A48)."""
        branch = Events()
        branch._waiting, branch._news = self._waiting, self._news
        return branch

    def close(self) -> None:
        """Hears nothing more from here."""
        self._is_closed = True

    def publish(self, kind: str, **fields: Any) -> None:
        """Adds an event."""
        if self._is_closed:
            return
        self._waiting.append({"type": kind, **fields})
        del self._waiting[:-MAX_WAITING]
        self._news.set()

    def publish_reply(self, conversation_id: UUID, message_id: UUID, text: str) -> None:
        """Adds text of a reply; joins the event before when it is of the same reply."""
        last = self._waiting[-1] if self._waiting and not self._is_closed else None
        if last and last["type"] == "reply" and last["message_id"] == str(message_id):
            last["text"] += text
            return
        self.publish("reply", conversation_id=str(conversation_id), message_id=str(message_id), text=text)

    def drop_replies(self, conversation_id: UUID) -> None:
        """Forgets text of replies that waits: the page is about to get the conversation with all of it."""
        kept = [e for e in self._waiting if e["type"] != "reply" or e["conversation_id"] != str(conversation_id)]
        self._waiting[:] = kept

    def publish_alarm(self, problem: dict[str, str | None], conversation_id: UUID | None = None) -> None:
        """Adds an alarm that no call of the page asked for."""
        self.publish("alarm", problem=problem, conversation_id=str(conversation_id) if conversation_id else None)

    def clear(self) -> None:
        """Forgets what waits: nothing of an ended session is shown."""
        self._waiting.clear()
        self._news.clear()

    async def next_events(self) -> list[Event]:
        """Waits for at least one event and gives all that wait."""
        while not self._waiting:
            self._news.clear()
            await self._news.wait()
        taken = self._waiting[:]
        self._waiting.clear()
        return taken
