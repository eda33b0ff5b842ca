"""Password hashes from before encryption: what the first sign-in of their accounts is judged by is made of them.

Only the public key is kept beside a hash, sealed at rest. The hash itself stays for the previous release until its
account is upgraded or `retire_hashes` deletes it (docs/operations.md).
"""

import base64
import binascii
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db import transaction
from django.db.models import QuerySet

from accounts.models import LegacySignInRecord, User
from accounts.sealing import seal_at_rest
from accounts.selectors import place_of, verify_installation_key
from balon.protocol.contexts import legacy_login_info
from balon.protocol.errors import PasswordPolicyError
from balon.protocol.password import LEGACY_ALGORITHM, normalize_login, verify_legacy_policy

_DJANGO_ALGORITHM = "pbkdf2_sha256"
_HASH_SIZE = 32
_ADOPTED = "adopted"


@dataclass(frozen=True, slots=True)
class LegacyHash:
    """A Django password hash, parsed. `octets` are password-equivalent: 32 bytes, secret."""

    iterations: int
    salt: bytes
    octets: bytes


class UnusableHashError(Exception):
    """No account can be upgraded from this hash; the message is one of a few fixed ones, for counting."""


def parse_hash(encoded: str) -> LegacyHash:
    """Reads `pbkdf2_sha256$iterations$salt$hash`.

    Raises:
        UnusableHashError: It is of another kind, outside the policy of section 12, or malformed.
    """
    algorithm, _, rest = encoded.partition("$")
    if algorithm != _DJANGO_ALGORITHM:
        raise UnusableHashError("hash of another kind")
    try:
        iterations, salt, digest = rest.split("$")
        parsed = LegacyHash(int(iterations), salt.encode(), base64.b64decode(digest, validate=True))
    except (ValueError, binascii.Error) as error:
        raise UnusableHashError("malformed hash") from error
    if len(parsed.octets) != _HASH_SIZE:
        raise UnusableHashError("malformed hash")
    try:
        verify_legacy_policy(algorithm=LEGACY_ALGORITHM, iterations=parsed.iterations, salt=parsed.salt)
    except PasswordPolicyError as error:
        raise UnusableHashError("iterations or salt outside the policy") from error
    return parsed


def adopt_hashes() -> Counter[str]:
    """Makes or renews the record of every account that can be upgraded. Run it as often as you like.

    Returns:
        How many were adopted, and how many were left out for which reason.

    Raises:
        InstallationKeyError: The installation keys are not those that this database was made with.
    """
    return _count_outcomes(waiting_accounts(), _adopt_or_reason)


def retire_hashes() -> Counter[str]:
    """Deletes the hashes of adopted accounts: the previous release can sign none of them in any more.

    Where the password was changed to one of which no record can be made, the hash stays and the record goes.

    Returns:
        How many were retired, and how many were not for which reason.

    Raises:
        InstallationKeyError: The installation keys are not those that this database was made with.
    """
    return _count_outcomes(waiting_accounts().filter(legacy_record__isnull=False), _retire_or_reason)


def _count_outcomes(accounts: QuerySet[User], handle: Callable[[User], str]) -> Counter[str]:
    """Handles each account as it is under its lock, in a transaction of its own: people sign in meanwhile."""
    verify_installation_key()
    counts: Counter[str] = Counter()
    for user_id in list(accounts.values_list("pk", flat=True)):
        with transaction.atomic():
            user = waiting_accounts().select_for_update(of=("self",)).filter(pk=user_id).first()
            if user is not None:
                counts[handle(user)] += 1
    return counts


def waiting_accounts() -> QuerySet[User]:
    """People with a Django password hash and no keys yet."""
    people = User.objects.filter(is_operator=False, sign_in_record__isnull=True)
    return people.exclude(password__startswith=UNUSABLE_PASSWORD_PREFIX).exclude(password="").order_by("pk")


def _retire_or_reason(user: User) -> str:
    outcome = _adopt_or_reason(user)  # The previous release may have changed the password since.
    if outcome != _ADOPTED:
        return outcome
    user.set_unusable_password()
    user.save(update_fields=("password",))
    return "retired"


def _adopt_or_reason(user: User) -> str:
    try:
        _verify_login(user.login)
        _adopt(user, parse_hash(user.password))
    except UnusableHashError as error:
        LegacySignInRecord.objects.filter(pk=user.pk).delete()  # It would stand for a password that was replaced.
        return str(error)
    return _ADOPTED


def _verify_login(login: str) -> None:
    try:
        if normalize_login(login) == login:
            return
    except PasswordPolicyError:
        pass
    raise UnusableHashError("login name outside the rules")


def _adopt(user: User, found: LegacyHash) -> None:
    LegacySignInRecord.objects.update_or_create(
        user=user,
        defaults={
            "iterations": found.iterations,
            "salt_size": len(found.salt),
            "login_pub_sealed": seal_at_rest(_login_pub(user, found), place=place_of("legacy_login_pub", user.pk)),
            "salt_sealed": seal_at_rest(found.salt, place=place_of("legacy_salt", user.pk)),
        },
    )


def _login_pub(user: User, found: LegacyHash) -> bytes:
    """The public key of HKDF(hash, "", ctx("legacy-login", user_id)): section 12."""
    seed = HKDF(algorithm=SHA256(), length=32, salt=b"", info=legacy_login_info(user.pk)).derive(found.octets)
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
