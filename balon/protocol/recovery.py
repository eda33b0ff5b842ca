"""The recovery kit: its code and its credential (docs/protocol.md section 6)."""

import hashlib
from dataclasses import dataclass
from typing import Final, cast
from uuid import UUID

from balon.protocol.encoding import (
    FieldType,
    decode_b64u,
    encode_b64u,
    encode_context,
    parse_context,
)
from balon.protocol.envelope import Kind, parse_envelope
from balon.protocol.errors import DamagedRecoveryKitError, EncodingError, EnvelopeError, RecoveryKitError
from balon.protocol.password import SALT_SIZE
from balon.protocol.statements import PUBLIC_KEY_SIZE
from balon.protocol.types import Envelope

CREDENTIAL_PREFIX = "BALON-RECOVERY-1."
CODE_SIZE = 32
RECOVERY_ITERATIONS = 600_000

# Crockford's base32: no I, L, O, U. Reading takes I and L for 1 and O for 0 (crockford.com/base32.html).
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LOOKALIKES: Final = str.maketrans(
    {"I": "1", "L": "1", "O": "0", "-": None, " ": None, "\n": None, "\r": None, "\t": None}
)
_CODE_CHARACTERS: Final = 54
_CHECK_SIZE: Final = 4
_KIT_FIELDS: Final[tuple[FieldType, ...]] = (UUID, UUID, str, int, bytes, bytes, bytes)


@dataclass(frozen=True, slots=True)
class RecoveryCredential:
    """What a kit holds besides its code. Public without the code: `rec_env` opens only under the recovery key."""

    user_id: UUID
    recovery_id: UUID
    kdf: str
    iterations: int
    rec_salt: bytes
    rec_env: Envelope
    idk_pub: bytes


def hash_recovery_salt(user_id: UUID, rec_salt: bytes) -> bytes:
    """SHA-256(ctx("rec-salt", user_id, rec_salt)): 32 bytes of PBKDF2 salt of the recovery key."""
    return hashlib.sha256(encode_context("rec-salt", user_id, rec_salt)).digest()


def encode_recovery_code(code: bytes) -> str:
    """Writes 32 secret bytes as 52 + 2 characters of Crockford base32 in groups of four.

    Args:
        code: 32 bytes, secret. Whoever has them and the credential has the account.
    """
    bits = int.from_bytes(code, "big") << 4
    body = "".join(_ALPHABET[bits >> shift & 31] for shift in range(255, -1, -5))
    text = body + _code_check(code)
    return "-".join(text[start : start + 4] for start in range(0, len(text), 4))


def decode_recovery_code(text: str) -> bytes:
    """Reads a recovery code as a person may type it: any case, with or without groups, I and L for 1, O for 0.

    Returns:
        32 secret bytes.

    Raises:
        RecoveryKitError: Another length or other characters.
        DamagedRecoveryKitError: The form is right, but the check characters do not fit.
    """
    typed = text.strip().upper().translate(_LOOKALIKES)
    if len(typed) != _CODE_CHARACTERS or not set(typed) <= set(_ALPHABET):
        raise RecoveryKitError("A recovery code has 54 letters and digits.")
    bits = 0
    for character in typed[:52]:
        bits = bits << 5 | _ALPHABET.index(character)
    code = (bits >> 4).to_bytes(CODE_SIZE, "big")
    if bits & 15 or _code_check(code) != typed[52:]:
        raise DamagedRecoveryKitError("The check characters of the recovery code do not fit.")
    return code


def _code_check(code: bytes) -> str:
    digest = hashlib.sha256(encode_context("rc-check", code)).digest()
    return _ALPHABET[digest[0] >> 3] + _ALPHABET[(digest[0] << 2 | digest[1] >> 6) & 31]


def serialize_credential(credential: RecoveryCredential) -> str:
    """Writes a credential: the prefix, then base64url of K and the first 4 bytes of SHA-256(K)."""
    kit = encode_context(
        "kit",
        credential.user_id,
        credential.recovery_id,
        credential.kdf,
        credential.iterations,
        credential.rec_salt,
        credential.rec_env,
        credential.idk_pub,
    )
    return CREDENTIAL_PREFIX + encode_b64u(kit + hashlib.sha256(kit).digest()[:_CHECK_SIZE])


def parse_credential(text: str) -> RecoveryCredential:
    """Reads a credential; white space around and inside it, as mail programs add it, is taken out.

    Raises:
        RecoveryKitError: No credential of version 1, or one whose fields have impossible sizes.
        DamagedRecoveryKitError: One that was cut or changed.
    """
    compact = "".join(text.split())
    if not compact.startswith(CREDENTIAL_PREFIX):
        raise RecoveryKitError("This is no Balon recovery credential.")
    try:
        return _credential_of(_checked(decode_b64u(compact.removeprefix(CREDENTIAL_PREFIX))))
    except EncodingError as error:
        raise DamagedRecoveryKitError("The recovery credential is damaged.") from error


def _checked(raw: bytes) -> bytes:
    kit, check = raw[:-_CHECK_SIZE], raw[-_CHECK_SIZE:]
    if hashlib.sha256(kit).digest()[:_CHECK_SIZE] != check:
        raise EncodingError("The checksum does not fit.")
    return kit


def _credential_of(kit: bytes) -> RecoveryCredential:
    fields = cast("tuple[UUID, UUID, str, int, bytes, Envelope, bytes]", tuple(parse_context("kit", _KIT_FIELDS, kit)))
    credential = RecoveryCredential(*fields)
    if (len(credential.rec_salt), len(credential.idk_pub)) != (SALT_SIZE, PUBLIC_KEY_SIZE):
        raise RecoveryKitError("A field of the recovery credential has the wrong size.")
    try:
        parse_envelope(Kind.RECOVERY, credential.rec_env)
    except EnvelopeError as error:
        raise RecoveryKitError("The recovery credential holds no sealed keys.") from error
    return credential
