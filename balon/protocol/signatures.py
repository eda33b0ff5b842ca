"""The form that an Ed25519 public key and signature must have before any library verifies them.

Libraries differ on keys of small order and on encodings that are not canonical (RFC 8032 section 5.1.7 leaves room;
"Taming the many EdDSAs", ePrint 2020/1244). Both sides call this first, so that a signature holds everywhere or
nowhere.
"""

from typing import Final

from balon.protocol.errors import SignatureFormError

_PRIME: Final = 2**255 - 19
_GROUP_ORDER: Final = 2**252 + 27742317777372353535851937790883648493
_SIGN_BIT: Final = 1 << 255

# The y coordinates of the eight points whose order divides the cofactor: 1, -1, 0 and two of order eight.
_ORDER_EIGHT: Final = 2707385501144840649318225287225658788936804267575313519463743609750303402022
_SMALL_ORDER: Final = frozenset({0, 1, _PRIME - 1, _ORDER_EIGHT, _PRIME - _ORDER_EIGHT})


def verify_signature_form(public: bytes, signature: bytes) -> None:
    """Refuses what a strict Ed25519 verification must refuse whatever it signs.

    Args:
        public: The raw public key; 32 bytes or refused.
        signature: R || S; 64 bytes or refused.

    Raises:
        SignatureFormError: A wrong length; a key or R that is not canonical or of small order; S not below the order.
    """
    if len(public) != 32 or len(signature) != 64:
        raise SignatureFormError("An Ed25519 key has 32 bytes, a signature 64.")
    _verify_point(public)
    _verify_point(signature[:32])
    if int.from_bytes(signature[32:], "little") >= _GROUP_ORDER:
        raise SignatureFormError("S of the signature is not below the order of the group.")


def _verify_point(encoded: bytes) -> None:
    y = int.from_bytes(encoded, "little") & ~_SIGN_BIT
    if y >= _PRIME or y in _SMALL_ORDER:
        raise SignatureFormError("A point is not canonical or of small order.")
