"""Markdown out of foreign text: parts cut out of it, code fenced, pieces put together. All in linear time."""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Final

from balon_client.imports.drafts import Piece
from balon_client.imports.model import LeftOut
from balon_client.imports.notes import Omission, write_note

_BACKTICKS: Final = re.compile("`+")
_LANGUAGE: Final = re.compile(r"[A-Za-z0-9+#.-]{1,30}\Z")
_INLINE_IMAGE: Final = re.compile(r"!\[[^\[\]\n]{0,200}\]\(data:")
_MARKED_SPAN: Final = re.compile("\ue200([^\ue200\ue201]*)\ue201")
_MARKS: Final = re.compile("\ue202turn[0-9]{1,6}[a-z]{1,12}[0-9]{1,6}|[\ue200-\ue206]")


def fence(code: str, language: str = "") -> str:
    """Code as a fenced block that nothing in it can end."""
    ticks = "`" * max(3, 1 + max(map(len, _BACKTICKS.findall(code)), default=0))
    named = language if _LANGUAGE.match(language) and language != "unknown" else ""
    return f"{ticks}{named}\n{code}\n{ticks}"


def quote(text: str) -> str:
    """A text as a block quote."""
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def refine(pieces: Iterable[Piece], split: Callable[[str], Iterable[Piece]]) -> Iterator[Piece]:
    """Splits the texts among pieces, and leaves the omissions."""
    for piece in pieces:
        yield from split(piece) if isinstance(piece, str) else (piece,)


def cut_spans(
    text: str, opening: re.Pattern[str], closing: str, omission_of: Callable[[re.Match[str]], Omission | None]
) -> list[Piece]:
    """Cuts spans out of a text and leaves omissions in their places.

    Args:
        text: The text.
        opening: How a span begins; it must match in time bounded by its own length.
        closing: How a span ends. One that does not end stays.
        omission_of: What a span is; None leaves it where it is.
    """
    pieces: list[Piece] = []
    kept = at = 0
    while (match := opening.search(text, at)) and (end := text.find(closing, match.end())) >= 0:
        at = end + len(closing)
        if omission := omission_of(match):
            pieces += [text[kept : match.start()], omission]
            kept = at
    return [*pieces, text[kept:]]


def cut_inline_images(text: str) -> list[Piece]:
    """Cuts out images that stand in the text itself, as data URLs."""
    return cut_spans(text, _INLINE_IMAGE, ")", lambda _match: Omission(LeftOut.IMAGE))


def cut_citations(text: str, written: Callable[[str], str | None]) -> list[Piece]:
    """Takes marks out of a text that point to sources and are noise without the other product's page.

    They stand between U+E200 and U+E201, or behind U+E202, of the private use area.

    Args:
        text: The text.
        written: What to write for a mark, given with its delimiters; None for nothing.

    Returns:
        The text without marks, and an omission of those that were dropped.
    """
    if not any(mark in text for mark in "\ue200\ue202\ue203"):
        return [text]
    dropped = 0

    def _replace(match: re.Match[str]) -> str:
        nonlocal dropped
        replacement = written(match[0])
        dropped += replacement is None
        return replacement or ""

    clean = _MARKS.sub("", _MARKED_SPAN.sub(_replace, text))
    return [clean, Omission(LeftOut.CITATION, dropped)] if dropped else [clean]


def put_together(pieces: Iterable[Piece]) -> str:
    """The text of a message: its pieces as paragraphs, one note for the omissions between two of them."""
    visible = [piece for piece in pieces if not isinstance(piece, str) or piece.strip()]
    paragraphs: list[str] = []
    for is_text, run in groupby(visible, key=lambda piece: isinstance(piece, str)):
        if is_text:
            paragraphs += [str(piece).strip("\n").rstrip() for piece in run]
        else:
            paragraphs.append(write_note(each for each in run if isinstance(each, Omission)))
    return "\n\n".join(filter(None, paragraphs))
