"""Reads foreign JSON: what has another type than expected counts as missing, and text always has a UTF-8 form."""

import re
from typing import Any, Final

from balon_client.imports.limits import MAX_NAME, MAX_TITLE

JsonObject = dict[str, Any]
_NO_TEXT: Final = re.compile("[\ud800-\udfff\x00]")
_LINE_ENDS: Final = re.compile("\r\n?")
_SPACE: Final = re.compile(r"[\s\x00-\x1f\x7f]+")


def object_of(value: object) -> JsonObject:
    """An object, or an empty one."""
    return value if type(value) is dict else {}


def list_of(value: object) -> list[Any]:
    """A list, or an empty one."""
    return value if type(value) is list else []


def text_of(value: object) -> str:
    """A text, or an empty one. Halves of characters and NUL become U+FFFD, ends of lines become line feeds."""
    if type(value) is not str:
        return ""
    if value.isascii() and "\r" not in value and "\x00" not in value:
        return value
    return _LINE_ENDS.sub("\n", _NO_TEXT.sub("\ufffd", value))


def identifier_of(value: object) -> str | None:
    """A foreign identifier exactly as it stands, for comparing and deriving; None where there is none."""
    return value if type(value) is str and value else None


def line_of(value: object) -> str:
    """A text on one line, without control characters."""
    return _SPACE.sub(" ", text_of(value)).strip()


def name_of(value: object) -> str | None:
    """The name of a model, or a foreign identifier for people: one line, cut to size; None where there is none."""
    return line_of(value)[:MAX_NAME].rstrip() or None


def title_of(value: object) -> str | None:
    """A title that fits (docs/protocol.md section 8), cut with an ellipsis; None where there is none."""
    title = line_of(value)
    if len(title) > MAX_TITLE:
        title = title[: MAX_TITLE - 1].rstrip() + "…"
    return title or None
