"""The messages of one conversation: fetched in pages, opened, put in order and checked (docs/protocol.md section 8)."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from uuid import UUID

from balon_client.alarms import AnswerError
from balon_client.chain import FIRST_POSITION, FIRST_SEQ, Chain, Link
from balon_client.conversation_records import Head, MessagePage, MessageRecord
from balon_client.conversations import Conversation
from balon_client.errors import ClientError
from balon_client.keyring_model import note_head
from balon_client.messages import Gateways, Message, link_of, open_messages
from balon_client.parts import Parts
from balon_client.payloads import Payload

LARGE_PAGE = 200

Learn = Callable[[UUID], Awaitable[object]]
"""Fetches a conversation, and takes over what changed in it."""


class History:
    """What is known of a conversation's messages: a window of positions that grows both ways.

    Every method that grows it holds a lock, so pages never overtake each other. Alarms go to the conversation, which
    is read-only from then on; what was verified stays.
    """

    def __init__(self, parts: Parts, conversation: Conversation, learn: Learn) -> None:
        """Begins with nothing.

        Args:
            parts: The session.
            conversation: Verified. What `learn` fetches goes there too.
            learn: Asked where a page has messages that do not fit the list of members as it is known.
        """
        self._crypto = parts.crypto
        self._api = parts.api
        self._keyring = parts.keyring
        self._conversation = conversation
        self._learn = learn
        self._lock = asyncio.Lock()
        self._messages: dict[UUID, Message] = {}
        self._has_more = False
        self._own_seq: int | None = None
        self.chain = Chain(parts.account.user_id, parts.keyring.content.seen(conversation.id).head)

    @property
    def messages(self) -> list[Message]:
        """All known messages, in the server's order."""
        return sorted(self._messages.values(), key=lambda message: message.position)

    @property
    def has_more(self) -> bool:
        """Whether there are older messages."""
        return self._has_more

    @property
    def newest(self) -> Head | None:
        """The newest message that was verified: one that did not open says nothing about what must be there."""
        link = self.chain.newest_genuine
        return Head(link.position, link.hash) if link else None

    def __contains__(self, message_id: UUID) -> bool:
        return message_id in self._messages

    def get(self, message_id: UUID) -> Message | None:
        """A known message."""
        return self._messages.get(message_id)

    async def load_newest(self, seen: Head | None) -> None:
        """Loads the newest page.

        Args:
            seen: The newest message that this tab verified before, which must still be there.
        """
        async with self._lock:
            page = await self._api.messages(self._conversation.id)
            readable, joined_at = self._split(page)
            opened = await self._open(readable)
            links = [link for link, _ in opened]
            self._keep(self.chain.begin(links, more=page.more, joined_at=joined_at), opened)
            self._has_more = page.more and not self.chain.is_complete
            if seen is not None:
                self.chain.check_seen(seen.position, seen.envelope_hash)
            self._finish(page)
        if page.head is not None and page.head.position > self.chain.high:
            await self.load_newer()

    async def load_older(self, limit: int = 50) -> list[Message]:
        """Loads the page before the window; gives its messages, oldest first."""
        async with self._lock:
            if not self._has_more:
                return []
            page = await self._api.messages(self._conversation.id, before=self.chain.low, limit=limit)
            readable, joined_at = self._split(page)
            opened = await self._open(readable)
            links = [link for link, _ in opened]
            kept = self._keep(self.chain.prepend(links, more=page.more, joined_at=joined_at), opened)
            self._has_more = page.more and not self.chain.is_complete and bool(kept)
            self._note()
            return kept

    def _split(self, page: MessagePage) -> tuple[Sequence[MessageRecord], Link | None]:
        """The messages of a page that are for this person, and the newest one that was before them (section 8)."""
        hidden = [record for record in page.messages if self._is_before_own_time(record)]
        if not hidden:
            return page.messages, None
        self._note_own_seq(hidden)
        later = page.messages[page.messages.index(hidden[-1]) + 1 :]
        return later, link_of(hidden[-1], genuine=False)

    def _is_before_own_time(self, record: MessageRecord) -> bool:
        conversation = self._conversation
        return record.epoch < conversation.first_epoch and not conversation.is_late(record.epoch, record.position)

    async def load_newer(self) -> list[Message]:
        """Loads what is behind the window, page by page; gives the new messages, oldest first.

        After an alarm nothing more is asked for.
        """
        loaded: list[Message] = []
        async with self._lock:
            more = True
            while more and not self._conversation.alarms:
                page = await self._api.messages(self._conversation.id, after=self.chain.high, limit=LARGE_PAGE)
                opened = await self._open(page.messages, after_epoch=self.chain.newest_epoch)
                kept = self._keep(self.chain.append(link for link, _ in opened), opened)
                self._finish(page)
                loaded += kept
                more = page.more and bool(kept)
        return loaded

    async def append_own(self, record: MessageRecord, payload: Payload, mark: ClientError | None) -> Message | None:
        """Takes a message that this client sealed and the server placed.

        Args:
            record: As posted, with the position that the server gave.
            payload: What was sealed.
            mark: What must stand beside it.

        Returns:
            The message; None when others came before it, so that it must be loaded with them.
        """
        async with self._lock:
            if record.position != self.chain.high + 1 or record.message_id in self.chain:
                return None
            message = Message(
                record.position, record.message_id, record.sender_id, record.created_ms, payload, mark, record.epoch
            )
            link = link_of(record, genuine=True)
            self._keep(self.chain.append([link]), [(link, message)])
            self._note()
            return message

    async def next_own_seq(self) -> int | None:
        """The number of the next own message, loading what is needed to know it; None where that cannot be had."""
        while (seq := self.chain.next_own_seq) is None and self._has_more:
            await self.load_older(LARGE_PAGE)
        if seq == FIRST_SEQ and self._conversation.has_returned:
            return await self._seq_after_return()
        return seq

    async def _seq_after_return(self) -> int:
        """Whoever came back without the history goes on behind their own last number, which the server alone knows.

        A number that is not true is refused by an honest server, and stands out to the others with a lying one.
        """
        before = self.chain.low or self.chain.high + 1
        while self._own_seq is None and before > FIRST_POSITION:
            page = await self._api.messages(self._conversation.id, before=before, limit=LARGE_PAGE)
            if not page.messages or page.messages[0].position >= before:
                break
            self._note_own_seq(page.messages)
            before = page.messages[0].position
        return (self._own_seq or 0) + 1

    def _note_own_seq(self, records: Iterable[MessageRecord]) -> None:
        own = [record.seq for record in records if record.sender_id == self._conversation.own_id]
        if own:
            self._own_seq = max(self._own_seq or 0, *own)

    async def _open(self, records: Sequence[MessageRecord], *, after_epoch: int = 0) -> list[tuple[Link, Message]]:
        """Opens a page. Messages may come before the entry that lets their sender write, or begins their epoch."""
        conversation = self._conversation
        if not all(conversation.might_write_in(record.epoch, record.sender_id) for record in records):
            await self._learn(conversation.id)
        return await open_messages(self._crypto, conversation, records, self._gateways(), after_epoch=after_epoch)

    def _gateways(self) -> Gateways:
        return {gateway.gateway_id: gateway.identity for gateway in self._keyring.content.gateways}

    def _keep(self, shown: Iterable[Link], opened: Iterable[tuple[Link, Message]]) -> list[Message]:
        by_place = {(link.position, link.message_id): message for link, message in opened}
        kept = [by_place[link.position, link.message_id] for link in shown]
        self._messages |= {message.id: message for message in kept}
        return kept

    def _finish(self, page: MessagePage) -> None:
        """Compares the head that the page names with the window."""
        if page.head is not None:
            self.chain.check_head(page.head.position, page.head.envelope_hash)
        elif self.chain.high:
            self._conversation.add_alarm(AnswerError("messages.head"))
        self._note()

    def _note(self) -> None:
        for alarm in self.chain.alarms:
            self._conversation.add_alarm(alarm)
        self._conversation.head_position = max(self._conversation.head_position, self.chain.high)
        head = self.chain.own_head
        if head is not None and not self._conversation.alarms:
            self._keyring.change(note_head(self._conversation.id, head))
