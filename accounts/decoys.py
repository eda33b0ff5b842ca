"""Made-up sign-in parameters for login names that nobody has (docs/protocol.md section 5).

They are keyed hashes of the login name, so they stay the same over calls and restarts, and look like real ones.
"""

import hashlib
import hmac
import string
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

from balon.protocol.encoding import encode_context

_CONSONANTS = "bdfghjklmnprstvz"
_VOWELS = "aeiou"
_SALT_ALPHABET = (string.ascii_letters + string.digits).encode()
_DOMAINS = ("com", "net", "org", "com")


@dataclass(frozen=True, slots=True)
class Decoy:
    """What an account of this login name might have: user id, salts of both kinds, and its place (0 to 1) among all.

    `salt` has 32 bytes; `legacy_salt` has 64, of which an account from before encryption shows as many as it has.
    """

    user_id: UUID
    salt: bytes
    legacy_salt: bytes
    quantile: float


def derive_decoy(login: str) -> Decoy:
    """The parameters shown for a login name that nobody has."""
    identifier = UUID(bytes=_derive("user-id", login)[:16], version=4)
    quantile = int.from_bytes(_derive("iterations", login)[:6], "big") / 2**48
    return Decoy(
        user_id=identifier, salt=_derive("salt", login), legacy_salt=_derive_legacy_salt(login), quantile=quantile
    )


def _derive_legacy_salt(login: str) -> bytes:
    """64 characters of Django's alphabet for salts, each as likely as the others but for one in a million."""
    source = b"".join(_derive(f"legacy-salt-{part}", login) for part in range(8))
    draws = (int.from_bytes(source[start : start + 4], "big") for start in range(0, len(source), 4))
    return bytes(_SALT_ALPHABET[draw % len(_SALT_ALPHABET)] for draw in draws)


def derive_decoy_login(recovery_id: UUID) -> str:
    """The login name shown for a recovery kit that nobody has: 6 to 29 characters that a person might have chosen.

    It follows a distribution of its own, since one that followed the real login names would change with them.
    """
    source = _derive("recovery-login", recovery_id)
    name = _spell(source[3 : 6 + source[0] % 4])
    digits = str(source[1] % 100) if source[1] >= 192 else ""
    domain = f"@{_spell(source[12 : 14 + source[2] % 3])}.{_DOMAINS[source[2] >> 6]}" if source[2] & 32 else ""
    return name + digits + domain


def _spell(source: bytes) -> str:
    return "".join(_CONSONANTS[octet >> 4] + _VOWELS[(octet & 15) % 5] for octet in source)


def hash_recovery_id(recovery_id: UUID) -> bytes:
    """A keyed hash that stands for a recovery kit in challenges: 32 bytes, never those of a login name."""
    return _derive("recovery-tag", recovery_id)


def hash_login(login: str) -> bytes:
    """A keyed hash that stands for a login name in challenges and counters: 32 bytes."""
    return _derive("login-tag", login)


def hash_legacy_id(legacy_id: str) -> bytes:
    """A keyed hash that stands for a person's name in the system that texts come from: 32 bytes."""
    return _derive("legacy-id-tag", legacy_id)


def _derive(purpose: str, name: str | UUID) -> bytes:
    message = encode_context(f"decoy/{purpose}", name)
    return hmac.digest(settings.BALON_DECOY_KEY, message, hashlib.sha256)
