"""Rosters as their rules see them: the stored entries, replayed.

Every entry was verified before it was stored. Replaying a thousand takes a fifth of a second, so this process keeps the
newest states; an entry never changes, so a kept state whose head still stands is as good as a replayed one.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock
from uuid import UUID

from balon.protocol import roster, statements
from balon.protocol.errors import RosterError
from balon.protocol.roster import Member, Role, RosterOp, RosterState
from keystore.errors import UnknownRosterError
from keystore.models import RosterEntry

_KEPT = 128


class _RecentStates:
    """The states that were asked for last."""

    def __init__(self) -> None:
        self._states: OrderedDict[UUID, RosterState] = OrderedDict()
        self._lock = Lock()

    def find(self, conversation_id: UUID) -> RosterState | None:
        with self._lock:
            return self._states.get(conversation_id)

    def keep(self, state: RosterState) -> None:
        with self._lock:
            self._states[state.conversation_id] = state
            self._states.move_to_end(state.conversation_id)
            if len(self._states) > _KEPT:
                self._states.popitem(last=False)


_recent = _RecentStates()


def get_roster(conversation_id: UUID) -> RosterState:
    """The roster after its newest stored entry.

    Raises:
        UnknownRosterError: The conversation has none.
    """
    state = _resume(conversation_id) or _replay(_list_rows(conversation_id))
    _recent.keep(state)
    return state


def _resume(conversation_id: UUID) -> RosterState | None:
    """Goes on from a kept state, if its newest entry is among the stored ones."""
    known = _recent.find(conversation_id)
    if known is None:
        return None
    rows = _list_rows(conversation_id, first=known.seq)
    if not rows or hashlib.sha256(rows[0].statement).digest() != known.head:
        return None
    return _apply(known, rows[1:])


def _list_rows(conversation_id: UUID, first: int = 0) -> list[RosterEntry]:
    return list(RosterEntry.objects.filter(conversation_id=conversation_id, seq__gte=first).order_by("seq"))


def _replay(rows: Sequence[RosterEntry]) -> RosterState:
    if not rows:
        raise UnknownRosterError
    entry = statements.RosterEntry.parse(rows[0].statement)
    return _apply(roster.create_roster(entry, _member(rows[0], entry.actor_id, Role.OWNER)), rows[1:])


def _apply(state: RosterState, rows: Sequence[RosterEntry]) -> RosterState:
    for row in rows:
        entry = statements.RosterEntry.parse(row.statement)
        state = roster.apply_entry(state, entry, _subject_of(row, entry, state))
    return state


def _subject_of(row: RosterEntry, entry: statements.RosterEntry, state: RosterState) -> Member | None:
    if entry.op == RosterOp.INVITE:
        return _member(row, entry.target_id, Role.INVITED)
    if entry.op == RosterOp.REKEY:
        return _member(row, entry.actor_id, state.members[entry.actor_id].role)
    return None


def _member(row: RosterEntry, user_id: UUID, role: Role) -> Member:
    if row.subject_idk_pub is None or row.subject_rsa_kid is None:
        raise RosterError("A stored entry lacks the keys of whom it brings in.")
    return Member(user_id=user_id, idk_pub=row.subject_idk_pub, rsa_kid=row.subject_rsa_kid, role=role)
