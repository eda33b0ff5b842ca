"""Password hashes from before encryption: what the first sign-in of their accounts is judged by is made of them.

Only the public key is kept beside a hash, sealed at rest. The hash itself stays for the previous release until its
account is upgraded or `retire_hashes` deletes it (docs/operations.md).
"""

import base64
import binascii
from collections import Counter
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX, make_password
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
_BATCH = 500


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
    """
    verify_installation_key()
    counts: Counter[str] = Counter()
    for user in waiting_accounts().iterator(chunk_size=_BATCH):
        counts[_adopt_or_reason(user)] += 1
    return counts


def retire_hashes() -> int:
    """Deletes the hashes of adopted accounts: the previous release can sign none of them in any more.

    Returns:
        How many there were.
    """
    retired = 0
    for user in waiting_accounts().filter(legacy_record__isnull=False).iterator(chunk_size=_BATCH):
        with transaction.atomic():
            _adopt_or_reason(user)  # The previous release may have changed the password since.
            retired += User.objects.filter(pk=user.pk, password=user.password).update(password=make_password(None))
    return retired


def waiting_accounts() -> QuerySet[User]:
    """People with a Django password hash and no keys yet."""
    people = User.objects.filter(is_operator=False, sign_in_record__isnull=True)
    return people.exclude(password__startswith=UNUSABLE_PASSWORD_PREFIX).exclude(password="").order_by("pk")


def _adopt_or_reason(user: User) -> str:
    try:
        _verify_login(user.login)
        _adopt(user, parse_hash(user.password))
    except UnusableHashError as error:
        LegacySignInRecord.objects.filter(pk=user.pk).delete()  # It would stand for a password that was replaced.
        return str(error)
    return "adopted"


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
