"""Titles and settings: given by the person, or titles made of the first words after the first exchange (section 8)."""

import contextlib
from typing import TYPE_CHECKING

from balon_client.arguments import parse_id
from balon_client.chat_parts import ChatParts
from balon_client.conversations import Conversation
from balon_client.errors import ClientError
from balon_client.metas import MODES
from balon_client.problems import SettingsRefusedError
from balon_client.titles import check_title, make_title

if TYPE_CHECKING:
    from uuid import UUID


class Namer:
    """Gives conversations their titles."""

    def __init__(self, chat: ChatParts) -> None:
        self._chat = chat
        self._naming: set[UUID] = set()

    async def rename(self, raw_id: object, raw_title: object) -> None:
        """Gives a conversation a title."""
        self._chat.parts.keyring.verify_current()
        title = check_title(raw_title)
        conversation = self._chat.joined(parse_id(raw_id))
        conversation.verify_writable()
        await self._chat.metas.rename(conversation, title)
        self._chat.screen.tell(conversation)

    async def set_assistant(self, raw_id: object, mode: object) -> None:
        """Says which messages of a conversation are for the model: all, or those that mention it."""
        self._chat.parts.keyring.verify_current()
        conversation = self._chat.joined(parse_id(raw_id))
        if not isinstance(mode, str) or mode not in MODES:
            raise SettingsRefusedError
        conversation.verify_writable()
        await self._chat.metas.set_assistant(conversation, mode)
        self._chat.screen.tell(conversation)

    async def name_untitled(self, conversation: Conversation) -> None:
        """Makes a title where there is none yet. When that fails, the next reply is another occasion."""
        if conversation.meta.title is not None or not conversation.is_writable or conversation.id in self._naming:
            return
        self._naming.add(conversation.id)
        try:
            with contextlib.suppress(ClientError):
                await self._make_title(conversation)
        finally:
            self._naming.discard(conversation.id)

    async def _make_title(self, conversation: Conversation) -> None:
        history = await self._chat.histories.of(conversation)
        payloads = [message.payload for message in history.messages if message.payload]
        first = next((payload for payload in payloads if payload.role == "user"), None)
        is_answered = any(payload.role == "assistant" for payload in payloads)
        if first is not None and is_answered and (title := make_title(first.text)):
            await self._chat.metas.name(conversation, title)
