"""Posting one's own messages: numbered under a lock among tabs, re-sealed after a conflict, sent again after a loss."""

from dataclasses import replace
from typing import Final
from uuid import UUID

from balon_client.alarms import AnswerError
from balon_client.conversations import Conversation
from balon_client.errors import ClientError, NetworkError, ProblemError
from balon_client.history import LARGE_PAGE, History
from balon_client.messages import Draft, Message, seal_message
from balon_client.parts import Parts
from balon_client.problems import NotSentError, NotWritableError
from balon_client.records import MessageRecord

_CONFLICTS: Final = 8
_PAUSES_S: Final = (0.5, 1.0, 2.0, 4.0)


class Sender:
    """Posts messages for one signed-in person."""

    def __init__(self, parts: Parts) -> None:
        self._platform = parts.platform
        self._api = parts.api
        self._events = parts.events
        self._account = parts.account

    async def post(
        self, conversation: Conversation, history: History, draft: Draft, mark: ClientError | None = None
    ) -> Message:
        """Seals a message behind the newest one and stores it, exactly once.

        One tab of a browser posts to a conversation at a time; against other devices the server compares the number,
        and after a conflict the same message is sealed again behind what came first (docs/protocol.md section 8).

        Args:
            conversation: Where to.
            history: Its messages, the newest page loaded.
            draft: What to post. Posting the same draft again is harmless.
            mark: What must stand beside the message here.

        Raises:
            NotWritableError: An alarm forbids it.
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
            record = await self._seal(conversation, history, draft)
            position = await self._store(conversation.id, record)
            if position is None:
                await history.load_newer()
                continue
            return await self._place(conversation, history, replace(record, position=position), draft, mark)
        raise NotSentError

    async def _seal(self, conversation: Conversation, history: History, draft: Draft) -> MessageRecord:
        if not conversation.is_writable or not conversation.may_write(self._account.user_id):
            raise NotWritableError
        while (seq := history.chain.next_own_seq) is None and history.has_more:
            await history.load_older(LARGE_PAGE)
        if seq is None or not conversation.is_writable:
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
