"""Keys and signed records of test people. Envelopes are random bytes behind a real header: the server cannot tell."""

from __future__ import annotations

import hashlib
import json
import os
import time
import uuid
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from balon.protocol import statements
from balon.protocol.encoding import NIL_UUID, ZERO_HASH, decode_b64u, encode_b64u, parse_uuid
from balon.protocol.envelope import HEADER_SIZE, MIN_SIZE, Kind, serialize_header
from balon.protocol.password import DEFAULT_ITERATIONS, KDF_ALGORITHM
from balon.protocol.recovery import RECOVERY_ITERATIONS
from balon.protocol.roster import Member, Role, hash_members
from balon.protocol.statements import AuthAction, AuthTranscript
from balon.protocol.types import KeyID, PublicKey

ORIGIN = "http://localhost:8000"
VECTORS = Path(__file__).parent / "vectors" / "balon1_kat.json"


@lru_cache(maxsize=1)
def known_spki() -> bytes:
    """The public half of the RSA key of the known answers: making one takes seconds."""
    return bytes.fromhex(json.loads(VECTORS.read_text())["identity"]["spki"])


def now_ms() -> int:
    """The time now, in milliseconds."""
    return time.time_ns() // 1_000_000


def uuid7() -> UUID:
    """A time-ordered identifier (RFC 9562), as clients make them."""
    raw = bytearray(now_ms().to_bytes(6, "big") + os.urandom(10))
    raw[6] = raw[6] & 0x0F | 0x70
    raw[8] = raw[8] & 0x3F | 0x80
    return UUID(bytes=bytes(raw))


def another_spki() -> bytes:
    """What the server takes for the public half of another RSA key: it only looks at the size."""
    return known_spki()[:-64] + os.urandom(64)


def envelope(kind: Kind, size: int = 256) -> bytes:
    """An envelope of a kind with random content of a plaintext's size."""
    return serialize_header(kind, KeyID(os.urandom(16)), os.urandom(32)) + os.urandom(MIN_SIZE - HEADER_SIZE + size)


def public_bytes(key: Ed25519PrivateKey) -> PublicKey:
    """The raw public key."""
    return PublicKey(key.public_key().public_bytes_raw())


def signed(key: Ed25519PrivateKey, statement: bytes) -> dict[str, str]:
    """A signed statement as it travels."""
    return {"statement": encode_b64u(statement), "signature": encode_b64u(key.sign(statement))}


@dataclass
class Keys:
    """Everything that a person's client would hold."""

    login: str
    user_id: UUID = field(default_factory=uuid.uuid4)
    iterations: int = DEFAULT_ITERATIONS
    salt: bytes = field(default_factory=lambda: os.urandom(32))
    login_key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    idk: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    recovery_key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    recovery_id: UUID = field(default_factory=uuid.uuid4)
    rec_salt: bytes = field(default_factory=lambda: os.urandom(32))
    spki: bytes = field(default_factory=known_spki)

    def with_new_password(self, **changes: Any) -> Keys:
        """The same person after a change of the password; `changes` are other things that change with it."""
        fresh: dict[str, Any] = {"salt": os.urandom(32), "login_key": Ed25519PrivateKey.generate()}
        return replace(self, **{**fresh, **changes})

    def with_new_kit(self) -> Keys:
        """The same person after a recovery: another password and another kit."""
        key, salt = Ed25519PrivateKey.generate(), os.urandom(32)
        return self.with_new_password(recovery_key=key, recovery_id=uuid.uuid4(), rec_salt=salt)

    @property
    def rsa_kid(self) -> bytes:
        """SHA-256 of the RSA key."""
        return hashlib.sha256(self.spki).digest()

    def member(self, role: Role) -> Member:
        """This person on a roster."""
        return Member(self.user_id, public_bytes(self.idk), self.rsa_kid, role)

    def bundle(self, **changes: Any) -> statements.Bundle:
        """The first bundle."""
        fields: dict[str, Any] = {
            "user_id": self.user_id,
            "login": self.login,
            "idk_pub": public_bytes(self.idk),
            "spki": self.spki,
            "rsa_kid": self.rsa_kid,
            "bundle_seq": 1,
            "created_ms": now_ms(),
        }
        return statements.Bundle(**{**fields, **changes})

    def sign_up_body(self) -> dict[str, Any]:
        """The body of a sign-up."""
        return {
            "user_id": str(self.user_id),
            "login": self.login,
            "kdf": KDF_ALGORITHM,
            "n": self.iterations,
            "salt": encode_b64u(self.salt),
            "login_pub": encode_b64u(public_bytes(self.login_key)),
            "mek_ver": 1,
            "mek_env": encode_b64u(envelope(Kind.MEK, 32)),
            "idk_env": encode_b64u(envelope(Kind.IDK, 32)),
            "rsa_env": encode_b64u(envelope(Kind.RSA, 2374)),
            "bundle": signed(self.idk, self.bundle().serialize()),
            "recovery": {
                "recovery_id": str(self.recovery_id),
                "rec_pub": encode_b64u(public_bytes(self.recovery_key)),
            },
            "keyring": {"version": 1, "envelope": encode_b64u(envelope(Kind.KEYRING))},
        }

    def prove(
        self, prelogin: dict[str, Any], action: AuthAction = AuthAction.LOGIN, body: bytes | None = None, **changes: Any
    ) -> dict[str, str]:
        """Answers a challenge; `changes` alter the transcript."""
        nonce = os.urandom(32)
        transcript = {
            "action": action,
            "origin": ORIGIN,
            "login": self.login,
            "user_id": self.user_id,
            "challenge_id": parse_uuid(prelogin["challenge_id"]),
            "challenge": decode_b64u(prelogin["challenge"]),
            "client_nonce": nonce,
            "kdf": KDF_ALGORITHM,
            "iterations": self.iterations,
            "salt": self.salt,
            "body": body,
        }
        statement = AuthTranscript(**{**transcript, **changes}).serialize()
        return {
            "challenge_id": prelogin["challenge_id"],
            "client_nonce": encode_b64u(nonce),
            "proof": encode_b64u(self.login_key.sign(statement)),
        }

    def record_body(self, account_version: int = 1, mek_ver: int = 1) -> dict[str, Any]:
        """The body that makes these keys the ones of their account."""
        return {
            "account_version": account_version,
            "kdf": KDF_ALGORITHM,
            "n": self.iterations,
            "salt": encode_b64u(self.salt),
            "login_pub": encode_b64u(public_bytes(self.login_key)),
            "mek_ver": mek_ver,
            "mek_env": encode_b64u(envelope(Kind.MEK, 32)),
        }

    def rename_body(self, account_version: int = 1, **changes: Any) -> dict[str, Any]:
        """The body that changes the login name; `changes` alter the bundle."""
        bundle = self.bundle(**{"bundle_seq": 2, **changes})
        body = self.record_body(account_version)
        return {**body, "login": self.login, "bundle": signed(self.idk, bundle.serialize())}

    def claim_body(self) -> dict[str, Any]:
        """The body that claims this person's kit."""
        kit = {"kdf": KDF_ALGORITHM, "n": RECOVERY_ITERATIONS, "rec_salt": encode_b64u(self.rec_salt)}
        return {"recovery_id": str(self.recovery_id), "kit": kit}

    def recover_body(self, renewed: Keys, account_version: int = 1) -> dict[str, Any]:
        """The body that recovers this person's account with this kit; `renewed` has the new password and kit."""
        return {
            **self.claim_body(),
            **renewed.record_body(account_version, mek_ver=account_version + 1),
            "idk_env": encode_b64u(envelope(Kind.IDK, 32)),
            "rsa_env": encode_b64u(envelope(Kind.RSA, 2374)),
            "keyring": {"version": account_version + 1, "envelope": encode_b64u(envelope(Kind.KEYRING))},
            "recovery": {
                "recovery_id": str(renewed.recovery_id),
                "rec_pub": encode_b64u(public_bytes(renewed.recovery_key)),
            },
        }

    def prove_kit(self, prelogin: dict[str, Any], body: bytes, **changes: Any) -> dict[str, str]:
        """Answers a challenge of recovery with the key of this person's kit; `changes` alter the transcript."""
        kit = replace(
            self,
            login=prelogin["login"],
            login_key=self.recovery_key,
            salt=self.rec_salt,
            iterations=RECOVERY_ITERATIONS,
        )
        return kit.prove(prelogin, **{"action": AuthAction.RECOVER, "body": body, **changes})

    def new_conversation(self, conversation_id: UUID | None = None, **changes: Any) -> dict[str, Any]:
        """The body that creates a conversation; `changes` alter the roster entry."""
        conversation_id = conversation_id or uuid7()
        owner = self.member(Role.OWNER)
        fields: dict[str, Any] = {
            "conversation_id": conversation_id,
            "seq": 0,
            "prev_hash": ZERO_HASH,
            "op": "create",
            "actor_id": self.user_id,
            "target_id": NIL_UUID,
            "role": "owner",
            "epoch": 0,
            "ck_commit": os.urandom(32),
            "members_hash": hash_members({self.user_id: owner}),
            "created_ms": now_ms(),
        }
        entry = statements.RosterEntry(**{**fields, **changes})
        return {
            "conversation_id": str(conversation_id),
            "roster": signed(self.idk, entry.serialize()),
            "grant": self.grant(entry),
        }

    def grant(self, entry: statements.RosterEntry, **changes: Any) -> dict[str, str]:
        """A grant to oneself; `changes` alter the statement."""
        wrapped = os.urandom(512)
        fields: dict[str, Any] = {
            "conversation_id": entry.conversation_id,
            "epoch": entry.epoch,
            "recipient_id": self.user_id,
            "rsa_kid": self.rsa_kid,
            "ck_commit": entry.ck_commit,
            "wrapped_hash": hashlib.sha256(wrapped).digest(),
            "grantor_id": self.user_id,
            "roster_hash": entry.hash,
        }
        statement = statements.Grant(**{**fields, **changes}).serialize()
        return {**signed(self.idk, statement), "wrapped": encode_b64u(wrapped)}

    def message(self, conversation_id: UUID | str, seq: int, **changes: Any) -> dict[str, Any]:
        """The body that sends a message; `changes` go in before it is signed."""
        message = {
            "message_id": uuid7(),
            "epoch": 0,
            "seq": seq,
            "prev_hash": ZERO_HASH,
            "created_ms": now_ms(),
            "envelope": envelope(Kind.MESSAGE),
            **changes,
        }
        statement = statements.message_statement(
            UUID(str(conversation_id)), message["epoch"], message["message_id"], message["envelope"]
        )
        return {
            **message,
            "message_id": str(message["message_id"]),
            "prev_hash": encode_b64u(message["prev_hash"]),
            "envelope": encode_b64u(message["envelope"]),
            "signature": encode_b64u(self.idk.sign(statement)),
        }

    def meta(self, conversation_id: UUID | str, version: int, epoch: int = 0) -> dict[str, Any]:
        """The body that writes title and settings."""
        sealed = envelope(Kind.META)
        statement = statements.meta_statement(UUID(str(conversation_id)), epoch, version, sealed)
        return {
            "meta_version": version,
            "epoch": epoch,
            "envelope": encode_b64u(sealed),
            "signature": encode_b64u(self.idk.sign(statement)),
        }

    def infer(self, conversation_id: UUID | str, stream_id: UUID | None = None, **changes: Any) -> dict[str, Any]:
        """The socket message that asks for a reply."""
        stream_id = stream_id or uuid7()
        conversation_id = UUID(str(conversation_id))
        request = os.urandom(8) + conversation_id.bytes + stream_id.bytes + os.urandom(32 + 64)
        return {
            "type": "infer",
            "ref": 1,
            "conversation_id": str(conversation_id),
            "stream_id": str(stream_id),
            "epoch": 0,
            "request": encode_b64u(request),
            "stream_env": encode_b64u(envelope(Kind.STREAM, 64)),
            **changes,
        }
