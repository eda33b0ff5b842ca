"""What a converter makes of a conversation: messages in pieces, with marks where something could not be taken along."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from balon_client.imports.model import LeftOut, Role
from balon_client.imports.notes import Omission, is_noted

Piece = str | Omission


@dataclass(frozen=True, slots=True)
class Draft:
    """A message before it gets its identifier, its final text and its time."""

    source_id: str
    role: Role
    pieces: tuple[Piece, ...] = field(repr=False)
    created_ms: int | None = None
    model: str | None = None
    variant: str = ""
    """Tells apart what has the same source_id: empty for the message itself."""

    @property
    def says(self) -> bool:
        """Whether it has text of its own."""
        return any(isinstance(piece, str) and piece.strip() for piece in self.pieces)

    @property
    def shows(self) -> bool:
        """Whether something of it will be seen: text, or a note."""
        return self.says or any(isinstance(piece, Omission) and is_noted(piece) for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class Transcript:
    """A conversation as a converter found it."""

    source_id: str | None
    title: str | None = field(repr=False)
    created_ms: int | None
    drafts: Sequence[Draft] = field(repr=False)
    omissions: Sequence[Omission] = ()
    """What was left out and belongs to no message."""

    def count_omissions(self) -> dict[LeftOut, int]:
        """How often something of each kind was left out; kinds without any are missing."""
        pieces = [piece for draft in self.drafts for piece in draft.pieces]
        counts: Counter[LeftOut] = Counter()
        for each in (*pieces, *self.omissions):
            if isinstance(each, Omission):
                counts[each.kind] += each.count
        return {kind: count for kind, count in counts.items() if count}


def join_drafts(drafts: Iterable[Draft]) -> list[Draft]:
    """Lets replies that are notes alone flow into a reply beside them: the next one, or else the one before.

    What stands between two questions becomes a message of its own; what stands before the first question goes to the
    first reply. Drafts of which nothing would be seen vanish.
    """
    joined: list[Draft] = []
    waiting: list[Draft] = []
    for draft in filter(_shows, drafts):
        if draft.role == "assistant" and not draft.says:
            waiting.append(draft)
            continue
        if draft.role == "assistant":
            joined.append(replace(draft, pieces=(*_pieces_of(waiting), *draft.pieces)))
            waiting = []
            continue
        if joined:
            _settle(joined, waiting)
            waiting = []
        joined.append(draft)
    _settle(joined, waiting)
    return joined


def _shows(draft: Draft) -> bool:
    return draft.shows


def _settle(joined: list[Draft], waiting: Sequence[Draft]) -> None:
    """Puts notes that no reply follows at the end of the reply before them, or into a message of their own."""
    if waiting and joined and joined[-1].role == "assistant":
        joined[-1] = replace(joined[-1], pieces=(*joined[-1].pieces, *_pieces_of(waiting)))
    elif waiting:
        joined.append(replace(waiting[0], pieces=tuple(_pieces_of(waiting)), variant="note"))


def _pieces_of(drafts: Iterable[Draft]) -> list[Piece]:
    return [piece for draft in drafts for piece in draft.pieces]
