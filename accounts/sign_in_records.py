"""Writes of what sign-in is judged by. Each belongs into a transaction of the caller's."""

from dataclasses import dataclass
from uuid import UUID

from django.db.models import F

from accounts.errors import InvalidChangeError
from accounts.models import SignInRecord, User
from accounts.sealing import seal_at_rest
from accounts.selectors import place_of, verify_installation_key
from balon.protocol.errors import PasswordPolicyError
from balon.protocol.password import verify_kdf_policy
from keystore.errors import VersionConflictError
from keystore.signatures import verify_public_key


@dataclass(frozen=True, slots=True)
class NewRecord:
    """A sign-in record as its client made it for another password or another derivation.

    `account_version` is the version that the client saw; `salt` and `login_pub` are 32 bytes, `mek_env` is opaque.
    """

    account_version: int
    kdf: str
    iterations: int
    salt: bytes
    login_pub: bytes
    mek_ver: int
    mek_env: bytes


def verify_record(record: NewRecord) -> None:
    """Checks what the server can judge of a new record.

    Raises:
        InvalidChangeError: The derivation parameters are outside the policy.
        InvalidStatementError: The login key is none.
    """
    try:
        verify_kdf_policy(algorithm=record.kdf, iterations=record.iterations, salt=record.salt)
    except PasswordPolicyError as error:
        raise InvalidChangeError(str(error)) from error
    verify_public_key(record.login_pub)


def seal_columns(user_id: UUID, *, login_pub: bytes, salt: bytes, mek_env: bytes) -> dict[str, bytes]:
    """The three columns that rest under the installation key.

    Raises:
        InstallationKeyError: The keys are not those that this database was made with: nothing is sealed under others.
    """
    verify_installation_key()
    return {
        "login_pub_sealed": seal_at_rest(login_pub, place=place_of("login_pub", user_id)),
        "salt_sealed": seal_at_rest(salt, place=place_of("salt", user_id)),
        "mek_env_sealed": seal_at_rest(mek_env, place=place_of("mek_env", user_id)),
    }


def raise_account_version(user: User, *, login: str | None = None) -> User:
    """Raises the account version by one, if it still is the one that `user` was read with. That ends all sessions.

    Args:
        user: As it was read before its keys were, so that a proof under keys replaced meanwhile changes nothing.
        login: The new login name, if that changes too.

    Returns:
        The user as it is now.

    Raises:
        VersionConflictError: The account changed or was closed in the meantime.
    """
    standing = User.objects.filter(pk=user.pk, is_active=True, account_version=user.account_version)
    if not standing.update(account_version=F("account_version") + 1, login=login or user.login):
        raise VersionConflictError
    return User.objects.get(pk=user.pk)


def replace_record(user: User, record: NewRecord, *, from_mek_ver: int) -> None:
    """Replaces a sign-in record.

    Raises:
        InvalidChangeError: The master key on record has another version than `from_mek_ver`.
    """
    sealed = seal_columns(user.pk, login_pub=record.login_pub, salt=record.salt, mek_env=record.mek_env)
    changed = SignInRecord.objects.filter(pk=user.pk, mek_ver=from_mek_ver).update(
        kdf=record.kdf, iterations=record.iterations, mek_ver=record.mek_ver, **sealed
    )
    if not changed:
        raise InvalidChangeError("The version of the master key is not the one that follows.")
