"""What a message envelope holds: JSON that only the participants read (docs/protocol.md section 8, "Payload")."""

import hashlib
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from balon.protocol.encoding import encode_b64u
from balon.protocol.errors import ProtocolError
from balon.protocol.statements import HASH_SIZE, SIGNATURE_SIZE
from balon.protocol.types import Plaintext, Signature
from balon_client.alarms import AnswerError
from balon_client.ports.platform import encode_json
from balon_client.wire import Fields, load_json

ROLES: Final = frozenset({"user", "assistant", "system"})
FINISHES: Final = frozenset({"stop", "length", "stopped", "interrupted", "error"})
MAX_TEXT: Final = 1 << 20
MAX_NAME: Final = 200
MAX_SOURCE: Final = 40
LEGACY: Final = "legacy"
"""The source of messages that were in plaintext before (section 12)."""


class PayloadError(ProtocolError):
    """A payload that is genuine but not understood."""


@dataclass(frozen=True, slots=True)
class ReplyProof:
    """The gateway's signature of a reply and what it covers besides conversation and stream (section 9)."""

    gateway_id: bytes
    request_hash: bytes
    text_hash: bytes
    signature: Signature

    def to_json(self) -> dict[str, str]:
        """As it stands in the payload."""
        return {
            "gateway_id": encode_b64u(self.gateway_id),
            "request_hash": encode_b64u(self.request_hash),
            "text_hash": encode_b64u(self.text_hash),
            "signature": encode_b64u(self.signature),
        }

    @classmethod
    def parse(cls, fields: Fields) -> "ReplyProof":
        """Reads `reply`."""
        return cls(
            gateway_id=fields.raw("gateway_id", size=HASH_SIZE),
            request_hash=fields.raw("request_hash", size=HASH_SIZE),
            text_hash=fields.raw("text_hash", size=HASH_SIZE),
            signature=Signature(fields.raw("signature", size=SIGNATURE_SIZE)),
        )


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an imported message comes from and when it was written, as the imported file claims."""

    source: str
    created_ms: int

    def to_json(self) -> dict[str, str | int]:
        """As it stands in the payload."""
        return {"source": self.source, "created_ms": self.created_ms}

    @classmethod
    def parse(cls, fields: Fields) -> "Origin":
        """Reads `imported`."""
        return cls(fields.text("source", limit=MAX_SOURCE), fields.integer("created_ms"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """A message's content. Plaintext of the participants; never logged."""

    role: str
    text: str = field(repr=False)
    parent: UUID | None = None
    model: str | None = None
    finish: str | None = None
    error: str | None = None
    reply: ReplyProof | None = None
    imported: Origin | None = None

    def serialize(self) -> bytes:
        """UTF-8 JSON; keys without a value are left out."""
        content: dict[str, Any] = {"role": self.role, "text": self.text}
        if self.parent is not None:
            content["parent"] = str(self.parent)
        for name in ("model", "finish", "error"):
            if (value := getattr(self, name)) is not None:
                content[name] = value
        if self.reply is not None:
            content["reply"] = self.reply.to_json()
        if self.imported is not None:
            content["imported"] = self.imported.to_json()
        return encode_json(content)


def parse_payload(plaintext: Plaintext) -> Payload:
    """Reads a payload that opened and whose signature holds; keys of later versions are ignored.

    Raises:
        PayloadError: It is not of the form of section 8.
    """
    try:
        fields = Fields(load_json(plaintext), "payload")
        return _payload_of(fields)
    except (AnswerError, ValueError, RecursionError):
        raise PayloadError("The payload is not understood.") from None


def _payload_of(fields: Fields) -> Payload:
    finish = fields.text("finish", limit=MAX_NAME) if fields.has("finish") else None
    role = fields.text("role", limit=MAX_NAME)
    if role not in ROLES or (finish is not None and finish not in FINISHES):
        raise fields.refuse("role")
    return Payload(
        role=role,
        text=fields.text("text", limit=MAX_TEXT),
        parent=fields.uuid("parent") if fields.has("parent") else None,
        model=fields.text("model", limit=MAX_NAME) if fields.has("model") else None,
        finish=finish,
        error=fields.text("error", limit=MAX_NAME) if fields.has("error") else None,
        reply=ReplyProof.parse(fields.item("reply")) if fields.has("reply") else None,
        imported=Origin.parse(fields.item("imported")) if fields.has("imported") else None,
    )


def hash_text(text: str) -> bytes:
    """SHA-256 of the UTF-8 of a reply's full text: what the gateway's signature covers (section 9)."""
    return hashlib.sha256(text.encode()).digest()
