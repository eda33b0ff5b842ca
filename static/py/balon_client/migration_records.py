"""What the server answers about a migration, as typed records (docs/api.md). Parsed, not believed."""

from dataclasses import dataclass, field
from typing import Any, Final, cast, get_args
from uuid import UUID

from balon_client.imports.model import Role
from balon_client.payloads import MAX_NAME, MAX_TEXT
from balon_client.wire import Fields

MAX_LEGACY_ID: Final = 4096
LEASE_SIZE: Final = 32
STATES: Final = frozenset({"none", "ready", "running", "finishing", "finished"})


@dataclass(frozen=True, slots=True)
class LeaseClaim:
    """Who works, as the server says: this session in some tab, or another one."""

    is_own: bool
    expires_ms: int


@dataclass(frozen=True, slots=True)
class MigrationState:
    """How far the server says that a migration is."""

    state: str
    conversations: int
    messages: int
    staged: int
    verified: int
    purged: int
    lease: LeaseClaim | None

    @classmethod
    def parse(cls, value: Any) -> "MigrationState":
        """Reads a MigrationState."""
        fields = Fields(value, "migration")
        state = fields.text("state", limit=16)
        if state not in STATES:
            raise fields.refuse("state")
        lease = fields.item("lease") if fields.has("lease") else None
        return cls(
            state=state,
            conversations=fields.integer("conversations"),
            messages=fields.integer("messages"),
            staged=fields.integer("staged"),
            verified=fields.integer("verified"),
            purged=fields.integer("purged"),
            lease=LeaseClaim(lease.flag("is_own"), lease.integer("expires_ms")) if lease else None,
        )


@dataclass(frozen=True, slots=True)
class LegacyConversation:
    """A conversation in plaintext. `conversation_id` is the encrypted one that the server says was begun."""

    id: UUID
    legacy_id: str
    title: str | None = field(repr=False)
    created_ms: int
    updated_ms: int
    messages: int
    verified: int
    conversation_id: UUID | None

    @classmethod
    def parse(cls, fields: Fields) -> "LegacyConversation":
        """Reads one of `conversations`."""
        return cls(
            id=fields.uuid("id"),
            legacy_id=fields.text("legacy_id", limit=MAX_LEGACY_ID),
            title=fields.text("title", limit=MAX_TEXT) if fields.has("title") else None,
            created_ms=fields.integer("created_ms"),
            updated_ms=fields.integer("updated_ms"),
            messages=fields.integer("messages"),
            verified=fields.integer("verified"),
            conversation_id=fields.uuid("conversation_id") if fields.has("conversation_id") else None,
        )


@dataclass(frozen=True, slots=True)
class LegacyRow:
    """A message in plaintext. What the server says of its state is left out: nobody here believes it."""

    number: int
    legacy_id: str
    role: Role
    text: str = field(repr=False)
    model: str | None
    created_ms: int

    @classmethod
    def parse(cls, fields: Fields) -> "LegacyRow":
        """Reads one of `messages`."""
        return cls(
            number=fields.integer("number", least=1),
            legacy_id=fields.text("legacy_id", limit=MAX_LEGACY_ID),
            role=_parse_role(fields),
            text=fields.text("text", limit=MAX_TEXT),
            model=fields.text("model", limit=MAX_NAME) if fields.has("model") else None,
            created_ms=fields.integer("created_ms"),
        )


def _parse_role(fields: Fields) -> Role:
    role = fields.text("role", limit=16)
    if role not in get_args(Role):
        raise fields.refuse("role")
    return cast("Role", role)


@dataclass(frozen=True, slots=True)
class LegacyPage:
    """Rows of one conversation, and whether there are more behind them."""

    rows: tuple[LegacyRow, ...]
    has_more: bool

    @classmethod
    def parse(cls, value: Any) -> "LegacyPage":
        """Reads a page of messages."""
        fields = Fields(value, "migration.messages")
        return cls(tuple(map(LegacyRow.parse, fields.items("messages"))), fields.flag("has_more"))


@dataclass(frozen=True, slots=True)
class LegacyList:
    """A page of conversations, and whether there are more behind them."""

    conversations: tuple[LegacyConversation, ...]
    has_more: bool

    @classmethod
    def parse(cls, value: Any) -> "LegacyList":
        """Reads a page of conversations."""
        fields = Fields(value, "migration.conversations")
        return cls(tuple(map(LegacyConversation.parse, fields.items("conversations"))), fields.flag("has_more"))
