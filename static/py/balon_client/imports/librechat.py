"""LibreChat: one conversation exported as JSON, its messages in a list or nested into each other (docs/imports.md)."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from balon_client.imports.drafts import Draft, Piece, Transcript
from balon_client.imports.errors import DamagedConversationError
from balon_client.imports.markdown import cut_citations, cut_inline_images, cut_spans, quote, refine
from balon_client.imports.model import LeftOut
from balon_client.imports.notes import Omission
from balon_client.imports.times import parse_time
from balon_client.imports.trees import Node, choose_branch, draft_branch, name_in_list
from balon_client.imports.values import JsonObject, identifier_of, list_of, name_of, object_of, text_of

_NO_PARENT: Final = "00000000-0000-0000-0000-000000000000"
_AGENT_PREFIX: Final = "agent_"
_THINKING: Final = re.compile(":::thinking\n")
_THINKING_END: Final = "\n:::"
_SPELLED_MARK: Final = re.compile(r"\\u(e20[0-6])")
_PART_KINDS: Final = {
    "think": LeftOut.REASONING,
    "tool_call": LeftOut.TOOL,
    "image_file": LeftOut.IMAGE,
    "image_url": LeftOut.IMAGE,
    "video_url": LeftOut.VIDEO,
    "input_audio": LeftOut.AUDIO,
    "summary": LeftOut.HIDDEN,
}
_MUTE_PARTS: Final = frozenset({"agent_update", "activity_label", "error"})
"""Parts in which nothing was said: which agent speaks, a caption of tools, a failure."""


def looks_like_librechat(conversation: JsonObject) -> bool:
    """Whether an object is built as a conversation of LibreChat."""
    return "conversationId" in conversation and type(_messages_of(conversation)) is list


def read_librechat(conversation: JsonObject) -> Transcript:
    """Reads the one conversation of an export.

    Raises:
        DamagedConversationError: It has no messages.
    """
    if not looks_like_librechat(conversation):
        raise DamagedConversationError
    nodes = _nodes_of(_messages_of(conversation))
    branch = choose_branch(nodes, _current_of(nodes))
    return Transcript(
        source_id=identifier_of(conversation.get("conversationId")),
        title=text_of(conversation.get("title")),
        created_ms=None,
        drafts=list(draft_branch(branch, _drafts)),
        omissions=(Omission(LeftOut.BRANCH, branch.loose),),
    )


def _messages_of(conversation: JsonObject) -> Any:
    tree = conversation.get("messagesTree")
    return tree if type(tree) is list else conversation.get("messages")


# --- The tree ---


def _nodes_of(messages: list[Any]) -> dict[str, Node]:
    nodes = _unfold(messages)
    if any(list_of(node.message.get("children")) for node in nodes.values()):
        return nodes
    if not any(identifier_of(node.message.get("parentMessageId")) for node in nodes.values()):
        return _chain(nodes)
    return {name: replace(node, parent=_parent_of(node.message)) for name, node in nodes.items()}


def _unfold(messages: list[Any]) -> dict[str, Node]:
    """All messages in the order of the file, each with the one that it is nested in; without recursion."""
    nodes: dict[str, Node] = {}
    waiting: list[tuple[Any, str | None]] = [(each, None) for each in reversed(messages)]
    while waiting:
        raw, above = waiting.pop()
        message = object_of(raw)
        name = name_in_list(identifier_of(message.get("messageId")), len(nodes), nodes)
        nodes[name] = Node(name, above, message, parse_time(message.get("createdAt")), bool(message), len(nodes))
        waiting += [(each, name) for each in reversed(list_of(message.get("children")))]
    return nodes


def _parent_of(message: JsonObject) -> str | None:
    parent = identifier_of(message.get("parentMessageId"))
    return None if parent == _NO_PARENT else parent


def _chain(nodes: dict[str, Node]) -> dict[str, Node]:
    """Messages that name no parents, each behind the one before."""
    before = [None, *nodes]
    return {name: replace(node, parent=above) for (name, node), above in zip(nodes.items(), before, strict=False)}


def _current_of(nodes: dict[str, Node]) -> str | None:
    """The export does not say which branch was on screen: of several, LibreChat shows the one begun last.

    Its lists go down each branch before the next, so that is where they end. Where every message has a time, the newest
    message tells it too, in whatever order.
    """
    has_times = all(node.created_ms is not None for node in nodes.values())
    return None if has_times else next(reversed(nodes), None)


# --- Messages ---


def _drafts(node: Node) -> Iterator[Draft]:
    message = node.message
    if not message:
        return
    is_question = message.get("isCreatedByUser") is True
    model = name_of(message.get("model"))
    yield Draft(
        source_id=node.id,
        role="user" if is_question else "assistant",
        pieces=(*_file_pieces(message), *_spoken_pieces(message, is_reply=not is_question)),
        created_ms=node.created_ms,
        model=name_of(message.get("sender")) if model and model.startswith(_AGENT_PREFIX) else model,
        variant=node.variant,
    )


def _file_pieces(message: JsonObject) -> Iterator[Piece]:
    """Files of a question, and files that tools made for a reply."""
    attached = [*list_of(message.get("files")), *list_of(message.get("attachments"))]
    for each in map(object_of, attached):
        name = text_of(each.get("filename"))
        if text_of(each.get("type")).startswith("image/"):
            yield Omission(LeftOut.IMAGE)
        elif name:
            yield Omission(LeftOut.FILE, name=name)


def _spoken_pieces(message: JsonObject, *, is_reply: bool) -> Iterator[Piece]:
    yield from (quote(text) for each in list_of(message.get("quotes")) if (text := text_of(each)))
    content = list_of(message.get("content"))
    pieces = map(_part_piece, map(object_of, content)) if content else [text_of(message.get("text"))]
    yield from refine(pieces, _reply_pieces if is_reply else cut_inline_images)


def _part_piece(part: JsonObject) -> Piece:
    kind = text_of(part.get("type"))
    if kind in _PART_KINDS:
        return Omission(_PART_KINDS[kind])
    if kind == "steer":
        return quote(text_of(part.get("steer")))
    text = text_of(part.get("text")) or text_of(object_of(part.get("text")).get("value"))
    return "" if kind in _MUTE_PARTS or not part else text or _unknown(kind)


def _unknown(kind: str) -> Piece:
    return "" if kind == "text" else Omission(LeftOut.OTHER)


def _reply_pieces(text: str) -> Iterator[Piece]:
    """A reply without what an older LibreChat wrote of the model's thoughts into it, and without marks of sources."""
    unfolded = cut_spans(text, _THINKING, _THINKING_END, lambda _match: Omission(LeftOut.REASONING))
    return refine(refine(unfolded, cut_inline_images), _without_marks)


def _without_marks(text: str) -> list[Piece]:
    marked = _SPELLED_MARK.sub(lambda mark: chr(int(mark[1], 16)), text)
    return cut_citations(marked, lambda _mark: None)
