"""Who is and was in a conversation: the signed chain followed from its beginning (docs/protocol.md section 7).

Pure. The signatures of the entries are verified by whoever calls (`grants`), in one batch; whose the keys are that the
chain shows is judged by the pins (`pins`).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from balon.protocol.errors import StatementError
from balon.protocol.roster import Member, Role, RosterOp, RosterState, apply_entry, create_roster
from balon.protocol.statements import RosterEntry
from balon.protocol.types import PublicKey
from balon_client.alarms import ConversationError, ConversationRollbackError
from balon_client.conversation_records import ConversationRecord, RosterRecord
from balon_client.keyring_model import Mark
from balon_client.records import Signed

_WRITERS = frozenset({Role.OWNER, Role.MEMBER})


@dataclass(frozen=True, slots=True)
class EpochMembers:
    """Who was in a conversation during an epoch: by which key each is judged, and who might write at some time."""

    identities: Mapping[UUID, PublicKey]
    """The first identity key that each person had in it: after another one, its key seals nothing any more."""
    writers: frozenset[UUID]


@dataclass(frozen=True, slots=True, eq=False)
class FollowedRoster:
    """A chain of entries, each with the roster after it."""

    records: tuple[RosterRecord, ...]
    entries: tuple[RosterEntry, ...]
    states: tuple[RosterState, ...]
    keys: Mapping[UUID, tuple[PublicKey, ...]]
    """Everyone who ever was on it, in order of appearance, with their identity keys, oldest first."""
    first_epochs: Mapping[UUID, int]
    """From which epoch on each person on the roster may read."""
    _epochs: dict[int, EpochMembers] = field(default_factory=dict, init=False, repr=False)

    @property
    def state(self) -> RosterState:
        """The roster now."""
        return self.states[-1]

    @property
    def mark(self) -> Mark:
        """The newest entry, for the keyring."""
        return Mark(self.state.seq, self.state.head)

    def members_in(self, epoch: int) -> EpochMembers:
        """Who was in the conversation during an epoch that it had."""
        if epoch not in self._epochs:
            first, end = self._span_of(epoch)
            self._epochs[epoch] = _collect(self.states[first:end])
        return self._epochs[epoch]

    def _span_of(self, epoch: int) -> tuple[int, int]:
        first = bisect_left(self.entries, epoch, key=lambda entry: entry.epoch)
        return first, bisect_right(self.entries, epoch, key=lambda entry: entry.epoch)

    def beginning_of(self, epoch: int) -> RosterEntry:
        """The entry that began an epoch."""
        return self.entries[self._span_of(epoch)[0]]

    def begins_epoch(self, index: int) -> bool:
        """Whether the entry at an index began an epoch."""
        return index == 0 or self.states[index].epoch != self.states[index - 1].epoch

    def leads_back(self, epoch: int) -> bool:
        """Whether the key of the epoch before is sealed under this one's: never after an invitation without history."""
        return epoch > 0 and self.beginning_of(epoch).op != RosterOp.INVITE

    def tops_from(self, first: int) -> list[int]:
        """The newest epoch of each unbroken chain of keys from an epoch on, newest first."""
        newest = self.state.epoch
        return [epoch for epoch in range(newest, first - 1, -1) if epoch == newest or not self.leads_back(epoch + 1)]

    def invitation_of(self, user_id: UUID) -> RosterEntry | None:
        """The entry that brought a person in last; None for the creator, and for strangers."""
        invited = (entry for entry in reversed(self.entries) if entry.op == RosterOp.INVITE)
        return next((entry for entry in invited if entry.target_id == user_id), None)

    def count_entrances(self, user_id: UUID) -> int:
        """How many times a person came in: as the creator, or invited."""
        invited = sum(entry.op == RosterOp.INVITE and entry.target_id == user_id for entry in self.entries)
        return invited + (self.entries[0].actor_id == user_id)


def _collect(states: Sequence[RosterState]) -> EpochMembers:
    identities: dict[UUID, PublicKey] = {}
    writers: set[UUID] = set()
    for state in states:
        for member in state.members.values():
            identities.setdefault(member.user_id, PublicKey(member.idk_pub))
            if member.role in _WRITERS:
                writers.add(member.user_id)
    return EpochMembers(identities, frozenset(writers))


# --- Following ---


def follow_roster(record: ConversationRecord, known: FollowedRoster | None = None) -> FollowedRoster:
    """Follows the chain of a record.

    Args:
        record: As the server gave it.
        known: The same conversation's chain as it was followed before: what it begins with is not followed again.

    Raises:
        ConversationError: There is no entry, or one does not follow from those before it.
    """
    begun = known if known and record.roster[: len(known.records)] == known.records else None
    follower = _Follower(begun)
    try:
        for entry in record.roster[len(follower.entries) :]:
            follower.add(record.id, entry)
    except StatementError:
        raise ConversationError from None
    if not follower.entries:
        raise ConversationError
    return follower.finish(record.roster)


class _Follower:
    """A chain that grows entry by entry."""

    def __init__(self, begun: FollowedRoster | None) -> None:
        self.entries: list[RosterEntry] = list(begun.entries) if begun else []
        self._states: list[RosterState] = list(begun.states) if begun else []
        self._keys: dict[UUID, tuple[PublicKey, ...]] = dict(begun.keys) if begun else {}
        self._first_epochs: dict[UUID, int] = dict(begun.first_epochs) if begun else {}

    def add(self, conversation_id: UUID, record: RosterRecord) -> None:
        """Takes the next entry; raises a StatementError where it does not follow."""
        entry = RosterEntry.parse(record.signed.statement)
        if entry.conversation_id != conversation_id:
            raise ConversationError
        before = self._states[-1] if self._states else None
        subject = _subject_of(entry, record, before)
        self._states.append(_apply(before, entry, subject))
        self.entries.append(entry)
        if subject is not None:
            self._note_key(subject)
        self._note_first_epoch(entry, before)

    def _note_key(self, subject: Member) -> None:
        had = self._keys.get(subject.user_id, ())
        if had[-1:] != (subject.idk_pub,):
            self._keys[subject.user_id] = (*had, PublicKey(subject.idk_pub))

    def _note_first_epoch(self, entry: RosterEntry, before: RosterState | None) -> None:
        """Whoever is invited within an epoch reads what their inviter reads, else from the epoch on that it begins."""
        if before is None:
            self._first_epochs[entry.actor_id] = 0
        elif entry.op == RosterOp.INVITE:
            shared = entry.epoch == before.epoch
            self._first_epochs[entry.target_id] = self._first_epochs[entry.actor_id] if shared else entry.epoch
        for user_id in (before.members.keys() if before else set()) - self._states[-1].members.keys():
            del self._first_epochs[user_id]

    def finish(self, records: tuple[RosterRecord, ...]) -> FollowedRoster:
        """The chain so far."""
        return FollowedRoster(records, tuple(self.entries), tuple(self._states), self._keys, self._first_epochs)


def _subject_of(entry: RosterEntry, record: RosterRecord, before: RosterState | None) -> Member | None:
    """The person whose keys travel beside an entry, with the role that they have after it."""
    if record.subject is None:
        return None
    keys = (record.subject.idk_pub, record.subject.rsa_kid)
    if before is None:
        return Member(entry.actor_id, *keys, Role.OWNER)
    if entry.op == RosterOp.INVITE:
        return Member(entry.target_id, *keys, Role.INVITED)
    member = before.members.get(entry.actor_id) if entry.op == RosterOp.REKEY else None
    return Member(entry.actor_id, *keys, member.role) if member else None


def _apply(before: RosterState | None, entry: RosterEntry, subject: Member | None) -> RosterState:
    if before is not None:
        return apply_entry(before, entry, subject)
    if subject is None:
        raise ConversationError
    return create_roster(entry, subject)


# --- What must hold of it ---


def signed_entries(roster: FollowedRoster) -> list[tuple[PublicKey, Signed]]:
    """Each entry with the key that must have signed it: its actor's, as the roster had it before the entry."""
    before = [roster.states[0], *roster.states]
    return [
        (identity_of(state, entry.actor_id), record.signed)
        for record, entry, state in zip(roster.records, roster.entries, before, strict=False)
    ]


def identity_of(state: RosterState, user_id: UUID) -> PublicKey:
    """The identity key of a member.

    Raises:
        ConversationError: The person is no member.
    """
    member = state.members.get(user_id)
    if member is None:
        raise ConversationError
    return PublicKey(member.idk_pub)


def verify_not_older(roster: FollowedRoster, seen: Mark | None) -> None:
    """Compares a chain with the newest entry that was seen of it (A14).

    Raises:
        ConversationRollbackError: It ends before that entry, or has another one in its place.
    """
    if seen is None:
        return
    if seen.seq >= len(roster.states) or roster.states[seen.seq].head != seen.hash:
        raise ConversationRollbackError
