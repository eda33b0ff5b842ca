"""Reads the server's JSON strictly: what has another type, size or form than docs/api.md says is an alarm.

Nothing here decides whether an answer is true, only whether it is well formed; fields nobody asked for are ignored,
which is how an offered "recovery key of the organisation" ends (docs/threats.md A7).
"""

import json
import re
from typing import Any, Final
from uuid import UUID

from balon.protocol.encoding import decode_b64u, parse_uuid
from balon.protocol.errors import EncodingError
from balon_client.alarms import AnswerError

MAX_INT = 1 << 53
"""Beyond this, JavaScript and JSON disagree about integers."""
MAX_TEXT = 4096
MAX_BYTES = 1 << 21
"""More than any envelope that a message may have (docs/api.md)."""
MAX_ITEMS = 1000
MAX_DEPTH: Final = 64
"""Nothing of docs/api.md is nested a tenth as deep; a few thousand brackets would overflow the stack of WebAssembly."""
MAX_COLUMNS: Final = 100
Scalar = str | int | bool | None
"""A value of JSON that holds no others."""
_STRINGS: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))


def load_json(text: str | bytes) -> Any:
    """Reads JSON that is not nested deeper than `MAX_DEPTH` (A42).

    Raises:
        ValueError: It is no JSON, or too deep.
    """
    raw = text.encode() if isinstance(text, str) else text
    if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH and _depth_of(raw) > MAX_DEPTH:
        raise ValueError("nested too deep")
    return json.loads(raw)


def _depth_of(raw: bytes) -> int:
    deepest = depth = 0
    for bracket in _STRINGS.sub(b"", raw).translate(None, _NO_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


class Fields:
    """One JSON object of an answer, whose fields are read by name and type."""

    __slots__ = ("_values", "_where")

    def __init__(self, value: Any, where: str) -> None:
        """Takes the object.

        Args:
            value: Whatever `json.loads` gave.
            where: Its name, for the error; holds no value.

        Raises:
            AnswerError: It is no object.
        """
        if type(value) is not dict:
            raise AnswerError(where)
        self._values: dict[str, Any] = value
        self._where = where

    def refuse(self, name: str) -> AnswerError:
        """The error to raise about a field."""
        return AnswerError(f"{self._where}.{name}")

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self._values.get(name) is not None

    def is_null(self, name: str) -> bool:
        """Whether the field is there and null."""
        return name in self._values and self._values[name] is None

    def text(self, name: str, *, limit: int = MAX_TEXT) -> str:
        """A string of at most `limit` characters that has a UTF-8 form."""
        value = self._values.get(name)
        if type(value) is not str or len(value) > limit:
            raise self.refuse(name)
        try:
            value.encode()
        except UnicodeEncodeError:
            raise self.refuse(name) from None
        return value

    def integer(self, name: str, *, least: int = 0) -> int:
        """An integer from `least` to 2^53 - 1."""
        value = self._values.get(name)
        if type(value) is not int or not least <= value < MAX_INT:
            raise self.refuse(name)
        return value

    def flag(self, name: str) -> bool:
        """True or false."""
        value = self._values.get(name)
        if type(value) is not bool:
            raise self.refuse(name)
        return value

    def raw(self, name: str, *, size: int | None = None, limit: int = MAX_BYTES) -> bytes:
        """Bytes from canonical base64url: exactly `size`, or at most `limit`."""
        value = self._values.get(name)
        if type(value) is not str or len(value) > limit * 4 // 3 + 4:
            raise self.refuse(name)
        try:
            decoded = decode_b64u(value)
        except EncodingError:
            raise self.refuse(name) from None
        if len(decoded) > limit or (size is not None and len(decoded) != size):
            raise self.refuse(name)
        return decoded

    def uuid(self, name: str) -> UUID:
        """An identifier in canonical form."""
        try:
            return parse_uuid(self._values.get(name, ""))
        except EncodingError:
            raise self.refuse(name) from None

    def item(self, name: str) -> "Fields":
        """An object."""
        return Fields(self._values.get(name), f"{self._where}.{name}")

    def items(self, name: str, *, limit: int = MAX_ITEMS) -> list["Fields"]:
        """A list of objects."""
        value = self._values.get(name)
        if type(value) is not list or len(value) > limit:
            raise self.refuse(name)
        where = f"{self._where}.{name}"
        return [Fields(item, where) for item in value]

    def raw_items(self, name: str, *, size: int, limit: int = MAX_ITEMS) -> list[bytes]:
        """A list of byte strings, each of exactly `size`; none where the field is missing."""
        values = self._values.get(name, [])
        if type(values) is not list or len(values) > limit:
            raise self.refuse(name)
        where = f"{self._where}.{name}"
        return [Fields({"item": value}, where).raw("item", size=size) for value in values]

    def entries(self, *, limit: int) -> list[tuple[str, "Fields"]]:
        """All fields of an object whose names are keys and whose values are objects."""
        if len(self._values) > limit:
            raise AnswerError(self._where)
        return [(name, Fields(value, self._where)) for name, value in self._values.items()]

    def scalars(self) -> dict[str, Scalar]:
        """All fields of an object that has no others but texts, integers, flags and nulls."""
        if len(self._values) > MAX_COLUMNS:
            raise AnswerError(self._where)
        return {self._name(name): self._scalar(name) for name in self._values}

    def _name(self, name: str) -> str:
        return Fields({"name": name}, self._where).text("name", limit=MAX_COLUMNS)

    def _scalar(self, name: str) -> Scalar:
        value = self._values[name]
        if value is None or type(value) is bool:
            return value
        if type(value) is int and -MAX_INT < value < MAX_INT:
            return value
        return self.text(name, limit=2 * MAX_BYTES)
