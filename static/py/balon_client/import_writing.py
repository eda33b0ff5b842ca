"""One imported conversation, made and written as any other (docs/imports.md).

What was written before is found again by its identifiers, so a second run goes on where the first one ended.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final
from uuid import UUID

from balon_client.chat_parts import ChatParts
from balon_client.conversations import Conversation
from balon_client.errors import ProblemError
from balon_client.history import LARGE_PAGE, History
from balon_client.import_marks import note_import
from balon_client.import_problems import ImportChangedError, ImportFullError, ImportSharedError
from balon_client.imported_drafts import make_drafts
from balon_client.imports import ImportedConversation, Source
from balon_client.keyring_model import note_read
from balon_client.messages import Draft
from balon_client.meta_writing import MetaWriter
from balon_client.pacing import Bucket, Pace
from balon_client.sending import Sender

MAX_REMEMBERED: Final = 1600
"""Conversations that a keyring remembers in the 512 KiB that the server takes, with room for contacts."""
_CONFLICT: Final = 409


class ImportWriter:
    """Writes conversations of one file, one after the other.

    The server's limits (docs/operations.md) are 600 conversations an hour and 1200 messages a minute for everything
    that a person does: an import takes less, so that they can go on meanwhile.
    """

    def __init__(self, chat: ChatParts, source: Source, pace: Pace) -> None:
        parts = chat.parts
        quiet = parts.events.branch()
        quiet.close()  # The page hears of progress, not of each message that is saved.
        self._chat = chat
        self._parts = parts
        self._source = source
        self._pace = pace
        self._sender = Sender(replace(parts, events=quiet), chat.library, chat.rosters)
        self._metas = MetaWriter(parts, chat.library, chat.rosters, publish=lambda: None)
        clock = parts.platform.clock
        self._conversations = Bucket(clock, burst=200, every_s=10)
        self._messages = Bucket(clock, burst=300, every_s=1 / 14)

    async def write(self, imported: ImportedConversation, written: Callable[[], None]) -> None:
        """Writes what is not there yet.

        Args:
            imported: What the conversation must hold.
            written: Hears of each message that is there.

        Raises:
            StoppedError: The person stopped the import.
            ImportFullError: The keyring remembers no more conversations.
            ImportChangedError: Other messages were written in it.
            ImportSharedError: Somebody else is in it.
            ClientError: It does not hold, or the server refuses.
        """
        conversation, is_new = await self._conversation(imported.id)
        _verify_alone(conversation)
        if imported.title:
            await self._pace.write(self._messages, lambda: self._metas.name(conversation, imported.title or ""))
        history = await self._history(conversation, is_new=is_new)
        for place, draft in enumerate(make_drafts(imported.messages, self._source, self._parts.now_ms())):
            await self._post(conversation, history, place, draft)
            written()
        self._note(conversation, len(imported.messages))

    # --- The conversation ---

    async def _conversation(self, conversation_id: UUID) -> tuple[Conversation, bool]:
        """The conversation, made where nobody here ever saw it; and whether it was made now."""
        remembered = self._parts.keyring.content.conversations
        if conversation_id in remembered or self._chat.library.get(conversation_id):
            return await self._chat.verified(conversation_id), False
        if len(remembered) >= MAX_REMEMBERED:
            raise ImportFullError
        return await self._pace.write(self._conversations, lambda: self._create(conversation_id))

    async def _create(self, conversation_id: UUID) -> tuple[Conversation, bool]:
        """Another device, or this one before a crash, may have made it: then that one holds, if it is this person's."""
        try:
            return await self._chat.library.create(conversation_id), True
        except ProblemError as error:
            if error.status != _CONFLICT:
                raise
        return await self._chat.library.fetch(conversation_id), False

    async def _history(self, conversation: Conversation, *, is_new: bool) -> History:
        if is_new:
            return self._chat.histories.make(conversation)
        return await self._pace.write(self._messages, lambda: self._load(conversation))

    async def _load(self, conversation: Conversation) -> History:
        history = await self._chat.histories.load(conversation)
        while history.has_more and not conversation.alarms:
            await history.load_older(LARGE_PAGE)
        conversation.verify_writable()
        return history

    # --- Its messages ---

    async def _post(self, conversation: Conversation, history: History, place: int, draft: Draft) -> None:
        """Puts a message at its place, unless it is there."""
        before = history.messages
        if place < len(before):
            if before[place].id != draft.message_id:
                raise ImportChangedError
            return
        _verify_alone(conversation)
        message = await self._pace.write(self._messages, lambda: self._sender.post(conversation, history, draft))
        if history.messages[place].id != message.id:
            raise ImportChangedError

    def _note(self, conversation: Conversation, messages: int) -> None:
        self._chat.library.touch(conversation, self._parts.now_ms())
        self._parts.keyring.change(note_import(conversation.id, messages))
        self._parts.keyring.change(note_read(conversation.id, conversation.head_position))


def _verify_alone(conversation: Conversation) -> None:
    """Nobody else may read what a file holds, whoever the server says made the conversation."""
    conversation.verify_writable()
    if not conversation.is_alone:
        raise ImportSharedError
