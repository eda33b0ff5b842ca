"""The envelope of docs/protocol.md section 3 on pyca cryptography: the second composition beside webcrypto.mjs."""

import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from balon.protocol.contexts import ck_commit_info
from balon.protocol.envelope import (
    KEY_ID_INFO,
    PADDED_KINDS,
    SUITE,
    Kind,
    encode_aad,
    encode_content_key_info,
    encode_iv_commit_info,
    pad,
    parse_envelope,
    serialize_envelope,
    serialize_header,
    unpad,
)
from balon.protocol.errors import EnvelopeError
from balon.protocol.types import Ciphertext, Envelope, KeyID, Plaintext
from balon_client.errors import DecryptionError

__all__ = ["SUITE", "derive_commitment", "hkdf", "key_id", "open_envelope", "seal_envelope"]


def hkdf(key: bytes, salt: bytes, info: bytes, size: int = 32) -> bytes:
    """HKDF-SHA256 (RFC 5869)."""
    return HKDF(SHA256(), size, salt, info).derive(key)


def key_id(root: bytes) -> KeyID:
    return KeyID(hkdf(root, b"", KEY_ID_INFO, 16))


def derive_commitment(root: bytes, conversation_id, epoch: int) -> bytes:
    return hkdf(root, b"", ck_commit_info(conversation_id, epoch))


def seal_envelope(
    root: bytes, kind: Kind, context: bytes, plaintext: bytes, salt: bytes, *, padded: bool = True
) -> Envelope:
    """Seals; pads first where the kind is padded and the test does not want it otherwise."""
    content = pad(plaintext) if padded and kind in PADDED_KINDS else plaintext
    iv_commit = hkdf(root, salt, encode_iv_commit_info(kind, context), 44)
    nonce, commit = iv_commit[:12], iv_commit[12:]
    key = hkdf(root, salt, encode_content_key_info(kind))
    header = serialize_header(kind, key_id(root), salt)
    ciphertext = AESGCM(key).encrypt(nonce, content, encode_aad(header, commit, context))
    return serialize_envelope(header, commit, Ciphertext(ciphertext))


def open_envelope(
    root: bytes, kind: Kind, context: bytes, envelope: bytes, *, checks: frozenset[str] = frozenset({"kid", "commit"})
) -> Plaintext:
    """Opens in the protocol's order. `checks` lets a test show what each check alone is worth."""
    try:
        parts = parse_envelope(kind, envelope)
        if "kid" in checks and parts.kid != key_id(root):
            raise DecryptionError
        iv_commit = hkdf(root, parts.salt, encode_iv_commit_info(kind, context), 44)
        if "commit" in checks and not hmac.compare_digest(iv_commit[12:], parts.commit):
            raise DecryptionError
        key = hkdf(root, parts.salt, encode_content_key_info(kind))
        aad = encode_aad(parts.header, parts.commit, context)
        padded = AESGCM(key).decrypt(iv_commit[:12], parts.ciphertext, aad)
        return unpad(padded) if kind in PADDED_KINDS else Plaintext(padded)
    except (EnvelopeError, InvalidTag):
        raise DecryptionError from None
