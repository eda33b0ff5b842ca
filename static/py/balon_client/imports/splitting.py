"""Cuts a JSON file into its conversations while it is read, so that one of them is held at a time.

An export is an array of objects, or one object. The borders are found by counting brackets outside of strings, in
regular expressions that go on where the last chunk ended, so each byte is looked at once. What is inside the borders is
for `parsing` to judge.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol

from balon_client.imports.errors import DamagedExportError, ExportTooLargeError, UnknownExportError
from balon_client.imports.limits import CHUNK_SIZE, MAX_CONTAINERS, MAX_CONVERSATION, MAX_UNPACKED

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_SPACE: Final = re.compile(rb"[ \t\r\n]*")
_SPACE_AND_COMMAS: Final = re.compile(rb"[ \t\r\n,]*")
_STRING_REST: Final = rb'[^"\\]*+(?:\\.[^"\\]*+)*+'
_IN_STRING: Final = re.compile(_STRING_REST, re.DOTALL)
_TO_BRACKET: Final = re.compile(rb'[^"\[\]{}]*+(?:"' + _STRING_REST + rb'"[^"\[\]{}]*+)*+', re.DOTALL)
_OPENING: Final = frozenset(b"[{")
_QUOTE: Final = ord('"')


class Readable(Protocol):
    """A file to read from."""

    def read(self, size: int, /) -> bytes:
        """Reads at most `size` bytes; nothing at the end."""


@dataclass(frozen=True, slots=True)
class RawValue:
    """One value of a file: its bytes, or None where there are more than can be held, and how deep it is nested."""

    raw: bytes | None = field(repr=False)
    depth: int


class Budget:
    """The bytes that a file, or all files of an archive together, may have."""

    def __init__(self, size: int = MAX_UNPACKED) -> None:
        self._left = size

    def spend(self, size: int) -> None:
        """Counts bytes.

        Raises:
            ExportTooLargeError: There are more than allowed.
        """
        self._left -= size
        if self._left < 0:
            raise ExportTooLargeError


def split_values(file: Readable, budget: Budget) -> Iterator[RawValue]:
    """Reads a file from where it stands to its end.

    Args:
        file: JSON in UTF-8: an array of objects, or one object.
        budget: The bytes that may be read.

    Yields:
        The objects, one by one.

    Raises:
        UnknownExportError: The file does not begin as such JSON does.
        DamagedExportError: It breaks off, or goes on after its end; what was given before stands.
        ExportTooLargeError: It is larger than the budget.
    """
    window = _Window(file, budget)
    window.skip_mark()
    opening = window.peek(_SPACE)
    if opening == b"[":
        window.advance()
        yield from _elements(window)
    elif opening == b"{":
        yield window.take_value()
    else:
        raise UnknownExportError
    if window.peek(_SPACE):
        raise DamagedExportError


def _elements(window: "_Window") -> Iterator[RawValue]:
    while (opening := window.peek(_SPACE_AND_COMMAS)) == b"{":
        yield window.take_value()
    if opening != b"]":
        raise DamagedExportError
    window.advance()


class _Window:
    """The chunk that is looked at, and the place in it."""

    def __init__(self, file: Readable, budget: Budget) -> None:
        self._file = file
        self._budget = budget
        self._chunk = b""
        self._at = 0

    def _fill(self) -> bool:
        self._chunk, self._at = self._file.read(CHUNK_SIZE), 0
        self._budget.spend(len(self._chunk))
        return bool(self._chunk)

    def skip_mark(self) -> None:
        """Passes over a byte order mark at the beginning of the file."""
        if self._fill() and self._chunk.startswith(_BYTE_ORDER_MARK):
            self._at = len(_BYTE_ORDER_MARK)

    def advance(self) -> None:
        """Passes over one byte."""
        self._at += 1

    def peek(self, skipped: re.Pattern[bytes]) -> bytes:
        """Passes over what may stand between values, and tells the next byte; nothing at the end of the file."""
        while True:
            match = skipped.match(self._chunk, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._chunk):
                return self._chunk[self._at : self._at + 1]
            if not self._fill():
                return b""

    def take_value(self) -> RawValue:
        """Takes the value that begins at the place, to its closing bracket."""
        counter, parts = _BracketCounter(), []
        while True:
            end = counter.feed(self._chunk, self._at)
            if counter.is_bearable:
                parts.append(self._chunk[self._at : end])
            else:
                parts.clear()
            self._at = end
            if counter.is_closed:
                return RawValue(b"".join(parts) if counter.is_bearable else None, counter.deepest)
            if not self._fill():
                raise DamagedExportError


class _BracketCounter:
    """Follows a value through chunks, whether or not a chunk ends inside a string or behind a backslash."""

    def __init__(self) -> None:
        self.is_closed = False
        self.deepest = 0
        self._depth = 0
        self._size = 0
        self._containers = 0
        self._in_string = False
        self._escaped = False

    @property
    def is_bearable(self) -> bool:
        """Whether the value is still small enough to be held and parsed."""
        return self._size <= MAX_CONVERSATION and self._containers <= MAX_CONTAINERS

    def feed(self, chunk: bytes, start: int) -> int:
        """Looks at a chunk from `start` on.

        Returns:
            The place behind the value, or behind the chunk where the value goes on.
        """
        end = self._scan(chunk, self._leave_string(chunk, start))
        self._size += end - start
        return end

    def _leave_string(self, chunk: bytes, at: int) -> int:
        """Goes to the end of the string that the chunk before ended in."""
        if not self._in_string:
            return at
        rest = _IN_STRING.match(chunk, at + self._escaped)
        end = rest.end() if rest else len(chunk)
        self._escaped = chunk[end : end + 1] == b"\\"
        self._in_string = chunk[end : end + 1] != b'"'
        return len(chunk) if self._in_string else end + 1

    def _scan(self, chunk: bytes, at: int) -> int:
        depth, deepest, containers = self._depth, self.deepest, self._containers
        size = len(chunk)
        while (found := _TO_BRACKET.match(chunk, at)) and (at := found.end()) < size:
            byte = chunk[at]
            if byte == _QUOTE:
                self._enter_string(chunk, at)
                at = size
                break
            at += 1
            if byte in _OPENING:
                depth += 1
                containers += 1
                deepest = max(deepest, depth)
            else:
                depth -= 1
                if not depth:
                    self.is_closed = True
                    break
        self._depth, self.deepest, self._containers = depth, deepest, containers
        return at

    def _enter_string(self, chunk: bytes, at: int) -> None:
        rest = _IN_STRING.match(chunk, at + 1)
        self._in_string = True
        self._escaped = rest is not None and rest.end() < len(chunk)
