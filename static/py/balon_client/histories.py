"""The histories that a tab holds: a few, and of the others what must still be there when they are loaded again."""

from collections.abc import Callable
from typing import Final
from uuid import UUID

from balon_client.conversation_records import Head
from balon_client.conversations import Conversation
from balon_client.history import History, Learn
from balon_client.inference import Gateway
from balon_client.parts import Parts
from balon_client.screen import Screen

_KEPT: Final = 6


class Histories:
    """Keeps the histories of the conversations that were used last."""

    def __init__(
        self, parts: Parts, screen: Screen, gateway: Gateway, *, is_busy: Callable[[UUID], bool], learn: Learn
    ) -> None:
        """Begins with none.

        Args:
            parts: The session.
            screen: Tells which conversation is open; that one is kept.
            gateway: Confirms replies.
            is_busy: Whether a reply is coming in a conversation; such a one is kept too.
            learn: Fetches a conversation whose messages do not fit what is known of it.
        """
        self._parts = parts
        self._screen = screen
        self._gateway = gateway
        self._is_busy = is_busy
        self._learn = learn
        self._histories: dict[UUID, History] = {}
        self._seen: dict[UUID, Head] = {}

    @property
    def conversation_ids(self) -> list[UUID]:
        """Whose histories are held."""
        return list(self._histories)

    def get(self, conversation_id: UUID) -> History | None:
        """A history that is held."""
        return self._histories.get(conversation_id)

    async def of(self, conversation: Conversation) -> History:
        """The messages of a conversation, the newest page loaded."""
        known = self._histories.get(conversation.id)
        if known is not None:
            return known
        history = await self.load(conversation)
        self._screen.report(conversation)
        return self._histories.get(conversation.id) or self.keep(conversation.id, history)

    async def load(self, conversation: Conversation) -> History:
        """Loads a history anew. What this tab saw of it before must still be there; keep it with `keep`."""
        await self._gateway.meet()
        history = History(self._parts, conversation, self._learn)
        await history.load_newest(self._newest_seen(conversation.id))
        return history

    def begin(self, conversation: Conversation) -> History:
        """The empty history of a conversation that was made here."""
        return self.keep(conversation.id, self.make(conversation))

    def make(self, conversation: Conversation) -> History:
        """An empty history that is not kept."""
        return History(self._parts, conversation, self._learn)

    def _newest_seen(self, conversation_id: UUID) -> Head | None:
        known = self._histories.get(conversation_id)
        return known.newest if known and known.newest else self._seen.get(conversation_id)

    def keep(self, conversation_id: UUID, history: History) -> History:
        """Keeps a history as the one used last, and lets go of those that nobody uses."""
        self._histories.pop(conversation_id, None)
        self._histories[conversation_id] = history
        spare = [id_ for id_ in self._histories if not self._screen.is_open(id_) and not self._is_busy(id_)]
        for id_ in spare[: max(0, len(self._histories) - _KEPT)]:
            if newest := self._histories.pop(id_).newest:
                self._seen[id_] = newest
        return history

    def forget(self, conversation_id: UUID) -> None:
        """Forgets a conversation that is gone."""
        self._histories.pop(conversation_id, None)
        self._seen.pop(conversation_id, None)

    def clear(self) -> None:
        """Drops every text."""
        self._histories.clear()
        self._seen.clear()
