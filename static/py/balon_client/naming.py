"""Titles of conversations: given by the person, or made of their first words after the first exchange (section 8)."""

import contextlib

from balon_client.arguments import parse_id
from balon_client.chat_parts import ChatParts
from balon_client.conversations import Conversation
from balon_client.errors import ClientError
from balon_client.problems import NotWritableError
from balon_client.titles import check_title, make_title


class Namer:
    """Gives conversations their titles."""

    def __init__(self, chat: ChatParts) -> None:
        self._chat = chat

    async def rename(self, raw_id: object, raw_title: object) -> None:
        """Gives a conversation a title."""
        self._chat.parts.keyring.verify_current()
        title = check_title(raw_title)
        conversation = self._chat.known(parse_id(raw_id))
        if not conversation.is_writable:
            raise NotWritableError
        await self._chat.library.rename(conversation, title)

    async def name_untitled(self, conversation: Conversation) -> None:
        """Makes a title where there is none yet. When that fails, the next reply is another occasion."""
        if conversation.title is None and conversation.is_writable:
            with contextlib.suppress(ClientError):
                await self._make_title(conversation)

    async def _make_title(self, conversation: Conversation) -> None:
        history = await self._chat.histories.of(conversation)
        first = next((m for m in history.messages if m.payload and m.payload.role == "user"), None)
        if first is not None and first.payload is not None and (title := make_title(first.payload.text)):
            await self._chat.library.rename(conversation, title)
