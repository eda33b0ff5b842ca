"""The move of an account's texts into conversations: begin, verify, roll back, finish (docs/protocol.md section 12).

    plain -> staged (migration_batches.py) -> verified -> purged

Until Finish the tables of texts are only read. Every call is one transaction under the lock of the migration's row, and
may be sent again.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef

from conversations import selectors, services
from conversations.errors import (
    ConversationConflictError,
    InvalidRequestError,
    MigrationConflictError,
    NotFoundError,
)
from conversations.former_holders import retire_holder
from conversations.migration_lease import Worker, moving, working
from conversations.migration_selectors import (
    MigrationState,
    find_held,
    get_held,
    get_legacy,
    get_state,
    require_complete,
)
from conversations.models import (
    HeldConversation,
    LegacyConversation,
    LegacyMessage,
    Meta,
    Migration,
    MigrationRow,
)
from conversations.services import MetaDraft
from keystore.clock import now_ms
from keystore.grants import GrantDraft
from keystore.notices import notify_on_commit
from keystore.signatures import Signed

PURGED_AT_ONCE: Final = 1000
"""Texts, or conversations, that one call of Finish deletes."""
ROLLED_BACK_AT_ONCE: Final = 5000
"""Messages that one call of a rollback deletes, but always one conversation."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """A conversation as its person made it, and the texts that it is for. Title and settings may be missing."""

    legacy_conversation_id: UUID
    conversation_id: UUID
    roster: Signed
    grant: GrantDraft
    meta: MetaDraft | None


def begin_conversation(worker: Worker, draft: Beginning) -> bool:
    """Makes the conversation that texts move into, with title and settings. Nobody hears of it yet.

    Returns:
        Whether it is new; False if the very same was begun before.

    Raises:
        NotFoundError: The texts are not this person's.
        MigrationConflictError: They were begun as another conversation.
        ConversationConflictError: The id stands for something else.
        InvalidStatementError: A statement does not say what it must, or is not signed by this person.
        InvalidRequestError: Title and settings are not the first ones.
        LeaseLostError, MigrationFinishingError, MigrationFinishedError: As their names say.
    """
    with moving(worker):
        legacy = get_legacy(worker.user_id, draft.legacy_conversation_id)
        held = find_held(legacy)
        if held is None:
            _make(worker.user_id, legacy, draft)
            return True
        if held.pk != draft.conversation_id:
            raise MigrationConflictError(conversation_id=str(held.pk))
        if not services.is_same_roster(worker.user_id, held.pk, draft.roster):
            raise ConversationConflictError
    return False


def _make(user_id: UUID, legacy: LegacyConversation, draft: Beginning) -> None:
    try:
        with transaction.atomic():
            services.store_conversation(
                requester_id=user_id, conversation_id=draft.conversation_id, roster=draft.roster, grant=draft.grant
            )
    except IntegrityError as error:
        raise ConversationConflictError from error
    HeldConversation.objects.create(pk=draft.conversation_id, legacy_conversation=legacy)
    if draft.meta is not None:
        _store_meta(user_id, draft.conversation_id, draft.meta)


def _store_meta(user_id: UUID, conversation_id: UUID, draft: MetaDraft) -> None:
    if (draft.meta_version, draft.epoch) != (1, 0):
        raise InvalidRequestError("Title and settings of a new conversation are version 1, of epoch 0.")
    standing = selectors.require_standing(requester_id=user_id, conversation_id=conversation_id)
    services.verify_meta(draft, conversation_id=conversation_id, idk_pub=standing.idk_pub)
    Meta.objects.create(
        pk=conversation_id,
        meta_version=draft.meta_version,
        epoch=draft.epoch,
        author_id=user_id,
        envelope=draft.envelope,
        signature=draft.signature,
    )


def mark_verified(worker: Worker, *, legacy_conversation_id: UUID, message_ids: frozenset[UUID]) -> None:
    """Notes that the client read messages back, opened them and found what it had sealed.

    How far the account is, it does not count: that would take longer with each call.

    Raises:
        NotFoundError: One of them is not staged in this conversation; nothing changed then.
        LeaseLostError, MigrationFinishingError, MigrationFinishedError: As their names say.
    """
    with moving(worker):
        held = get_held(worker.user_id, legacy_conversation_id)
        rows = MigrationRow.objects.filter(
            held=held, message__conversation_id=held.pk, message__message_id__in=message_ids
        )
        found = list(rows.values_list("pk", flat=True))
        if len(found) != len(message_ids):
            raise NotFoundError
        MigrationRow.objects.filter(pk__in=found).update(is_verified=True)


def roll_back(worker: Worker) -> MigrationState:
    """Deletes conversations that the migration made; to be called until `ready`. The texts stay as they are.

    Raises:
        LeaseLostError, MigrationFinishingError, MigrationFinishedError: As their names say.
    """
    with moving(worker):
        room = ROLLED_BACK_AT_ONCE
        for held in HeldConversation.objects.filter(legacy_conversation__holder_id=worker.user_id).order_by("pk"):
            conversation = selectors.lock_conversation(held.pk)
            size = conversation.head_position + 1
            if size > room and room < ROLLED_BACK_AT_ONCE:
                break
            services.remove_conversation(conversation)
            room -= size
    return get_state(user_id=worker.user_id, session_id=worker.session_id)


def finish(worker: Worker) -> MigrationState:
    """Deletes texts, a piece at a time; to be called until `finished`. The last call deletes the holder.

    From the first call on that is not refused there is no way back. Conversations whose texts are gone are as any
    other; their person gets a notice of each on commit.

    Raises:
        MigrationIncompleteError: A row is not verified.
        NotFoundError: There was nothing to move.
        LeaseLostError: As its name says; nobody needs a lease once it is finished.
    """
    if not Migration.objects.filter(pk=worker.user_id, state=Migration.State.FINISHED).exists():
        with working(worker) as migration:
            if migration.state == Migration.State.RUNNING:
                require_complete(worker.user_id)
                migration.state = Migration.State.FINISHING
            _purge(migration)
            migration.save()
    return get_state(user_id=worker.user_id, session_id=worker.session_id)


def _purge(migration: Migration) -> None:
    migration.purged_messages += _purge_texts(migration.pk)
    migration.purged_conversations += _release_conversations(migration.pk)
    if LegacyConversation.objects.filter(holder_id=migration.pk).exists():
        return
    retire_holder(migration.pk)
    migration.state = Migration.State.FINISHED
    migration.finished_ms = now_ms()
    migration.lease_hash, migration.lease_session, migration.lease_expires_ms = None, None, 0


def _purge_texts(user_id: UUID) -> int:
    """Deletes the next texts whose messages are verified, and what links both."""
    texts = LegacyMessage.objects.filter(conversation__holder_id=user_id, row__is_verified=True)
    due = list(texts.order_by("conversation_id", "number").values_list("pk", flat=True)[:PURGED_AT_ONCE])
    MigrationRow.objects.filter(pk__in=due).delete()
    LegacyMessage.objects.filter(pk__in=due).delete()
    return len(due)


def _release_conversations(user_id: UUID) -> int:
    """Deletes conversations in plaintext that have no text any more, and lets go of what was made of them."""
    texts = LegacyMessage.objects.filter(conversation_id=OuterRef("pk"))
    empty = LegacyConversation.objects.filter(~Exists(texts), holder_id=user_id).order_by("pk")
    due = list(empty.values_list("pk", flat=True)[:PURGED_AT_ONCE])
    held = HeldConversation.objects.filter(legacy_conversation_id__in=due)
    for conversation_id in held.values_list("pk", flat=True):
        notify_on_commit([user_id], "created", conversation_id)
    held.delete()
    LegacyConversation.objects.filter(pk__in=due).delete()
    return len(due)
