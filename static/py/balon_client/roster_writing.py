"""Changing rosters: one tab at a time, judged anew after each conflict, posted again after a loss (section 7)."""

from collections.abc import Callable
from typing import Final
from uuid import UUID

from balon.protocol.roster import RosterOp
from balon_client.alarms import AnswerError
from balon_client.conversation_records import ConversationRecord
from balon_client.conversations import Conversation
from balon_client.entries import Deed, EntryMaker, PreparedEntry
from balon_client.errors import NetworkError, ProblemError
from balon_client.library import Library
from balon_client.parts import Parts
from balon_client.people import People
from balon_client.problems import RosterBusyError

_CONFLICTS: Final = 6
_PAUSES_S: Final = (0.5, 1.0, 2.0)
MOST_MESSAGES: Final = 10_000
"""In one epoch; then a new one begins."""
LONGEST_MS: Final = 90 * 24 * 3600 * 1000
"""How old an epoch becomes."""

_GOING: Final = frozenset({RosterOp.DECLINE, RosterOp.LEAVE})
"""What is possible in spite of an alarm, where the chain holds: it seals nothing and grants nothing."""

Plan = Callable[[Conversation], Deed | None]
"""What is to be done as things stand now, None where that is the case already. Raises where it may not be done."""


class RosterWriter:
    """Posts roster entries for one signed-in person."""

    def __init__(self, parts: Parts, library: Library, people: People) -> None:
        self._parts = parts
        self._api = parts.api
        self._library = library
        self._people = people
        self._maker = EntryMaker(parts.crypto, parts.account)
        self._given: dict[UUID, set[tuple[int, UUID]]] = {}
        """By conversation, the epochs whose keys were granted to guests: the server has them, whatever it answered."""

    async def renew_key(self, conversation: Conversation, guest_id: UUID | None = None) -> None:
        """Begins a new epoch where nothing may be sealed under the present one any more; before everything sealed.

        That is after somebody left or replaced their keys, after this client granted the key to a guest who is not on
        the roster (the server may hide the invitation from all others), after 10 000 messages, and after 90 days.

        Args:
            conversation: Which.
            guest_id: Who is about to be invited: they may have the key.

        Raises:
            NotWritableError: An alarm forbids it.
            NetworkError: The server cannot be reached.
            RosterBusyError: Others were faster each time.
        """

        def plan(each: Conversation) -> Deed | None:
            return Deed(op=RosterOp.ROTATE) if self._is_spent(each, guest_id) else None

        if plan(conversation):
            await self.change(conversation, plan)

    def _is_spent(self, conversation: Conversation, guest_id: UUID | None) -> bool:
        roster = conversation.followed
        if roster is None or not conversation.may_write:
            return False
        begun_ms = roster.beginning_of(conversation.epoch).created_ms
        count = conversation.head_position - conversation.epoch_positions.get(conversation.epoch, 0)
        is_worn = count >= MOST_MESSAGES or self._parts.now_ms() - begun_ms >= LONGEST_MS
        return roster.state.needs_rotation or is_worn or self._is_given_away(conversation, guest_id)

    def _is_given_away(self, conversation: Conversation, guest_id: UUID | None) -> bool:
        members = conversation.roster.members if conversation.roster else {}
        given = self._given.get(conversation.id, set())
        return any(
            epoch == conversation.epoch and user_id not in members and user_id != guest_id for epoch, user_id in given
        )

    async def change(self, conversation: Conversation, plan: Plan) -> None:
        """Posts the entry that a plan asks for, exactly once.

        Args:
            conversation: Which.
            plan: Asked again after each conflict, once the conversation was fetched and judged anew.

        Raises:
            NotWritableError: What the server gave of it does not hold.
            NetworkError: The server cannot be reached. It may have taken the entry all the same.
            RosterBusyError: Others were faster each time.
            ProblemError: The server refuses.
        """
        async with self._parts.platform.tabs.lock(f"roster-{conversation.id}"):
            for _ in range(_CONFLICTS):
                deed = plan(conversation)
                if deed is None or await self._do(conversation, deed):
                    return
                conversation = await self._library.fetch(conversation.id)
            raise RosterBusyError

    async def _do(self, conversation: Conversation, deed: Deed) -> bool:
        """Makes and posts an entry; False where another one came first."""
        if deed.op not in _GOING or conversation.roster is None:
            conversation.verify_sound()
        bundles = await self._people.fetch(conversation) if deed.begins_epoch else {}
        prepared = await self._maker.make(conversation, deed, bundles, self._parts.now_ms())
        if prepared.key is not None:
            self._library.verifier.remember_key(conversation.id, prepared.entry.epoch, prepared.key)
        await self._parts.keyring.save()  # Whom it grants anything is pinned for good before.
        guests = {(grant.epoch, grant.user_id) for grant in prepared.grants if grant.epoch <= conversation.epoch}
        self._given.setdefault(conversation.id, set()).update(guests)
        try:
            record = await self._post(conversation.id, prepared)
        except ProblemError as error:
            if error.status != 409:
                raise
            return False
        if record is not None:
            await self._adopt(conversation, record, prepared)
        return True

    async def _post(self, conversation_id: UUID, prepared: PreparedEntry) -> ConversationRecord | None:
        """Posts the same bytes until an answer comes."""
        for pause_s in (*_PAUSES_S, None):
            try:
                return await self._api.post_entry(conversation_id, prepared)
            except NetworkError:
                if pause_s is None:
                    raise
                await self._parts.platform.clock.sleep(pause_s)
        raise NetworkError

    async def _adopt(self, conversation: Conversation, record: ConversationRecord, prepared: PreparedEntry) -> None:
        """Takes what the server keeps now: the entry must be in it, and all of it must hold."""
        if record.id != conversation.id:
            raise AnswerError("conversation.id")
        kept = await self._library.adopt(record)
        states = kept.followed.states if kept.followed else ()
        seq = prepared.entry.seq
        if seq >= len(states) or states[seq].head != prepared.entry.hash:
            alarm = AnswerError("conversation.roster")
            kept.add_alarm(alarm)
            raise alarm
        kept.verify_sound()
