"""Ed25519 verification (RFC 8032), strict about keys that make signatures worthless."""

from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from balon.protocol.statements import PUBLIC_KEY_SIZE, SIGNATURE_SIZE
from keystore.errors import InvalidStatementError

_FIELD_PRIME = 2**255 - 19
_SMALL_ORDER_Y = frozenset(
    {
        0,
        1,
        _FIELD_PRIME - 1,
        2707385501144840649318225287225658788936804267575313519463743609750303402022,
        55188659117513257062467267217118295137698188065244968500265048394206261417927,
    }
)
"""The y coordinates of the eight points of small order: under such a key one signature fits many messages."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A statement as it was signed, with its 64-byte signature."""

    statement: bytes
    signature: bytes


def verify_signature(public_key: bytes, signed: Signed) -> None:
    """Verifies an Ed25519 signature.

    Args:
        public_key: 32 bytes, raw.
        signed: The statement and its signature.

    Raises:
        InvalidStatementError: The key is malformed or of small order, or the signature does not fit.
    """
    verify_public_key(public_key)
    if len(signed.signature) != SIGNATURE_SIZE:
        raise InvalidStatementError
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signed.signature, signed.statement)
    except (InvalidSignature, ValueError) as error:
        raise InvalidStatementError from error


def verify_public_key(public_key: bytes) -> None:
    """Refuses an Ed25519 public key that is not 32 bytes, not canonical or of small order.

    Raises:
        InvalidStatementError: It is one of these.
    """
    y = int.from_bytes(public_key, "little") & (2**255 - 1)
    if len(public_key) != PUBLIC_KEY_SIZE or y >= _FIELD_PRIME or y in _SMALL_ORDER_Y:
        raise InvalidStatementError("A public key is not valid.")
