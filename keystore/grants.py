"""Grants: conversation keys wrapped to members, each with its grantor's signed word for it."""

import hashlib
import hmac
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from balon.protocol import statements
from keystore.errors import InvalidStatementError, RotationIncompleteError
from keystore.models import Grant
from keystore.rosters import Step
from keystore.signatures import Signed, verify_signature


@dataclass(frozen=True, slots=True)
class GrantDraft:
    """A grant as it came: to whom, of which epoch, the signed statement and the 512 wrapped bytes."""

    user_id: UUID
    epoch: int
    signed: Signed
    wrapped: bytes


def verify_grant(draft: GrantDraft, *, step: Step) -> None:
    """Verifies that a grant says what follows from the roster after an entry, and that the entry's actor signed it.

    Only who holds the recipient's private key can tell what is wrapped.

    Raises:
        InvalidStatementError: It does not.
    """
    recipient = step.after.members.get(draft.user_id)
    ck_commit = step.after.ck_commits.get(draft.epoch)
    if recipient is None or ck_commit is None:
        raise InvalidStatementError("A grant is of a key that there was, to a person on the roster.")
    expected = statements.Grant(
        conversation_id=step.entry.conversation_id,
        epoch=draft.epoch,
        recipient_id=recipient.user_id,
        rsa_kid=recipient.rsa_kid,
        ck_commit=ck_commit,
        wrapped_hash=hashlib.sha256(draft.wrapped).digest(),
        grantor_id=step.entry.actor_id,
        roster_hash=step.after.head,
    )
    if not hmac.compare_digest(draft.signed.statement, expected.serialize()):
        raise InvalidStatementError("The grant does not follow from the roster and the keys on record.")
    verify_signature(step.after.members[step.entry.actor_id].idk_pub, draft.signed)


def store_grants(drafts: Iterable[GrantDraft], *, step: Step) -> None:
    """Verifies and stores grants; within the transaction that stored the entry they name.

    Raises:
        InvalidStatementError: One does not stand; nothing is stored then.
    """
    rows = []
    for draft in drafts:
        verify_grant(draft, step=step)
        rows.append(_row(draft, step.entry.conversation_id))
    Grant.objects.bulk_create(rows)


def replace_grants(drafts: Sequence[GrantDraft], *, step: Step, lost: Collection[int] = ()) -> None:
    """Replaces all grants of the actor of a `rekey` by ones to their new key; in the transaction that stored it.

    Args:
        drafts: One for each epoch of which the actor has a grant on record, and no other, to the actor.
        step: What `append_entry` gave. A grant is signed under the identity key that the actor has after the entry.
        lost: Epochs whose grant on record opens to nobody, as the actor says: in place of a draft, and gone then.

    Raises:
        RotationIncompleteError: A grant is missing, or there is one too many.
        InvalidStatementError: One does not stand.
    """
    actor_id, conversation_id = step.entry.actor_id, step.entry.conversation_id
    mine = Grant.objects.filter(conversation_id=conversation_id, user_id=actor_id)
    given = [(draft.user_id, draft.epoch) for draft in drafts] + [(actor_id, epoch) for epoch in lost]
    if sorted(given) != sorted((actor_id, epoch) for epoch in mine.values_list("epoch", flat=True)):
        raise RotationIncompleteError
    mine.delete()
    store_grants(drafts, step=step)


def _row(draft: GrantDraft, conversation_id: UUID) -> Grant:
    return Grant(
        conversation_id=conversation_id,
        epoch=draft.epoch,
        user_id=draft.user_id,
        statement=draft.signed.statement,
        signature=draft.signed.signature,
        wrapped=draft.wrapped,
    )
