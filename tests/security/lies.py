"""What a hostile server may do to an answer."""

import copy
from collections.abc import Callable
from typing import Any

from balon.protocol.encoding import decode_b64u, encode_b64u
from tests.stack.wiretap import Rule, Wiretap

Json = Any
Lie = Callable[[Json], Json]
MISSING = object()
"""In place of a value: the field is left out."""


def setting(path: str, value: Any) -> Lie:
    """Replaces a field, named by keys and indexes with dots between; a function gets the value that stands there."""

    def lie(answer: Json) -> Json:
        changed = copy.deepcopy(answer)
        *parents, last = (int(part) if part.lstrip("-").isdigit() else part for part in path.split("."))
        place = changed
        for part in parents:
            place = place[part]
        if value is MISSING:
            del place[last]
        else:
            place[last] = value(place[last]) if callable(value) else value
        return changed

    return lie


def flipped(offset: int, mask: int = 1) -> Callable[[str], str]:
    """Flips bits in base64url bytes."""

    def flip(encoded: str) -> str:
        raw = bytearray(decode_b64u(encoded))
        raw[offset] ^= mask
        return encode_b64u(bytes(raw))

    return flip


def overwritten(offset: int, value: int) -> Callable[[str], str]:
    """Sets one byte in base64url bytes."""

    def overwrite(encoded: str) -> str:
        raw = bytearray(decode_b64u(encoded))
        raw[offset] = value
        return encode_b64u(bytes(raw))

    return overwrite


def cut_to(size: int) -> Callable[[str], str]:
    """Truncates base64url bytes."""
    return lambda encoded: encode_b64u(decode_b64u(encoded)[:size])


def constant(answer: Json) -> Lie:
    """Gives this answer, whatever the true one."""
    return lambda _answer: answer


def lie_about_conversation(tap: Wiretap, conversation_id: str, lie: Lie) -> Rule:
    """Lies about one conversation, in the list and alone, whichever is asked for first."""

    def lie_about(answer: Json) -> Json:
        if "conversations" in answer:
            return {**answer, "conversations": [lie_about(each) for each in answer["conversations"]]}
        return lie(answer) if answer["id"] == conversation_id else answer

    paths = {"/api/v1/conversations", f"/api/v1/conversations/{conversation_id}"}
    return tap.lie("GET", lambda path: path in paths, lie_about)
