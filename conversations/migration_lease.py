"""Which tab works on a migration: one at a time, until it was silent for 30 seconds (docs/api.md).

The lease is no right: whoever has the session may do the same from another tab. It keeps two tabs from doing the work
twice, and a late request of a tab that was given up from mixing with that of the next.
"""

import hashlib
import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db import transaction
from django.utils.crypto import salted_hmac

from conversations.errors import (
    LeaseHeldError,
    LeaseLostError,
    MigrationFinishedError,
    MigrationFinishingError,
    NotFoundError,
)
from conversations.models import HeldConversation, LegacyHolder, Migration
from keystore.clock import now_ms

LEASE_MS: Final = 30_000
LEASE_SIZE: Final = 32


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease as its tab holds it: 32 bytes, the same whenever this tab of this session takes it."""

    token: bytes
    expires_ms: int


@dataclass(frozen=True, slots=True)
class Worker:
    """Who works on a migration: a person, in a session, in the tab that holds the lease."""

    user_id: UUID
    session_id: UUID
    lease: bytes


def take_lease(*, user_id: UUID, session_id: UUID, tab: UUID) -> Lease:
    """Takes the lease, or renews it.

    Raises:
        NotFoundError: There is nothing to move.
        MigrationFinishedError: Nor is there any more.
        LeaseHeldError: Another tab works.
    """
    token = salted_hmac("conversations.migration.lease", session_id.bytes + tab.bytes, algorithm="sha256").digest()
    with transaction.atomic():
        migration = lock_migration(user_id)
        if is_leased(migration) and not _is_lease_of(migration, session_id, token):
            raise LeaseHeldError(expires_ms=migration.lease_expires_ms)
        migration.lease_session = session_id
        migration.lease_hash = hashlib.sha256(token).digest()
        _renew(migration)
    return Lease(token, migration.lease_expires_ms)


def release_lease(worker: Worker) -> None:
    """Lets go of the lease; nothing happens where another tab has it, or nobody."""
    with transaction.atomic():
        migration = Migration.objects.select_for_update().filter(pk=worker.user_id).first()
        if migration is not None and _is_lease_of(migration, worker.session_id, worker.lease):
            migration.lease_hash = None
            migration.lease_expires_ms = 0
            migration.save(update_fields=("lease_hash", "lease_expires_ms"))


@contextmanager
def working(worker: Worker) -> Iterator[Migration]:
    """A transaction that holds the account's migration, for a tab that has its lease; the lease is renewed.

    A lease that expired and that no other tab took still counts.

    Raises:
        NotFoundError: There is nothing to move.
        MigrationFinishedError: Nor is there any more.
        LeaseLostError: Another tab took it, or this one never had it.
    """
    with transaction.atomic():
        migration = lock_migration(worker.user_id)
        if not _is_lease_of(migration, worker.session_id, worker.lease):
            raise LeaseLostError
        _renew(migration)
        yield migration


@contextmanager
def moving(worker: Worker) -> Iterator[Migration]:
    """As `working`, before Finish.

    Raises:
        MigrationFinishingError: Texts are being deleted already.
    """
    with working(worker) as migration:
        if migration.state == Migration.State.FINISHING:
            raise MigrationFinishingError
        yield migration


def lock_migration(user_id: UUID) -> Migration:
    """Locks the holder's row and then the migration's, which is made where there is none.

    Raises:
        NotFoundError: The account has no texts from before encryption, and never had.
        MigrationFinishedError: It has none any more.
    """
    if not LegacyHolder.objects.select_for_update().filter(pk=user_id).exists():
        if Migration.objects.filter(pk=user_id).exists():
            raise MigrationFinishedError
        raise NotFoundError
    Migration.objects.get_or_create(pk=user_id)
    return Migration.objects.select_for_update().get(pk=user_id)


def is_touched(user_id: UUID) -> bool:
    """Whether a browser works on an account's texts, or made something of them that stands, or deleted them.

    For whoever holds the lock of the holder's row, so that no lease is taken meanwhile.
    """
    migration = Migration.objects.filter(pk=user_id).first()
    if migration is None:
        return False
    begun = HeldConversation.objects.filter(legacy_conversation__holder_id=user_id).exists()
    return begun or is_leased(migration) or migration.state != Migration.State.RUNNING


def is_leased(migration: Migration) -> bool:
    """Whether a tab works on it now."""
    return migration.lease_hash is not None and migration.lease_expires_ms > now_ms()


def _is_lease_of(migration: Migration, session_id: UUID, token: bytes) -> bool:
    if migration.lease_hash is None or migration.lease_session != session_id:
        return False
    return hmac.compare_digest(migration.lease_hash, hashlib.sha256(token).digest())


def _renew(migration: Migration) -> None:
    migration.lease_expires_ms = now_ms() + LEASE_MS
    migration.save(update_fields=("lease_session", "lease_hash", "lease_expires_ms"))
