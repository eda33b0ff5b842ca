"""The roster's rules: which signed entry may follow which (docs/protocol.md section 7).

Pure state; whoever applies an entry has verified its signature under the actor's identity key: the roster's own, or
the pinned one of a person who is not a member yet.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import TypeVar
from uuid import UUID

from balon.protocol.encoding import NIL_UUID, ZERO_HASH, encode_context
from balon.protocol.errors import (
    ForbiddenEntryError,
    LastOwnerError,
    OutdatedEntryError,
    RosterError,
    RosterFullError,
)
from balon.protocol.statements import RosterEntry

T = TypeVar("T")
MAX_MEMBERS = 200


class Role(StrEnum):
    """What a person may do: owners all, members send and rotate, readers read, the invited accept or decline."""

    OWNER = "owner"
    MEMBER = "member"
    READER = "reader"
    INVITED = "invited"


class RosterOp(StrEnum):
    """What an entry does."""

    CREATE = "create"
    INVITE = "invite"
    ACCEPT = "accept"
    DECLINE = "decline"
    REMOVE = "remove"
    LEAVE = "leave"
    ROLE = "role"
    ROTATE = "rotate"
    REKEY = "rekey"


@dataclass(frozen=True, slots=True)
class Member:
    """A person on the roster with the keys that entries and grants are judged by."""

    user_id: UUID
    idk_pub: bytes
    rsa_kid: bytes
    role: Role
    encoded: bytes = field(init=False, repr=False, compare=False)
    """ctx("member", …), made once, since a room of 200 is hashed again for each entry of its roster."""

    def __post_init__(self) -> None:
        encoded = encode_context("member", self.user_id, self.idk_pub, self.rsa_kid, str(self.role))
        object.__setattr__(self, "encoded", encoded)


def hash_members(members: Mapping[UUID, Member]) -> bytes:
    """members_hash: SHA-256 over ctx("member", …) of each member, sorted by user id; 32 bytes."""
    ordered = sorted(members.values(), key=lambda member: member.user_id.int)
    return hashlib.sha256(b"".join(member.encoded for member in ordered)).digest()


@dataclass(frozen=True, slots=True)
class RosterState:
    """The roster after its newest entry. Immutable: `apply_entry` gives the next one."""

    conversation_id: UUID
    head: bytes
    seq: int
    epoch: int
    ck_commits: Mapping[int, bytes]
    members: Mapping[UUID, Member] = field(default_factory=dict)
    invited_roles: Mapping[UUID, Role] = field(default_factory=dict)
    exposed: frozenset[UUID] = frozenset()
    """Who may have this epoch's key without a right to what comes: people who left, or whose own key was replaced."""

    def role_of(self, user_id: UUID) -> Role | None:
        """The person's role, or None for a stranger."""
        member = self.members.get(user_id)
        return member.role if member else None

    @property
    def needs_rotation(self) -> bool:
        """Whether this epoch's key is exposed: then nothing may be sent before a new epoch begins."""
        return bool(self.exposed)

    @property
    def owners(self) -> frozenset[UUID]:
        """Who may do everything."""
        return frozenset(each.user_id for each in self.members.values() if each.role is Role.OWNER)


def create_roster(entry: RosterEntry, owner: Member) -> RosterState:
    """Begins a roster with its `create` entry.

    Args:
        entry: The parsed entry; its signature verifies under `owner.idk_pub`.
        owner: The creator, with keys from a source the caller trusts, never from the answer that brought the entry.

    Raises:
        RosterError: The entry is not a well-formed beginning.
    """
    members = {owner.user_id: owner}
    if (entry.op, entry.seq, entry.prev_hash, entry.epoch) != (RosterOp.CREATE, 0, ZERO_HASH, 0):
        raise RosterError("A roster begins with a create entry.")
    if entry.actor_id != owner.user_id or entry.target_id != NIL_UUID or owner.role is not Role.OWNER:
        raise RosterError("The creator of a conversation is its owner.")
    if entry.role != Role.OWNER or entry.members_hash != hash_members(members):
        raise RosterError("The members of a create entry are not its creator alone.")
    return RosterState(
        conversation_id=entry.conversation_id,
        head=entry.hash,
        seq=0,
        epoch=0,
        ck_commits=MappingProxyType({0: entry.ck_commit}),
        members=MappingProxyType(members),
    )


def apply_entry(state: RosterState, entry: RosterEntry, subject: Member | None = None) -> RosterState:
    """Applies an entry after the first.

    Args:
        state: The roster so far.
        entry: The parsed entry; its signature verifies under the actor's identity key in `state`.
        subject: For `invite` the invited person, for `rekey` the actor with the new keys. The entry's members_hash
            must agree with it; whether the keys are that person's is another question (section 7, "Whose keys").

    Raises:
        OutdatedEntryError: The entry does not follow the newest one.
        ForbiddenEntryError: Its actor may not do this.
        LastOwnerError, RosterFullError: It leads to a conversation without an owner, or of too many people.
        RosterError: It says something else about members, epoch or key than what follows.
    """
    verify_follows(state, entry)
    changed = _RULES[_op_of(entry)](state, entry, subject)
    if entry.members_hash != hash_members(changed.members):
        raise RosterError("The entry's members are not those it leads to.")
    _verify_size(changed)
    return replace(_advance_epoch(changed, entry), head=entry.hash, seq=entry.seq)


def complete_entry(state: RosterState, draft: RosterEntry, subject: Member | None = None) -> RosterEntry:
    """Fills in the members_hash that an entry leads to; for whoever is about to sign it.

    Args:
        state: The roster so far.
        draft: The entry, whatever its members_hash.
        subject: As for `apply_entry`.

    Raises:
        RosterError: As `apply_entry`.
    """
    verify_follows(state, draft)
    changed = _RULES[_op_of(draft)](state, draft, subject)
    _verify_size(changed)
    return replace(draft, members_hash=hash_members(changed.members))


def _verify_size(state: RosterState) -> None:
    if not any(each.role is Role.OWNER for each in state.members.values()):
        raise LastOwnerError("A conversation keeps an owner: make somebody else one first.")
    if len(state.members) > MAX_MEMBERS:
        raise RosterFullError(f"A conversation holds at most {MAX_MEMBERS} people.")


def verify_follows(state: RosterState, entry: RosterEntry) -> None:
    """Verifies what needs no knowledge of the deed: the place in the chain, the actor, and the empty fields.

    Raises:
        OutdatedEntryError: The entry does not follow the newest one.
        ForbiddenEntryError: Its actor is not on the roster.
        RosterError: It is of another conversation, or a field is set that must be empty.
    """
    if entry.conversation_id != state.conversation_id:
        raise RosterError("The entry is of another conversation.")
    if entry.seq != state.seq + 1 or entry.prev_hash != state.head:
        raise OutdatedEntryError("The entry does not follow the newest one.")
    if entry.actor_id not in state.members:
        raise ForbiddenEntryError("The actor is not on the roster.")
    if entry.op not in _TARGETED and entry.target_id != NIL_UUID:
        raise RosterError("This entry has no target.")
    if entry.op not in _ROLE_GIVING and entry.role != "":
        raise RosterError("This entry gives no role.")


def _op_of(entry: RosterEntry) -> RosterOp:
    if entry.op in _RULES:
        return RosterOp(entry.op)
    raise RosterError("There is no such roster entry.")


def _advance_epoch(state: RosterState, entry: RosterEntry) -> RosterState:
    """The epoch an entry may carry: the next with a new key where it must or may rotate, else the same with its key."""
    must = entry.op in {RosterOp.REMOVE, RosterOp.ROTATE}
    if entry.epoch == state.epoch + 1 and (must or entry.op == RosterOp.INVITE):
        if entry.ck_commit in state.ck_commits.values():
            raise RosterError("A new epoch has a key of its own.")
        commits = MappingProxyType({**state.ck_commits, entry.epoch: entry.ck_commit})
        return replace(state, epoch=entry.epoch, ck_commits=commits, exposed=frozenset())
    if must or entry.epoch != state.epoch or entry.ck_commit != state.ck_commits[state.epoch]:
        raise RosterError("The entry's epoch or key is not the one that must follow.")
    return state


def _invite(state: RosterState, entry: RosterEntry, subject: Member | None) -> RosterState:
    _require_owner(state, entry)
    if entry.target_id in state.members:
        raise RosterError("This person is on the roster already.")
    if subject is None or subject.user_id != entry.target_id or subject.role is not Role.INVITED:
        raise RosterError("An invitation needs the keys of the person it invites.")
    invited = {**state.invited_roles, entry.target_id: _given_role(entry)}
    return replace(_with_member(state, subject), invited_roles=MappingProxyType(invited))


def _accept(state: RosterState, entry: RosterEntry, _subject: Member | None) -> RosterState:
    member = _require_invited(state, entry)
    accepted = _with_member(state, replace(member, role=state.invited_roles[entry.actor_id]))
    return replace(accepted, invited_roles=_without(state.invited_roles, entry.actor_id))


def _decline(state: RosterState, entry: RosterEntry, _subject: Member | None) -> RosterState:
    _require_invited(state, entry)
    return _without_member(state, entry.actor_id)


def _remove(state: RosterState, entry: RosterEntry, _subject: Member | None) -> RosterState:
    _require_owner(state, entry)
    if entry.target_id not in state.members or entry.target_id == entry.actor_id:
        raise RosterError("An owner removes somebody else who is on the roster.")
    return _without_member(state, entry.target_id)


def _leave(state: RosterState, entry: RosterEntry, _subject: Member | None) -> RosterState:
    if state.role_of(entry.actor_id) is Role.INVITED:
        raise RosterError("Who is invited declines.")
    return _without_member(state, entry.actor_id)


def _change_role(state: RosterState, entry: RosterEntry, _subject: Member | None) -> RosterState:
    _require_owner(state, entry)
    member = state.members.get(entry.target_id)
    if member is None or member.role is Role.INVITED:
        raise RosterError("Only members have a role to change.")
    return _with_member(state, replace(member, role=_given_role(entry)))


def _rotate(state: RosterState, entry: RosterEntry, _subject: Member | None) -> RosterState:
    if state.role_of(entry.actor_id) not in {Role.OWNER, Role.MEMBER}:
        raise ForbiddenEntryError("Only owners and members rotate keys.")
    return state


def _rekey(state: RosterState, entry: RosterEntry, subject: Member | None) -> RosterState:
    member = state.members[entry.actor_id]
    if subject is None or (subject.user_id, subject.role) != (member.user_id, member.role):
        raise RosterError("A rekey entry changes the actor's keys and nothing else.")
    if subject.rsa_kid == member.rsa_kid:
        raise RosterError("A rekey entry brings another encryption key.")
    return replace(_with_member(state, subject), exposed=state.exposed | {entry.actor_id})


def _require_owner(state: RosterState, entry: RosterEntry) -> None:
    if state.role_of(entry.actor_id) is not Role.OWNER:
        raise ForbiddenEntryError("Only owners change who is in a conversation.")


def _require_invited(state: RosterState, entry: RosterEntry) -> Member:
    if state.role_of(entry.actor_id) is not Role.INVITED:
        raise ForbiddenEntryError("Only who is invited accepts or declines.")
    return state.members[entry.actor_id]


def _given_role(entry: RosterEntry) -> Role:
    if entry.role not in {Role.OWNER, Role.MEMBER, Role.READER}:
        raise RosterError("There is no such role to give.")
    return Role(entry.role)


def _with_member(state: RosterState, member: Member) -> RosterState:
    return replace(state, members=MappingProxyType({**state.members, member.user_id: member}))


def _without_member(state: RosterState, user_id: UUID) -> RosterState:
    return replace(
        state,
        members=_without(state.members, user_id),
        invited_roles=_without(state.invited_roles, user_id),
        exposed=state.exposed | {user_id},
    )


def _without(mapping: Mapping[UUID, T], user_id: UUID) -> Mapping[UUID, T]:
    return MappingProxyType({key: value for key, value in mapping.items() if key != user_id})


_TARGETED = frozenset({RosterOp.INVITE, RosterOp.REMOVE, RosterOp.ROLE})
_ROLE_GIVING = frozenset({RosterOp.INVITE, RosterOp.ROLE})
_RULES: Mapping[str, Callable[[RosterState, RosterEntry, Member | None], RosterState]] = MappingProxyType(
    {
        RosterOp.INVITE: _invite,
        RosterOp.ACCEPT: _accept,
        RosterOp.DECLINE: _decline,
        RosterOp.REMOVE: _remove,
        RosterOp.LEAVE: _leave,
        RosterOp.ROLE: _change_role,
        RosterOp.ROTATE: _rotate,
        RosterOp.REKEY: _rekey,
    }
)
