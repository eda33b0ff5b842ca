"""Title and settings of a conversation: what META holds (docs/protocol.md section 8)."""

from dataclasses import dataclass, field
from typing import Any, Final

from balon.protocol.types import Plaintext
from balon_client.alarms import AnswerError
from balon_client.ports import encode_json
from balon_client.wire import Fields, load_json

MAX_TITLE: Final = 200
ALWAYS: Final = "always"
MENTION: Final = "mention"
MODES: Final = frozenset({ALWAYS, MENTION})
"""Whether every message is for the model, or only those that mention it."""


@dataclass(frozen=True, slots=True)
class Meta:
    """Title and settings as a member set them; version 0 where nobody has yet."""

    version: int = 0
    title: str | None = field(default=None, repr=False)
    assistant: str = ALWAYS

    def serialize(self) -> bytes:
        """UTF-8 JSON; without a title there is no such key."""
        content: dict[str, Any] = {"assistant": self.assistant}
        if self.title is not None:
            content["title"] = self.title
        return encode_json(content)


def parse_meta(version: int, plaintext: Plaintext) -> Meta:
    """Reads a META that opened and whose signature holds.

    What this version does not understand is left out. A mode that it does not know counts as the narrower one, so that
    no message goes to the model by mistake (A54).
    """
    try:
        fields = Fields(load_json(plaintext), "meta")
    except (AnswerError, ValueError, RecursionError):
        return Meta(version, assistant=MENTION)
    return Meta(version, _parse_title(fields), _parse_mode(fields))


def _parse_title(fields: Fields) -> str | None:
    try:
        return fields.text("title", limit=MAX_TITLE) or None if fields.has("title") else None
    except AnswerError:
        return None


def _parse_mode(fields: Fields) -> str:
    if not fields.has("assistant"):
        return ALWAYS
    try:
        mode = fields.text("assistant")
    except AnswerError:
        return MENTION
    return mode if mode in MODES else MENTION
