"""The gateway's cryptography: opening requests, sealing replies (docs/protocol.md section 9).

Layouts and contexts come from `balon.protocol`; this module only composes them with `cryptography`.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from balon.protocol.contexts import frame_aad, infer_info, reply_info
from balon.protocol.encoding import encode_b64u
from balon.protocol.frames import RESPONSE_NONCE_SIZE, SealedRequest, encode_frame_nonce, pad_frame, serialize_frame
from balon.protocol.statements import reply_statement
from balon.protocol.types import Ciphertext, Plaintext
from inference.errors import BadRequestError
from inference.identity import Identity

SUITE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


def hash_request(request: SealedRequest) -> bytes:
    """SHA-256 of enc || ciphertext: names the request in the memory of answered ones and in the reply's signature."""
    return hashlib.sha256(request.sealed).digest()


def open_request(private_key: X25519PrivateKey, request: SealedRequest) -> Plaintext:
    """Opens a sealed request: HPKE in base mode, single-shot (RFC 9180 section 6.1).

    Args:
        private_key: The X25519 key that the request's key id names.
        request: As parsed from the wire; its ids are bound by HPKE's info.

    Raises:
        BadRequestError: Whatever the reason, always the same.
    """
    info = infer_info(request.key_id, request.conversation_id, request.stream_id)
    try:
        return Plaintext(SUITE.decrypt(request.sealed, private_key, info))
    except (InvalidTag, ValueError):
        raise BadRequestError from None


class FrameSealer:
    """Seals the frames of one reply, in order, under a key of their own (RFC 9458 section 4.4, chunked)."""

    def __init__(self, request: SealedRequest, reply_secret: bytes, *, nonce: bytes | None = None) -> None:
        """Derives K_r = HKDF(reply_secret, enc || response_nonce, ctx("reply", stream_id), 32).

        Args:
            request: The request that is answered.
            reply_secret: 32 secret bytes from inside the request.
            nonce: 32 bytes for known answers only; fresh random ones otherwise.
        """
        self.response_nonce = nonce or secrets.token_bytes(RESPONSE_NONCE_SIZE)
        self._stream_id = request.stream_id
        self._index = 0
        salt = request.enc + self.response_nonce
        key = HKDF(hashes.SHA256(), 32, salt, reply_info(request.stream_id)).derive(reply_secret)
        self._aead = AESGCM(key)

    def seal_frame(self, content: Mapping[str, str], *, final: bool = False) -> bytes:
        """Seals the next frame: LP(AES-256-GCM(padded JSON)) with its number and the final flag in the AAD."""
        plaintext = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
        aad = frame_aad(self._stream_id, self._index, final=final)
        sealed = self._aead.encrypt(encode_frame_nonce(self._index), pad_frame(plaintext), aad)
        self._index += 1
        return serialize_frame(Ciphertext(sealed))


class ReplySigner:
    """Signs the text of a reply as far as it came, so that no member can forge the assistant."""

    def __init__(self, identity: Identity, request: SealedRequest) -> None:
        self._identity = identity
        self._request = request
        self._text_hash = hashlib.sha256()

    def add(self, text: str) -> None:
        """Takes the next piece of the reply."""
        self._text_hash.update(text.encode())

    def sign_ending(self, name: str, reason: str) -> dict[str, str]:
        """The content of the final frame: why the reply ends, who says so, and the signature.

        It names the request's hash too, since whoever follows the reply without having sent the request cannot know it.

        Args:
            name: `finish` or `error`.
            reason: `stop`, `length` or `stopped`, or an error's code.
        """
        statement = reply_statement(
            gateway_id=self._identity.gateway_id,
            conversation_id=self._request.conversation_id,
            stream_id=self._request.stream_id,
            request_hash=hash_request(self._request),
            text_hash=self._text_hash.digest(),
        )
        return {
            name: reason,
            "gateway_id": encode_b64u(self._identity.gateway_id),
            "request_hash": encode_b64u(hash_request(self._request)),
            "signature": encode_b64u(self._identity.sign_statement(statement)),
        }
