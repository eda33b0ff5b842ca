"""The kit on record takes the place of the one before it, which is spent (docs/protocol.md section 6)."""

from dataclasses import dataclass
from uuid import UUID

from accounts.errors import InvalidChangeError
from accounts.models import RecoveryRecord, SpentRecoveryKit, User
from keystore.clock import now_ms
from keystore.errors import VersionConflictError


@dataclass(frozen=True, slots=True)
class NewKit:
    """The kit that takes the place of the present one: its id and its public key (32 bytes)."""

    recovery_id: UUID
    rec_pub: bytes


def replace_kit(user: User, recovery_id: UUID, successor: NewKit) -> None:
    """Spends a kit and puts another in its place; within the caller's transaction.

    Args:
        user: Whose kit.
        recovery_id: The kit that the caller saw standing.
        successor: The next one.

    Raises:
        InvalidChangeError: The new id was that of a kit before.
        IntegrityError: The new id is that of a kit that stands.
        VersionConflictError: Another kit took its place in the meantime.
    """
    current = RecoveryRecord.objects.filter(pk=user.pk, recovery_id=recovery_id)
    rec_pub = current.values_list("rec_pub", flat=True).first()
    if rec_pub is None:
        raise VersionConflictError
    SpentRecoveryKit.objects.create(recovery_id=recovery_id, user=user, rec_pub=rec_pub, spent_ms=now_ms())
    if SpentRecoveryKit.objects.filter(pk=successor.recovery_id).exists():
        raise InvalidChangeError("The recovery id cannot be used.")
    if not current.update(recovery_id=successor.recovery_id, rec_pub=successor.rec_pub):
        raise VersionConflictError
