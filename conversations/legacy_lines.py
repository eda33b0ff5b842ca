"""One line of a file of texts from before encryption: a JSON object (docs/legacy.md). Pure; a line is not trusted."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from balon.protocol.errors import PasswordPolicyError
from balon.protocol.password import normalize_login

MAX_LINE_SIZE: Final = 64 << 20
"""Bytes, with its end."""
MAX_TEXT_SIZE: Final = 1_000_000
"""Bytes of a text as JSON: with the other members of a message's payload it fits one envelope of 2^20."""
_MAX_ID: Final = 240
_MAX_TITLE: Final = 10_000
_MAX_MODEL: Final = 200
_MAX_HASH: Final = 128
_MAX_MS: Final = 2**53 - 1
_UNKNOWN: Final = "\ufffd"
ROLES: Final = ("user", "assistant", "system")


class MalformedLineError(Exception):
    """A line that is of no known form; the message is one of a few fixed ones.

    `kind` is what it would have been, `user`, `conversation` or `message`; empty if that cannot be told.
    """

    def __init__(self, reason: str, kind: str = "") -> None:
        super().__init__(reason)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class UserLine:
    """A person, and their Django password hash of whatever kind."""

    legacy_id: str
    login: str
    password: str
    created_ms: int | None


@dataclass(frozen=True, slots=True)
class ConversationLine:
    """A conversation of the person before it."""

    legacy_id: str
    title: str
    created_ms: int
    updated_ms: int


@dataclass(frozen=True, slots=True)
class MessageLine:
    """A message of the conversation before it, or a part of one. `repaired` counts characters that no text holds."""

    legacy_id: str
    role: str
    text: str
    model: str | None
    created_ms: int
    repaired: bool = False


Line = UserLine | ConversationLine | MessageLine


def parse_line(raw: bytes) -> Line:
    """Reads a line.

    Raises:
        MalformedLineError: It is none.
    """
    if len(raw) > MAX_LINE_SIZE:
        raise MalformedLineError("line too long")
    try:
        members = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise MalformedLineError("line is no JSON") from error
    kind = str(members.get("type")) if isinstance(members, dict) else ""
    if kind not in _FORMS:
        raise MalformedLineError("line of unknown type")
    try:
        return _FORMS[kind](members)
    except PasswordPolicyError as error:
        raise MalformedLineError("login name outside the rules", kind) from error
    except (KeyError, TypeError) as error:
        raise MalformedLineError(f"{kind} with a member that is missing or cannot be", kind) from error


def _parse_user(members: dict[str, Any]) -> UserLine:
    created = members.get("created_ms")
    return UserLine(
        legacy_id=_identifier(members["legacy_id"]),
        login=normalize_login(_text(members["login"], most=1000)),
        password=_repair(_text(members["password"], most=_MAX_HASH)),
        created_ms=None if created is None else _time(created),
    )


def _parse_conversation(members: dict[str, Any]) -> ConversationLine:
    created_ms = _time(members["created_ms"])
    return ConversationLine(
        legacy_id=_identifier(members["legacy_id"]),
        title=_repair(_text(members.get("title") or "", most=_MAX_TITLE)),
        created_ms=created_ms,
        updated_ms=_time(members.get("updated_ms") or created_ms),
    )


def _parse_message(members: dict[str, Any]) -> MessageLine:
    text, model = _text(members["text"], most=MAX_LINE_SIZE), members.get("model")
    if members["role"] not in ROLES:
        raise TypeError
    return MessageLine(
        legacy_id=_identifier(members["legacy_id"]),
        role=members["role"],
        text=_repair(text),
        model=None if model is None else _repair(_text(model, most=_MAX_MODEL)),
        created_ms=_time(members["created_ms"]),
        repaired=_repair(text) != text,
    )


_FORMS: Final[dict[str, Callable[[dict[str, Any]], Line]]] = {
    "user": _parse_user,
    "conversation": _parse_conversation,
    "message": _parse_message,
}


def _text(value: Any, *, most: int) -> str:
    if not isinstance(value, str) or len(value) > most:
        raise TypeError
    return value


def _identifier(value: Any) -> str:
    text = str(value) if type(value) is int else _text(value, most=_MAX_ID)
    if not text or _repair(text) != text:
        raise TypeError
    return text


def _time(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= _MAX_MS:
        raise TypeError
    return value


def _repair(text: str) -> str:
    """Without what neither UTF-8 nor PostgreSQL holds: halves of surrogate pairs, and the character zero."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").replace("\0", _UNKNOWN)


def split_message(line: MessageLine) -> Iterator[MessageLine]:
    """The message, or its parts where it is too long for one: named `legacy_id`, then `legacy_id#2` and so on."""
    for number, text in enumerate(_split_text(line.text), start=1):
        legacy_id = line.legacy_id if number == 1 else f"{line.legacy_id}#{number}"
        yield MessageLine(legacy_id, line.role, text, line.model, line.created_ms, line.repaired)


def _split_text(text: str) -> Iterator[str]:
    """Pieces whose JSON has `MAX_TEXT_SIZE` bytes at most. A character takes at most six."""
    while len(text) * 6 > MAX_TEXT_SIZE and _size(text) > MAX_TEXT_SIZE:
        end = _longest_beginning(text)
        yield text[:end]
        text = text[end:]
    yield text


def _longest_beginning(text: str) -> int:
    least, most = 1, min(len(text), MAX_TEXT_SIZE)
    while least < most:
        middle = (least + most + 1) // 2
        least, most = (middle, most) if _size(text[:middle]) <= MAX_TEXT_SIZE else (least, middle - 1)
    return least


def _size(text: str) -> int:
    return len(json.dumps(text, ensure_ascii=False).encode())
