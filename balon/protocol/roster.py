"""The roster's rules: which signed entry may follow which (docs/protocol.md section 7).

Pure state; whoever applies an entry has verified its signature under the actor's identity key: the roster's own, or
the pinned one of a person who is not a member yet.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from balon.protocol.encoding import NIL_UUID, ZERO_HASH, encode_context
from balon.protocol.errors import RosterError
from balon.protocol.statements import RosterEntry


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


def hash_members(members: Mapping[UUID, Member]) -> bytes:
    """members_hash: SHA-256 over ctx("member", …) of each member, sorted by user id; 32 bytes."""
    digest = hashlib.sha256()
    for member in sorted(members.values(), key=lambda member: member.user_id.bytes):
        digest.update(encode_context("member", member.user_id, member.idk_pub, member.rsa_kid, str(member.role)))
    return digest.digest()


@dataclass(frozen=True, slots=True)
class RosterState:
    """The roster after its newest entry. Immutable: `apply` gives the next one."""

    conversation_id: UUID
    head: bytes
    seq: int
    epoch: int
    ck_commits: Mapping[int, bytes]
    members: Mapping[UUID, Member] = field(default_factory=dict)
    invited_roles: Mapping[UUID, Role] = field(default_factory=dict)

    def role_of(self, user_id: UUID) -> Role | None:
        """The person's role, or None for a stranger."""
        member = self.members.get(user_id)
        return member.role if member else None


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


def apply_rotation(state: RosterState, entry: RosterEntry) -> RosterState:
    """Applies a `rotate` entry: the same members, a new epoch with a new key.

    Raises:
        RosterError: The entry does not follow, or its actor may not rotate.
    """
    _verify_follows(state, entry)
    if entry.op != RosterOp.ROTATE or entry.target_id != NIL_UUID or entry.role != "":
        raise RosterError("This entry is no rotation.")
    if state.role_of(entry.actor_id) not in {Role.OWNER, Role.MEMBER}:
        raise RosterError("Only owners and members rotate keys.")
    if entry.epoch != state.epoch + 1 or entry.ck_commit in state.ck_commits.values():
        raise RosterError("A rotation begins the next epoch with a new key.")
    if entry.members_hash != hash_members(state.members):
        raise RosterError("A rotation does not change who is a member.")
    commits = MappingProxyType({**state.ck_commits, entry.epoch: entry.ck_commit})
    return replace(state, head=entry.hash, seq=entry.seq, epoch=entry.epoch, ck_commits=commits)


def _verify_follows(state: RosterState, entry: RosterEntry) -> None:
    if entry.conversation_id != state.conversation_id:
        raise RosterError("The entry is of another conversation.")
    if entry.seq != state.seq + 1 or entry.prev_hash != state.head:
        raise RosterError("The entry does not follow the newest one.")
