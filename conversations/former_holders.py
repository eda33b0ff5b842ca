"""People whose texts from before encryption are gone for good: nothing is loaded for them again.

It holds whatever becomes of the account, so it is noted under the person's name in the system that the texts come from,
as a keyed hash, and tells of no account.
"""

from uuid import UUID

from accounts.decoys import hash_legacy_id
from conversations.models import FormerHolder, LegacyHolder


def retire_holder(user_id: UUID) -> None:
    """Deletes an account's holder, and notes whose it was. Within the transaction that deletes the last texts.

    Without a holder, does nothing.
    """
    holder = LegacyHolder.objects.filter(pk=user_id).first()
    if holder is None:
        return
    FormerHolder.objects.get_or_create(pk=hash_legacy_id(holder.legacy_id))
    LegacyHolder.objects.filter(pk=user_id).delete()


def was_retired(legacy_id: str) -> bool:
    """Whether the texts of whoever had this name are gone for good.

    For whoever looked for the holder first: that row goes in the transaction in which this one comes.
    """
    return FormerHolder.objects.filter(pk=hash_legacy_id(legacy_id)).exists()
