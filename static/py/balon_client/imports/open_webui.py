"""Open WebUI: the list of chats that "Export Chats" gives, a tree of messages for each chat (docs/imports.md)."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from balon_client.imports.drafts import Draft, Piece, Transcript
from balon_client.imports.errors import DamagedConversationError
from balon_client.imports.markdown import cut_inline_images, cut_spans, refine
from balon_client.imports.model import LeftOut
from balon_client.imports.notes import Omission
from balon_client.imports.times import parse_time
from balon_client.imports.trees import Branch, Node, age_of, choose_branch, draft_branch, name_in_list
from balon_client.imports.values import JsonObject, identifier_of, list_of, name_of, object_of, text_of

_SPEAKERS: Final = frozenset({"user", "assistant"})
_FOLD: Final = re.compile(r'<details\s{1,20}type="(reasoning|tool_calls|code_interpreter)"')
_FOLD_END: Final = "</details>"
_SAMPLE: Final = 20


def looks_like_open_webui(conversation: JsonObject) -> bool:
    """Whether an object is built as a chat of Open WebUI, in its wrapper or without one."""
    chat = _chat_of(conversation)
    has_tree = type(object_of(chat.get("history")).get("messages")) is dict
    return has_tree or any(_role_of(object_of(each)) for each in list_of(chat.get("messages"))[:_SAMPLE])


def read_open_webui(conversation: JsonObject) -> Transcript:
    """Reads one chat of an export.

    Raises:
        DamagedConversationError: It has no messages, neither as a tree nor as a list.
    """
    if not looks_like_open_webui(conversation):
        raise DamagedConversationError
    chat = _chat_of(conversation)
    nodes, current = _nodes_of(chat)
    branch, beside = _choose(nodes, current or identifier_of(conversation.get("current_message_id")))
    return Transcript(
        source_id=identifier_of(conversation.get("id")) or identifier_of(chat.get("id")),
        title=text_of(conversation.get("title")) or text_of(chat.get("title")),
        created_ms=parse_time(conversation.get("created_at")) or parse_time(chat.get("timestamp")),
        drafts=list(draft_branch(branch, lambda node: _drafts(node, beside.get(node.id, ())))),
        omissions=(Omission(LeftOut.BRANCH, branch.loose),),
    )


def _chat_of(conversation: JsonObject) -> JsonObject:
    """The chat inside its wrapper; older exports have none."""
    return object_of(conversation.get("chat")) or conversation


# --- The tree ---


def _nodes_of(chat: JsonObject) -> tuple[dict[str, Node], str | None]:
    history = object_of(chat.get("history"))
    messages = object_of(history.get("messages"))
    if not messages:
        return _chain_of(list_of(chat.get("messages")))
    nodes = {name: _node(name, object_of(raw)) for name, raw in messages.items()}
    return nodes, identifier_of(history.get("currentId"))


def _node(name: str, message: JsonObject) -> Node:
    created_ms, counts = parse_time(message.get("timestamp")), _role_of(message) in _SPEAKERS
    return Node(name, identifier_of(message.get("parentId")), message, created_ms, counts)


def _chain_of(messages: Iterable[object]) -> tuple[dict[str, Node], str | None]:
    """Messages of a plain list, each behind the one before."""
    nodes: dict[str, Node] = {}
    before = None
    for place, message in enumerate(map(object_of, messages)):
        name = name_in_list(identifier_of(message.get("id")), place, nodes)
        nodes[name] = replace(_node(name, message), parent=before, rank=place)
        before = name
    return nodes, before


def _role_of(message: JsonObject) -> str:
    return text_of(message.get("role"))


def _choose(nodes: Mapping[str, Node], current: str | None) -> tuple[Branch, Mapping[str, list[Node]]]:
    """The branch that was on screen, and the answers of other models that stood beside its own."""
    branch = choose_branch(nodes, current)
    beside = _answers_beside(nodes, branch)
    shown = {node.id: replace(node, counts=False) for group in beside.values() for node in group}
    return (choose_branch({**nodes, **shown}, current) if shown else branch), beside


def _answers_beside(nodes: Mapping[str, Node], branch: Branch) -> dict[str, list[Node]]:
    """Where several models answered one question: for the answer that went on, the newest of each other model."""
    chosen = {node.parent: node for node in branch.nodes if _model_number(node) is not None}
    newest: dict[str, dict[int, Node]] = {}
    for node in sorted((node for node in nodes.values() if node.parent in chosen), key=age_of):
        answer, number = chosen[node.parent], _model_number(node)
        if number is not None and number != _model_number(answer):
            newest.setdefault(answer.id, {})[number] = node
    return {name: [group[number] for number in sorted(group)] for name, group in newest.items()}


def _model_number(node: Node) -> int | None:
    """Which of the models that were asked at once it is; None where one was asked."""
    number = node.message.get("modelIdx")
    return number if type(number) is int and _role_of(node.message) == "assistant" and node.parent else None


# --- Messages ---


def _drafts(node: Node, beside: Iterable[Node]) -> Iterator[Draft]:
    """The answers beside it first: what comes next in the conversation goes on from the node itself."""
    for each in (*beside, node):
        yield _draft(each, tuple(_pieces(each.message)))
    merged = text_of(object_of(node.message.get("merged")).get("content"))
    if merged:
        yield replace(_draft(node, tuple(_reply_pieces(merged))), model=None, variant="merged")


def _draft(node: Node, pieces: tuple[Piece, ...]) -> Draft:
    return Draft(
        source_id=node.id,
        role="user" if _role_of(node.message) == "user" else "assistant",
        pieces=pieces,
        created_ms=node.created_ms,
        model=name_of(node.message.get("model")),
        variant=node.variant,
    )


def _pieces(message: JsonObject) -> list[Piece]:
    role = _role_of(message)
    if role not in _SPEAKERS:
        return [Omission(LeftOut.HIDDEN if role == "system" else LeftOut.OTHER)] if message else []
    split = cut_inline_images if role == "user" else _reply_pieces
    return [*_file_pieces(message), *refine(_content_pieces(message), split)]


def _file_pieces(message: JsonObject) -> Iterator[Piece]:
    for each in map(object_of, list_of(message.get("files"))):
        if each.get("type") == "image":
            yield Omission(LeftOut.IMAGE)
        else:
            yield Omission(LeftOut.FILE, name=text_of(each.get("name")))


def _content_pieces(message: JsonObject) -> Iterator[Piece]:
    text, parts = text_of(message.get("content")), list_of(message.get("content"))
    if text.strip():
        yield text
    elif not parts:
        items = map(object_of, list_of(message.get("output")))
        parts = [part for item in items if item.get("type") == "message" for part in list_of(item.get("content"))]
    yield from map(_part_piece, map(object_of, parts))


def _part_piece(part: JsonObject) -> Piece:
    if part.get("type") == "image_url":
        return Omission(LeftOut.IMAGE)
    return text_of(part.get("text")) or Omission(LeftOut.OTHER)


def _reply_pieces(text: str) -> list[Piece]:
    """A reply without what Open WebUI folds away in it: what the model thought, and what it did with tools."""
    return [*refine(cut_spans(text, _FOLD, _FOLD_END, _fold_omission), cut_inline_images)]


def _fold_omission(match: re.Match[str]) -> Omission:
    return Omission(LeftOut.REASONING if match[1] == "reasoning" else LeftOut.TOOL)
