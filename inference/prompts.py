"""Reads what a sealed request holds: JSON {model, messages, options, reply_secret} (docs/protocol.md section 9)."""

import json
import math
from dataclasses import dataclass, field
from typing import Any

from balon.protocol.encoding import decode_b64u
from balon.protocol.errors import EncodingError
from balon.protocol.frames import REPLY_SECRET_SIZE
from balon.protocol.types import Plaintext
from inference.backends.base import Prompt, PromptMessage
from inference.errors import BadRequestError

_ROLES = frozenset({"system", "user", "assistant"})
_MAX_TEMPERATURE = 2.0
_MAX_MODEL_NAME = 200


@dataclass(frozen=True)
class OpenedRequest:
    """A prompt and the secret from which the reply's key is derived (32 bytes, known to the participants)."""

    prompt: Prompt = field(repr=False)
    reply_secret: bytes = field(repr=False)


def parse_request(plaintext: Plaintext, *, max_tokens: int) -> OpenedRequest:
    """Reads an opened request strictly; options that are unknown or of the wrong type are ignored.

    Args:
        plaintext: JSON from inside a sealed request.
        max_tokens: The most tokens that a request may ask for.

    Raises:
        BadRequestError: Whatever the reason, always the same.
    """
    try:
        content = json.loads(plaintext)
        messages = tuple(_parse_message(message) for message in content["messages"])
        options = content.get("options") or {}
        prompt = Prompt(
            model=_check_text(content["model"], limit=_MAX_MODEL_NAME),
            messages=messages,
            max_tokens=_parse_max_tokens(options.get("max_tokens"), max_tokens),
            temperature=_parse_temperature(options.get("temperature")),
        )
        reply_secret = decode_b64u(content["reply_secret"])
    except (ValueError, TypeError, KeyError, AttributeError, EncodingError, RecursionError):
        raise BadRequestError from None
    if not messages or len(reply_secret) != REPLY_SECRET_SIZE:
        raise BadRequestError
    return OpenedRequest(prompt, reply_secret)


def _parse_message(message: Any) -> PromptMessage:
    role = message["role"]
    if role not in _ROLES:
        raise ValueError("Not a role.")
    return PromptMessage(role=role, content=_check_text(message["content"]))


def _check_text(value: Any, *, limit: int | None = None) -> str:
    """Lets text pass that has a UTF-8 form."""
    if not isinstance(value, str) or (limit is not None and len(value) > limit):
        raise TypeError("Not text, or too long.")
    value.encode()
    return value


def _parse_max_tokens(value: Any, most: int) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return max(1, min(value, most))


def _parse_temperature(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return max(0.0, min(float(value), _MAX_TEMPERATURE))
