"""What an import gives: conversations as plain values, within the limits of docs/protocol.md section 8."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal
from uuid import UUID

from balon_client.imports.errors import ConversationRefusedError

Role = Literal["user", "assistant", "system"]
"""Converters give people and models alone; `system` are instructions among the messages from before encryption."""


class Source(StrEnum):
    """The products whose exports are read. The values are part of what identifiers are derived from."""

    CHATGPT = "chatgpt"
    OPEN_WEBUI = "open-webui"
    LIBRECHAT = "librechat"
    LEGACY = "legacy"
    """No product: this one, before it encrypted (docs/protocol.md section 12)."""


class LeftOut(StrEnum):
    """What cannot be taken along, by kind."""

    IMAGE = "image"
    FILE = "file"
    AUDIO = "audio"
    VIDEO = "video"
    TOOL = "tool"
    """A call of a tool, or what a tool answered."""
    BRANCH = "branch"
    """A message of another branch than the one that was on screen last."""
    GAP = "gap"
    """A place where the file names an earlier message that it does not hold."""
    REASONING = "reasoning"
    """What a model thought before it answered."""
    HIDDEN = "hidden"
    """What the other product did not show either: instructions, system messages."""
    CITATION = "citation"
    """A mark in a text that pointed to a source and cannot be read by people."""
    OTHER = "other"
    """Content of a kind that is not known here."""


@dataclass(frozen=True, slots=True)
class ImportedMessage:
    """One message. `id` is the same at every import of it under the same key; times never run backwards."""

    id: UUID
    source_id: str
    """The other product's identifier, at most 200 characters: to tell people, not to compare."""
    role: Role
    text: str = field(repr=False)
    """Markdown with a UTF-8 form, never empty; its JSON has at most `limits.MAX_TEXT_BYTES`."""
    created_ms: int
    model: str | None
    """Of a reply the model as the other product names it, at most 200 characters."""


@dataclass(frozen=True, slots=True)
class ImportedConversation:
    """One conversation: the branch that was on screen last, at least one message."""

    id: UUID
    source_id: str
    title: str | None = field(repr=False)
    """1 to 200 characters on one line, or None where the export has none."""
    created_ms: int
    messages: tuple[ImportedMessage, ...] = field(repr=False)
    left_out: Mapping[LeftOut, int]
    """How often something of a kind was left out; kinds without any are missing."""


@dataclass(frozen=True, slots=True)
class RefusedConversation:
    """A conversation that cannot be imported, so that the person can be told which and why."""

    number: int
    """Its place in the file, from 1."""
    title: str | None = field(repr=False)
    problem: ConversationRefusedError
