"""Changes of who is in a conversation, each with all that has to come with it (docs/protocol.md section 7)."""

from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from accounts.throttles import Limit, count_attempt
from balon.protocol.roster import RosterOp
from conversations import selectors
from conversations.errors import InvalidRequestError, VersionConflictError
from conversations.models import Conversation, Meta
from conversations.services import MetaDraft, erase_conversation, notify_members, store_meta, verify_meta
from conversations.streams import stop_outdated_streams_on_commit
from keystore import selectors as keys
from keystore.clock import now_ms
from keystore.grants import GrantDraft, store_grants
from keystore.notices import notify_on_commit
from keystore.rosters import Step, append_entry, find_entry, store_previous_key
from keystore.signatures import Signed

LONG_ROSTER = 5000
LONG_ROSTER_LIMIT = Limit(count=20, window_s=24 * 3600)
_ALWAYS = frozenset({RosterOp.ACCEPT, RosterOp.DECLINE, RosterOp.LEAVE, RosterOp.REMOVE})


@dataclass(frozen=True, slots=True)
class RosterDraft:
    """A roster entry with what comes with it, as its actor made it.

    `previous` is the key of the epoch before, sealed under that of the epoch which the entry begins.
    """

    entry: Signed
    grants: list[GrantDraft]
    previous: bytes | None
    meta: MetaDraft | None


def change_roster(*, requester_id: UUID, conversation_id: UUID, draft: RosterDraft) -> bool:
    """Appends an entry to the roster with grants, previous key and META, in one transaction under the row's lock.

    On commit all who are or were concerned get a notice, and replies of older epochs are stopped. A conversation that
    nobody reads any more (its owner deleted their account, the last one left) is deleted.

    Returns:
        Whether it is new; False if the requester posted the very same entry before.

    Raises:
        NotFoundError: The requester is a stranger to the conversation.
        RosterConflictError: The entry does not follow the newest one.
        VersionConflictError: META was written meanwhile.
        ForbiddenEntryError: The requester's role does not allow this.
        LastOwnerError, RoomFullError: As their names say.
        InvalidStatementError, InvalidRequestError: Something does not stand, is missing, or is too much.
        Throttled: The roster is very long, and was changed often today.
    """
    with transaction.atomic():
        conversation = selectors.lock_conversation(conversation_id)
        known = find_entry(conversation_id=conversation_id, signed=draft.entry)
        if known is not None and known.actor_id == requester_id:
            return False
        selectors.require_standing(requester_id=requester_id, conversation_id=conversation_id)
        selectors.require_released(conversation_id)
        step = append_entry(conversation_id=conversation_id, actor_id=requester_id, signed=draft.entry)
        if step.entry.op == RosterOp.REKEY:
            raise InvalidRequestError("Keys are replaced in all conversations at once, with the account's.")
        _store_grants(step, draft)
        _store_epoch(conversation, step, draft)
        _limit_growth(step)
        _notify(step)
        _erase_if_unread(conversation)
    return True


def _limit_growth(step: Step) -> None:
    """Everyone on a roster verifies all of it, so a long one grows slowly, but for what anybody must be able to do."""
    if step.entry.seq >= LONG_ROSTER and step.entry.op not in _ALWAYS:
        count_attempt("long-roster", step.entry.conversation_id.bytes, LONG_ROSTER_LIMIT)


def _store_grants(step: Step, draft: RosterDraft) -> None:
    """Grants to accounts that were deleted are no matter: nobody could fetch them."""
    standing = set(keys.member_ids(step.entry.conversation_id))
    gone = step.after.members.keys() - standing
    grants = [grant for grant in draft.grants if grant.user_id not in gone]
    places = {(grant.user_id, grant.epoch) for grant in grants}
    if len(places) != len(grants) or not _are_exact(places, step, standing):
        raise InvalidRequestError("The grants are not those that this change comes with.")
    store_grants(grants, step=step)


def _are_exact(places: set[tuple[UUID, int]], step: Step, standing: set[UUID]) -> bool:
    if step.begins_epoch:
        return places == {(user_id, step.after.epoch) for user_id in standing}
    if step.entry.op == RosterOp.INVITE:
        target_id = step.entry.target_id
        return (target_id, step.after.epoch) in places and {user_id for user_id, _ in places} == {target_id}
    return not places


def _store_epoch(conversation: Conversation, step: Step, draft: RosterDraft) -> None:
    if (draft.previous is not None) != (step.begins_epoch and step.entry.op != RosterOp.INVITE):
        raise InvalidRequestError("The previous key comes with a new one, and with no invitation.")
    if draft.previous is not None:
        store_previous_key(conversation_id=conversation.pk, epoch=step.after.epoch, envelope=draft.previous)
    if step.begins_epoch:
        conversation.epoch, conversation.epoch_position = step.after.epoch, conversation.head_position
        stop_outdated_streams_on_commit(conversation)
    conversation.updated_ms = now_ms()
    conversation.save(update_fields=("epoch", "epoch_position", "updated_ms"))
    _reseal_meta(step, draft.meta)


def _reseal_meta(step: Step, draft: MetaDraft | None) -> None:
    stored = Meta.objects.filter(pk=step.entry.conversation_id).first() if step.begins_epoch else None
    if stored is None:
        if draft is not None:
            raise InvalidRequestError("Title and settings are sealed again where there are some, under a new key.")
        return
    if draft is None or draft.meta_version != stored.meta_version + 1:
        raise VersionConflictError
    if draft.epoch != step.after.epoch:
        raise InvalidRequestError("Title and settings are sealed under the new key.")
    actor = step.after.members[step.entry.actor_id]
    verify_meta(draft, conversation_id=step.entry.conversation_id, idk_pub=actor.idk_pub)
    store_meta(draft, conversation_id=step.entry.conversation_id, author_id=actor.user_id)


def _notify(step: Step) -> None:
    before = step.before.members.keys() if step.before else set()
    conversation_id, after = step.entry.conversation_id, step.after.members.keys()
    notify_members(conversation_id, "roster")
    notify_on_commit(after - before, "created", conversation_id)
    notify_on_commit(before - after, "deleted", conversation_id)


def _erase_if_unread(conversation: Conversation) -> None:
    if not keys.reader_ids(conversation.pk):
        erase_conversation(conversation)
