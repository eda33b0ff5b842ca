"""The list of conversations: fetched in pages, verified in batches, kept in step with the server."""

import contextlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from balon_client.alarms import AlarmError, AnswerError, ConversationError, KeyChangedError
from balon_client.conversation_records import ConversationPage, ConversationRecord
from balon_client.conversations import Conversation
from balon_client.creating import create_conversation
from balon_client.errors import ProblemError
from balon_client.grants import GrantVerifier
from balon_client.keyring_model import (
    KeyringContent,
    Mark,
    begin_conversation,
    forget_conversation,
    note_meta,
    note_roster,
)
from balon_client.meta_envelopes import open_metas
from balon_client.parts import Parts
from balon_client.people import People
from balon_client.pins import changed_keys, new_people, pin_contact
from balon_client.problems import ConversationGoneError
from balon_client.shared import Shared
from balon_client.views import conversation_item

_ATTEMPTS: Final = 3


class Library:
    """Every conversation that this tab knows, each verified before anything of it is shown."""

    def __init__(self, parts: Parts, people: People, tell: Callable[[Conversation], None]) -> None:
        """Begins with nothing.

        Args:
            parts: The session.
            people: Knows what people are called.
            tell: Hears of each conversation that was verified anew.
        """
        self._parts = parts
        self._people = people
        self._tell = tell
        self._api = parts.api
        self._events = parts.events
        self._keyring = parts.keyring
        self.verifier = GrantVerifier(parts.crypto, parts.account)
        self._conversations: dict[UUID, Conversation] = {}
        self._records: dict[UUID, ConversationRecord] = {}
        self._refused: set[UUID] = set()
        self._published: list[dict[str, Any]] = []
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
        return [self._item(conversation) for conversation in self.newest_first]

    def _item(self, conversation: Conversation) -> dict[str, Any]:
        read, entry = self._keyring.content.seen(conversation.id).read, conversation.invitation
        inviter = conversation.roster.members.get(entry.actor_id) if conversation.roster and entry else None
        is_known = inviter is not None and self._people.is_verified(inviter.user_id, inviter.idk_pub)
        unread = 0 if read is None else max(0, conversation.head_position - read)
        return conversation_item(conversation, self._people.name_of, unread=unread, is_known=is_known)

    def publish(self) -> None:
        """Tells the page the whole list."""
        self._published = self.items()
        self._events.publish("conversations", conversations=self._published, more=self.has_more)

    async def refresh(self) -> None:
        """Fetches the newest page; those that are gone from it are removed. Callers at the same time share it."""
        await self._refresh_once()

    async def _refresh(self) -> None:
        before = set(self._conversations)
        page = await self._take_page(None)
        if not self.is_loaded or _leaves_gap(page, before):
            self._next = page.next
        self._remove_missing(before, page.conversations, is_everything=page.next is None)
        self.is_loaded = True
        self.publish()

    async def load_older(self) -> bool:
        """Fetches one page further; says whether there are more."""
        if self._next is not None:
            page = await self._take_page(self._next)
            self._next = page.next
            self.publish()
        return self._next is not None

    async def _take_page(self, cursor: str | None) -> ConversationPage:
        """Takes one page; asks again where what was learned meanwhile, here or elsewhere, overtook the answer."""
        for _ in range(_ATTEMPTS):
            known = self._marks()
            page = await self._api.conversations(cursor)
            current = self._not_overtaken(page.conversations, known)
            if len(current) == len(page.conversations):
                break
        await self._take(current)
        return page

    async def fetch(self, conversation_id: UUID, *, anew: bool = False) -> Conversation:
        """Fetches and verifies one conversation.

        Args:
            conversation_id: Which.
            anew: Judge it from the beginning: earlier alarms are dropped, those that still hold come back.

        Raises:
            ConversationGoneError: It is not there.
            AlarmError: It is none of this person's conversations, whatever the server says.
        """
        known = self._conversations.get(conversation_id)
        forgiven = list(known.alarms) if known and anew else [] if anew else None
        await self._take(await self._fetch_record(conversation_id), forgiven=forgiven)
        conversation = self._conversations.get(conversation_id)
        if conversation is None:
            raise ConversationGoneError
        return conversation

    async def _fetch_record(self, conversation_id: UUID) -> list[ConversationRecord]:
        """The record; none where each answer was overtaken: then what is known here is newer, and stays."""
        for _ in range(_ATTEMPTS):
            known = self._marks()
            record = await self._request(conversation_id)
            if current := self._not_overtaken([record], known):
                return current
        return []

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
        return [record for record in records if known.get(record.id) == now.get(record.id)]

    # --- Changing ---

    async def create(self, conversation_id: UUID | None = None) -> Conversation:
        """Makes a conversation: key, `create` entry and self-grant, signed here, and read back (A9).

        Args:
            conversation_id: What it is known by, of one that is imported; a new identifier otherwise.
        """
        parts = self._parts
        conversation_id = conversation_id or parts.platform.random.uuid7()
        made = await create_conversation(parts.crypto, parts.account, conversation_id, parts.now_ms())
        self.verifier.remember(made)
        record = await self._api.create_conversation(made)
        if not made.is_given_back(record):
            raise AnswerError("conversation")
        return await self.adopt(record)

    async def adopt(self, record: ConversationRecord) -> Conversation:
        """Takes what the server answered to a change that was made here.

        Raises:
            ConversationError: It is no conversation of this person, whatever the server says.
        """
        await self._take([record])
        kept = self._conversations.get(record.id)
        if kept is None:
            raise ConversationError
        return kept

    async def delete(self, conversation_id: UUID) -> None:
        """Deletes a conversation; one that is gone already counts as deleted."""
        try:
            await self._api.delete_conversation(conversation_id)
        except ProblemError as error:
            if error.status != 404:
                raise
        self.forget(conversation_id)

    def forget(self, conversation_id: UUID) -> None:
        """Forgets a conversation that this person deleted or left, in the keyring too."""
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

    async def rejudge(self) -> None:
        """Judges anew the conversations of which other keys count as somebody's than before, since pins changed."""
        content, own_id = self._keyring.content, self._parts.account.user_id
        for conversation in self.newest_first:
            roster = conversation.followed
            if roster is not None and changed_keys(roster, content, own_id) != conversation.changed_keys:
                with contextlib.suppress(ConversationGoneError):
                    await self._take(await self._fetch_record(conversation.id), forgiven={KeyChangedError.code})
        if self.items() != self._published:
            self.publish()

    async def _take(self, records: Sequence[ConversationRecord], *, forgiven: Collection[str] | None = None) -> None:
        """Verifies records, those that changed since they were last verified.

        Args:
            records: As the server gave them.
            forgiven: Codes of alarms that are dropped, since all is judged again; None where only changes are.
        """
        for record in records:
            if known := self._conversations.get(record.id):
                known.updated_ms = max(known.updated_ms, record.updated_ms)
                known.head_position = max(known.head_position, record.head.position if record.head else 0)
        changed = [record for record in records if forgiven is not None or self._is_changed(record)]
        self._records |= {record.id: record for record in records if record not in changed}
        if not changed:
            return
        content = _as_it_is(self._keyring.content, changed)
        pairs = await self.verifier.verify(changed, content)
        await open_metas(self._parts.crypto, pairs, content)
        await self._people.learn_names(conversation for _, conversation in pairs)
        for record, conversation in pairs:
            self._keep(record, conversation, forgiven or ())
            if known := self._conversations.get(record.id):
                self._tell(known)

    def _is_changed(self, record: ConversationRecord) -> bool:
        known = self._records.get(record.id)
        return known is None or _judged(known) != _judged(record)

    def _keep(self, record: ConversationRecord, conversation: Conversation, forgiven: Collection[str]) -> None:
        known = self._conversations.get(record.id)
        if conversation.is_left:
            self.remove(record.id)  # Whoever removed this person signed it.
            return
        if known is None and self._is_made_up(conversation):
            self._report_once(record.id, conversation)
            return
        self._records[record.id] = record
        if known is None:
            self._conversations[record.id] = conversation
        else:
            self._note_acceptance(known, conversation)
            for code in forgiven:
                known.alarms.pop(code, None)
            known.absorb(conversation)
        if not conversation.alarms and not conversation.is_invitation:
            self._note(conversation)

    def _is_made_up(self, conversation: Conversation) -> bool:
        """Nobody here ever saw it, and it does not hold: the server made it up (A8). It is not listed.

        Keys of a contact that changed are for this person to judge, and stop the conversation until then.
        """
        is_known = conversation.id in self._keyring.content.conversations
        return not is_known and bool(conversation.alarms.keys() - {KeyChangedError.code})

    def _note_acceptance(self, before: Conversation, now: Conversation) -> None:
        """An invitation that was accepted, here or on another device, begins anew: what came before counts as read."""
        if before.is_invitation and now.role and not now.is_invitation and now.roster_mark:
            self._keyring.change(begin_conversation(now.id, now.roster_mark, now.head_position))

    def _note(self, conversation: Conversation) -> None:
        """Notes what was verified, and pins whom it shows for the first time. An invitation is no acquaintance yet."""
        if conversation.followed is None:
            return
        self._keyring.change(note_roster(conversation.id, conversation.followed.mark))
        self._keyring.change(note_meta(conversation.id, conversation.meta.version))
        people = new_people(conversation.followed, self._keyring.content, self._parts.account.user_id)
        for user_id, keys in people.items():
            self._keyring.change(pin_contact(user_id, keys, self._parts.now_ms(), self._people.login_of(user_id)))

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


def _leaves_gap(page: ConversationPage, known: Collection[UUID]) -> bool:
    """Whether so many came at once that others may stand between the newest page and what was known."""
    return page.next is not None and bool(page.conversations) and page.conversations[-1].id not in known


def _as_it_is(content: KeyringContent, records: Sequence[ConversationRecord]) -> KeyringContent:
    """The keyring with the marks of this moment: what is noted while records are verified says nothing about them."""
    seen = {
        record.id: replace(content.conversations[record.id]) for record in records if record.id in content.conversations
    }
    return replace(content, conversations=seen)


def _judged(record: ConversationRecord) -> tuple[object, ...]:
    """What of a record must be verified."""
    return record.roster, record.grants, record.previous, record.meta
