"""Parses the JSON of one conversation: strictly, and however deep it is nested.

The scanner of the standard library recurses, and so does whoever frees a nested value: a few thousand levels carry
both beyond the stack of WebAssembly, which ends the interpreter. LibreChat nests each message into the one before, so
depth is ordinary there. Such values are parsed without recursion, and taken apart when they are done with.
"""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final

from balon_client.imports.errors import ConversationTooLargeError, DamagedConversationError
from balon_client.imports.limits import MAX_FLAT_DEPTH, MAX_VALUES
from balon_client.imports.splitting import RawValue

_SPACE: Final = re.compile(r"[ \t\r\n]*+")
_CLOSING: Final[dict[type, str]] = {list: "]", dict: "}"}


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse_constant)


@contextmanager
def parsed_value(value: RawValue) -> Iterator[Any]:
    """Parses what `splitting` cut out. Nothing of it may be kept but its texts and numbers.

    Raises:
        DamagedConversationError: It is no JSON, or not in UTF-8.
        ConversationTooLargeError: It is more than can be held.
    """
    with ExitStack() as stack:
        yield _enter(stack, value)


def _enter(stack: ExitStack, value: RawValue) -> Any:
    if value.raw is None or value.raw.count(b",") > MAX_VALUES:
        raise ConversationTooLargeError
    try:
        return stack.enter_context(parsed_text(value.raw.decode(), depth=value.depth))
    except ValueError:
        raise DamagedConversationError from None
    except MemoryError:
        raise ConversationTooLargeError from None


@contextmanager
def parsed_text(text: str, *, depth: int | None = None) -> Iterator[Any]:
    """Parses JSON of any depth (RFC 8259). Nothing of it may be kept but its texts and numbers.

    Args:
        text: The JSON. Of a name that an object holds twice, the last value counts.
        depth: How deep it is nested, where that is known.

    Raises:
        ValueError: It is no JSON.
    """
    containers: list[Any] = []
    try:
        is_flat = depth is not None and depth <= MAX_FLAT_DEPTH
        yield _DECODER.decode(text) if is_flat else _parse_deep(text, containers)
    finally:
        for container in containers:
            container.clear()


def _parse_deep(text: str, containers: list[Any]) -> Any:
    """Parses JSON, and adds every container in it that is not empty to a list."""
    scanner = _Scanner(text)
    root: list[Any] = []
    stack: list[Any] = [root]
    while True:
        child = scanner.take_item(stack[-1])
        if child is not None:
            containers.append(child)
            stack.append(child)
            continue
        while len(stack) > 1 and scanner.skip(_CLOSING[type(stack[-1])]):
            stack.pop()
        if len(stack) == 1:
            break
        scanner.expect(",")
    scanner.expect("")
    return root[0]


class _Scanner:
    """A text and the place in it."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def _peek(self) -> str:
        space = _SPACE.match(self._text, self._at)
        self._at = space.end() if space else self._at
        return self._text[self._at : self._at + 1]

    def skip(self, wanted: str) -> bool:
        """Passes over a character if it comes next."""
        found = self._peek() == wanted
        self._at += found
        return found

    def expect(self, wanted: str) -> None:
        """Passes over the character that must come next; none stands for the end of the text."""
        if self._peek() != wanted:
            raise ValueError("not what must come here")
        self._at += len(wanted)

    def take_item(self, container: Any) -> Any:
        """Adds the next item to a container. Returns the item if it is a container with something in it, else None."""
        if type(container) is dict:
            name = self._take_name()
            item = container[name] = self._take_value()
        else:
            item = self._take_value()
            container.append(item)
        closing = _CLOSING.get(type(item))
        return item if closing and not self.skip(closing) else None

    def _take_name(self) -> Any:
        if self._peek() != '"':
            raise ValueError("no name")
        name = self._take_scalar()
        self.expect(":")
        return name

    def _take_value(self) -> Any:
        """A scalar, or a new container whose opening bracket was passed over."""
        if self.skip("["):
            return []
        return {} if self.skip("{") else self._take_scalar()

    def _take_scalar(self) -> Any:
        value, self._at = _DECODER.raw_decode(self._text, self._at)
        return value
