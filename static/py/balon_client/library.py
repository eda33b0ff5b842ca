"""The list of conversations: fetched in pages, verified in batches, kept in step with the server."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from balon_client.alarms import AlarmError, AnswerError, ConversationError
from balon_client.conversations import Conversation
from balon_client.errors import ProblemError
from balon_client.grants import GrantVerifier, create_conversation
from balon_client.keyring_model import Mark, forget_conversation, note_meta, note_roster
from balon_client.parts import Parts
from balon_client.problems import ConversationGoneError, NotWritableError
from balon_client.records import ConversationRecord, MetaRecord
from balon_client.shared import Shared
from balon_client.titles import open_titles, seal_title
from balon_client.views import conversation_item

_ATTEMPTS: Final = 3


class Library:
    """Every conversation that this tab knows, each verified before anything of it is shown."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._api = parts.api
        self._events = parts.events
        self._keyring = parts.keyring
        self._verifier = GrantVerifier(parts.crypto, parts.account)
        self._conversations: dict[UUID, Conversation] = {}
        self._records: dict[UUID, ConversationRecord] = {}
        self._refused: set[UUID] = set()
        self._next: str | None = None
        self._refresh_once = Shared(self._refresh)
        self.is_loaded = False

    # --- Reading ---

    def get(self, conversation_id: UUID) -> Conversation | None:
        """A known conversation."""
        return self._conversations.get(conversation_id)

    @property
    def newest_first(self) -> list[Conversation]:
        """All known conversations, newest activity first."""
        return sorted(self._conversations.values(), key=lambda each: (-each.updated_ms, each.id.int))

    @property
    def has_more(self) -> bool:
        """Whether there are pages that were not fetched yet."""
        return self._next is not None

    @property
    def refused(self) -> frozenset[UUID]:
        """What the server made up: conversations that nobody here ever saw and that do not hold."""
        return frozenset(self._refused)

    def items(self) -> list[dict[str, Any]]:
        """The list for the page, newest activity first."""
        return [conversation_item(conversation) for conversation in self.newest_first]

    def publish(self) -> None:
        """Tells the page the whole list."""
        self._events.publish("conversations", conversations=self.items(), more=self.has_more)

    async def refresh(self) -> None:
        """Fetches the newest page; those that are gone from it are removed. Callers at the same time share it."""
        await self._refresh_once()

    async def _refresh(self) -> None:
        before, known = set(self._conversations), self._marks()
        page = await self._api.conversations(None)
        await self._take(self._not_overtaken(page.conversations, known))
        if not self.is_loaded:
            self._next = page.next
        self._remove_missing(before, page.conversations, is_everything=page.next is None)
        self.is_loaded = True
        self.publish()

    async def load_older(self) -> bool:
        """Fetches one page further; says whether there are more."""
        if self._next is not None:
            known = self._marks()
            page = await self._api.conversations(self._next)
            await self._take(self._not_overtaken(page.conversations, known))
            self._next = page.next
            self.publish()
        return self._next is not None

    async def fetch(self, conversation_id: UUID, *, anew: bool = False) -> Conversation:
        """Fetches and verifies one conversation.

        Args:
            conversation_id: Which.
            anew: Judge it from the beginning: earlier alarms are dropped, those that still hold come back.

        Raises:
            ConversationGoneError: It is not there.
            AlarmError: It is none of this person's conversations, whatever the server says.
        """
        await self._take([await self._fetch_record(conversation_id)], anew=anew)
        conversation = self._conversations.get(conversation_id)
        if conversation is None:
            raise ConversationGoneError
        return conversation

    async def _fetch_record(self, conversation_id: UUID) -> ConversationRecord:
        for _ in range(_ATTEMPTS):
            known = self._marks()
            record = await self._request(conversation_id)
            if self._not_overtaken([record], known):
                break
        return record

    async def _request(self, conversation_id: UUID) -> ConversationRecord:
        try:
            record = await self._api.conversation(conversation_id)
        except ProblemError as error:
            if error.status != 404:
                raise
            self.remove(conversation_id)
            raise ConversationGoneError from None
        if record.id != conversation_id:
            raise AnswerError("conversation.id")
        return record

    def _marks(self) -> dict[UUID, tuple[Mark | None, int]]:
        """What was seen of each conversation when a request goes out."""
        return {id_: (seen.roster, seen.meta_version) for id_, seen in self._keyring.content.conversations.items()}

    def _not_overtaken(
        self, records: Sequence[ConversationRecord], known: Mapping[UUID, tuple[Mark | None, int]]
    ) -> list[ConversationRecord]:
        """Leaves out answers that may be older than what this client wrote or learned while they were on their way."""
        now = self._marks()
        return [record for record in records if record.id not in known or known[record.id] == now.get(record.id)]

    # --- Changing ---

    async def create(self) -> Conversation:
        """Makes a conversation: key, `create` entry and self-grant, signed here, and read back (A9)."""
        now = self._parts.now_ms()
        made = await create_conversation(
            self._parts.crypto, self._parts.account, self._parts.platform.random.uuid7(), now
        )
        self._verifier.remember(made)
        conversation = made.conversation
        record = await self._api.create_conversation(conversation.id, made.roster, made.grant, made.wrapped)
        is_same = record.id == conversation.id and record.roster == (made.roster,)
        if not is_same or [(g.signed, g.wrapped) for g in record.grants] != [(made.grant, made.wrapped)]:
            raise AnswerError("conversation")
        await self._take([record])
        kept = self._conversations.get(conversation.id)
        if kept is None:
            raise ConversationError
        return kept

    async def name(self, conversation: Conversation, title: str) -> None:
        """Gives a first title; when another one came first, that one stays."""
        await self._write_title(conversation, title, is_settled=lambda: conversation.title is not None)

    async def rename(self, conversation: Conversation, title: str) -> None:
        """Gives a title; when another one came first, behind that one."""
        await self._write_title(conversation, title, is_settled=lambda: False)

    async def _write_title(self, conversation: Conversation, title: str, is_settled: Callable[[], bool]) -> None:
        """Seals, signs and stores a title, again behind each that came first, until it is stored or settled."""
        for _ in range(_ATTEMPTS):
            if is_settled():
                return
            if not conversation.is_writable:
                raise NotWritableError
            meta = await seal_title(self._parts.crypto, self._parts.account, conversation, title)
            if await self._put_title(conversation, meta):
                conversation.title, conversation.meta_version = title, meta.meta_version
                self._keyring.change(note_meta(conversation.id, meta.meta_version))
                self.publish()
                return
            await self.fetch(conversation.id)
        raise AnswerError("meta.version")

    async def _put_title(self, conversation: Conversation, meta: MetaRecord) -> bool:
        try:
            await self._api.put_meta(
                conversation.id,
                meta_version=meta.meta_version,
                epoch=meta.epoch,
                envelope=meta.envelope,
                signature=meta.signature,
            )
        except ProblemError as error:
            if error.status != 409:
                raise
            return False
        return True

    async def delete(self, conversation_id: UUID) -> None:
        """Deletes a conversation; one that is gone already counts as deleted."""
        try:
            await self._api.delete_conversation(conversation_id)
        except ProblemError as error:
            if error.status != 404:
                raise
        self._keyring.change(forget_conversation(conversation_id))
        self.remove(conversation_id)

    def remove(self, conversation_id: UUID) -> None:
        """Forgets a conversation that is gone, and tells the page."""
        self._records.pop(conversation_id, None)
        if self._conversations.pop(conversation_id, None):
            self._events.publish("removed", conversation_id=str(conversation_id))
            self.publish()

    def touch(self, conversation: Conversation, updated_ms: int) -> None:
        """Notes activity in a conversation, so that it moves up in the list."""
        conversation.updated_ms = max(conversation.updated_ms, updated_ms)

    # --- Verifying ---

    async def _take(self, records: Sequence[ConversationRecord], *, anew: bool = False) -> None:
        for record in records:
            if known := self._conversations.get(record.id):
                known.updated_ms = max(known.updated_ms, record.updated_ms)
        changed = [record for record in records if anew or self._is_changed(record)]
        self._records |= {record.id: record for record in records if record not in changed}
        if not changed:
            return
        content = self._keyring.content
        pairs = await self._verifier.verify(changed, content)
        await open_titles(self._parts.crypto, pairs, content)
        for record, conversation in pairs:
            self._keep(record, conversation, anew=anew)

    def _is_changed(self, record: ConversationRecord) -> bool:
        known = self._records.get(record.id)
        return known is None or (known.roster, known.grants, known.meta) != (record.roster, record.grants, record.meta)

    def _keep(self, record: ConversationRecord, conversation: Conversation, *, anew: bool) -> None:
        known = self._conversations.get(record.id)
        if known is None and conversation.alarms and record.id not in self._keyring.content.conversations:
            # Nobody here ever saw it, and it does not hold: the server made it up (A8). It is not listed.
            self._report_once(record.id, conversation)
            return
        self._records[record.id] = record
        if known is None:
            self._conversations[record.id] = conversation
        else:
            if anew:
                known.alarms.clear()
            known.absorb(conversation)
        if not conversation.alarms and (mark := conversation.roster_mark):
            self._keyring.change(note_roster(record.id, mark))
            self._keyring.change(note_meta(record.id, conversation.meta_version))

    def _report_once(self, conversation_id: UUID, conversation: Conversation) -> None:
        if conversation_id in self._refused:
            return
        self._refused.add(conversation_id)
        for alarm in conversation.alarms.values():
            if isinstance(alarm, AlarmError):
                self._events.publish_alarm(alarm.problem)

    def _remove_missing(self, before: set[UUID], page: Sequence[ConversationRecord], *, is_everything: bool) -> None:
        """Removes those that the page would hold if they were still there."""
        oldest_ms = min((record.updated_ms for record in page), default=0)
        for conversation_id in before - {record.id for record in page}:
            record = self._records.get(conversation_id)
            if record is not None and (is_everything or record.updated_ms > oldest_ms):
                self.remove(conversation_id)
