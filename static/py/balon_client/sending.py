"""Posting one's own messages: numbered under a lock among tabs, re-sealed after a conflict, sent again after a loss."""

from dataclasses import replace
from typing import Final
from uuid import UUID

from balon_client.alarms import AnswerError
from balon_client.conversation_records import MessageRecord
from balon_client.conversations import Conversation
from balon_client.errors import ClientError, NetworkError, ProblemError
from balon_client.history import History
from balon_client.library import Library
from balon_client.messages import Draft, Message, seal_message
from balon_client.parts import Parts
from balon_client.problems import NotSentError, NotWritableError, RosterBusyError
from balon_client.roster_writing import RosterWriter

_CONFLICTS: Final = 8
_PAUSES_S: Final = (0.5, 1.0, 2.0, 4.0)


class Sender:
    """Posts messages for one signed-in person."""

    def __init__(self, parts: Parts, library: Library, rosters: RosterWriter) -> None:
        self._library = library
        self._rosters = rosters
        self._platform = parts.platform
        self._api = parts.api
        self._events = parts.events
        self._account = parts.account

    async def post(
        self, conversation: Conversation, history: History, draft: Draft, mark: ClientError | None = None
    ) -> Message:
        """Seals a message behind the newest one and stores it, exactly once.

        One tab of a browser posts to a conversation at a time; against other devices the server compares number and
        epoch, and after a conflict the same message is sealed again behind what came first, and under the new key
        (docs/protocol.md section 8). Before that a new epoch begins where the present one must not be used any more.

        Args:
            conversation: Where to.
            history: Its messages, the newest page loaded.
            draft: What to post. Posting the same draft again is harmless.
            mark: What must stand beside the message here.

        Raises:
            NotWritableError: An alarm or the own role forbids it.
            NotSentError: The server cannot be reached. It may have stored the message all the same.
            ProblemError: The server refuses.
        """
        self._events.publish("saving", state="saving")
        try:
            async with self._platform.tabs.lock(f"send-{conversation.id}"):
                message = await self._post_locked(conversation, history, draft, mark)
        except BaseException:
            self._events.publish("saving", state="failed")
            raise
        self._events.publish("saving", state="saved")
        return message

    async def _post_locked(
        self, conversation: Conversation, history: History, draft: Draft, mark: ClientError | None
    ) -> Message:
        for _ in range(_CONFLICTS):
            if stored := history.get(draft.message_id):
                return stored
            await self._renew_key(conversation)
            record = await self._seal(conversation, history, draft)
            position = await self._store(conversation.id, record)
            if position is not None:
                return await self._place(conversation, history, replace(record, position=position), draft, mark)
            await self._learn(conversation, history)
        raise NotSentError

    async def _renew_key(self, conversation: Conversation) -> None:
        try:
            await self._rosters.renew_key(conversation)
        except (NetworkError, RosterBusyError):
            raise NotSentError from None

    async def _learn(self, conversation: Conversation, history: History) -> None:
        """After a conflict: what came first, and under which key."""
        try:
            await self._library.fetch(conversation.id)
            await history.load_newer()
        except NetworkError:
            raise NotSentError from None

    async def _seal(self, conversation: Conversation, history: History, draft: Draft) -> MessageRecord:
        conversation.verify_writable()
        seq = await history.next_own_seq()
        conversation.verify_writable()
        if seq is None:
            raise NotWritableError
        place = (seq, history.chain.head_hash)
        return await seal_message(self._platform.crypto, self._account, conversation, draft, place)

    async def _store(self, conversation_id: UUID, record: MessageRecord) -> int | None:
        """Posts the same bytes until an answer comes; None after a conflict."""
        for pause_s in (*_PAUSES_S, None):
            try:
                return await self._api.post_message(conversation_id, record)
            except NetworkError:
                if pause_s is None:
                    raise NotSentError from None
                await self._platform.clock.sleep(pause_s)
            except ProblemError as error:
                if error.status != 409:
                    raise
                return None
        raise NotSentError

    async def _place(
        self,
        conversation: Conversation,
        history: History,
        record: MessageRecord,
        draft: Draft,
        mark: ClientError | None,
    ) -> Message:
        """Puts the stored message into the history, behind others that came first."""
        if appended := await history.append_own(record, draft.payload, mark):
            return appended
        await history.load_newer()
        if stored := history.get(draft.message_id):
            return stored
        # The server took the message and does not give it back.
        alarm = AnswerError("message.position")
        conversation.add_alarm(alarm)
        raise alarm
