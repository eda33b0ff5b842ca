"""What a signed-in person does: every call of docs/worker.md that needs keys, and what the server's notices cause."""

from collections.abc import Awaitable, Callable
from typing import Any, Final
from uuid import UUID

from balon_client.arguments import parse_id
from balon_client.chat_parts import ChatParts
from balon_client.conversations import Conversation
from balon_client.errors import ProblemError
from balon_client.exporting import Exporter
from balon_client.histories import Histories
from balon_client.history import History
from balon_client.importing import Importer
from balon_client.inference import Gateway
from balon_client.invitations import Invitations
from balon_client.library import Library
from balon_client.members import Members
from balon_client.messages import Message
from balon_client.meta_writing import MetaWriter
from balon_client.migration import MIGRATION_CALLS, Migrator
from balon_client.naming import Namer
from balon_client.parts import Parts
from balon_client.people import People
from balon_client.presence import Presence
from balon_client.problems import ConversationGoneError
from balon_client.reading import Reader
from balon_client.roster_writing import RosterWriter
from balon_client.safety import describe_safety
from balon_client.screen import Screen
from balon_client.sending import Sender
from balon_client.streams import Desk, Streams
from balon_client.writing import Writer

_GONE: Final = 404

CHAT_CALLS: Final = (
    "list_conversations",
    "older_conversations",
    "open_conversation",
    "older_messages",
    "close_conversation",
    "send",
    "ask_again",
    "stop",
    "rename",
    "delete_conversation",
    "members",
    "find_person",
    "invite",
    "remove_member",
    "change_role",
    "leave",
    "accept_invitation",
    "decline_invitation",
    "verify_member",
    "accept_key",
    "set_assistant",
    "presence",
    "mark_read",
    "safety",
    "models",
    "export_everything",
    "preview_import",
    "begin_import",
    "stop_import",
    *MIGRATION_CALLS,
)
"""The calls that need the keys."""


class Chat:
    """The conversations of one signed-in session. Dropped as a whole when the session ends or is locked."""

    def __init__(self, parts: Parts, send: Callable[[dict[str, Any]], Awaitable[bool]]) -> None:
        """Puts reading, writing and naming together.

        Args:
            parts: The session.
            send: Puts a message on the socket; gives False while there is none.
        """
        self._parts = parts
        people = People(parts)
        self._screen = Screen(parts, people)
        self.library = Library(parts, people, self._screen.tell)
        gateway = Gateway(parts)
        self._histories = Histories(
            parts, self._screen, gateway, is_busy=lambda id_: bool(self.streams.running_in(id_)), learn=self._learn
        )
        rosters = RosterWriter(parts, self.library, people)
        sender = Sender(parts, self.library, rosters)
        self.streams = Streams(parts, gateway, sender, self._desk(send))
        chat = ChatParts(
            parts=parts,
            gateway=gateway,
            library=self.library,
            people=people,
            rosters=rosters,
            metas=MetaWriter(parts, self.library, rosters),
            screen=self._screen,
            histories=self._histories,
            sender=sender,
            streams=self.streams,
        )
        self._chat = chat
        self._reader, self._writer, self._namer = Reader(chat), Writer(chat), Namer(chat)
        self._members, self._invitations = Members(chat), Invitations(chat)
        self.others = Presence(chat, send)
        self._exporter = Exporter(chat)
        self._importer = Importer(chat)
        self._migrator = Migrator(chat)

    def _desk(self, send: Callable[[dict[str, Any]], Awaitable[bool]]) -> Desk:
        return Desk(
            send=send,
            history_of=self._histories.of,
            catch_up=self.catch_up,
            renew=self._renew,
            show=self._screen.show,
            is_open=self._screen.is_open,
            saved=self._saved,
        )

    @property
    def calls(self) -> dict[str, Callable[..., Awaitable[object]]]:
        """The function behind each of `CHAT_CALLS`."""
        return {
            "list_conversations": self._reader.list_conversations,
            "older_conversations": self.older_conversations,
            "open_conversation": self._reader.open_conversation,
            "older_messages": self._reader.older_messages,
            "close_conversation": self._reader.close_conversation,
            "send": self._writer.send,
            "ask_again": self._writer.ask_again,
            "stop": self._writer.stop,
            "rename": self._namer.rename,
            "delete_conversation": self.delete_conversation,
            "members": self._members.members,
            "find_person": self._members.find_person,
            "invite": self._members.invite,
            "remove_member": self._members.remove_member,
            "change_role": self._members.change_role,
            "verify_member": self._members.verify_member,
            "accept_key": self._members.accept_key,
            "leave": self.leave,
            "accept_invitation": self._invitations.accept_invitation,
            "decline_invitation": self._invitations.decline_invitation,
            "set_assistant": self._namer.set_assistant,
            "presence": self.others.presence,
            "mark_read": self._reader.mark_read,
            "safety": self.safety,
            "models": self._chat.gateway.describe,
            "export_everything": self._exporter.export_everything,
            "preview_import": self._importer.preview_import,
            "begin_import": self._importer.begin_import,
            "stop_import": self._importer.stop_import,
            **self._migrator.calls,
        }

    async def older_conversations(self) -> dict[str, bool]:
        """Fetches one page further of the list."""
        return {"more": await self.library.load_older()}

    async def delete_conversation(self, raw_id: object) -> None:
        """Deletes a conversation."""
        conversation_id = parse_id(raw_id)
        await self.library.delete(conversation_id)
        self.drop(conversation_id)

    async def leave(self, raw_id: object) -> None:
        """Leaves a conversation."""
        await self._invitations.leave(raw_id)
        self.drop(parse_id(raw_id))

    async def safety(self, raw_id: object) -> dict[str, Any]:
        """Who can read a conversation, and where its plaintext exists."""
        return describe_safety(self._chat.joined(parse_id(raw_id)), self._chat.people.name_of, self._chat.gateway)

    # --- In step with the server ---

    @property
    def open_conversations(self) -> list[Conversation]:
        """The conversations whose messages this tab holds, the open one among them."""
        return [known for id_ in self._histories.conversation_ids if (known := self.library.get(id_)) is not None]

    async def catch_up(self, conversation: Conversation) -> History:
        """Loads what is new in a conversation, and shows it."""
        return await self._reader.catch_up(conversation)

    async def follow_streams(self, conversation: Conversation) -> None:
        """Follows what is being answered in a conversation, unless this tab asked for it itself.

        Where nothing is, the open conversation gets the title that a reload has cut off.
        """
        await self._reader.follow_streams(conversation)
        if self._screen.is_open(conversation.id) and not self.streams.running_in(conversation.id):
            await self._namer.name_untitled(conversation)

    async def _learn(self, conversation_id: UUID) -> None:
        """What is new of a conversation; one that is gone by now is as one whose messages are refused."""
        try:
            await self.library.fetch(conversation_id)
        except ConversationGoneError:
            raise ProblemError(_GONE, "not-found") from None

    async def _renew(self, conversation: Conversation) -> None:
        await self.library.fetch(conversation.id)
        await self._chat.rosters.renew_key(conversation)

    async def _saved(self, conversation: Conversation, message: Message) -> None:
        self._screen.show(conversation, self._screen.view(message))
        self.library.touch(conversation, message.created_ms)
        self.library.publish()
        await self._namer.name_untitled(conversation)

    def drop(self, conversation_id: UUID) -> None:
        """Forgets what this tab holds of a conversation that is gone."""
        for running in self.streams.running_in(conversation_id):
            self.streams.forget(running.stream_id)
        self._histories.forget(conversation_id)
        self._writer.forget(conversation_id)
        self._screen.forget(conversation_id)

    def is_importing(self, conversation_id: UUID) -> bool:
        """Whether this tab is writing a conversation that is not on screen: it need not be told what it wrote."""
        is_own = self._importer.is_writing(conversation_id) or self._migrator.is_moving(conversation_id)
        return is_own and not self._screen.is_open(conversation_id)

    def end_transfers(self) -> None:
        """Cuts off export, import and migration: what they hold in clear goes nowhere."""
        self._exporter.end()
        self._importer.end()
        self._migrator.end()

    def close(self) -> None:
        """Drops everything; what is not saved yet is resumed by the next session."""
        self.streams.close()
        self.others.close()
        self._histories.clear()
        self._screen.close()
