"""ChatGPT: `conversations.json` of the account's export, a tree of nodes for each conversation (docs/imports.md)."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from balon_client.imports.drafts import Draft, Piece, Transcript
from balon_client.imports.errors import DamagedConversationError
from balon_client.imports.markdown import cut_citations, fence, refine
from balon_client.imports.model import LeftOut
from balon_client.imports.notes import Omission
from balon_client.imports.parsing import parsed_text
from balon_client.imports.times import parse_time
from balon_client.imports.trees import Node, choose_branch, draft_branch
from balon_client.imports.values import JsonObject, identifier_of, list_of, name_of, object_of, text_of

_SPEAKERS: Final = frozenset({"user", "assistant"})
_TOOLS: Final = frozenset({"tool", "function"})
_LEFT_OUT_TYPES: Final = {
    **dict.fromkeys(("user_editable_context", "model_editable_context"), LeftOut.HIDDEN),
    **dict.fromkeys(("thoughts", "reasoning_recap", "reasoning"), LeftOut.REASONING),
    **dict.fromkeys(("execution_output", "computer_output", "system_error", "sonic_webpage"), LeftOut.TOOL),
    **dict.fromkeys(
        ("tether_quote", "tether_browsing_code", "tether_browsing_display", "browser_window"), LeftOut.TOOL
    ),
}
_PART_TYPES: Final = {
    "image_asset_pointer": LeftOut.IMAGE,
    "audio_asset_pointer": LeftOut.AUDIO,
    "real_time_user_audio_video_asset_pointer": LeftOut.AUDIO,
    "video_container_asset_pointer": LeftOut.VIDEO,
    "video_asset_pointer": LeftOut.VIDEO,
}
_PYTHON: Final = "python"
_CANVAS: Final = "canmore.create_textdoc"
_SHOWN_RECIPIENTS: Final = frozenset({"", "all", _PYTHON, _CANVAS})
"""Whom a reply is for: everyone; the interpreter, whose code is on screen; the canvas. All others are tools."""
_ABOUT_CONTENT: Final = frozenset({"content_type", "language", "response_format_name"})
_OLD_MARK: Final = re.compile("【[0-9]{1,6}(?::[0-9]{1,6})?†[^【】\n]{0,200}】")
_ENTITY: Final = re.compile('\ue200entity\ue202\\["[^"]{0,100}", ?"([^"]{1,200})"')


def looks_like_chatgpt(conversation: JsonObject) -> bool:
    """Whether an object is built as a conversation of ChatGPT."""
    return type(conversation.get("mapping")) is dict


def read_chatgpt(conversation: JsonObject) -> Transcript:
    """Reads one conversation of `conversations.json`.

    Raises:
        DamagedConversationError: It has no tree.
    """
    if not looks_like_chatgpt(conversation):
        raise DamagedConversationError
    nodes = {name: _node(name, object_of(raw)) for name, raw in conversation["mapping"].items()}
    branch = choose_branch(nodes, identifier_of(conversation.get("current_node")))
    return Transcript(
        source_id=identifier_of(conversation.get("conversation_id")) or identifier_of(conversation.get("id")),
        title=text_of(conversation.get("title")),
        created_ms=parse_time(conversation.get("create_time")),
        drafts=list(draft_branch(branch, _draft)),
        omissions=(Omission(LeftOut.BRANCH, branch.loose),),
    )


def _node(name: str, raw: JsonObject) -> Node:
    message = object_of(raw.get("message"))
    return Node(
        id=name,
        parent=identifier_of(raw.get("parent")),
        message=message,
        created_ms=parse_time(message.get("create_time")),
        counts=_role_of(message) in _SPEAKERS and _left_out_as(message) is None and _holds_something(message),
    )


def _draft(node: Node) -> Iterator[Draft]:
    message = node.message
    if not _holds_something(message):
        return
    is_question = _role_of(message) == "user" and _left_out_as(message) is None
    yield Draft(
        source_id=node.id,
        role="user" if is_question else "assistant",
        pieces=tuple(_pieces(message)),
        created_ms=node.created_ms,
        model=name_of(object_of(message.get("metadata")).get("model_slug")),
    )


# --- What it is ---


def _role_of(message: JsonObject) -> str:
    return text_of(object_of(message.get("author")).get("role"))


def _content_of(message: JsonObject) -> JsonObject:
    return object_of(message.get("content"))


def _holds_something(message: JsonObject) -> bool:
    """Whether there is anything in it: many nodes are there for the structure alone."""
    metadata = object_of(message.get("metadata"))
    values = (value for name, value in _content_of(message).items() if name not in _ABOUT_CONTENT)
    return any(map(_is_filled, values)) or bool(list_of(metadata.get("attachments")))


def _is_filled(value: object) -> bool:
    return any(value) if isinstance(value, list) else bool(text_of(value).strip() or object_of(value))


def _left_out_as(message: JsonObject) -> LeftOut | None:
    """What a message counts as if it is not taken along; None for what was said."""
    role, kind = _role_of(message), text_of(_content_of(message).get("content_type"))
    if object_of(message.get("metadata")).get("is_visually_hidden_from_conversation") is True or role == "system":
        return LeftOut.HIDDEN
    if kind in _LEFT_OUT_TYPES:
        return _LEFT_OUT_TYPES[kind]
    if message.get("channel") == "analysis":
        return LeftOut.REASONING
    if role in _TOOLS or (role == "assistant" and text_of(message.get("recipient")) not in _SHOWN_RECIPIENTS):
        return LeftOut.TOOL
    return None if role in _SPEAKERS else LeftOut.OTHER


# --- What it says ---


def _pieces(message: JsonObject) -> list[Piece]:
    kind = _left_out_as(message)
    if kind is LeftOut.TOOL:
        return _tool_pieces(message)
    return [Omission(kind)] if kind else _spoken_pieces(message)


def _tool_pieces(message: JsonObject) -> list[Piece]:
    """Pictures that a tool made were the answer; whatever else it said was for the model."""
    parts = _part_pieces(_content_of(message))
    return [*filter(_is_image, parts)] or [Omission(LeftOut.TOOL)]


def _is_image(piece: Piece) -> bool:
    return isinstance(piece, Omission) and piece.kind is LeftOut.IMAGE


def _spoken_pieces(message: JsonObject) -> list[Piece]:
    content, recipient = _content_of(message), text_of(message.get("recipient"))
    if recipient == _CANVAS:
        return _canvas_pieces(content)
    if content.get("content_type") == "code":
        language = text_of(content.get("language"))
        return [fence(text_of(content.get("text")), _PYTHON if recipient == _PYTHON else language)]
    pieces = _part_pieces(content)
    pieces = [*_attachment_pieces(message, pieces), *pieces]
    return pieces if _role_of(message) == "user" else _cited(pieces, message)


def _part_pieces(content: JsonObject) -> list[Piece]:
    parts = list_of(content.get("parts")) or [content.get("text")]
    return [_part_piece(part) for part in parts if part]


def _part_piece(part: object) -> Piece:
    if isinstance(part, str):
        return text_of(part)
    described = object_of(part)
    kind = _PART_TYPES.get(text_of(described.get("content_type")))
    return Omission(kind) if kind else text_of(described.get("text")) or Omission(LeftOut.OTHER)


def _attachment_pieces(message: JsonObject, pieces: Sequence[Piece]) -> Iterator[Piece]:
    """Files that were attached; pictures among them mostly stand in the parts as well."""
    has_images = any(map(_is_image, pieces))
    for each in map(object_of, list_of(object_of(message.get("metadata")).get("attachments"))):
        is_image = text_of(each.get("mime_type") or each.get("mimeType")).startswith("image/")
        if not is_image:
            yield Omission(LeftOut.FILE, name=text_of(each.get("name")))
        elif not has_images:
            yield Omission(LeftOut.IMAGE)


def _canvas_pieces(content: JsonObject) -> list[Piece]:
    """A document that the model began beside the conversation. Its later changes are steps of a tool."""
    written = "".join(piece for piece in _part_pieces(content) if isinstance(piece, str))
    try:
        with parsed_text(written) as document:
            return _document_pieces(object_of(document))
    except ValueError:
        return [Omission(LeftOut.TOOL)]


def _document_pieces(document: JsonObject) -> list[Piece]:
    kind, _, language = text_of(document.get("type")).partition("/")
    text = text_of(document.get("content"))
    if not text.strip():
        return [Omission(LeftOut.TOOL)]
    return [fence(text, language) if kind == "code" else text]


# --- Its marks ---


def _cited(pieces: Sequence[Piece], message: JsonObject) -> list[Piece]:
    """Writes out marks that point to sources, as far as the export says how, and drops the rest."""
    references = map(object_of, list_of(object_of(message.get("metadata")).get("content_references")))
    written = {text_of(each.get("matched_text")): text_of(each.get("alt")) for each in references}
    return [*refine(pieces, lambda text: _without_marks(text, written))]


def _without_marks(text: str, written: dict[str, str]) -> list[Piece]:
    def _write(mark: str) -> str | None:
        entity = _ENTITY.match(mark)
        return written.get(mark) or (entity[1] if entity else None)

    clean, dropped = _OLD_MARK.subn("", text)
    return [*cut_citations(clean, _write), *([Omission(LeftOut.CITATION, dropped)] if dropped else [])]
