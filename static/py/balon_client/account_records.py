"""What the server answers about sessions, deletion and disclosure (docs/api.md). Parsed, not believed."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from balon_client.wire import Fields, Scalar

MAX_DEVICE: Final = 200
MAX_ROWS: Final = 1000
MAX_TABLES: Final = 200


@dataclass(frozen=True, slots=True)
class SessionItem:
    """Where the account is signed in. `device` is a few words of the server's; nobody can check them."""

    session_id: UUID
    device: str
    created_ms: int
    last_used_ms: int
    expires_ms: int
    is_current: bool

    @classmethod
    def parse(cls, fields: Fields) -> "SessionItem":
        """Reads one of `sessions`."""
        return cls(
            session_id=fields.uuid("session_id"),
            device=fields.text("device", limit=MAX_DEVICE),
            created_ms=fields.integer("created_ms"),
            last_used_ms=fields.integer("last_used_ms"),
            expires_ms=fields.integer("expires_ms"),
            is_current=fields.flag("current"),
        )


def parse_sessions(value: Any) -> list[SessionItem]:
    """Reads the list of sessions.

    Raises:
        AnswerError: It has another form, or names a session twice.
    """
    fields = Fields(value, "sessions")
    items = list(map(SessionItem.parse, fields.items("sessions")))
    if len({item.session_id for item in items}) != len(items):
        raise fields.refuse("sessions")
    return items


def parse_deletion(value: Any, *, is_asked_for: bool) -> int | None:
    """Reads when the account goes; None where nobody asked, which is no answer to a request for it.

    Raises:
        AnswerError: It has another form.
    """
    fields = Fields(value, "deletion")
    if not is_asked_for and fields.is_null("delete_after_ms"):
        return None
    return fields.integer("delete_after_ms")


@dataclass(frozen=True, slots=True)
class DisclosedTable:
    """A table of the server in plain words: its first rows about the account, and how many there are."""

    name: str
    explanation: str
    rows: tuple[dict[str, Scalar], ...]
    total: int

    @classmethod
    def parse(cls, fields: Fields) -> "DisclosedTable":
        """Reads one of `tables`."""
        rows = tuple(row.scalars() for row in fields.items("rows", limit=MAX_ROWS))
        return cls(
            name=fields.text("name", limit=MAX_DEVICE),
            explanation=fields.text("explanation"),
            rows=rows,
            total=fields.integer("total", least=len(rows)),
        )


def parse_disclosure(value: Any) -> list[DisclosedTable]:
    """Reads all that the operator could hand over.

    Raises:
        AnswerError: It has another form.
    """
    return list(map(DisclosedTable.parse, Fields(value, "disclosure").items("tables", limit=MAX_TABLES)))
