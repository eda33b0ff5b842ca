"""What is left out, and the short note in the text where it stood."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from balon_client.imports.model import LeftOut
from balon_client.imports.values import line_of

_MOST_NAMES: Final = 5
_LONGEST_NAME: Final = 80
_NAME_CATEGORIES: Final = frozenset("LMN")
_NAME_CHARACTERS: Final = frozenset(" .-+()_")
_NOTED: Final = {
    LeftOut.IMAGE: ("an image", "{} images"),
    LeftOut.FILE: ("a file", "{} files"),
    LeftOut.AUDIO: ("a recording", "{} recordings"),
    LeftOut.VIDEO: ("a video", "{} videos"),
    LeftOut.TOOL: ("the use of a tool", "{} uses of tools"),
    LeftOut.BRANCH: ("a message of another branch", "{} messages of other branches"),
    LeftOut.GAP: ("earlier messages that the file does not hold", "earlier messages that the file does not hold"),
    LeftOut.OTHER: ("something of an unknown kind", "{} things of unknown kinds"),
}
"""The other kinds leave no note: they were not on screen, or only folded away or as a small mark."""


@dataclass(frozen=True, slots=True)
class Omission:
    """Something that cannot be taken along, where it stood."""

    kind: LeftOut
    count: int = 1
    name: str = field(default="", repr=False)
    """The name of a file as the export has it."""


def is_noted(omission: Omission) -> bool:
    """Whether it leaves a note in the text."""
    return omission.kind in _NOTED


def write_note(omissions: Iterable[Omission]) -> str:
    """One note, in Markdown on one line, for what stood at one place. Empty where nothing of it is noted."""
    by_kind: dict[LeftOut, list[Omission]] = {}
    for each in filter(is_noted, omissions):
        by_kind.setdefault(each.kind, []).append(each)
    said = ", ".join(_say(kind, group) for kind, group in by_kind.items())
    return f"*[Not imported: {said}]*" if said else ""


def _say(kind: LeftOut, group: Sequence[Omission]) -> str:
    one, many = _NOTED[kind]
    count = sum(each.count for each in group)
    names = [name for each in group[:_MOST_NAMES] if (name := _plain(each.name))]
    said = one if count == 1 else many.format(count)
    return f"{said} ({', '.join(names)}{', …' if len(group) > _MOST_NAMES else ''})" if names else said


def _plain(name: str) -> str:
    """A name of which nothing can pass for Markdown, for the end of the note, or for another direction of writing."""
    kept = "".join(
        c if c in _NAME_CHARACTERS or unicodedata.category(c)[0] in _NAME_CATEGORIES else " " for c in name[:500]
    )
    return line_of(kept)[:_LONGEST_NAME].replace("_", "\\_")
