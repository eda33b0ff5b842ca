"""Reading: the list, the open conversation, its older pages, and what is new in it."""

import asyncio
from typing import Any, Final

from balon_client.arguments import parse_id
from balon_client.chain import FIRST_POSITION
from balon_client.chat_parts import ChatParts
from balon_client.conversations import Conversation
from balon_client.history import History
from balon_client.keyring_model import note_read
from balon_client.problems import InvitedError
from balon_client.views import View, conversation_view

PAGE: Final = 50


class Reader:
    """Opens conversations for the page. Nothing is read while the keyring is not to be trusted (A14)."""

    def __init__(self, chat: ChatParts) -> None:
        self._chat = chat
        self._keyring = chat.parts.keyring
        self._api = chat.parts.api
        self._screen = chat.screen
        self._streams = chat.streams

    async def list_conversations(self) -> list[View]:
        """The list, fetched when it was not yet."""
        self._keyring.verify_current()
        if not self._chat.library.is_loaded:
            await self._chat.library.refresh()
        return self._chat.library.items()

    async def open_conversation(self, raw_id: object) -> View:
        """Verifies a conversation and its newest page, and opens it in this tab."""
        self._keyring.verify_current()
        turn = self._screen.begin_opening()
        conversation = await self._chat.verified(parse_id(raw_id))
        if conversation.is_invitation:
            raise InvitedError
        if conversation.roster is None:
            return conversation_view(conversation, [], more=False)
        history, streams, _ = await asyncio.gather(
            self._chat.histories.load(conversation),
            self._api.streams(conversation.id),
            self._chat.people.refresh_names(conversation),
        )
        self._chat.histories.keep(conversation.id, history)
        await self._streams.follow(conversation, streams, history)
        return self._opened(conversation, history, turn)

    def _opened(self, conversation: Conversation, history: History, turn: int) -> View:
        """The page's snapshot. When the person has gone on to another conversation meanwhile, that one stays open."""
        page = history.messages[-PAGE:]
        if self._screen.is_turn(turn):
            self._screen.open(conversation, page[0].position if page else FIRST_POSITION)
        running = [each for each in self._streams.running_in(conversation.id) if each.stream_id not in history]
        views = [*map(self._screen.view, page), *(each.view() for each in running)]
        more = history.has_more or len(history.messages) > len(page)
        return conversation_view(conversation, views, more=more)

    async def older_messages(self, raw_id: object) -> dict[str, Any]:
        """The page before those that the page was given."""
        self._keyring.verify_current()
        conversation = self._chat.joined(parse_id(raw_id))
        history = await self._chat.histories.of(conversation)
        given = self._screen.given(conversation.id, history.chain.low)
        older = [message for message in history.messages if message.position < given]
        if not older and history.has_more:
            await history.load_older()
            older = [message for message in history.messages if message.position < given]
        page = older[-PAGE:]
        self._screen.report(conversation)
        more = history.has_more or len(older) > len(page)
        return {"messages": self._screen.give(conversation.id, page), "more": more}

    async def close_conversation(self) -> None:
        """Closes the open conversation; its replies go on."""
        self._screen.close()

    async def mark_read(self, raw_id: object) -> None:
        """What is on screen was read."""
        conversation = self._chat.joined(parse_id(raw_id))
        history = self._chat.histories.get(conversation.id)
        if history is not None and history.chain.high:
            self._keyring.change(note_read(conversation.id, history.chain.high))
            self._chat.library.publish()

    async def catch_up(self, conversation: Conversation) -> History:
        """Loads what is new in a conversation, and shows it."""
        history = await self._chat.histories.of(conversation)
        new = await history.load_newer()
        for message in new:
            self._streams.forget(message.id)
            self._screen.show(conversation, self._screen.view(message))
            self._chat.library.touch(conversation, message.created_ms)
        self._screen.report(conversation)
        if new:
            self._chat.library.publish()
        return history

    async def follow_streams(self, conversation: Conversation) -> None:
        """Follows what is being answered in a conversation, unless this tab asked for it itself."""
        if (
            conversation.alarms
            or conversation.is_invitation
            or any(running.is_streaming for running in self._streams.running_in(conversation.id))
        ):
            return
        if records := await self._api.streams(conversation.id):
            await self._streams.follow(conversation, records, await self.catch_up(conversation))
            self._chat.library.publish()
