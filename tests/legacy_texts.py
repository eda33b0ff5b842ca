"""Made-up people, conversations and texts from before encryption, as `manage.py load_legacy` reads them; seeded."""

from __future__ import annotations

import io
import json
import random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_WORDS = (
    "attic", "bicycle", "candle", "drawer", "envelope", "ferry", "garden", "harbour", "kettle", "lantern", "meadow",
    "needle", "orchard", "pepper", "quarry", "teapot", "umbrella", "fenêtre", "Straße", "日本", "ключ", "🗝️",
    "\u200fמפתח",
)  # fmt: skip
_START_MS = 1_600_000_000_000
_MODELS = ("old-model-1", "old-model-2", None)


def make_text(rng: random.Random) -> str:
    """A few words; now and then code, a list, nothing at all, or a long text."""
    kind = rng.random()
    words = " ".join(rng.choices(_WORDS, k=rng.randint(1, 60)))
    if kind < 0.02:
        return ""
    if kind < 0.1:
        return f"```python\nprint({words!r})\n```\n\n- {words}\r\n- <b>&amp;</b>\t'\"\\"
    return words * 40 if kind > 0.98 else words


def make_people(seed: int, *, people: int, conversations: int, messages: int) -> Iterator[dict[str, Any]]:
    """The lines of a file: so many people with so many conversations each, of up to so many messages."""
    rng = random.Random(seed)
    for person in range(people):
        yield {
            "type": "user",
            "legacy_id": f"user-{seed}-{person}",
            "login": f"person-{seed}-{person}@example.org",
            "password": f"pbkdf2_sha256$600000$salt{seed}of{person}$" + "A" * 43 + "=",
            "created_ms": _START_MS + person,
        }
        for number in range(conversations):
            yield from make_conversation(rng, f"conversation-{number}", rng.randint(1, messages))


def make_conversation(rng: random.Random, legacy_id: str, messages: int) -> Iterator[dict[str, Any]]:
    """The lines of a conversation: questions and answers in turn, of which a few are missing."""
    start_ms = _START_MS + rng.randrange(10**10)
    yield {
        "type": "conversation",
        "legacy_id": legacy_id,
        "title": rng.choice(("", "Untitled", " ".join(rng.choices(_WORDS, k=4)))),
        "created_ms": start_ms,
        "updated_ms": start_ms + messages * 1000,
    }
    for number in range(messages):
        role = "system" if number == 0 and rng.random() < 0.1 else ("user", "assistant")[number % 2]
        yield {
            "type": "message",
            "legacy_id": f"m{number}",
            "role": role,
            "text": make_text(rng),
            "model": rng.choice(_MODELS) if role == "assistant" else None,
            "created_ms": start_ms + number * 1000,
        }


def to_file(lines: Iterable[Any]) -> io.BytesIO:
    """The lines as a file; bytes stay as they are."""
    encoded = (line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    return io.BytesIO(b"\n".join(encoded) + b"\n")
