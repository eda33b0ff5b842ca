"""The branch that was on screen last, out of a tree that may have holes, circles and loose ends. All in linear time."""

from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from balon_client.imports.drafts import Draft
from balon_client.imports.model import LeftOut
from balon_client.imports.notes import Omission
from balon_client.imports.values import JsonObject

_PLACE_MARK: Final = "#"


@dataclass(frozen=True, slots=True)
class Node:
    """A node of a conversation."""

    id: str
    parent: str | None
    message: JsonObject = field(repr=False)
    """What the export says of it; empty for a node without a message."""
    created_ms: int | None
    counts: bool
    """Whether it is a message that people saw: only those are counted in branches that are left out."""
    rank: int = 0
    """Its place in a list; 0 in exports that have no order."""

    @property
    def variant(self) -> str:
        """Tells identifiers of the export from places that stand for one (`name_in_list`)."""
        return "position" if self.id.startswith(_PLACE_MARK) else ""


@dataclass(frozen=True, slots=True)
class Branch:
    """The chosen branch."""

    nodes: tuple[Node, ...]
    """From the oldest to the newest."""
    forks: Mapping[str, int]
    """How many messages of other branches hang on which node of this one."""
    loose: int
    """How many messages of other branches hang on none of these nodes: other beginnings, circles."""
    whole: bool
    """Whether it reaches back to a beginning; otherwise the file names a message before it that it does not hold."""


def name_in_list(own: str | None, place: int, taken: Container[str]) -> str:
    """What a message of a list is known by: its identifier, or its place where it has none or one that is taken."""
    is_usable = own is not None and not own.startswith(_PLACE_MARK) and own not in taken
    return own if own is not None and is_usable else f"{_PLACE_MARK}{place}"


def draft_branch(branch: Branch, draft_of: Callable[[Node], Iterable[Draft]]) -> Iterator[Draft]:
    """The drafts of a branch's nodes, and notes where other branches leave it or something before it is missing."""
    if branch.nodes and not branch.whole:
        yield _note(branch.nodes[0], Omission(LeftOut.GAP))
    for node in branch.nodes:
        yield from draft_of(node)
        if count := branch.forks.get(node.id):
            yield _note(node, Omission(LeftOut.BRANCH, count))


def _note(node: Node, omission: Omission) -> Draft:
    return Draft(node.id, "assistant", (omission,), node.created_ms)


def choose_branch(nodes: Mapping[str, Node], current: str | None) -> Branch:
    """Finds the branch that ends in a node.

    Args:
        nodes: All nodes by identifier.
        current: The node that the product marked as the last one on screen; without it, the newest message counts.

    Returns:
        The branch. A circle ends it as a missing message does.
    """
    end = current if current in nodes else _newest_leaf(nodes)
    ids, whole = _climb(nodes, end)
    anchors = _anchor(nodes, ids)
    counted = Counter(anchors[each] for each, node in nodes.items() if node.counts)
    others = {each: counted[each] - nodes[each].counts for each in ids}
    forks = {each: count for each, count in others.items() if count}
    return Branch(tuple(nodes[each] for each in ids), forks, counted[None], whole)


def _newest_leaf(nodes: Mapping[str, Node]) -> str | None:
    inner = {node.parent for node in nodes.values()}
    leaves = [node for node in nodes.values() if node.id not in inner] or nodes.values()
    return max(leaves, key=age_of).id if nodes else None


def age_of(node: Node) -> tuple[int, int, str]:
    """Sorts nodes from the oldest to the newest, those without a time first; of one time, in their order."""
    return (node.created_ms if node.created_ms is not None else -1, node.rank, node.id)


def _climb(nodes: Mapping[str, Node], end: str | None) -> tuple[list[str], bool]:
    """The way from the beginning to a node, and whether it is one."""
    ids: list[str] = []
    passed: set[str] = set()
    at = end
    while at is not None and at in nodes and at not in passed:
        passed.add(at)
        ids.append(at)
        at = nodes[at].parent
    return ids[::-1], at is None


def _anchor(nodes: Mapping[str, Node], ids: Iterable[str]) -> dict[str, str | None]:
    """For each node the one of the branch that it hangs on: itself, or its nearest ancestor; or None."""
    anchors: dict[str, str | None] = {each: each for each in ids}
    for start in nodes:
        trail, at = [], start
        while at in nodes and at not in anchors:
            anchors[at] = None  # a circle comes back to here, and is loose
            trail.append(at)
            at = nodes[at].parent or ""
        anchors |= dict.fromkeys(trail, anchors.get(at))
    return anchors
