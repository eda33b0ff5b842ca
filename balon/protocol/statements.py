"""Signed statements: what Ed25519 keys sign in Balon (docs/protocol.md section 10).

The label is inside what is signed, so no signature of one label passes for another. Statements that travel (bundle,
grant, roster, gateway-key) have a class that serializes and parses them; the others are rebuilt by whoever verifies.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, ClassVar, Self
from uuid import UUID

from balon.protocol.encoding import FieldType, encode_context, parse_context
from balon.protocol.errors import EncodingError, StatementError
from balon.protocol.types import PublicKey, Statement

HASH_SIZE = 32
SIGNATURE_SIZE = 64
PUBLIC_KEY_SIZE = 32
RSA_SPKI_SIZE = 550
"""An RSA-4096 public key with exponent 65537 as SubjectPublicKeyInfo (RFC 5280)."""
WRAPPED_KEY_SIZE = 512


class AuthAction(StrEnum):
    """What a proof with a login or recovery key is for; a proof for one action is none for another (section 5)."""

    LOGIN = "login"
    SIGN_UP = "sign-up"
    LEGACY_UPGRADE = "legacy-upgrade"
    CHANGE_PASSWORD = "change-password"  # noqa: S105
    CHANGE_LOGIN = "change-login"
    KDF_UPGRADE = "kdf-upgrade"
    ROTATE_KEYS = "rotate-keys"
    RECOVER = "recover"
    DELETE_ACCOUNT = "delete-account"
    EXPORT = "export"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthTranscript:
    """What a proof of knowledge of the password signs (section 5).

    Each side builds it from its own values: the server takes the origin from its settings, the client from its
    location. `body` is the raw body as sent, for every action but login.
    """

    action: AuthAction
    origin: str
    login: str
    user_id: UUID
    challenge_id: UUID
    challenge: bytes
    client_nonce: bytes
    kdf: str
    iterations: int
    salt: bytes
    body: bytes | None = None

    def serialize(self) -> Statement:
        """Lays the transcript out as it is signed.

        Raises:
            StatementError: A login proof with a body, or another action without one.
        """
        if (self.body is None) != (self.action is AuthAction.LOGIN):
            raise StatementError("Every action but login covers the body of its request.")
        covered = () if self.body is None else (hashlib.sha256(self.body).digest(),)
        return encode_context(
            "auth",
            str(self.action),
            self.origin,
            self.login,
            self.user_id,
            self.challenge_id,
            self.challenge,
            self.client_nonce,
            self.kdf,
            self.iterations,
            self.salt,
            *covered,
        )


@dataclass(frozen=True, slots=True)
class _TravellingStatement:
    """Serializes and parses a dataclass whose fields are the label's fields, in order."""

    LABEL: ClassVar[str]
    TYPES: ClassVar[tuple[FieldType, ...]]
    SIZES: ClassVar[Mapping[str, int]]

    def serialize(self) -> Statement:
        """The encoded context, as it is signed."""
        return encode_context(self.LABEL, *(getattr(self, each.name) for each in fields(self)))

    @classmethod
    def parse(cls, statement: bytes) -> Self:
        """Reads a statement strictly.

        Raises:
            StatementError: Another label, other fields, or a field of the wrong size.
        """
        try:
            fields: list[Any] = list(parse_context(cls.LABEL, cls.TYPES, statement))
        except EncodingError as error:
            raise StatementError(str(error)) from error
        parsed = cls(*fields)
        for name, size in cls.SIZES.items():
            if len(getattr(parsed, name)) != size:
                raise StatementError(f"The {name} of a {cls.LABEL} statement has {size} bytes.")
        return parsed


@dataclass(frozen=True, slots=True)
class Bundle(_TravellingStatement):
    """A user's public keys, signed by their own identity key (section 4)."""

    LABEL: ClassVar[str] = "bundle"
    TYPES: ClassVar[tuple[FieldType, ...]] = (UUID, str, bytes, bytes, bytes, int, int)
    SIZES: ClassVar[Mapping[str, int]] = {"idk_pub": PUBLIC_KEY_SIZE, "spki": RSA_SPKI_SIZE, "rsa_kid": HASH_SIZE}

    user_id: UUID
    login: str
    idk_pub: PublicKey
    spki: bytes
    rsa_kid: bytes
    bundle_seq: int
    created_ms: int

    @classmethod
    def parse(cls, statement: bytes) -> Self:
        """Reads a bundle strictly.

        Raises:
            StatementError: As for any statement, or rsa_kid is not the hash of the public key.
        """
        bundle = super(Bundle, cls).parse(statement)
        if hashlib.sha256(bundle.spki).digest() != bundle.rsa_kid:
            raise StatementError("The key id of a bundle is not the hash of its RSA key.")
        return bundle


@dataclass(frozen=True, slots=True)
class Grant(_TravellingStatement):
    """Says that the grantor gave the recipient an epoch's key; signed by the grantor's identity key (section 7)."""

    LABEL: ClassVar[str] = "grant"
    TYPES: ClassVar[tuple[FieldType, ...]] = (UUID, int, UUID, bytes, bytes, bytes, UUID, bytes)
    SIZES: ClassVar[Mapping[str, int]] = dict.fromkeys(
        ("rsa_kid", "ck_commit", "wrapped_hash", "roster_hash"), HASH_SIZE
    )

    conversation_id: UUID
    epoch: int
    recipient_id: UUID
    rsa_kid: bytes
    ck_commit: bytes
    wrapped_hash: bytes
    grantor_id: UUID
    roster_hash: bytes


@dataclass(frozen=True, slots=True)
class RosterEntry(_TravellingStatement):
    """One link of the signed chain of who is in a conversation (section 7). Signed by the actor's identity key."""

    LABEL: ClassVar[str] = "roster"
    TYPES: ClassVar[tuple[FieldType, ...]] = (UUID, int, bytes, str, UUID, UUID, str, int, bytes, bytes, int)
    SIZES: ClassVar[Mapping[str, int]] = dict.fromkeys(("prev_hash", "ck_commit", "members_hash"), HASH_SIZE)

    conversation_id: UUID
    seq: int
    prev_hash: bytes
    op: str
    actor_id: UUID
    target_id: UUID
    role: str
    epoch: int
    ck_commit: bytes
    members_hash: bytes
    created_ms: int

    @property
    def hash(self) -> bytes:
        """SHA-256 of the entry: `prev_hash` of the next one and `roster_hash` of grants."""
        return hashlib.sha256(self.serialize()).digest()


@dataclass(frozen=True, slots=True)
class GatewayKey(_TravellingStatement):
    """The gateway's HPKE key and models, signed by its identity (section 9)."""

    LABEL: ClassVar[str] = "gateway-key"
    TYPES: ClassVar[tuple[FieldType, ...]] = (bytes, bytes, bytes, int, bytes)
    SIZES: ClassVar[Mapping[str, int]] = {
        "gateway_id": HASH_SIZE,
        "key_id": 8,
        "hpke_pub": PUBLIC_KEY_SIZE,
        "models_hash": HASH_SIZE,
    }

    gateway_id: bytes
    key_id: bytes
    hpke_pub: PublicKey
    not_after_ms: int
    models_hash: bytes


def message_statement(conversation_id: UUID, epoch: int, message_id: UUID, envelope: bytes) -> Statement:
    """What a sender's identity key signs for a message (section 8)."""
    return encode_context("msg-sig", conversation_id, epoch, message_id, hashlib.sha256(envelope).digest())


def meta_statement(conversation_id: UUID, epoch: int, meta_version: int, envelope: bytes) -> Statement:
    """What an author's identity key signs for title and settings (section 8)."""
    return encode_context("meta-sig", conversation_id, epoch, meta_version, hashlib.sha256(envelope).digest())


def reply_statement(
    *, gateway_id: bytes, conversation_id: UUID, stream_id: UUID, request_hash: bytes, text_hash: bytes
) -> Statement:
    """What the gateway's identity signs for a reply (section 9).

    Args:
        gateway_id: SHA-256 of the gateway's public identity key, 32 bytes.
        conversation_id: The conversation that the request names.
        stream_id: The stream, and later the saved message.
        request_hash: SHA-256 of enc || ciphertext of the sealed request, 32 bytes.
        text_hash: SHA-256 of the UTF-8 text of the reply as far as it came, 32 bytes.
    """
    return encode_context("reply-sig", gateway_id, conversation_id, stream_id, request_hash, text_hash)
