"""Writes of a person's key records. Every signed statement is verified here before it is stored."""

import hmac
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from balon.protocol import statements
from balon.protocol.errors import StatementError
from keystore.clock import now_ms
from keystore.errors import InvalidStatementError, VersionConflictError
from keystore.models import KeyBundle, Keyring
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


def lock_bundle(user_id: UUID) -> None:
    """Keeps others from putting a person on a roster until the caller's transaction ends."""
    KeyBundle.objects.select_for_update(no_key=True).filter(pk=user_id).first()


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
        with transaction.atomic():
            _swap_keyring(user_id=user_id, version=version, envelope=envelope)
            notify_on_commit([user_id], "keyring")
    except VersionConflictError:
        stored = Keyring.objects.filter(pk=user_id, version=version).first()
        if stored is None or not hmac.compare_digest(stored.envelope, envelope):
            raise


def _swap_keyring(*, user_id: UUID, version: int, envelope: bytes) -> None:
    changed = Keyring.objects.filter(pk=user_id, version=version - 1).update(
        version=version, envelope=envelope, updated_ms=now_ms()
    )
    if not changed:
        raise VersionConflictError


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

    Nobody gets a notice of the keyring: whoever holds the old master key could only fail to open it.

    Raises:
        InvalidStatementError: The account has no keys.
        VersionConflictError: The keyring's version is not the stored one plus 1.
    """
    if not KeyBundle.objects.filter(pk=user_id).update(idk_env=keys.idk_env, rsa_env=keys.rsa_env):
        raise InvalidStatementError("The account has no keys.")
    _swap_keyring(user_id=user_id, version=keys.keyring_version, envelope=keys.keyring_env)
