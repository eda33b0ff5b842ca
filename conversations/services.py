"""Writes of conversations: creation, messages, meta. Every signature is verified before anything is stored."""

import hashlib
import hmac
from dataclasses import dataclass
from uuid import UUID

from django.db import IntegrityError, transaction

from balon.protocol.roster import Role
from balon.protocol.statements import message_statement, meta_statement
from conversations import selectors
from conversations.errors import (
    ConversationConflictError,
    MessageConflictError,
    SeqConflictError,
    VersionConflictError,
)
from conversations.models import Conversation, HeldConversation, Message, Meta, MigrationRow, Stream
from conversations.streams import drop_streams_on_commit
from keystore import selectors as keys
from keystore.clock import now_ms
from keystore.grants import GrantDraft, store_grants
from keystore.notices import notify_on_commit
from keystore.rosters import create_roster, delete_roster
from keystore.signatures import Signed, verify_signature

WRITERS = frozenset({Role.OWNER, Role.MEMBER})
OWNERS = frozenset({Role.OWNER})


@dataclass(frozen=True, slots=True)
class MessageDraft:
    """A sealed message as its sender made it. The envelope's layout is checked already."""

    message_id: UUID
    epoch: int
    seq: int
    prev_hash: bytes
    created_ms: int
    envelope: bytes
    signature: bytes

    @property
    def envelope_hash(self) -> bytes:
        """SHA-256 of the envelope: 32 bytes."""
        return hashlib.sha256(self.envelope).digest()


@dataclass(frozen=True, slots=True)
class MetaDraft:
    """Sealed title and settings as their author made them."""

    meta_version: int
    epoch: int
    envelope: bytes
    signature: bytes


def create_conversation(*, requester_id: UUID, conversation_id: UUID, roster: Signed, grant: GrantDraft) -> bool:
    """Creates a conversation with its first roster entry and the creator's grant, in one transaction.

    Returns:
        Whether it is new; False if the very same was created before.

    Raises:
        InvalidStatementError: A statement does not say what it must, or is not signed by the requester.
        ConversationConflictError: The id stands for something else.
    """
    try:
        with transaction.atomic():
            store_conversation(requester_id=requester_id, conversation_id=conversation_id, roster=roster, grant=grant)
            notify_members(conversation_id, "created")
    except IntegrityError as error:
        if not is_same_roster(requester_id, conversation_id, roster):
            raise ConversationConflictError from error
        return False
    return True


def store_conversation(*, requester_id: UUID, conversation_id: UUID, roster: Signed, grant: GrantDraft) -> None:
    """Stores a conversation with its first roster entry and grant, in the caller's transaction, and tells nobody.

    Raises:
        InvalidStatementError: A statement does not say what it must, or is not signed by the requester.
        IntegrityError: The id is taken.
    """
    Conversation.objects.create(pk=conversation_id)
    step = create_roster(requester_id=requester_id, conversation_id=conversation_id, signed=roster)
    store_grants([grant], step=step)


def is_same_roster(requester_id: UUID, conversation_id: UUID, roster: Signed) -> bool:
    """Whether a conversation of the requester's begins with this very entry."""
    if keys.find_standing(user_id=requester_id, conversation_id=conversation_id) is None:
        return False
    entries = keys.list_rosters([conversation_id])[conversation_id]
    return bool(entries) and hmac.compare_digest(entries[0].statement, roster.statement)


def append_message(*, requester_id: UUID, conversation_id: UUID, draft: MessageDraft) -> tuple[int, bool]:
    """Appends a message at the next position, under a lock of the conversation's row.

    A message whose id is that of a stream is its saved reply: the stream and its frames go, once this stands. Those
    who read it get a notice on commit.

    Returns:
        The position, and whether the message is new (the very same bytes again are not).

    Raises:
        NotFoundError: The requester is a stranger to the conversation.
        ForbiddenError: The requester may not send.
        InvalidStatementError: The signature does not fit.
        MessageConflictError: The id stands with other bytes.
        EpochConflictError: The conversation's key is another, or is used no more.
        SeqConflictError: The seq is not the sender's next.
    """
    with transaction.atomic():
        conversation = selectors.lock_conversation(conversation_id)
        standing = selectors.require_role(requester_id=requester_id, conversation_id=conversation_id, roles=WRITERS)
        statement = message_statement(conversation_id, draft.epoch, draft.message_id, draft.envelope)
        verify_signature(standing.idk_pub, Signed(statement, draft.signature))
        if (known := _find_same_message(conversation, draft)) is not None:
            return known, False
        _check_next(conversation, requester_id, draft)
        position = _store_message(conversation, requester_id, draft)
        drop_streams_on_commit(Stream.objects.filter(conversation=conversation, pk=draft.message_id))
        notify_on_commit(keys.reader_ids(conversation_id), "messages", conversation_id)
    return position, True


def _find_same_message(conversation: Conversation, draft: MessageDraft) -> int | None:
    known = Message.objects.filter(conversation=conversation, message_id=draft.message_id).first()
    if known is None:
        return None
    if not hmac.compare_digest(known.envelope_hash, draft.envelope_hash):
        raise MessageConflictError
    return known.position


def _check_next(conversation: Conversation, sender_id: UUID, draft: MessageDraft) -> None:
    selectors.require_usable_epoch(conversation, draft.epoch)
    sent = Message.objects.filter(conversation=conversation, sender_id=sender_id)
    last: int = sent.order_by("-seq").values_list("seq", flat=True).first() or 0
    if draft.seq != last + 1:
        raise SeqConflictError


def _store_message(conversation: Conversation, sender_id: UUID, draft: MessageDraft) -> int:
    position = conversation.head_position + 1
    to_message(draft, conversation_id=conversation.pk, position=position, sender_id=sender_id).save(force_insert=True)
    conversation.head_position = position
    conversation.head_hash = draft.envelope_hash
    conversation.updated_ms = now_ms()
    conversation.save(update_fields=("head_position", "head_hash", "updated_ms"))
    return position


def to_message(draft: MessageDraft, *, conversation_id: UUID, position: int, sender_id: UUID) -> Message:
    """The row of a message at its position, not stored yet."""
    return Message(
        conversation_id=conversation_id,
        position=position,
        message_id=draft.message_id,
        sender_id=sender_id,
        epoch=draft.epoch,
        seq=draft.seq,
        prev_hash=draft.prev_hash,
        created_ms=draft.created_ms,
        envelope=draft.envelope,
        envelope_hash=draft.envelope_hash,
        signature=draft.signature,
    )


def replace_meta(*, requester_id: UUID, conversation_id: UUID, draft: MetaDraft) -> Meta:
    """Replaces title and settings by the next version, under a lock of the conversation's row.

    Raises:
        NotFoundError: The requester is a stranger to the conversation.
        ForbiddenError: The requester may not write it.
        InvalidStatementError: The signature does not fit.
        EpochConflictError: The conversation's key is another, or is used no more.
        VersionConflictError: The version is not the stored one plus 1; the very same bytes again are no conflict.
    """
    with transaction.atomic():
        conversation = selectors.lock_conversation(conversation_id)
        standing = selectors.require_role(requester_id=requester_id, conversation_id=conversation_id, roles=WRITERS)
        verify_meta(draft, conversation_id=conversation_id, idk_pub=standing.idk_pub)
        stored = Meta.objects.filter(pk=conversation_id).first()
        if stored and _is_same_meta(stored, draft):
            return stored
        selectors.require_usable_epoch(conversation, draft.epoch)
        if draft.meta_version != (stored.meta_version if stored else 0) + 1:
            raise VersionConflictError
        return store_meta(draft, conversation_id=conversation_id, author_id=requester_id)


def _is_same_meta(stored: Meta, draft: MetaDraft) -> bool:
    return stored.meta_version == draft.meta_version and hmac.compare_digest(stored.envelope, draft.envelope)


def verify_meta(draft: MetaDraft, *, conversation_id: UUID, idk_pub: bytes) -> None:
    """Verifies that title and settings are signed by the author whose identity key this is (32 bytes).

    Raises:
        InvalidStatementError: They are not.
    """
    statement = meta_statement(conversation_id, draft.epoch, draft.meta_version, draft.envelope)
    verify_signature(idk_pub, Signed(statement, draft.signature))


def store_meta(draft: MetaDraft, *, conversation_id: UUID, author_id: UUID) -> Meta:
    """Stores verified title and settings, whose version and epoch the caller judged; in the caller's transaction."""
    meta, _ = Meta.objects.update_or_create(
        pk=conversation_id,
        defaults={
            "meta_version": draft.meta_version,
            "epoch": draft.epoch,
            "author_id": author_id,
            "envelope": draft.envelope,
            "signature": draft.signature,
        },
    )
    notify_members(conversation_id, "meta")
    return meta


def delete_conversation(*, requester_id: UUID, conversation_id: UUID) -> None:
    """Deletes a conversation with its messages, streams, roster and grants. Members get a notice on commit.

    Raises:
        NotFoundError: The requester is a stranger to it, or it does not exist.
        ForbiddenError: The requester is no owner.
        MigrationOpenError: A migration made it and is not over.
    """
    with transaction.atomic():
        conversation = selectors.lock_conversation(conversation_id)
        selectors.require_role(requester_id=requester_id, conversation_id=conversation_id, roles=OWNERS)
        selectors.require_released(conversation_id)
        erase_conversation(conversation)


def erase_conversation(conversation: Conversation) -> None:
    """Deletes a locked conversation and all in it, within the caller's transaction. Members get a notice on commit."""
    notify_members(conversation.pk, "deleted")
    remove_conversation(conversation)


def remove_conversation(conversation: Conversation) -> None:
    """Deletes a locked conversation and all in it, within the caller's transaction, and tells nobody."""
    MigrationRow.objects.filter(held_id=conversation.pk).delete()
    HeldConversation.objects.filter(pk=conversation.pk).delete()
    drop_streams_on_commit(Stream.objects.filter(conversation=conversation))
    Message.objects.filter(conversation=conversation).delete()
    delete_roster(conversation.pk)
    conversation.delete()


def notify_members(conversation_id: UUID, what: str) -> None:
    """Gives everyone on the roster a hint, on commit."""
    notify_on_commit(keys.member_ids(conversation_id), what, conversation_id)
