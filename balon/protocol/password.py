"""Login names, passwords and the policy for their derivation (docs/protocol.md section 2).

The policy's numbers are constants of the client: the server's word can neither lower nor raise them.
"""

import hashlib
import re
import unicodedata

from balon.protocol.encoding import encode_context, encode_text
from balon.protocol.errors import PasswordPolicyError

KDF_ALGORITHM = "PBKDF2-SHA256"
MIN_ITERATIONS = 600_000
MAX_ITERATIONS = 5_000_000
DEFAULT_ITERATIONS = 720_000
"""What new passwords get; accounts with fewer are upgraded at sign-in (docs/decisions/0005-default-iterations.md)."""
SALT_SIZE = 32
LEGACY_ALGORITHM = "django-pbkdf2-sha256"
"""How the passwords of accounts from before encryption were hashed (section 12)."""
LEGACY_SALT_MIN, LEGACY_SALT_MAX = 8, 64
MAX_PASSWORD_SIZE = 1024

_LOGIN = re.compile(r"[a-z0-9._+@-]{3,254}\Z")


def normalize_login(raw: str) -> str:
    """Strips and lower-cases a login name.

    Raises:
        PasswordPolicyError: The result does not match [a-z0-9._+@-]{3,254}.
    """
    login = raw.strip().lower()
    if not _LOGIN.match(login):
        raise PasswordPolicyError("A login name has 3 to 254 of a-z, 0-9 and . _ + @ -")
    return login


def encode_password(password: str) -> bytes:
    """Encodes a password as UTF-8 of its NFKC form, 1 to 1024 bytes. For tests and tools: the page has its own.

    Raises:
        PasswordPolicyError: The password is empty or too long.
    """
    encoded = encode_text(unicodedata.normalize("NFKC", password))
    if not 0 < len(encoded) <= MAX_PASSWORD_SIZE:
        raise PasswordPolicyError("A password has 1 to 1024 bytes.")
    return encoded


def hash_password_salt(login: str, salt: bytes) -> bytes:
    """Pwsalt = SHA-256(ctx("pw-salt", login, salt)): 32 bytes of PBKDF2 salt, bound to the login name."""
    return hashlib.sha256(encode_context("pw-salt", login, salt)).digest()


def verify_kdf_policy(*, algorithm: object, iterations: object, salt: object) -> None:
    """Refuses derivation parameters outside the policy. Call it before the password is touched.

    Raises:
        PasswordPolicyError: Not PBKDF2-SHA256, not 600 000 to 5 000 000 iterations, or not 32 bytes of salt that vary.
    """
    if algorithm != KDF_ALGORITHM:
        raise PasswordPolicyError("The key derivation algorithm is not allowed.")
    if type(iterations) is not int or not MIN_ITERATIONS <= iterations <= MAX_ITERATIONS:
        raise PasswordPolicyError("The number of iterations is not allowed.")
    if not isinstance(salt, bytes) or len(salt) != SALT_SIZE or len(set(salt)) == 1:
        raise PasswordPolicyError("The salt is not 32 random bytes.")


def verify_legacy_policy(*, algorithm: object, iterations: object, salt: object) -> None:
    """The same for an account from before encryption (section 12). Call it before the password is touched.

    Raises:
        PasswordPolicyError: Not Django's PBKDF2, not 600 000 to 5 000 000 iterations, or not 8 to 64 bytes of salt
            that vary.
    """
    if algorithm != LEGACY_ALGORITHM:
        raise PasswordPolicyError("The key derivation algorithm is not allowed.")
    if type(iterations) is not int or not MIN_ITERATIONS <= iterations <= MAX_ITERATIONS:
        raise PasswordPolicyError("The number of iterations is not allowed.")
    if not isinstance(salt, bytes) or not LEGACY_SALT_MIN <= len(salt) <= LEGACY_SALT_MAX or len(set(salt)) == 1:
        raise PasswordPolicyError("The salt is not 8 to 64 random bytes.")
