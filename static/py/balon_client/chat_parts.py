"""What reading, writing and naming work with, besides the parts of the session."""

from dataclasses import dataclass
from uuid import UUID

from balon_client.conversations import Conversation
from balon_client.histories import Histories
from balon_client.inference import Gateway
from balon_client.library import Library
from balon_client.meta_writing import MetaWriter
from balon_client.parts import Parts
from balon_client.people import People
from balon_client.problems import ConversationGoneError, InvitedError
from balon_client.roster_writing import RosterWriter
from balon_client.screen import Screen
from balon_client.sending import Sender
from balon_client.streams import Streams


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatParts:
    """The conversations of one signed-in session, taken apart by noun."""

    parts: Parts
    gateway: Gateway
    library: Library
    people: People
    rosters: RosterWriter
    metas: MetaWriter
    screen: Screen
    histories: Histories
    sender: Sender
    streams: Streams

    def known(self, conversation_id: UUID) -> Conversation:
        """A conversation that this tab knows.

        Raises:
            ConversationGoneError: It knows none.
        """
        conversation = self.library.get(conversation_id)
        if conversation is None:
            raise ConversationGoneError
        return conversation

    def joined(self, conversation_id: UUID) -> Conversation:
        """A conversation that this tab knows and this person has joined.

        Raises:
            ConversationGoneError: It knows none.
            InvitedError: They are only invited to it.
        """
        conversation = self.known(conversation_id)
        if conversation.is_invitation:
            raise InvitedError
        return conversation

    async def verified(self, conversation_id: UUID) -> Conversation:
        """A conversation without known alarms; one with alarms is fetched and judged anew."""
        known = self.library.get(conversation_id)
        if known is None or known.alarms:
            return await self.library.fetch(conversation_id, anew=True)
        return known
