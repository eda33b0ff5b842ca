"""The socket (docs/api.md): relays sealed requests, sends sealed frames and notices."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine
from typing import Any
from uuid import UUID

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from rest_framework.exceptions import APIException

from accounts.authentication import session_of
from accounts.models import SignInSession
from accounts.throttles import Limit, count_attempt
from conversations import selectors, services
from conversations.errors import ForbiddenError, RelayRefusedError
from conversations.frames import get_frame_log
from conversations.frames.port import EndReason
from conversations.models import Stream
from conversations.relay import get_relays
from conversations.socket_shapes import MAX_SOCKET_MESSAGE, InferShape, MalformedMessageError, parse_socket_message
from conversations.streams import begin_stream, update_stream_state
from conversations.subscriptions import StreamPlace, Subscription
from conversations.watch import SocketWatch
from keystore.clock import now_ms
from keystore.notices import person_group, send_to_groups, session_group

SESSION_ENDED = 4401
MAX_SUBSCRIPTIONS = 32
SUBSCRIBE_LIMIT = Limit(count=120, window_s=60)
PRESENCE_LIMIT = Limit(count=240, window_s=60)
"""A tab tells at most every two seconds that somebody types, and every twenty that they are there."""

_find_session = database_sync_to_async(session_of, thread_sensitive=False)
_begin_stream = database_sync_to_async(begin_stream, thread_sensitive=False)
_find_stream = database_sync_to_async(selectors.find_stream, thread_sensitive=False)
_list_companions = database_sync_to_async(selectors.list_companions, thread_sensitive=False)
_require_role = database_sync_to_async(selectors.require_role, thread_sensitive=False)
_update_state = database_sync_to_async(update_stream_state, thread_sensitive=False)
_count_attempt = database_sync_to_async(count_attempt, thread_sensitive=False)

watch = SocketWatch()


class BalonConsumer(AsyncJsonWebsocketConsumer):
    """One socket of one signed-in person."""

    session_id: UUID
    user_id: UUID

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._subscriptions: dict[UUID, tuple[Subscription, asyncio.Task[None]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._open = False
        self._handlers: dict[str, Callable[[dict[str, Any]], Awaitable[None]]] = {
            "subscribe": self._subscribe,
            "unsubscribe": self._unsubscribe,
            "ack": self._acknowledge,
            "presence": self._tell_presence,
            "ping": self._ping,
        }

    async def connect(self) -> None:
        """Accepts everyone from the right origin, and tells those without a session at once."""
        session = await _find_session(self.scope["session"])
        await self.accept()
        if session is None:
            await self.send_json({"type": "session-ended", "reason": "none"})
            await self.close(code=SESSION_ENDED)
            return
        await self._begin(session)

    async def _begin(self, session: SignInSession) -> None:
        self.session_id, self.user_id = session.pk, session.user_id
        self._open = True
        for group in (person_group(self.user_id), session_group(self.session_id)):
            await self.channel_layer.group_add(group, self.channel_name)
        watch.add(self)
        await self.send_json(
            {"type": "hello", "session_id": str(session.pk), "account_version": session.account_version}
        )

    async def disconnect(self, code: int) -> None:  # noqa: ARG002 - the base's signature
        """Lets go of everything but the relays."""
        await self._let_go()

    async def _let_go(self) -> None:
        if not self._open:
            return
        self._open = False
        watch.remove(self)
        for task in [*self._tasks, *(task for _, task in self._subscriptions.values())]:
            task.cancel()
        self._subscriptions.clear()
        for group in (person_group(self.user_id), session_group(self.session_id)):
            await self.channel_layer.group_discard(group, self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None, **_: Any) -> None:
        """Reads one message; what is malformed is refused, and the socket stays."""
        if not self._open:
            return
        if bytes_data is not None or text_data is None or len(text_data) > MAX_SOCKET_MESSAGE:
            await self._refuse({}, "invalid", "A message is one JSON text of at most 1.5 MiB.")
            return
        try:
            shape = parse_socket_message(text_data)
        except MalformedMessageError as error:
            await self._refuse({}, "invalid", str(error))
            return
        await self._dispatch(shape)

    async def _dispatch(self, shape: Any) -> None:
        parsed: dict[str, Any] = shape.validated_data
        if isinstance(shape, InferShape):
            self._spawn(self._guard(parsed, self._infer(shape)))
        elif parsed["type"] == "stop":
            self._spawn(self._guard(parsed, self._stop(parsed)))
        else:
            await self._guard(parsed, self._handlers[parsed["type"]](parsed))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs what waits for the gateway beside the socket's other messages."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guard(self, parsed: dict[str, Any], work: Awaitable[None]) -> None:
        """Turns the errors of the layers below into refusals."""
        try:
            await work
        except ForbiddenError as error:
            await self._refuse(parsed, "not-found", str(error.detail))
        except APIException as error:
            await self._refuse(parsed, str(error.get_codes()), str(error.detail))

    async def _refuse(self, parsed: dict[str, Any], code: str, detail: str) -> None:
        stream_id = parsed.get("stream_id")
        await self.send_json(
            {
                "type": "refused",
                "ref": parsed.get("ref"),
                "stream_id": None if stream_id is None else str(stream_id),
                "code": code,
                "title": "The request was refused.",
                "detail": detail,
            }
        )

    async def _infer(self, shape: InferShape) -> None:
        draft, parsed = shape.to_draft(), shape.validated_data
        relays = get_relays()
        if await _begin_stream(requester_id=self.user_id, draft=draft):
            await relays.start(draft.stream_id, parsed["request"])
        else:
            await relays.wait_accepted(draft.stream_id)
        await self.send_json({"type": "accepted", "ref": parsed["ref"], "stream_id": str(draft.stream_id)})
        self._follow(StreamPlace(draft.conversation_id, draft.stream_id), after=-1)

    async def _subscribe(self, parsed: dict[str, Any]) -> None:
        await _count_attempt("subscribe", self.user_id.bytes, SUBSCRIBE_LIMIT)
        if len(self._subscriptions) >= MAX_SUBSCRIPTIONS:
            raise RelayRefusedError("Too many streams are followed on this socket.", "busy")
        place = StreamPlace(parsed["conversation_id"], parsed["stream_id"])
        stream = await _find_stream(
            requester_id=self.user_id, conversation_id=place.conversation_id, stream_id=place.stream_id
        )
        if stream is None or stream.created_ms < now_ms() - selectors.STREAM_LIFETIME_MS:
            reason = EndReason.GONE if stream is None else EndReason.EXPIRED
            await self._send_end(place, parsed["after"], reason)
            return
        self._follow(place, after=parsed["after"])

    async def _send_end(self, place: StreamPlace, number: int, reason: EndReason) -> None:
        await self.send_json(
            {"type": "stream-ended", "stream_id": str(place.stream_id), "number": number, "reason": str(reason)}
        )

    def _follow(self, place: StreamPlace, *, after: int) -> None:
        self._drop_subscription(place.stream_id)
        subscription = Subscription(place, after=after, send=self.send_json)
        task = asyncio.create_task(self._run_subscription(subscription))
        self._subscriptions[place.stream_id] = (subscription, task)

    async def _run_subscription(self, subscription: Subscription) -> None:
        reason = await subscription.run(get_frame_log())
        stream_id = subscription.place.stream_id
        if self._subscriptions.get(stream_id, (None, None))[0] is subscription:
            del self._subscriptions[stream_id]
        if reason is EndReason.CUT:
            await _update_state(stream_id, Stream.State.CUT)

    def _drop_subscription(self, stream_id: UUID) -> None:
        if known := self._subscriptions.pop(stream_id, None):
            known[1].cancel()

    async def _unsubscribe(self, parsed: dict[str, Any]) -> None:
        self._drop_subscription(parsed["stream_id"])

    async def _acknowledge(self, parsed: dict[str, Any]) -> None:
        if known := self._subscriptions.get(parsed["stream_id"]):
            known[0].acknowledge(parsed["number"])

    async def _stop(self, parsed: dict[str, Any]) -> None:
        await _require_role(
            requester_id=self.user_id, conversation_id=parsed["conversation_id"], roles=services.WRITERS
        )
        stream = await _find_stream(
            requester_id=self.user_id, conversation_id=parsed["conversation_id"], stream_id=parsed["stream_id"]
        )
        if stream is not None:
            await get_relays().stop(stream.pk)

    async def _tell_presence(self, parsed: dict[str, Any]) -> None:
        """Passes on, to those who read the conversation at this moment, and keeps nothing."""
        await _count_attempt("presence", self.user_id.bytes, PRESENCE_LIMIT)
        place = parsed["conversation_id"]
        companions = await _list_companions(requester_id=self.user_id, conversation_id=place)
        content = {"conversation_id": str(place), "user_id": str(self.user_id), "state": parsed["state"]}
        await send_to_groups([person_group(each) for each in companions], {"type": "presence", **content})

    async def presence(self, event: dict[str, Any]) -> None:
        """Another member is there, or writes."""
        if self._open:
            await self.send_json(event)

    async def _ping(self, parsed: dict[str, Any]) -> None:
        await self.send_json({"type": "pong", "ref": parsed["ref"]})

    async def notice(self, event: dict[str, Any]) -> None:
        """Passes a hint of the channel layer on."""
        if not self._open:
            return
        await self.send_json({"type": "notice", "what": event["what"], "conversation_id": event["conversation_id"]})
        if event["what"] == "deleted":
            await self.leave_conversation(UUID(event["conversation_id"]))

    async def session_ended(self, event: dict[str, Any]) -> None:
        """The session ended in a request of this or another browser window."""
        await self.end_session(event["reason"])

    def watched_conversations(self) -> Collection[UUID]:
        """The conversations whose streams this socket follows."""
        return {subscription.place.conversation_id for subscription, _ in self._subscriptions.values()}

    async def end_session(self, reason: str) -> None:
        """Tells the browser and closes."""
        if not self._open:
            return
        await self._let_go()
        await self.send_json({"type": "session-ended", "reason": reason})
        await self.close(code=SESSION_ENDED)

    async def leave_conversation(self, conversation_id: UUID) -> None:
        """Sends nothing more of a conversation that this person is no member of any more."""
        for stream_id, (subscription, _) in list(self._subscriptions.items()):
            if subscription.place.conversation_id == conversation_id:
                self._drop_subscription(stream_id)
                await self._send_end(subscription.place, -1, EndReason.GONE)
