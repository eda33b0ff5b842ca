"""Who else is there, and who is typing: hints that are told, shown and kept nowhere (docs/api.md, socket)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from balon_client.arguments import parse_id
from balon_client.background import Background
from balon_client.chat_parts import ChatParts
from balon_client.conversations import Conversation
from balon_client.problems import SettingsRefusedError

HERE, TYPING, AWAY = "here", "typing", "away"
_AT_MOST_S: Final = {HERE: 20.0, TYPING: 2.0, AWAY: 0.0}
"""How often each is told on."""
_HERE_S: Final = 45.0
_TYPING_S: Final = 6.0


@dataclass(slots=True)
class _Seen:
    here_until_s: float
    typing_until_s: float = 0.0


class Presence:
    """Tells the others of this person, and the page of the others, in the open conversation."""

    def __init__(self, chat: ChatParts, send: Callable[[dict[str, Any]], Awaitable[bool]]) -> None:
        self._chat = chat
        self._send = send
        self._clock = chat.parts.platform.clock
        self._events = chat.parts.events
        self._background = Background(chat.parts.events)
        self._last: tuple[UUID, str, float] | None = None
        self._of: UUID | None = None
        self._seen: dict[UUID, _Seen] = {}
        self._told: list[dict[str, str]] = []

    async def presence(self, raw_id: object, state: object) -> None:
        """Tells the other members that this person is here, typing or away; of a conversation with others in it."""
        if not isinstance(state, str) or state not in _AT_MOST_S:
            raise SettingsRefusedError
        conversation = self._chat.joined(parse_id(raw_id))
        if conversation.roster is None or len(conversation.roster.members) < 2:
            return
        if self._is_news(conversation.id, state):
            self._last = (conversation.id, state, self._clock.monotonic_s())
            await self._send({"type": "presence", "conversation_id": str(conversation.id), "state": state})

    def _is_news(self, conversation_id: UUID, state: str) -> bool:
        if self._last is None or self._last[:2] != (conversation_id, state):
            return self._last is not None or state != AWAY
        return state != AWAY and self._clock.monotonic_s() - self._last[2] >= _AT_MOST_S[state]

    def hear(self, conversation_id: UUID, user_id: UUID, state: str) -> None:
        """Another member, as the server says; whoever is not on the roster is nobody."""
        conversation = self._chat.library.get(conversation_id)
        if conversation is None or not self._chat.screen.is_open(conversation_id):
            return
        if user_id == conversation.own_id or not conversation.roster or user_id not in conversation.roster.members:
            return
        self._turn_to(conversation_id)
        self._note(user_id, state)
        self._publish(conversation)

    def _turn_to(self, conversation_id: UUID) -> None:
        if conversation_id != self._of:
            self._of, self._seen, self._told = conversation_id, {}, []

    def _note(self, user_id: UUID, state: str) -> None:
        now_s = self._clock.monotonic_s()
        if state == AWAY:
            self._seen.pop(user_id, None)
        elif state in _AT_MOST_S:
            typing_until_s = now_s + _TYPING_S if state == TYPING else 0.0
            self._seen[user_id] = _Seen(now_s + _HERE_S, typing_until_s)
            self._background.spawn(self._look_again(_TYPING_S if state == TYPING else _HERE_S))
            if state == TYPING:
                self._background.spawn(self._look_again(_HERE_S))

    async def _look_again(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
        conversation = self._chat.library.get(self._of) if self._of else None
        if conversation is not None and self._chat.screen.is_open(conversation.id):
            self._publish(conversation)

    def _publish(self, conversation: Conversation) -> None:
        now_s = self._clock.monotonic_s()
        self._seen = {user_id: seen for user_id, seen in self._seen.items() if seen.here_until_s > now_s}
        people = [
            {
                "user_id": str(user_id),
                "name": self._chat.people.name_of(user_id),
                "state": TYPING if seen.typing_until_s > now_s else HERE,
            }
            for user_id, seen in self._seen.items()
        ]
        if people != self._told:
            self._told = people
            self._events.publish("presence", conversation_id=str(conversation.id), people=people)

    def close(self) -> None:
        """Shows nothing more."""
        self._background.close()
