"""Writes of key records. Every signed statement is verified here before it is stored."""

import hashlib
import hmac
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from balon.protocol import roster, statements
from balon.protocol.errors import StatementError
from balon.protocol.roster import Member, Role
from keystore.clock import now_ms
from keystore.errors import InvalidStatementError, VersionConflictError
from keystore.models import Grant, KeyBundle, Keyring, Membership, RosterEntry
from keystore.notices import notify_on_commit
from keystore.signatures import Signed, verify_signature

FIRST_BUNDLE_SEQ = 1
FIRST_KEYRING_VERSION = 1


@dataclass(frozen=True, slots=True)
class AccountKeys:
    """The key records of a new account: all opaque but for the signed bundle."""

    bundle: Signed
    idk_env: bytes
    rsa_env: bytes
    keyring_env: bytes


@dataclass(frozen=True, slots=True)
class ResealedKeys:
    """The private keys and the next keyring of an account under a new master key: all opaque."""

    idk_env: bytes
    rsa_env: bytes
    keyring_version: int
    keyring_env: bytes


@dataclass(frozen=True, slots=True)
class GrantDraft:
    """A grant as it came: the signed statement and the 512 wrapped bytes."""

    signed: Signed
    wrapped: bytes


def create_account_keys(*, user_id: UUID, login: str, keys: AccountKeys) -> None:
    """Stores the keys of a new account; within the caller's transaction.

    Args:
        user_id: The new user's row exists.
        login: The normalized login name that the bundle must state.
        keys: The records.

    Raises:
        InvalidStatementError: The bundle is not this user's first, or not signed by the identity key it states.
    """
    bundle = verify_bundle(keys.bundle, user_id=user_id, login=login)
    if bundle.bundle_seq != FIRST_BUNDLE_SEQ:
        raise InvalidStatementError("The first bundle of an account has the number 1.")
    KeyBundle.objects.create(
        user_id=user_id,
        bundle_seq=bundle.bundle_seq,
        statement=keys.bundle.statement,
        signature=keys.bundle.signature,
        idk_pub=bundle.idk_pub,
        rsa_kid=bundle.rsa_kid,
        idk_env=keys.idk_env,
        rsa_env=keys.rsa_env,
    )
    Keyring.objects.create(
        user_id=user_id, version=FIRST_KEYRING_VERSION, envelope=keys.keyring_env, updated_ms=now_ms()
    )


def verify_bundle(signed: Signed, *, user_id: UUID, login: str) -> statements.Bundle:
    """Verifies that a bundle states this user and login and is signed by the identity key inside it.

    Raises:
        InvalidStatementError: It does not, or it does not parse.
    """
    try:
        bundle = statements.Bundle.parse(signed.statement)
    except StatementError as error:
        raise InvalidStatementError(f"The bundle is not valid. {error}") from error
    if (bundle.user_id, bundle.login) != (user_id, login):
        raise InvalidStatementError("The bundle is of another user or login name.")
    verify_signature(bundle.idk_pub, signed)
    return bundle


def replace_keyring(*, user_id: UUID, version: int, envelope: bytes) -> None:
    """Replaces a user's keyring by the next version: one conditional update. Other sockets get a notice on commit.

    Raises:
        VersionConflictError: The version is not the stored one plus 1; the very same bytes again are no conflict.
    """
    try:
        _swap_keyring(user_id=user_id, version=version, envelope=envelope)
    except VersionConflictError:
        stored = Keyring.objects.filter(pk=user_id, version=version).first()
        if stored is None or not hmac.compare_digest(stored.envelope, envelope):
            raise


def _swap_keyring(*, user_id: UUID, version: int, envelope: bytes) -> None:
    with transaction.atomic():
        changed = Keyring.objects.filter(pk=user_id, version=version - 1).update(
            version=version, envelope=envelope, updated_ms=now_ms()
        )
        if not changed:
            raise VersionConflictError
        notify_on_commit(user_id, "keyring")


def rename_bundle(*, user_id: UUID, login: str, signed: Signed) -> None:
    """Replaces a bundle by the next one, which states another login name and the same keys; in a transaction.

    Raises:
        InvalidStatementError: It does not, or its number is not the stored one plus 1, or the signature does not fit.
        VersionConflictError: Another bundle was stored in the meantime.
    """
    bundle = verify_bundle(signed, user_id=user_id, login=login)
    stored = KeyBundle.objects.get(pk=user_id)
    if bundle.bundle_seq != stored.bundle_seq + 1:
        raise InvalidStatementError("The number of the bundle is not the next.")
    if (bundle.idk_pub, bundle.rsa_kid) != (stored.idk_pub, stored.rsa_kid):
        raise InvalidStatementError("A change of the login name changes no keys.")
    changed = KeyBundle.objects.filter(pk=user_id, bundle_seq=stored.bundle_seq).update(
        bundle_seq=bundle.bundle_seq, statement=signed.statement, signature=signed.signature
    )
    if not changed:
        raise VersionConflictError


def reseal_account_keys(*, user_id: UUID, keys: ResealedKeys) -> None:
    """Replaces private keys and keyring, sealed under a new master key; in a transaction. The public keys stay.

    Raises:
        InvalidStatementError: The account has no keys.
        VersionConflictError: The keyring's version is not the stored one plus 1.
    """
    if not KeyBundle.objects.filter(pk=user_id).update(idk_env=keys.idk_env, rsa_env=keys.rsa_env):
        raise InvalidStatementError("The account has no keys.")
    _swap_keyring(user_id=user_id, version=keys.keyring_version, envelope=keys.keyring_env)


def create_roster(*, requester_id: UUID, conversation_id: UUID, signed: Signed, grant: GrantDraft) -> None:
    """Stores the first roster entry, the membership that follows from it, and the creator's grant to themselves.

    Within the caller's transaction. The keys that everything is judged by come from the requester's stored bundle.

    Raises:
        InvalidStatementError: The entry does not create this conversation for this requester, or the grant does not
            follow from it, or a signature does not fit.
    """
    owner = _owner_of(requester_id)
    entry = _verify_creation(signed, conversation_id=conversation_id, owner=owner)
    _verify_self_grant(grant, entry=entry, owner=owner)
    RosterEntry.objects.create(
        conversation_id=conversation_id, seq=entry.seq, statement=signed.statement, signature=signed.signature
    )
    Membership.objects.create(
        conversation_id=conversation_id,
        user_id=owner.user_id,
        idk_pub=owner.idk_pub,
        rsa_kid=owner.rsa_kid,
        role=owner.role,
    )
    _store_grant(grant, conversation_id=conversation_id, epoch=entry.epoch, user_id=owner.user_id)


def _owner_of(user_id: UUID) -> Member:
    bundle = KeyBundle.objects.filter(pk=user_id).first()
    if bundle is None:
        raise InvalidStatementError("The account has no keys.")
    return Member(user_id=user_id, idk_pub=bundle.idk_pub, rsa_kid=bundle.rsa_kid, role=Role.OWNER)


def _verify_creation(signed: Signed, *, conversation_id: UUID, owner: Member) -> statements.RosterEntry:
    try:
        entry = statements.RosterEntry.parse(signed.statement)
        roster.create_roster(entry, owner)
    except StatementError as error:
        raise InvalidStatementError(f"The roster entry is not valid. {error}") from error
    if entry.conversation_id != conversation_id:
        raise InvalidStatementError("The roster entry is of another conversation.")
    verify_signature(owner.idk_pub, signed)
    return entry


def _verify_self_grant(grant: GrantDraft, *, entry: statements.RosterEntry, owner: Member) -> None:
    expected = statements.Grant(
        conversation_id=entry.conversation_id,
        epoch=entry.epoch,
        recipient_id=owner.user_id,
        rsa_kid=owner.rsa_kid,
        ck_commit=entry.ck_commit,
        wrapped_hash=hashlib.sha256(grant.wrapped).digest(),
        grantor_id=owner.user_id,
        roster_hash=entry.hash,
    )
    if not hmac.compare_digest(grant.signed.statement, expected.serialize()):
        raise InvalidStatementError("The grant does not follow from the roster and the keys on record.")
    verify_signature(owner.idk_pub, grant.signed)


def _store_grant(grant: GrantDraft, *, conversation_id: UUID, epoch: int, user_id: UUID) -> None:
    Grant.objects.create(
        conversation_id=conversation_id,
        epoch=epoch,
        user_id=user_id,
        statement=grant.signed.statement,
        signature=grant.signed.signature,
        wrapped=grant.wrapped,
    )


def delete_roster(conversation_id: UUID) -> None:
    """Forgets who was in a conversation, and every grant of its keys; within the caller's transaction."""
    Grant.objects.filter(conversation_id=conversation_id).delete()
    Membership.objects.filter(conversation_id=conversation_id).delete()
    RosterEntry.objects.filter(conversation_id=conversation_id).delete()


def remove_member(*, conversation_id: UUID, user_id: UUID) -> None:
    """Takes a deleted account off a conversation, with its grants; within the caller's transaction.

    The signed list keeps its entries: nobody is there to sign another.
    """
    Grant.objects.filter(conversation_id=conversation_id, user_id=user_id).delete()
    Membership.objects.filter(conversation_id=conversation_id, user_id=user_id).delete()
