"""Texts that fit a message: longer ones become several."""

import json
from typing import Final

from balon_client.imports.limits import MAX_TEXT_BYTES

_MOST_JSON_BYTES: Final = 6
"""Of a character: a control character is written as six bytes of JSON."""
_NOTE_BYTES: Final = 64
_SEARCHED: Final = 4096
"""Characters in which the end of a paragraph, a line or a word is looked for."""


def split_text(text: str) -> list[str]:
    """Splits a text so that each part fits a message payload.

    Args:
        text: Not blank.

    Returns:
        The text itself; or parts, each but the first under a note that says which it is. Nothing is lost but white
        space where two parts meet.
    """
    if len(text) * _MOST_JSON_BYTES <= MAX_TEXT_BYTES or _size_of(text) <= MAX_TEXT_BYTES:
        return [text]
    parts, start = [], 0
    while start < len(text):
        end = _end_of_part(text, start)
        parts.append(text[start:end].strip("\n"))
        start = end
    first, *others = [part for part in parts if part.strip()]
    return [first, *(f"*[Part {n} of {len(others) + 1}]*\n\n{part}" for n, part in enumerate(others, 2))]


def _size_of(text: str) -> int:
    return len(json.dumps(text, ensure_ascii=False).encode())


def _end_of_part(text: str, start: int) -> int:
    end = start + _fitting(text, start)
    if end >= len(text):
        return end
    for border in ("\n\n", "\n", " "):
        found = text.rfind(border, max(start + 1, end - _SEARCHED), end)
        if found >= 0:
            return found + len(border)
    return end


def _fitting(text: str, start: int) -> int:
    """How many characters from `start` on fit. Each step is shorter by a sixteenth at least, so all cost as one."""
    most = MAX_TEXT_BYTES - _NOTE_BYTES
    length = min(most, len(text) - start)
    while (size := _size_of(text[start : start + length])) > most:
        length = length * most // size * 15 // 16
    return length
