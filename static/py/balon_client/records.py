"""What the server answers about accounts and the gateway (docs/api.md). Parsed, not believed."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from balon.protocol.statements import PUBLIC_KEY_SIZE, SIGNATURE_SIZE
from balon.protocol.types import Envelope, PublicKey, Signature, Statement
from balon_client.wire import Fields

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
