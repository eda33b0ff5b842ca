"""What the server answers, as typed records (docs/api.md). Parsed, not believed."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from balon.protocol.statements import HASH_SIZE, PUBLIC_KEY_SIZE, SIGNATURE_SIZE, WRAPPED_KEY_SIZE
from balon.protocol.types import Envelope, PublicKey, Signature, Statement, WrappedKey
from balon_client.wire import Fields

MAX_PAGE = 200
MAX_STATEMENT = 4096


@dataclass(frozen=True, slots=True)
class Signed:
    """A statement and the signature that claims it."""

    statement: Statement
    signature: Signature

    @classmethod
    def parse(cls, fields: Fields) -> "Signed":
        """Reads `{"statement", "signature"}`."""
        return cls(
            statement=Statement(fields.raw("statement", limit=MAX_STATEMENT)),
            signature=Signature(fields.raw("signature", size=SIGNATURE_SIZE)),
        )


@dataclass(frozen=True, slots=True)
class Prelogin:
    """What derivation and proof need; `kdf`, `iterations` and `salt` are unchecked."""

    user_id: UUID
    kdf: str
    iterations: int
    salt: bytes
    challenge_id: UUID
    challenge: bytes

    @classmethod
    def parse(cls, value: Any) -> "Prelogin":
        """Reads the answer of prelogin. The policy is judged by whoever derives, with an alarm of its own."""
        fields = Fields(value, "prelogin")
        return cls(
            user_id=fields.uuid("user_id"),
            kdf=fields.text("kdf", limit=64),
            iterations=fields.integer("n"),
            salt=fields.raw("salt", limit=1024),
            challenge_id=fields.uuid("challenge_id"),
            challenge=fields.raw("challenge", size=32),
        )


@dataclass(frozen=True, slots=True)
class KeyringRecord:
    """The sealed keyring and its version."""

    version: int
    envelope: Envelope

    @classmethod
    def parse(cls, fields: Fields) -> "KeyringRecord":
        """Reads `{"version", "envelope"}`."""
        return cls(version=fields.integer("version", least=1), envelope=Envelope(fields.raw("envelope")))


@dataclass(frozen=True, slots=True)
class AccountRecords:
    """The sealed keys of an account and what they are bound to."""

    kdf: str
    iterations: int
    salt: bytes
    mek_ver: int
    mek_env: Envelope
    idk_env: Envelope
    rsa_env: Envelope
    bundle: Signed
    keyring: KeyringRecord
    recovery_id: UUID | None = None
    """Which kit stands; None where a server or a session record is older than this field."""

    @classmethod
    def parse(cls, fields: Fields) -> "AccountRecords":
        """Reads `records`. A missing or null blob is an alarm, never a reason to make a new one (A16)."""
        return cls(
            kdf=fields.text("kdf", limit=64),
            iterations=fields.integer("n"),
            salt=fields.raw("salt", limit=1024),
            mek_ver=fields.integer("mek_ver", least=1),
            mek_env=Envelope(fields.raw("mek_env", limit=4096)),
            idk_env=Envelope(fields.raw("idk_env", limit=4096)),
            rsa_env=Envelope(fields.raw("rsa_env", limit=8192)),
            bundle=Signed.parse(fields.item("bundle")),
            keyring=KeyringRecord.parse(fields.item("keyring")),
            recovery_id=fields.uuid("recovery_id") if fields.has("recovery_id") else None,
        )


@dataclass(frozen=True, slots=True)
class Active:
    """A session that the server holds open. `records` come with sign-in, sign-up and `accounts/self`."""

    user_id: UUID
    login: str
    account_version: int
    session_id: str
    expires_at_ms: int
    csrf: str
    records: AccountRecords | None

    @classmethod
    def parse(cls, value: Any, *, with_records: bool) -> "Active":
        """Reads an Active answer."""
        fields = Fields(value, "session")
        if fields.text("state", limit=16) != "active":
            raise fields.refuse("state")
        return cls(
            user_id=fields.uuid("user_id"),
            login=fields.text("login", limit=254),
            account_version=fields.integer("account_version"),
            session_id=fields.text("session_id", limit=128),
            expires_at_ms=fields.integer("expires_at_ms"),
            csrf=fields.text("csrf", limit=512),
            records=AccountRecords.parse(fields.item("records")) if with_records else None,
        )


@dataclass(frozen=True, slots=True)
class GrantRecord:
    """A wrapped conversation key and the signed statement about it."""

    signed: Signed
    wrapped: WrappedKey

    @classmethod
    def parse(cls, fields: Fields) -> "GrantRecord":
        """Reads `{"statement", "signature", "wrapped"}`."""
        return cls(Signed.parse(fields), WrappedKey(fields.raw("wrapped", size=WRAPPED_KEY_SIZE)))


@dataclass(frozen=True, slots=True)
class MetaRecord:
    """Sealed title and settings with their author's signature."""

    meta_version: int
    epoch: int
    author_id: UUID
    envelope: Envelope
    signature: Signature

    @classmethod
    def parse(cls, fields: Fields) -> "MetaRecord":
        """Reads `meta`."""
        return cls(
            meta_version=fields.integer("meta_version", least=1),
            epoch=fields.integer("epoch"),
            author_id=fields.uuid("author_id"),
            envelope=Envelope(fields.raw("envelope", limit=1 << 16)),
            signature=Signature(fields.raw("signature", size=SIGNATURE_SIZE)),
        )


@dataclass(frozen=True, slots=True)
class Head:
    """The newest message that the server names: its place and the hash of its envelope."""

    position: int
    envelope_hash: bytes

    @classmethod
    def parse(cls, fields: Fields) -> "Head":
        """Reads `head`."""
        return cls(fields.integer("position", least=1), fields.raw("envelope_hash", size=HASH_SIZE))


@dataclass(frozen=True, slots=True)
class ConversationRecord:
    """A conversation as the server stores it for this person."""

    id: UUID
    epoch: int
    created_ms: int
    updated_ms: int
    head: Head | None
    roster: tuple[Signed, ...]
    grants: tuple[GrantRecord, ...]
    meta: MetaRecord | None

    @classmethod
    def parse(cls, fields: Fields) -> "ConversationRecord":
        """Reads a ConversationRecord."""
        return cls(
            id=fields.uuid("id"),
            epoch=fields.integer("epoch"),
            created_ms=fields.integer("created_ms"),
            updated_ms=fields.integer("updated_ms"),
            head=Head.parse(fields.item("head")) if fields.has("head") else None,
            roster=tuple(map(Signed.parse, fields.items("roster", limit=10_000))),
            grants=tuple(map(GrantRecord.parse, fields.items("grants", limit=10_000))),
            meta=MetaRecord.parse(fields.item("meta")) if fields.has("meta") else None,
        )


@dataclass(frozen=True, slots=True)
class ConversationPage:
    """A page of conversations, newest activity first, and where the next begins."""

    conversations: tuple[ConversationRecord, ...]
    next: str | None

    @classmethod
    def parse(cls, value: Any) -> "ConversationPage":
        """Reads the list of conversations."""
        fields = Fields(value, "conversations")
        return cls(
            conversations=tuple(map(ConversationRecord.parse, fields.items("conversations", limit=MAX_PAGE))),
            next=fields.text("next") if fields.has("next") else None,
        )


@dataclass(frozen=True, slots=True)
class MessageRecord:
    """A sealed message with what its context is rebuilt from."""

    position: int
    message_id: UUID
    sender_id: UUID
    epoch: int
    seq: int
    prev_hash: bytes
    created_ms: int
    envelope: Envelope
    signature: Signature

    @classmethod
    def parse(cls, fields: Fields) -> "MessageRecord":
        """Reads a MessageRecord."""
        return cls(
            position=fields.integer("position", least=1),
            message_id=fields.uuid("message_id"),
            sender_id=fields.uuid("sender_id"),
            epoch=fields.integer("epoch"),
            seq=fields.integer("seq", least=1),
            prev_hash=fields.raw("prev_hash", size=HASH_SIZE),
            created_ms=fields.integer("created_ms"),
            envelope=Envelope(fields.raw("envelope")),
            signature=Signature(fields.raw("signature", size=SIGNATURE_SIZE)),
        )


@dataclass(frozen=True, slots=True)
class MessagePage:
    """A page of messages, oldest first, whether there are more in its direction, and the newest of all."""

    messages: tuple[MessageRecord, ...]
    more: bool
    head: Head | None

    @classmethod
    def parse(cls, value: Any) -> "MessagePage":
        """Reads a page of messages."""
        fields = Fields(value, "messages")
        return cls(
            messages=tuple(map(MessageRecord.parse, fields.items("messages", limit=MAX_PAGE))),
            more=fields.flag("more"),
            head=Head.parse(fields.item("head")) if fields.has("head") else None,
        )


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """A reply that is being made or waits to be saved."""

    stream_id: UUID
    epoch: int
    sender_id: UUID
    stream_env: Envelope
    created_ms: int
    ended: bool

    @classmethod
    def parse(cls, fields: Fields) -> "StreamRecord":
        """Reads a StreamRecord."""
        return cls(
            stream_id=fields.uuid("stream_id"),
            epoch=fields.integer("epoch"),
            sender_id=fields.uuid("sender_id"),
            stream_env=Envelope(fields.raw("stream_env", limit=4096)),
            created_ms=fields.integer("created_ms"),
            ended=fields.flag("ended"),
        )


@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """The gateway's key config as relayed; `models` are the bytes that the statement covers."""

    signed: Signed
    identity: PublicKey
    key_id: bytes
    hpke_pub: PublicKey
    not_after_ms: int
    models: bytes

    @classmethod
    def parse(cls, value: Any) -> "GatewayConfig":
        """Reads the key config."""
        fields = Fields(value, "inference-config")
        return cls(
            signed=Signed.parse(fields),
            identity=PublicKey(fields.raw("identity", size=PUBLIC_KEY_SIZE)),
            key_id=fields.raw("key_id", size=8),
            hpke_pub=PublicKey(fields.raw("hpke_pub", size=PUBLIC_KEY_SIZE)),
            not_after_ms=fields.integer("not_after_ms"),
            models=fields.raw("models", limit=1 << 18),
        )
