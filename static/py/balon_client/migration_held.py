"""Encrypted conversations of a migration before Finish: begun, found again, checked (docs/protocol.md section 12).

The server holds them back from the list, and here they are kept apart too: nobody writes where a Roll back deletes.
"""

from functools import partial
from typing import TYPE_CHECKING, Final
from uuid import UUID

from balon_client.alarms import AnswerError, ConversationError
from balon_client.chat_parts import ChatParts
from balon_client.conversation_records import ConversationRecord, MetaRecord
from balon_client.conversations import Conversation
from balon_client.creating import NewConversation, create_conversation
from balon_client.errors import ProblemError
from balon_client.history import LARGE_PAGE, History
from balon_client.import_writing import MAX_REMEMBERED
from balon_client.imports import Source
from balon_client.imports.identifiers import Identifiers
from balon_client.imports.values import title_of
from balon_client.keyring_model import Seen, note_meta, note_roster
from balon_client.meta_envelopes import open_metas, seal_meta
from balon_client.metas import Meta
from balon_client.migration_lease import Lease
from balon_client.migration_problems import (
    LegacyRowsError,
    MigrationFullError,
    MigrationLostError,
    NotStoredError,
)
from balon_client.migration_records import LegacyConversation, LegacyRow

if TYPE_CHECKING:
    from balon_client.keyring_model import KeyringContent

_NOT_FOUND: Final = 404
_CONFLICT: Final = 409


def raise_alarm(conversation: Conversation) -> None:
    """Raises what does not hold of a conversation."""
    for alarm in conversation.alarms.values():
        raise alarm


class HeldConversations:
    """Makes and finds the encrypted conversations, for one session and under one key of identifiers."""

    def __init__(self, chat: ChatParts, lease: Lease, id_key: bytes) -> None:
        self._chat = chat
        self._parts = chat.parts
        self._api = chat.parts.api
        self._lease = lease
        self._identifiers = Identifiers(id_key, Source.LEGACY)

    def id_of(self, legacy: LegacyConversation) -> UUID:
        """The identifier that a conversation has once it is encrypted: the same on every device."""
        return self._identifiers.derive("conversation", "id", legacy.legacy_id)

    def message_id_of(self, legacy: LegacyConversation, row: LegacyRow) -> UUID:
        """The identifier that a message has once it is encrypted."""
        return self._identifiers.derive("message", "id", legacy.legacy_id, row.legacy_id)

    def seen(self, legacy: LegacyConversation) -> Seen:
        """What the keyring remembers of the encrypted conversation."""
        return self._content.seen(self.id_of(legacy))

    @property
    def _content(self) -> "KeyringContent":
        return self._parts.keyring.content

    # --- Making and finding ---

    async def open(self, legacy: LegacyConversation) -> tuple[Conversation, History]:
        """The encrypted conversation with all its messages, begun where it is not there yet.

        Raises:
            MigrationFullError: The keyring remembers no more.
            MigrationLostError: The keyring remembers it, and the server has it not.
            AlarmError: It does not hold.
            ClientError: The server refuses.
        """
        conversation_id = self.id_of(legacy)
        if legacy.conversation_id not in {None, conversation_id}:
            raise LegacyRowsError
        is_known = conversation_id in self._content.conversations
        if is_known or legacy.conversation_id is not None:
            return await self._load(await self.find(legacy))
        if len(self._content.conversations) >= MAX_REMEMBERED:
            raise MigrationFullError
        return await self._begin(legacy)

    async def _begin(self, legacy: LegacyConversation) -> tuple[Conversation, History]:
        parts = self._parts
        made = await create_conversation(parts.crypto, parts.account, self.id_of(legacy), parts.now_ms())
        self._chat.library.verifier.remember(made)
        meta = await self._seal_title(made, legacy.title)
        try:
            record = await self._lease.write(partial(self._begin_with, legacy, made, meta))
        except ProblemError as error:
            if error.status != _CONFLICT:
                raise
            # Another device, or this one before a crash or a lost answer, has begun it: then that one counts.
            return await self._load(await self.find(legacy))
        if not made.is_given_back(record) or record.meta != meta:
            raise AnswerError("conversation")
        conversation = await self._verify(record)
        return conversation, History(parts, conversation, _learn_nothing)

    async def _begin_with(
        self, legacy: LegacyConversation, made: NewConversation, meta: MetaRecord | None, lease: str
    ) -> ConversationRecord:
        return await self._api.begin_migrated(lease, legacy.id, made, meta)

    async def _seal_title(self, made: NewConversation, raw_title: str | None) -> MetaRecord | None:
        parts, title = self._parts, title_of(raw_title)
        if title is None:
            return None
        conversation = Conversation(made.id, parts.account.user_id, 0, 0)
        return await seal_meta(parts.crypto, parts.account, conversation, Meta(1, title), (0, made.key))

    async def find(self, legacy: LegacyConversation) -> ConversationRecord:
        """The encrypted conversation as the server has it."""
        conversation_id = self.id_of(legacy)
        try:
            record = await self._api.conversation(conversation_id)
        except ProblemError as error:
            if error.status != _NOT_FOUND:
                raise
            is_known = conversation_id in self._content.conversations
            raise (MigrationLostError if is_known else NotStoredError) from None
        if record.id != conversation_id:
            raise AnswerError("conversation.id")
        return record

    async def _load(self, record: ConversationRecord) -> tuple[Conversation, History]:
        conversation = await self._verify(record)
        history = History(self._parts, conversation, _learn_nothing)
        await history.load_newest(None)
        while history.has_more and not conversation.alarms:
            await history.load_older(LARGE_PAGE)
        raise_alarm(conversation)
        return conversation, history

    async def _verify(self, record: ConversationRecord) -> Conversation:
        """Verifies a conversation as any other, and that nobody else can read it."""
        pairs = await self._chat.library.verifier.verify([record], self._content)
        await open_metas(self._parts.crypto, pairs, self._content)
        ((_, conversation),) = pairs
        raise_alarm(conversation)
        if not conversation.is_alone or conversation.roster_mark is None or conversation.epoch != 0:
            raise ConversationError
        self._parts.keyring.change(note_roster(conversation.id, conversation.roster_mark))
        self._parts.keyring.change(note_meta(conversation.id, conversation.meta.version))
        return conversation

    # --- Before Finish ---

    async def verify_stored(self, legacy: LegacyConversation) -> None:
        """Checks that the server still names the last message that was read back, in its place.

        Raises:
            NotStoredError: It does not.
            AlarmError: The conversation does not hold.
        """
        record, head = await self.find(legacy), self.seen(legacy).head
        await self._verify(record)
        found = (record.head.position, record.head.envelope_hash) if record.head else None
        if found != ((legacy.messages, head.hash) if head else None):
            raise NotStoredError


async def _learn_nothing(_conversation_id: UUID) -> None:
    """Nobody joins a conversation that is held: a message that does not fit its roster never will."""
