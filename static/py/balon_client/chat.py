"""What a signed-in person does: open, write, ask, rename, delete. Every call of docs/worker.md that needs keys."""

import asyncio
import contextlib
from typing import Any, Final
from uuid import UUID

from balon.protocol.encoding import parse_uuid
from balon.protocol.errors import EncodingError
from balon_client.conversations import Conversation
from balon_client.errors import ClientError
from balon_client.history import LARGE_PAGE, History
from balon_client.inference import Gateway, Model
from balon_client.library import Library
from balon_client.messages import Draft, Message
from balon_client.parts import Parts
from balon_client.payloads import MAX_TEXT, Payload
from balon_client.problems import (
    ConversationGoneError,
    NotSentError,
    NotWritableError,
    ReplyRunningError,
    TextRefusedError,
    TooLongError,
)
from balon_client.prompts import build_prompt, fits_more, prompt_budget
from balon_client.records import Head, StreamRecord
from balon_client.sending import Sender
from balon_client.streams import Desk, Streams
from balon_client.titles import check_title, make_title
from balon_client.views import View, conversation_view, message_view

PAGE: Final = 50
_KEPT_HISTORIES: Final = 6
_MOST_PROMPT_PAGES: Final = 5


class Chat:
    """The conversations of one signed-in session. Dropped as a whole when the session ends or is locked."""

    def __init__(self, parts: Parts, send: Any) -> None:
        self._parts = parts
        self.gateway = Gateway(parts)
        self.library = Library(parts)
        self._sender = Sender(parts)
        self._histories: dict[UUID, History] = {}
        self._seen: dict[UUID, Head] = {}
        self._given: dict[UUID, int] = {}
        self._unsent: dict[UUID, Draft] = {}
        self._unsent_new: tuple[Conversation, str] | None = None
        self._reported: set[tuple[UUID, str]] = set()
        self._open: UUID | None = None
        desk = Desk(
            send=send,
            history_of=self.history_of,
            catch_up=self.catch_up,
            show=self._show,
            is_open=lambda conversation_id: conversation_id == self._open,
            saved=self._saved,
        )
        self.streams = Streams(parts, self.gateway, self._sender, desk)

    # --- Reading ---

    async def list_conversations(self) -> list[View]:
        """The list, fetched when it was not yet."""
        if not self.library.is_loaded:
            await self.library.refresh()
        return self.library.items()

    async def open_conversation(self, raw_id: object) -> View:
        """Verifies a conversation and its newest page, and opens it in this tab."""
        conversation = await self._verified(_parse_id(raw_id))
        self._open = None
        if conversation.roster is None:
            return conversation_view(conversation, [], more=False)
        history = History(self._parts, conversation)
        seen = self._seen_of(conversation.id)
        _, streams = await asyncio.gather(history.load_newest(seen), self._streams_of(conversation))
        self._keep(conversation.id, history)
        await self.streams.follow(conversation, streams, history)
        return self._opened(conversation, history)

    async def _verified(self, conversation_id: UUID) -> Conversation:
        """A conversation without known alarms; one with alarms is judged anew."""
        known = self.library.get(conversation_id)
        if known is None or known.alarms:
            return await self.library.fetch(conversation_id, anew=True)
        return known

    async def _streams_of(self, conversation: Conversation) -> list[StreamRecord]:
        return await self._parts.api.streams(conversation.id)

    def _opened(self, conversation: Conversation, history: History) -> View:
        """The page's snapshot. No text of a reply may be told twice: what waits in the queue is in here already."""
        page = history.messages[-PAGE:]
        self._given[conversation.id] = page[0].position if page else 1
        views = [self._view(message) for message in page]
        running = [each for each in self.streams.running_in(conversation.id) if each.stream_id not in history]
        self._parts.events.drop_replies(conversation.id)
        self._open = conversation.id
        self._reported |= {(conversation.id, code) for code in conversation.alarms}
        more = history.has_more or len(history.messages) > len(page)
        return conversation_view(conversation, [*views, *(each.view() for each in running)], more=more)

    def _seen_of(self, conversation_id: UUID) -> Head | None:
        known = self._histories.get(conversation_id)
        return known.newest if known and known.newest else self._seen.get(conversation_id)

    async def older_messages(self, raw_id: object) -> dict[str, Any]:
        """The page before those that the page was given."""
        conversation = self._known(_parse_id(raw_id))
        history = await self.history_of(conversation)
        given = self._given.get(conversation.id, history.chain.low)
        older = [message for message in history.messages if message.position < given]
        if not older and history.has_more:
            await history.load_older()
            older = [message for message in history.messages if message.position < given]
        page = older[-PAGE:]
        self._given[conversation.id] = page[0].position if page else given
        self._report(conversation)
        more = history.has_more or len(older) > len(page)
        return {"messages": [self._view(message) for message in page], "more": more}

    async def close_conversation(self) -> None:
        """Closes the open conversation; its replies go on."""
        self._open = None

    async def history_of(self, conversation: Conversation) -> History:
        """The messages of a conversation, the newest page loaded."""
        known = self._histories.get(conversation.id)
        if known is not None:
            return known
        history = History(self._parts, conversation)
        await history.load_newest(self._seen.get(conversation.id))
        self._report(conversation)
        return self._histories.get(conversation.id) or self._keep(conversation.id, history)

    def _keep(self, conversation_id: UUID, history: History) -> History:
        self._histories.pop(conversation_id, None)
        self._histories[conversation_id] = history
        spare = [id_ for id_ in self._histories if id_ != self._open and not self.streams.running_in(id_)]
        for id_ in spare[: max(0, len(self._histories) - _KEPT_HISTORIES)]:
            if newest := self._histories.pop(id_).newest:
                self._seen[id_] = newest
        return history

    async def catch_up(self, conversation: Conversation) -> History:
        """Loads what is new in a conversation, and shows it."""
        history = await self.history_of(conversation)
        new = await history.load_newer()
        for message in new:
            self.streams.forget(message.id)
            self._show(conversation, self._view(message))
            self.library.touch(conversation, message.created_ms)
        self._report(conversation)
        if new:
            self.library.publish()
        return history

    # --- Writing ---

    async def send(self, raw_id: object, text: object, model_id: object) -> dict[str, str]:
        """Saves a message and puts its prompt on the way to the gateway.

        The gateway is verified first: after an alarm about it not even the message is stored (A51).
        """
        checked = _check_text(text)
        model = await self._model(model_id)
        if len(checked) > prompt_budget(model.context_tokens):
            raise TooLongError
        conversation = await self._target(raw_id, checked)
        history = await self.history_of(conversation)
        message = await self._post(conversation, history, checked, model)
        reply_id = await self._ask(conversation, history, message, model)
        return {"conversation_id": str(conversation.id), "message_id": str(message.id), "reply_id": str(reply_id)}

    async def _model(self, model_id: object) -> Model:
        key = await self.gateway.key()
        if model_id is None and key.models:
            offered = {model.id for model in key.models}
            chosen = self._parts.keyring.content.settings.model
            return key.find_model(chosen if chosen in offered else key.models[0].id)
        return key.find_model(model_id)

    async def _target(self, raw_id: object, text: str) -> Conversation:
        if raw_id is None:
            return await self._new_conversation(text)
        conversation = self.library.get(_parse_id(raw_id)) or await self._verified(_parse_id(raw_id))
        self._check_writable(conversation)
        return conversation

    def _check_writable(self, conversation: Conversation) -> None:
        if not conversation.is_writable or not conversation.may_write(self._parts.account.user_id):
            raise NotWritableError
        if any(running.is_streaming for running in self.streams.running_in(conversation.id)):
            raise ReplyRunningError

    async def _new_conversation(self, text: str) -> Conversation:
        """Makes a conversation; one whose first message was not sent is used for the same message again."""
        if self._unsent_new and self._unsent_new[1] == text and self._unsent_new[0].is_writable:
            return self._unsent_new[0]
        conversation = await self.library.create()
        self._unsent_new = (conversation, text)
        self._open = conversation.id
        self._given[conversation.id] = 1
        self._keep(conversation.id, History(self._parts, conversation))
        return conversation

    async def _post(self, conversation: Conversation, history: History, text: str, model: Model) -> Message:
        """Posts a person's message. One that may or may not have been stored keeps its id when it is sent again."""
        draft = self._unsent.get(conversation.id)
        if draft is None or draft.payload.text != text:
            newest = history.messages[-1].id if history.messages else None
            payload = Payload(role="user", text=text, parent=newest, model=model.id)
            draft = Draft(self._parts.platform.random.uuid7(), self._parts.now_ms(), payload)
        self._unsent[conversation.id] = draft
        try:
            message = await self._sender.post(conversation, history, draft)
        except ClientError as error:
            if not isinstance(error, NotSentError):
                self._unsent.pop(conversation.id, None)
            self._report(conversation)
            raise
        self._unsent.pop(conversation.id, None)
        self._unsent_new = None
        self._show(conversation, self._view(message))
        self.library.touch(conversation, message.created_ms)
        return message

    async def _ask(self, conversation: Conversation, history: History, message: Message, model: Model) -> UUID:
        budget = prompt_budget(model.context_tokens)
        for _ in range(_MOST_PROMPT_PAGES):
            if not history.has_more or not fits_more(history.messages, budget):
                break
            await history.load_older(LARGE_PAGE)
        self._report(conversation)
        self._check_writable(conversation)
        asked = [each for each in history.messages if each.position <= message.position]
        prompt = build_prompt(asked, budget, self._parts.account.user_id)
        reply_id = await self.streams.ask(conversation, model, prompt, message.id)
        self.library.publish()
        return reply_id

    async def ask_again(self, raw_id: object, model_id: object) -> dict[str, str]:
        """Asks for a new reply to the newest message of a person."""
        model = await self._model(model_id)
        conversation = await self._target(raw_id, "")
        history = await self.history_of(conversation)
        question = _newest_question(history)
        while question is None and history.has_more:
            await history.load_older(LARGE_PAGE)
            question = _newest_question(history)
        if question is None:
            raise TextRefusedError
        return {"reply_id": str(await self._ask(conversation, history, question, model))}

    async def stop(self, raw_id: object, raw_reply_id: object) -> None:
        """Asks the gateway to stop a reply."""
        conversation_id, stream_id = _parse_id(raw_id), _parse_id(raw_reply_id)
        if any(running.stream_id == stream_id for running in self.streams.running_in(conversation_id)):
            await self.streams.stop(stream_id)

    async def rename(self, raw_id: object, raw_title: object) -> None:
        """Gives a conversation a title."""
        title = check_title(raw_title)
        conversation = self._known(_parse_id(raw_id))
        if not conversation.is_writable:
            raise NotWritableError
        await self.library.rename(conversation, title)

    async def delete(self, raw_id: object) -> None:
        """Deletes a conversation."""
        conversation_id = _parse_id(raw_id)
        await self.library.delete(conversation_id)
        self.drop(conversation_id)

    def drop(self, conversation_id: UUID) -> None:
        """Forgets what this tab holds of a conversation that is gone."""
        for running in self.streams.running_in(conversation_id):
            self.streams.forget(running.stream_id)
        self._histories.pop(conversation_id, None)
        self._seen.pop(conversation_id, None)
        self._open = None if self._open == conversation_id else self._open

    # --- Describing ---

    async def safety(self, raw_id: object) -> dict[str, Any]:
        """Who can read a conversation, and where its plaintext exists."""
        conversation = self._known(_parse_id(raw_id))
        own_id = self._parts.account.user_id
        members = conversation.roster.members.values() if conversation.roster else ()
        return {
            "members": [
                {
                    "user_id": str(member.user_id),
                    "name": self._parts.account.login if member.user_id == own_id else str(member.user_id),
                    "you": member.user_id == own_id,
                    "role": str(member.role),
                }
                for member in members
            ],
            "epoch": conversation.epoch,
            "gateway": {"fingerprint": self.gateway.pinned()["fingerprint"]},
            "plaintext_places": list(PLAINTEXT_PLACES),
        }

    def _known(self, conversation_id: UUID) -> Conversation:
        conversation = self.library.get(conversation_id)
        if conversation is None:
            raise ConversationGoneError
        return conversation

    # --- Telling the page ---

    def _view(self, message: Message) -> View:
        return message_view(message, (self._parts.account.user_id, self._parts.account.login))

    def _show(self, conversation: Conversation, view: View) -> None:
        if conversation.id == self._open:
            self._parts.events.publish("message", conversation_id=str(conversation.id), message=view)

    def _report(self, conversation: Conversation) -> None:
        """Tells the page of alarms that it has not heard of."""
        for code, alarm in conversation.alarms.items():
            if (conversation.id, code) not in self._reported:
                self._reported.add((conversation.id, code))
                self._parts.events.publish_alarm(alarm.problem, conversation.id)

    async def _saved(self, conversation: Conversation, message: Message) -> None:
        self._show(conversation, self._view(message))
        self.library.touch(conversation, message.created_ms)
        self.library.publish()
        if conversation.title is None and conversation.is_writable:
            with contextlib.suppress(ClientError):
                await self._make_title(conversation)

    async def _make_title(self, conversation: Conversation) -> None:
        """After the first exchange: the first words of its first message (section 8)."""
        history = await self.history_of(conversation)
        first = next((m for m in history.messages if m.payload and m.payload.role == "user"), None)
        if first is not None and first.payload is not None and (title := make_title(first.payload.text)):
            await self.library.rename(conversation, title)

    def close(self) -> None:
        """Drops everything; what is not saved yet is resumed by the next session."""
        self.streams.close()
        self._histories.clear()
        self._open = None

    # --- In step with the server ---

    @property
    def open_conversations(self) -> list[Conversation]:
        """The conversations whose messages this tab holds, the open one among them."""
        return [known for id_ in self._histories if (known := self.library.get(id_)) is not None]

    async def follow_streams(self, conversation: Conversation) -> None:
        """Follows what is being answered in a conversation, unless this tab asked for it itself."""
        if conversation.alarms or any(running.is_streaming for running in self.streams.running_in(conversation.id)):
            return
        if records := await self._streams_of(conversation):
            await self.streams.follow(conversation, records, await self.catch_up(conversation))
            self.library.publish()


PLAINTEXT_PLACES: Final = (
    "In this browser, while you are signed in and Balon is not locked.",
    (
        "In the memory of the inference gateway, while it answers: it reads the messages that are sent with a question "
        "and writes the reply. It keeps and logs neither."
    ),
)


def _newest_question(history: History) -> Message | None:
    return next((m for m in reversed(history.messages) if m.payload and m.payload.role == "user"), None)


def _parse_id(raw: object) -> UUID:
    try:
        return parse_uuid(raw if isinstance(raw, str) else "")
    except EncodingError:
        raise ConversationGoneError from None


def _check_text(raw: object) -> str:
    text = raw.strip() if isinstance(raw, str) else ""
    if not text:
        raise TextRefusedError
    if len(text) > MAX_TEXT:
        raise TooLongError
    try:
        text.encode()
    except UnicodeEncodeError:
        raise TextRefusedError("This text cannot be sent.", "It holds half of a character.") from None
    return text
