"""The signed lists of who is in a conversation: replayed by their rules, and appended to.

Writers of a roster lock nothing: each entry has a number, the first to store it wins, and everything else happens in
the winner's transaction (`RosterConflictError` for the others). That holds in every layer above. `conversations` posts
entries under its own lock of the conversation; `accounts` appends `rekey` entries to all rosters of a person:

    replace the person's bundle (its row stays locked, so nobody invites them under old keys meanwhile)
    for conversation_id in sorted(conversation_ids_of(user_id)):
        step = append_entry(conversation_id=…, actor_id=user_id, signed=…)
        replace_grants(step=step, grants=…)                      (keystore/grants.py)

Whoever needs several locks takes them in this order, so that nobody waits in a circle: the holder of texts from before
encryption, their migration, conversations by id, a request for deletion, users, bundles, entries by conversation
(docs/decisions/0008-rosters-are-ordered-by-their-numbers.md).
"""

import hmac
from dataclasses import dataclass
from uuid import UUID

from django.db import IntegrityError, transaction

from balon.protocol import errors, roster, statements
from balon.protocol.roster import Member, Role, RosterOp, RosterState
from keystore import roster_states
from keystore.errors import (
    ForbiddenEntryError,
    InvalidStatementError,
    KeystoreError,
    LastOwnerError,
    RoomFullError,
    RosterConflictError,
)
from keystore.models import Grant, KeyBundle, Membership, PreviousKey, RosterEntry
from keystore.signatures import Signed, verify_signature

_ANSWERS: dict[type[errors.StatementError], type[KeystoreError]] = {
    errors.OutdatedEntryError: RosterConflictError,
    errors.ForbiddenEntryError: ForbiddenEntryError,
    errors.LastOwnerError: LastOwnerError,
    errors.RosterFullError: RoomFullError,
}
_EXPOSING = frozenset({RosterOp.LEAVE, RosterOp.DECLINE, RosterOp.REKEY})


@dataclass(frozen=True, slots=True)
class Step:
    """An entry that was stored, and the roster before and after it; `before` is None for the first one."""

    entry: statements.RosterEntry
    before: RosterState | None
    after: RosterState

    @property
    def begins_epoch(self) -> bool:
        """Whether a new key is used from here on."""
        return self.before is None or self.after.epoch != self.before.epoch


def create_roster(*, requester_id: UUID, conversation_id: UUID, signed: Signed) -> Step:
    """Stores the first entry of a roster and the membership that follows from it; within the caller's transaction.

    Raises:
        InvalidStatementError: The entry does not create this conversation for this requester, or is not signed by them.
        RosterConflictError: The conversation has a roster.
    """
    entry = _parse_entry(signed, conversation_id=conversation_id, actor_id=requester_id)
    owner = _keys_on_record(requester_id, Role.OWNER)
    try:
        after = roster.create_roster(entry, owner)
    except errors.StatementError as error:
        raise InvalidStatementError(f"The roster entry is not valid. {error}") from error
    verify_signature(owner.idk_pub, signed)
    step = Step(entry, None, after)
    _store(step, signed, subject=owner)
    return step


def append_entry(*, conversation_id: UUID, actor_id: UUID, signed: Signed) -> Step:
    """Verifies an entry against the roster so far, stores it, and updates who is in the conversation.

    Within the caller's transaction, which also has to store what comes with the entry: grants, previous key, META, the
    conversation's epoch. Keys of whom an `invite` or `rekey` is about come from their bundle on record, whose row stays
    locked. Whoever is off the roster loses membership and grants.

    Args:
        conversation_id: The caller authorised the actor to see it.
        actor_id: Who asks; the entry must name them.
        signed: The entry. Its signature is judged by the actor's identity key as the roster had it before.

    Raises:
        RosterConflictError: The entry does not follow the newest one, or somebody else stored one at this moment.
        ForbiddenEntryError: The actor may not do this.
        LastOwnerError, RoomFullError: As their names say.
        InvalidStatementError: The entry does not stand for any other reason, or is not signed by the actor.
    """
    entry = _parse_entry(signed, conversation_id=conversation_id, actor_id=actor_id)
    before = roster_states.get_roster(conversation_id)
    try:
        roster.verify_follows(before, entry)
        subject = _subject_of(entry, before)
        after = roster.apply_entry(before, entry, subject)
    except errors.StatementError as error:
        raise _ANSWERS.get(type(error), InvalidStatementError)(str(error)) from error
    verify_signature(before.members[actor_id].idk_pub, signed)
    step = Step(entry, before, after)
    _store(step, signed, subject=subject)
    return step


def find_entry(*, conversation_id: UUID, signed: Signed) -> statements.RosterEntry | None:
    """The stored entry that is the very same; None if there is none. Who asks may be off the roster since."""
    try:
        entry = statements.RosterEntry.parse(signed.statement)
    except errors.StatementError:
        return None
    stored = RosterEntry.objects.filter(conversation_id=conversation_id, seq=entry.seq).first()
    same = stored is not None and hmac.compare_digest(stored.statement, signed.statement)
    return entry if same else None


def _parse_entry(signed: Signed, *, conversation_id: UUID, actor_id: UUID) -> statements.RosterEntry:
    try:
        entry = statements.RosterEntry.parse(signed.statement)
    except errors.StatementError as error:
        raise InvalidStatementError(f"The roster entry is not valid. {error}") from error
    if entry.conversation_id != conversation_id:
        raise InvalidStatementError("The roster entry is of another conversation.")
    if entry.actor_id != actor_id:
        raise InvalidStatementError("The roster entry is somebody else's.")
    return entry


def _subject_of(entry: statements.RosterEntry, before: RosterState) -> Member | None:
    """Whose keys the entry brings in. Who is on the roster is not looked for again: no lock is taken in vain."""
    if entry.op == RosterOp.INVITE and entry.target_id not in before.members:
        return _keys_on_record(entry.target_id, Role.INVITED)
    if entry.op == RosterOp.REKEY:
        return _keys_on_record(entry.actor_id, before.members[entry.actor_id].role)
    return None


def _keys_on_record(user_id: UUID, role: Role) -> Member:
    bundle = KeyBundle.objects.select_for_update(no_key=True).filter(pk=user_id).first()
    if bundle is None:
        raise InvalidStatementError("This person has no account with keys.")
    return Member(user_id=user_id, idk_pub=bundle.idk_pub, rsa_kid=bundle.rsa_kid, role=role)


def _store(step: Step, signed: Signed, *, subject: Member | None) -> None:
    try:
        with transaction.atomic():
            RosterEntry.objects.create(
                conversation_id=step.entry.conversation_id,
                seq=step.entry.seq,
                statement=signed.statement,
                signature=signed.signature,
                subject_idk_pub=subject.idk_pub if subject else None,
                subject_rsa_kid=subject.rsa_kid if subject else None,
                epoch=step.after.epoch,
                exposes=step.entry.op in _EXPOSING,
            )
    except IntegrityError as error:
        raise RosterConflictError from error
    _update_memberships(step)


def _update_memberships(step: Step) -> None:
    """Writes the difference alone: accounts that were deleted are on the roster still, and nowhere else."""
    known = step.before.members if step.before else {}
    for user_id in known.keys() - step.after.members.keys():
        remove_member(conversation_id=step.entry.conversation_id, user_id=user_id)
    for member in step.after.members.values():
        if known.get(member.user_id) != member:
            _write_membership(step.entry.conversation_id, member, new=member.user_id not in known)


def _write_membership(conversation_id: UUID, member: Member, *, new: bool) -> None:
    columns = {"idk_pub": member.idk_pub, "rsa_kid": member.rsa_kid, "role": member.role}
    if new:
        Membership.objects.create(conversation_id=conversation_id, user_id=member.user_id, **columns)
    else:
        Membership.objects.filter(conversation_id=conversation_id, user_id=member.user_id).update(**columns)


def store_previous_key(*, conversation_id: UUID, epoch: int, envelope: bytes) -> None:
    """Keeps the key of the epoch before, sealed under this one's; in the transaction that began this epoch."""
    PreviousKey.objects.create(conversation_id=conversation_id, epoch=epoch, envelope=envelope)


def delete_roster(conversation_id: UUID) -> None:
    """Forgets who was in a conversation, and every grant of its keys; within the caller's transaction."""
    for model in (Grant, Membership, PreviousKey, RosterEntry):
        model._base_manager.filter(conversation_id=conversation_id).delete()  # noqa: SLF001 - Django documents it


def remove_member(*, conversation_id: UUID, user_id: UUID) -> None:
    """Takes a person's membership and grants away; within the caller's transaction.

    The signed list is another matter: of a deleted account it keeps its entries, for nobody is there to sign another.
    """
    Grant.objects.filter(conversation_id=conversation_id, user_id=user_id).delete()
    Membership.objects.filter(conversation_id=conversation_id, user_id=user_id).delete()
