"""The readable half of an export: file names that are safe everywhere, and Markdown that no message can forge.

Every line of a message is quoted, so nothing in it can pass for the heading of another message.
"""

import time
import unicodedata
from collections.abc import Sequence
from typing import Any, Final

from balon_client.views import View

UNTITLED: Final = "Untitled"
_MOST_NAME_BYTES: Final = 120
_LAST_MS: Final = 253_402_300_799_999
"""The end of the year 9999: a time that the server made up must still have a date."""
_JOINERS: Final = "\u200c\u200d"
_MARKUP: Final = frozenset("\\`*_[]<>#|~&!")
_ENDS: Final = {"length": "The reply reached the model's limit.", "stopped": "The reply was stopped here."}
_CONTENTS: Final = """
- `conversations/`: each conversation to read, in Markdown. What was written is quoted.
- `balon.json`: the same and the settings, contacts and gateways that you trust, for programs.
""".strip()


# --- Names ---


class FileNames:
    """Names of files in one folder, each given once, also where letters of both cases are the same."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, title: str | None, created_ms: int) -> str:
        """A name of a date and what is left of a title: letters, marks, digits and hyphens, NFC, at most 140 bytes."""
        stem = f"{_date(created_ms)}-{slugify(title or '')}"
        name, number = stem, 1
        while name.casefold() in self._taken:
            number += 1
            name = f"{stem}-{number}"
        self._taken.add(name.casefold())
        return f"{name}.md"


def slugify(title: str) -> str:
    """Letters, marks and digits of a title; everything else, separators of paths too, becomes one hyphen."""
    kept = "".join(
        c if unicodedata.category(c)[0] in "LMN" else " " for c in unicodedata.normalize("NFC", title.lower())
    )
    slug = "-".join(kept.split())
    cut = slug.encode()[:_MOST_NAME_BYTES].decode(errors="ignore")
    return unicodedata.normalize("NFC", cut).strip("-") or UNTITLED.lower()


def _date(at_ms: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(min(at_ms, _LAST_MS) // 1000))


def format_time(at_ms: int) -> str:
    """A time for people, UTC."""
    return f"{_date(at_ms)} {time.strftime('%H:%M:%S', time.gmtime(min(at_ms, _LAST_MS) // 1000))} UTC"


# --- Text ---


def inline(text: str) -> str:
    """A text on one line, its control characters gone and its markup escaped."""
    line = " ".join("".join(" " if c.isspace() else c for c in text if not _is_control(c) or c.isspace()).split())
    return "".join(f"\\{c}" if c in _MARKUP else c for c in line)


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in {"Cc", "Cf"} and character not in _JOINERS


def quote(text: str) -> str:
    """A text as a block quote: each of its lines, whatever separates them."""
    return "\n".join(f"> {_visible(line)}".rstrip() for line in text.splitlines() or [""])


def _visible(line: str) -> str:
    return "".join("\ufffd" if unicodedata.category(c) == "Cc" and c != "\t" else c for c in line)


# --- Documents ---


def write_conversation(conversation: View) -> str:
    """A conversation as Markdown: title, members, what does not hold, each message with author, time and marks."""
    members = ", ".join(f"{inline(each['name'])} ({each['role']})" for each in conversation["members"])
    parts = [
        f"# {inline(conversation['title'] or UNTITLED)}",
        f"Begun {format_time(conversation['created_ms'])}. Members: {members or 'unknown'}.",
        *(_problem("Alarm", problem) for problem in conversation["alarms"]),
        *(_message(message) for message in conversation["messages"]),
    ]
    return "\n\n".join(parts) + "\n"


def _message(message: View) -> str:
    parts = [f"## {_author(message)}, {format_time(message['created_ms'])}"]
    if message["mark"] is not None:
        parts.append(_problem("Note", message["mark"]))
    if message["text"] is None:
        parts.append(f"(Not readable. Message {message['id']}.)")
    else:
        parts.append(quote(message["text"]))
    if message["finish"] in _ENDS:
        parts.append(f"({_ENDS[message['finish']]})")
    return "\n\n".join(parts)


def _author(message: View) -> str:
    name = inline(message["author"]["name"])
    return f"{name} ({inline(message['model'])})" if message["model"] and message["role"] == "assistant" else name


def _problem(kind: str, problem: View) -> str:
    return f"**{kind}: {inline(problem['title'] or '')}** {inline(problem['detail'] or '')}".rstrip()


def write_index(head: View, conversations: Sequence[View]) -> str:
    """The first page of an export: what it is, what is in it, and what is not."""
    parts = [
        f"# Balon: everything of {inline(head['account']['login'])}",
        f"Made {format_time(head['exported_ms'])}. Nothing in it is encrypted: keep it where nobody else looks.",
        _CONTENTS,
        "Keys are not in it, nor replies that were still coming when it was made.",
        *_not_given(head),
        f"## Conversations: {len(conversations)}",
        "\n".join(map(_entry, conversations)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _entry(conversation: View) -> str:
    title, count = inline(conversation["title"] or UNTITLED), len(conversation["messages"])
    alarm = " **Something in it does not hold: see there.**" if conversation["alarms"] else ""
    messages = "1 message" if count == 1 else f"{count} messages"
    return f"- [{title}](<{conversation['file']}>), {_date(conversation['created_ms'])}, {messages}.{alarm}"


def _not_given(head: View) -> list[str]:
    return [
        *_ids(
            head["not_given"],
            "You have seen these conversations, but the server did not give them. They were deleted on another device "
            "a moment ago, or the server leaves them out:",
        ),
        *_ids(
            head["refused"],
            "The server named these as conversations of yours. Nobody here ever saw them and their keys do not hold, "
            "so they are not in this archive:",
        ),
    ]


def _ids(ids: Sequence[Any], said: str) -> list[str]:
    return [said + "\n\n" + "\n".join(f"- {id_}" for id_ in ids)] if ids else []
