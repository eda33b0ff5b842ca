"""Batches of a migration: rows of a conversation in plaintext and their sealed messages, stored together or not at all.

The row of number n becomes the message at position n. So the order of the texts is the order of the messages, none is
left out and none stands twice; the client sees the same when it reads them back.
"""

import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from balon.protocol.encoding import ZERO_HASH
from balon.protocol.statements import message_statement
from conversations import selectors
from conversations.errors import EpochConflictError, MigrationConflictError, NotFoundError, SeqConflictError
from conversations.migration_lease import Worker, moving
from conversations.migration_selectors import get_held
from conversations.models import Conversation, HeldConversation, LegacyMessage, Message, MigrationRow
from conversations.services import WRITERS, MessageDraft, to_message
from keystore.clock import now_ms
from keystore.selectors import is_exposed
from keystore.signatures import Signed, verify_signature


@dataclass(frozen=True, slots=True)
class RowDraft:
    """A legacy message by its name, and the message that it becomes."""

    legacy_id: str
    message: MessageDraft


@dataclass(frozen=True, slots=True)
class _Row:
    """A draft with the row that it is for: its primary key, and the number that is the message's position."""

    primary_key: int
    number: int
    draft: RowDraft


def store_batch(worker: Worker, *, legacy_conversation_id: UUID, drafts: Sequence[RowDraft]) -> list[int]:
    """Stores what is not there yet, in one transaction.

    Args:
        worker: Who works, under their lease.
        legacy_conversation_id: Its conversation must be begun.
        drafts: In the order of the rows' numbers, each row and each message once.

    Returns:
        The position of each.

    Raises:
        NotFoundError: The conversation is not this person's or not begun, or a row is not in it.
        MigrationConflictError: Another message stands for a row, or the message stands for another one.
        SeqConflictError: A row is not the next one, or its seq or prev_hash is not that of its place.
        EpochConflictError: It is sealed under a key that is not used any more.
        InvalidStatementError: A signature does not fit.
        LeaseLostError, MigrationFinishingError, MigrationFinishedError: As their names say.
    """
    with moving(worker):
        held = get_held(worker.user_id, legacy_conversation_id)
        rows = _find_rows(held, drafts)
        conversation = selectors.lock_conversation(held.pk)
        _verify_signatures(worker.user_id, held.pk, drafts)
        fresh = _skip_known(held, conversation, rows)
        if fresh:
            _verify_next(held, conversation, fresh)
            _append(worker.user_id, conversation, fresh)
    return [row.number for row in rows]


def _find_rows(held: HeldConversation, drafts: Sequence[RowDraft]) -> list[_Row]:
    named = LegacyMessage.objects.filter(
        conversation_id=held.legacy_conversation_id, legacy_id__in=[draft.legacy_id for draft in drafts]
    )
    places = named.values_list("legacy_id", "pk", "number")
    found = {legacy_id: (primary_key, number) for legacy_id, primary_key, number in places}
    try:
        return [_Row(*found[draft.legacy_id], draft) for draft in drafts]
    except KeyError as error:
        raise NotFoundError from error


def _verify_signatures(user_id: UUID, conversation_id: UUID, drafts: Iterable[RowDraft]) -> None:
    standing = selectors.require_role(requester_id=user_id, conversation_id=conversation_id, roles=WRITERS)
    for draft in drafts:
        message = draft.message
        statement = message_statement(conversation_id, message.epoch, message.message_id, message.envelope)
        verify_signature(standing.idk_pub, Signed(statement, message.signature))


def _skip_known(held: HeldConversation, conversation: Conversation, rows: Sequence[_Row]) -> list[_Row]:
    """Rows whose message is not there.

    Raises:
        MigrationConflictError: Another one is.
    """
    stored = Message.objects.filter(conversation=conversation, position__in=[row.number for row in rows])
    known = {message.position: message for message in stored.only("position", "message_id", "envelope_hash")}
    for row in rows:
        stands = known.get(row.number)
        if stands is not None and not _is_same(stands, row.draft.message):
            raise _conflict(held, stands)
    return [row for row in rows if row.number not in known]


def _is_same(stands: Message, draft: MessageDraft) -> bool:
    return stands.message_id == draft.message_id and hmac.compare_digest(stands.envelope_hash, draft.envelope_hash)


def _conflict(held: HeldConversation, stands: Message) -> MigrationConflictError:
    texts = LegacyMessage.objects.filter(conversation_id=held.legacy_conversation_id, number=stands.position)
    return MigrationConflictError(
        position=stands.position,
        legacy_id=texts.values_list("legacy_id", flat=True).get(),
        message_id=str(stands.message_id),
    )


def _verify_next(held: HeldConversation, conversation: Conversation, rows: Sequence[_Row]) -> None:
    """Each row follows the one before, in the numbers of the texts, of the sender and in the chain of hashes."""
    elsewhere = Message.objects.filter(
        conversation=conversation, message_id__in=[row.draft.message.message_id for row in rows]
    )
    if (stands := elsewhere.only("position", "message_id").first()) is not None:
        raise _conflict(held, stands)
    if is_exposed(conversation.pk, conversation.epoch):
        raise EpochConflictError
    position, head_hash = conversation.head_position, conversation.head_hash or ZERO_HASH
    for row in rows:
        position, message = position + 1, row.draft.message
        if message.epoch != conversation.epoch:
            raise EpochConflictError
        follows = hmac.compare_digest(message.prev_hash, head_hash)
        if (row.number, message.seq) != (position, position) or not follows:
            raise SeqConflictError
        head_hash = message.envelope_hash


def _append(user_id: UUID, conversation: Conversation, rows: Sequence[_Row]) -> None:
    messages = [
        to_message(row.draft.message, conversation_id=conversation.pk, position=row.number, sender_id=user_id)
        for row in rows
    ]
    stored = Message.objects.bulk_create(messages)
    MigrationRow.objects.bulk_create(
        MigrationRow(legacy_message_id=row.primary_key, held_id=conversation.pk, message=message)
        for row, message in zip(rows, stored, strict=True)
    )
    conversation.head_position = rows[-1].number
    conversation.head_hash = rows[-1].draft.message.envelope_hash
    conversation.updated_ms = now_ms()
    conversation.save(update_fields=("head_position", "head_hash", "updated_ms"))
