"""What the page has on screen: the open conversation, how far back it was given, which alarms it was told."""

from collections.abc import Sequence
from uuid import UUID

from balon_client.conversations import Conversation
from balon_client.messages import Message
from balon_client.parts import Parts
from balon_client.people import People
from balon_client.views import View, conversation_state, message_view


class Screen:
    """Tells the page what it needs, and nothing twice."""

    def __init__(self, parts: Parts, people: People) -> None:
        self._events = parts.events
        self._own_id = parts.account.user_id
        self._names = people.name_of
        self._open: UUID | None = None
        self._turn = 0
        self._given: dict[UUID, int] = {}
        self._reported: set[tuple[UUID, str]] = set()
        self._told: View = {}

    # --- The open conversation ---

    def is_open(self, conversation_id: UUID) -> bool:
        """Whether it is the conversation on screen."""
        return conversation_id == self._open

    def begin_opening(self) -> int:
        """Closes what is open, since another conversation comes; gives the turn that `open` asks for."""
        self._open = None
        self._turn += 1
        return self._turn

    def is_turn(self, turn: int) -> bool:
        """Whether nothing else was opened or closed since `begin_opening` gave this turn."""
        return turn == self._turn

    def open(self, conversation: Conversation, first_position: int) -> None:
        """Opens a conversation. The page gets a snapshot: no text of a reply that waits may be told again."""
        self._events.drop_replies(conversation.id)
        self._open = conversation.id
        self._told = conversation_state(conversation)
        self._given[conversation.id] = first_position
        self._reported |= {(conversation.id, code) for code in conversation.alarms}

    def close(self) -> None:
        """Closes what is open, and whatever is being opened."""
        self.begin_opening()

    def forget(self, conversation_id: UUID) -> None:
        """Forgets a conversation that is gone."""
        self._given.pop(conversation_id, None)
        if self.is_open(conversation_id):
            self.close()

    # --- How far back ---

    def given(self, conversation_id: UUID, otherwise: int) -> int:
        """The oldest position that the page was given."""
        return self._given.get(conversation_id, otherwise)

    def give(self, conversation_id: UUID, page: Sequence[Message]) -> list[View]:
        """Views of a page of messages, older than those given before."""
        if page:
            self._given[conversation_id] = page[0].position
        return [self.view(message) for message in page]

    # --- Telling ---

    def view(self, message: Message) -> View:
        """A message as the page gets it."""
        return message_view(message, self._own_id, self._names)

    def show(self, conversation: Conversation, view: View) -> None:
        """Tells the page of a message, if its conversation is on screen."""
        if self.is_open(conversation.id):
            self._events.publish("message", conversation_id=str(conversation.id), message=view)

    def tell(self, conversation: Conversation) -> None:
        """Tells the page what became of the open conversation, besides its messages."""
        state = conversation_state(conversation)
        if self.is_open(conversation.id) and state != self._told:
            self._told = state
            self._events.publish("conversation", conversation_id=str(conversation.id), **state)

    def report(self, conversation: Conversation) -> None:
        """Tells the page of alarms that it has not heard of."""
        for code, alarm in conversation.alarms.items():
            if (conversation.id, code) not in self._reported:
                self._reported.add((conversation.id, code))
                self._events.publish_alarm(alarm.problem, conversation.id)
        self.tell(conversation)
