"""In step with the server and the other tabs: the socket, its notices, and a round of fetching each minute."""

import asyncio
import contextlib
import json
from collections.abc import Callable, Sequence
from typing import Any, Final
from uuid import UUID

from balon.protocol.encoding import decode_b64u
from balon.protocol.errors import EncodingError
from balon_client.alarms import AnswerError
from balon_client.background import Background
from balon_client.chat import Chat
from balon_client.errors import ClientError, NetworkError, ProblemError, SocketClosedError
from balon_client.looks import Looks
from balon_client.parts import Parts
from balon_client.ports import Connection
from balon_client.problems import ConversationGoneError
from balon_client.wire import Fields, load_json

PATH: Final = "/ws/v1/"
SESSION_ENDED: Final = 4401
_PAUSES_S: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
_ROUND_S: Final = 60.0
_PING_S: Final = 25.0
_SILENCE_S: Final = 60.0
_HELLO_S: Final = 15.0
_MAX_FRAME_TEXT: Final = 1 << 21


class Sync:
    """Holds the socket of one signed-in session."""

    def __init__(self, parts: Parts, *, on_ended: Callable[[str], None]) -> None:
        """Makes it; `start` begins.

        Args:
            parts: The session.
            on_ended: Called with a reason when the server ended the session, or when it is another one's by now.
        """
        self._parts = parts
        self._on_ended = on_ended
        self._connection: Connection | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._background = Background(parts.events)
        self._looks = Looks(parts.platform.clock, self._look)
        self._heard_s = 0.0
        self._state = ""
        self.chat: Chat

    def start(self, chat: Chat) -> None:
        """Begins to connect, and to fetch each minute."""
        self.chat = chat
        self._tasks = [asyncio.ensure_future(self._hold_socket()), asyncio.ensure_future(self._go_round())]

    async def close(self) -> None:
        """Ends everything; harmless twice."""
        self._background.close()
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()
        self._tasks.clear()
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close()

    async def send(self, message: dict[str, Any]) -> bool:
        """Puts a message on the socket; False while there is none."""
        if self._connection is None:
            return False
        try:
            await self._connection.send(json.dumps(message, separators=(",", ":")))
        except SocketClosedError:
            return False
        return True

    # --- The socket ---

    async def _hold_socket(self) -> None:
        failures = 0
        while True:
            self._tell("connecting")
            try:
                connection = await self._parts.platform.socket.connect(PATH)
            except NetworkError:
                self._tell("offline")
            else:
                began_s = self._now_s()
                await self._serve(connection)
                failures = 0 if self._now_s() - began_s > _PAUSES_S[-1] else failures
            await self._parts.platform.clock.sleep(_PAUSES_S[min(failures, len(_PAUSES_S) - 1)])
            failures += 1

    async def _serve(self, connection: Connection) -> None:
        self._heard_s = self._now_s()
        try:
            await self._greet(connection)
            while True:
                await self._take(await connection.receive())
        except SocketClosedError as error:
            if error.close_code == SESSION_ENDED:
                self._on_ended("ended")
        except (NetworkError, ProblemError, TimeoutError):
            return  # A request that a message caused: the next socket begins with all of it.
        except ClientError as error:
            self._parts.events.publish_alarm(error.problem)
        finally:
            self._connection = None
            await connection.close()

    async def _greet(self, connection: Connection) -> None:
        """The first message says whose socket it is: never this session's keys on another's socket (A48)."""
        async with asyncio.timeout(_HELLO_S):
            first, *rest = await connection.receive()
        fields = _parse(first)
        kind = fields.text("type") if fields else None
        if kind == "session-ended":
            raise SocketClosedError(SESSION_ENDED)
        if fields is None or kind != "hello":
            raise AnswerError("socket.hello")
        if fields.text("session_id") != self._parts.account.session_id:
            self._on_ended("ended")
            raise SocketClosedError
        if fields.integer("account_version") != self._parts.account.account_version:
            self._on_ended("account-changed")
            raise SocketClosedError
        self._connection = connection
        self._tell("online")
        self._background.spawn(self._catch_up())
        if rest:
            await self._take(rest)

    async def _catch_up(self) -> None:
        await self.chat.streams.resume()
        await self.fetch_all()

    async def _take(self, texts: Sequence[str]) -> None:
        """Takes messages in order; frames of one reply that came together are opened together."""
        self._heard_s = self._now_s()
        frames: list[tuple[int, bytes]] = []
        stream_id: UUID | None = None
        for text in texts:
            fields = _parse(text)
            found = _parse_frame(fields) if fields else None
            if stream_id is not None and (found is None or found[0] != stream_id):
                await self.chat.streams.frames(stream_id, frames)
                frames, stream_id = [], None
            if found is not None:
                stream_id = found[0]
                frames.append(found[1:])
            elif fields is not None:
                with contextlib.suppress(AnswerError):
                    await self._dispatch(fields)
        if stream_id is not None:
            await self.chat.streams.frames(stream_id, frames)

    async def _dispatch(self, fields: Fields) -> None:
        kind = fields.text("type")
        streams = self.chat.streams
        if kind == "accepted":
            await streams.accepted(fields.uuid("stream_id"))
        elif kind == "refused":
            await streams.refused(fields.uuid("stream_id"), fields.text("code"))
        elif kind == "stream-ended":
            # The relay may know of no frame at all: then the number is -1.
            number = fields.integer("number", least=-1)
            await streams.ended(fields.uuid("stream_id"), number, fields.text("reason"))
        elif kind == "notice":
            self._notice(fields)
        elif kind == "presence":
            self.chat.others.hear(fields.uuid("conversation_id"), fields.uuid("user_id"), fields.text("state"))
        elif kind == "session-ended":
            self._on_ended("ended")

    def _notice(self, fields: Fields) -> None:
        what = fields.text("what")
        if what == "keyring":
            self._background.spawn(self._refresh_keyring())
        elif fields.has("conversation_id"):
            self._background.spawn(self._looks.take(what, fields.uuid("conversation_id")))

    async def _refresh_keyring(self) -> None:
        await self._parts.keyring.refresh()
        await self.chat.library.rejudge()

    async def _look(self, what: str, conversation_id: UUID) -> None:
        """Something changed: fetch it. A notice is a hint and says nothing that is believed."""
        if what != "deleted" and self.chat.is_importing(conversation_id):
            return
        self._parts.keyring.verify_current()
        conversation = self.chat.library.get(conversation_id)
        if what == "streams" and conversation is not None:
            await self.chat.follow_streams(conversation)
        elif what == "messages" and conversation in self.chat.open_conversations and conversation is not None:
            if not conversation.alarms:
                await self.chat.catch_up(conversation)
        elif what in {"messages", "meta", "roster", "created", "deleted"}:
            await self._fetch(conversation_id)

    async def _fetch(self, conversation_id: UUID) -> None:
        try:
            await self.chat.library.fetch(conversation_id)
        except ConversationGoneError:
            self.chat.drop(conversation_id)
        self.chat.library.publish()

    # --- Each minute ---

    async def _go_round(self) -> None:
        waited_s = 0.0
        while True:
            await self._parts.platform.clock.sleep(_PING_S)
            waited_s += _PING_S
            if self._connection is not None:
                await self._ping(self._connection)
            if waited_s >= _ROUND_S:
                waited_s = 0.0
                self._background.spawn(self.fetch_all())

    async def _ping(self, connection: Connection) -> None:
        """Keeps the socket alive, and closes one that has fallen silent, as after sleep."""
        if self._now_s() - self._heard_s > _SILENCE_S:
            await connection.close()
            return
        await self.send({"type": "ping", "ref": "ping"})

    async def fetch_all(self) -> None:
        """Fetches what notices may have missed."""
        # The keyring first: where another tab is giving the account new keys, this waits until that is over.
        await self._parts.keyring.refresh()
        await self.chat.library.refresh()
        await self.chat.library.rejudge()
        await self._parts.keyring.save()
        for conversation in self.chat.open_conversations:
            if not conversation.alarms:
                await self.chat.catch_up(conversation)
                await self.chat.follow_streams(conversation)
        self.chat.streams.save_again()

    # --- Helpers of this class ---

    def _tell(self, state: str) -> None:
        if state != self._state:
            self._state = state
            self._parts.events.publish("connection", state=state)

    def _now_s(self) -> float:
        return self._parts.platform.clock.monotonic_s()


def _parse(text: str) -> Fields | None:
    try:
        return Fields(load_json(text), "socket")
    except (ValueError, AnswerError, RecursionError):
        return None


def _parse_frame(fields: Fields) -> tuple[UUID, int, bytes] | None:
    try:
        if fields.text("type") != "frame":
            return None
        frame = decode_b64u(fields.text("frame", limit=_MAX_FRAME_TEXT))
        return fields.uuid("stream_id"), fields.integer("number"), frame
    except (AnswerError, EncodingError):
        return None
