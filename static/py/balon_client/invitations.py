"""Joining and leaving: invitations accepted or declined, conversations left (docs/worker.md; decision 4)."""

import contextlib

from balon.protocol.roster import RosterOp
from balon_client.arguments import parse_id
from balon_client.chat_parts import ChatParts
from balon_client.conversations import Conversation
from balon_client.entries import Deed
from balon_client.errors import ProblemError
from balon_client.pins import new_people, pin_contact
from balon_client.problems import ConversationGoneError, LastOwnerError
from balon_client.roster_writing import Plan

_GONE = 404


class Invitations:
    """The calls of whoever comes in or goes."""

    def __init__(self, chat: ChatParts) -> None:
        self._chat = chat
        self._account = chat.parts.account
        self._keyring = chat.parts.keyring
        self._library = chat.library

    async def accept_invitation(self, raw_id: object) -> None:
        """Joins a conversation. From here on its people are contacts, pinned with the keys that its roster shows.

        Raises:
            KeyChangedError: Somebody in it has other keys than the pinned ones.
            NotWritableError: It does not hold.
        """
        self._keyring.verify_current()
        conversation = self._chat.known(parse_id(raw_id))
        if not conversation.is_invitation:
            return
        conversation.verify_sound()
        self._pin(conversation)
        await self._chat.rosters.change(conversation, _while_invited(RosterOp.ACCEPT))
        self._library.publish()

    def _pin(self, conversation: Conversation) -> None:
        if conversation.followed is None:
            return
        people = new_people(conversation.followed, self._keyring.content, self._account.user_id)
        for user_id, keys in people.items():
            login = self._chat.people.login_of(user_id)
            self._keyring.change(pin_contact(user_id, keys, self._chat.parts.now_ms(), login))

    async def decline_invitation(self, raw_id: object) -> None:
        """Refuses an invitation; whoever invited may go on without this person."""
        conversation = self._chat.known(parse_id(raw_id))
        if conversation.is_invitation:
            await self._go(conversation, _while_invited(RosterOp.DECLINE))

    async def leave(self, raw_id: object) -> None:
        """Leaves a conversation. Nothing is sealed under its present key again, though nobody makes another now.

        Raises:
            LastOwnerError: It would be left without an owner.
        """
        await self._go(self._chat.joined(parse_id(raw_id)), self._plan_leaving)

    def _plan_leaving(self, conversation: Conversation) -> Deed | None:
        if conversation.role is None:
            return None
        if conversation.roster is not None and conversation.roster.owners == {self._account.user_id}:
            raise LastOwnerError
        return Deed(op=RosterOp.LEAVE)

    async def _go(self, conversation: Conversation, plan: Plan) -> None:
        """Posts the last entry of this person; one that was posted before an answer was lost counts."""
        self._keyring.verify_current()
        with contextlib.suppress(ConversationGoneError):
            try:
                await self._chat.rosters.change(conversation, plan)
            except ProblemError as error:
                if error.status != _GONE:
                    raise
        self._library.forget(conversation.id)


def _while_invited(op: RosterOp) -> Plan:
    return lambda conversation: Deed(op=op) if conversation.is_invitation else None
