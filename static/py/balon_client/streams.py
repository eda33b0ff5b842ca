"""All replies in progress: asked, followed, resumed, stopped, saved once (docs/protocol.md section 9)."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from balon_client.conversation_records import StreamRecord
from balon_client.conversations import Conversation
from balon_client.errors import ClientError, NetworkError, ProblemError
from balon_client.history import History
from balon_client.inference import Gateway, Model
from balon_client.messages import Message, newest_question, reply_mark
from balon_client.parts import Parts
from balon_client.problems import NotSentError, reply_failure
from balon_client.prompts import PromptMessage
from balon_client.replies import Reply, ReplyState, StreamSecrets, open_stream
from balon_client.running import Question, Running
from balon_client.sending import Sender
from balon_client.views import View, reply_view

_LET_OTHERS_SAVE_S: Final = 3.0
"""How long a tab that only follows leaves the saving to the one that asked."""
_APART_S: Final = 0.5
_MOST_PLACES: Final = 20
_MOST_SUBSCRIPTIONS: Final = 5
_PASSING: Final = frozenset({429, 500, 502, 503, 504})
"""What the web tier answers while it is overloaded or restarts: the reply is kept and saved later."""
_GONE: Final = frozenset({"gone", "expired"})
_EPOCH_OVER: Final = "epoch-conflict"
_SEALINGS: Final = {"unknown-key": 1, _EPOCH_OVER: 3}
"""After which refusals a prompt is sealed again, and how often in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What the manager of replies needs of the rest of a signed-in session."""

    send: Callable[[dict[str, Any]], Awaitable[bool]]
    """Puts a message on the socket; False while there is none."""
    history_of: Callable[[Conversation], Awaitable[History]]
    """The messages of a conversation, the newest page loaded."""
    catch_up: Callable[[Conversation], Awaitable[History]]
    """Loads what is new in a conversation, and shows it."""
    renew: Callable[[Conversation], Awaitable[None]]
    """Fetches a conversation whose epoch is over, and sees that it has a key to seal under."""
    show: Callable[[Conversation, View], None]
    """Tells the page of a message of the open conversation."""
    is_open: Callable[[UUID], bool]
    saved: Callable[[Conversation, Message], Awaitable[None]]
    """Called with each reply that is stored."""


class Streams:
    """Follows replies, in whichever tab or session they were asked."""

    def __init__(self, parts: Parts, gateway: Gateway, sender: Sender, desk: Desk) -> None:
        self._parts = parts
        self._events = parts.events
        self._account = parts.account
        self._gateway = gateway
        self._sender = sender
        self._desk = desk
        self._running: dict[UUID, Running] = {}

    # --- Asking and following ---

    def running_in(self, conversation_id: UUID) -> list[Running]:
        """The replies in progress of a conversation, oldest first."""
        return [running for running in self._running.values() if running.conversation.id == conversation_id]

    async def ask(self, conversation: Conversation, model: Model, messages: list[PromptMessage], parent: UUID) -> UUID:
        """Seals a prompt and puts it on its way; gives the id of the reply.

        Raises:
            AlarmError: The gateway's key does not hold; nothing was sent.
        """
        stream_id = self._parts.platform.random.uuid7()
        reply = Reply(conversation.id, stream_id, self._account.user_id, self._parts.now_ms())
        running = Running(conversation, reply, parent, model.id, Question(model, messages))
        await self._seal(running)
        self._add(running)
        if message := running.infer_message():
            await self._desk.send(message)
        return stream_id

    async def _seal(self, running: Running) -> None:
        question = running.question
        if question is None:
            return
        prepared = await self._gateway.seal_request(
            running.conversation, question.model, question.messages, running.stream_id
        )
        running.prepared = prepared
        running.reply.begin(StreamSecrets(prepared.reply_secret, prepared.enc, prepared.request_hash))

    async def follow(self, conversation: Conversation, records: Sequence[StreamRecord], history: History) -> None:
        """Follows replies that were asked elsewhere or before a reload; those that are saved are passed over."""
        for record in records:
            if record.stream_id in self._running or record.stream_id in history:
                continue
            secrets = await open_stream(self._parts.crypto, conversation, record)
            if secrets is None or record.stream_id in self._running:
                continue
            reply = Reply(conversation.id, record.stream_id, record.sender_id, record.created_ms)
            reply.begin(secrets)
            question = newest_question(history.messages, record.sender_id) or newest_question(history.messages)
            model = question.payload.model if question and question.payload else None
            running = Running(conversation, reply, question.id if question else None, model, is_accepted=True)
            self._add(running)
            await self._subscribe(running)

    def _add(self, running: Running) -> None:
        self._running[running.stream_id] = running
        self._mark_streaming(running.conversation)
        self._desk.show(running.conversation, running.view())

    def _mark_streaming(self, conversation: Conversation) -> None:
        conversation.is_streaming = bool(self.running_in(conversation.id))

    async def _subscribe(self, running: Running) -> None:
        await self._desk.send(running.subscribe_message())

    async def resume(self) -> None:
        """After the socket came back: asks again what was not accepted, and for the frames that are missing."""
        self.save_again()
        for running in [each for each in self._running.values() if each.is_streaming]:
            message = None if running.is_accepted else running.infer_message()
            await self._desk.send(message or running.subscribe_message())

    async def stop(self, stream_id: UUID) -> None:
        """Asks the gateway to stop; its final frame follows. What was never accepted ends here."""
        running = self._running.get(stream_id)
        if running is None:
            return
        message = {"type": "stop", "conversation_id": str(running.conversation.id), "stream_id": str(stream_id)}
        if not await self._desk.send(message) and not running.is_accepted:
            self._fail(running, "gateway-unavailable")

    # --- What the relay says ---

    async def accepted(self, stream_id: UUID) -> None:
        """The request is on its way to the gateway."""
        if running := self._running.get(stream_id):
            running.is_accepted = True

    async def refused(self, stream_id: UUID, code: str) -> None:
        """The request was not taken. Sealed again is only what no frame has come of: under a newer key, few times."""
        running = self._running.get(stream_id)
        if running is None or not running.is_streaming:
            return
        is_fresh = running.question is not None and not running.reply.has_begun
        if is_fresh and running.sealings < _SEALINGS.get(code, 0):
            running.sealings += 1
            await self._ask_again(running, code)
        elif code == "replayed":
            running.is_accepted = True
            await self._subscribe_again(running)
        elif running.reply.has_begun:
            await self._cut(running)
        else:
            self._fail(running, code)

    async def _ask_again(self, running: Running, code: str) -> None:
        try:
            if code == _EPOCH_OVER:
                await self._desk.renew(running.conversation)
            else:
                await self._gateway.key(fresh=True)
            await self._seal(running)
        except ClientError as error:
            self._remove(running, error)
            return
        if message := running.infer_message():
            await self._desk.send(message)

    async def frames(self, stream_id: UUID, frames: Sequence[tuple[int, bytes]]) -> None:
        """Takes frames, shows their text, acknowledges them; after the last one, saves the reply."""
        running = self._running.get(stream_id)
        if running is None or not running.is_streaming:
            return
        running.is_accepted, running.question = True, None
        gateways = {gateway.gateway_id: gateway.identity for gateway in self._parts.keyring.content.gateways}
        text = await running.reply.take(self._parts.crypto, frames, gateways)
        if text and self._desk.is_open(running.conversation.id):
            self._events.publish_reply(running.conversation.id, stream_id, text)
        await self._after_frames(running, newest=max(number for number, _ in frames))

    async def _after_frames(self, running: Running, newest: int) -> None:
        if not running.is_streaming:
            self._save_soon(running)
            return
        last = running.reply.last_number
        await self._desk.send({"type": "ack", "stream_id": str(running.stream_id), "number": last})
        if newest > last:
            await self._subscribe_again(running)

    async def _subscribe_again(self, running: Running) -> None:
        """Asks for what was left out; a relay that keeps leaving it out has cut the reply."""
        running.subscriptions += 1
        if running.subscriptions > _MOST_SUBSCRIPTIONS:
            await self._cut(running)
        else:
            await self._subscribe(running)

    async def ended(self, stream_id: UUID, number: int, reason: str) -> None:
        """No more frames will come. Only a final frame that opened makes a reply complete, whatever the relay says."""
        running = self._running.get(stream_id)
        if running is None or not running.is_streaming:
            return
        if reason == "complete" and number > running.reply.last_number:
            await self._subscribe_again(running)
        elif reason in _GONE and await self._is_saved(running):
            self._remove(running)
        else:
            await self._cut(running)

    async def _is_saved(self, running: Running) -> bool:
        return running.stream_id in await self._desk.catch_up(running.conversation)

    async def _cut(self, running: Running) -> None:
        running.reply.cut()
        self._save_soon(running)

    # --- Endings ---

    def _fail(self, running: Running, code: str) -> None:
        self._remove(running, reply_failure(code))

    def _remove(self, running: Running, failure: ClientError | None = None) -> None:
        self._running.pop(running.stream_id, None)
        self._mark_streaming(running.conversation)
        if failure is not None:
            view = reply_view(
                running.stream_id,
                text=running.reply.text,
                created_ms=running.reply.created_ms,
                model=running.model,
                failure=failure,
            )
            self._desk.show(running.conversation, view)

    def _save_soon(self, running: Running) -> None:
        if running.saving is None or running.saving.done():
            running.saving = asyncio.ensure_future(self._save(running))

    async def _save(self, running: Running) -> None:
        """Saves a reply that ended. The tab that asked does it at once; others wait and look whether it is done.

        Readers only wait for it.
        """
        if running.prepared is None:
            await self._parts.platform.clock.sleep(self._patience_s(running.conversation))
        if running.reply.state is ReplyState.CUT and running.reply.sender_id != self._account.user_id:
            self._remove(running, reply_failure("interrupted"))
            return
        if not running.conversation.may_write:
            return
        try:
            message = await self._post(running)
        except (NetworkError, NotSentError):
            return  # The next round of synchronisation tries again.
        except ProblemError as error:
            if error.status not in _PASSING:
                self._remove(running, error)
            return
        except ClientError as error:
            self._events.publish_alarm(error.problem, running.conversation.id)
            self._remove(running, error)
            return
        self._remove(running)
        await self._desk.saved(running.conversation, message)

    def _patience_s(self, conversation: Conversation) -> float:
        """Not all who may save do it in the same moment."""
        writers = sorted(conversation.writers, key=lambda user_id: user_id.int)
        place = writers.index(self._account.user_id) if self._account.user_id in writers else 0
        return _LET_OTHERS_SAVE_S + min(place, _MOST_PLACES) * _APART_S

    def save_again(self) -> None:
        """Tries again to save what could not be saved."""
        for running in list(self._running.values()):
            if not running.is_streaming:
                self._save_soon(running)

    def forget(self, stream_id: UUID) -> None:
        """The reply is a message by now: another tab or device saved it."""
        if running := self._running.get(stream_id):
            self._remove(running)

    async def _post(self, running: Running) -> Message:
        bring = self._desk.history_of if running.prepared else self._desk.catch_up
        history = await bring(running.conversation)
        draft = running.draft(self._parts.now_ms())
        confirmed = running.reply.state is ReplyState.COMPLETE
        mark = reply_mark(draft.payload, confirmed=confirmed)
        return await self._sender.post(running.conversation, history, draft, mark)

    def close(self) -> None:
        """Stops every save that waits; what is not saved yet is resumed by the next session."""
        for running in self._running.values():
            if running.saving is not None:
                running.saving.cancel()
        self._running.clear()
