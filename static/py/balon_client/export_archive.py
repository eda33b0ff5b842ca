"""An export as one ZIP archive, made in memory: Markdown to read, JSON for programs, never a key."""

import io
import json
import time
import zipfile
from collections.abc import Iterable, Sequence
from typing import Final, Self

from balon_client.export_text import FileNames, write_conversation, write_index
from balon_client.views import View

_FIRST: Final = (1980, 1, 1, 0, 0, 0)
_LAST: Final = (2107, 12, 31, 23, 59, 58)
"""The times that a ZIP archive can state."""
_OWNER_ONLY: Final = 0o600 << 16


class ExportArchive:
    """Takes conversations one by one; the text of each is kept once, compressed or as JSON."""

    def __init__(self, now_ms: int) -> None:
        """Begins an empty archive.

        Args:
            now_ms: The time that its files have.
        """
        moment = time.gmtime(now_ms // 1000)[:6]
        self._date = min(max(moment, _FIRST), _LAST)
        self._buffer = io.BytesIO()
        self._zip = zipfile.ZipFile(self._buffer, "w")
        self._names = FileNames()
        self._listed: list[View] = []
        self._texts: list[bytes] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        """Lets go of the texts, also of an archive that was not finished."""
        self._zip.close()
        self._buffer.close()
        self._texts.clear()

    def add(self, conversation: View) -> None:
        """Adds a conversation with its messages."""
        file = f"conversations/{self._names.take(conversation['title'], conversation['created_ms'])}"
        named = {"id": conversation["id"], "file": file, **conversation}
        self._write(file, [write_conversation(named).encode()])
        self._texts.append(_encode(named))
        self._listed.append({**named, "messages": [None] * len(conversation["messages"])})

    def finish(self, head: View) -> bytes:
        """Closes the archive.

        Args:
            head: Everything of `balon.json` but the conversations.

        Returns:
            The archive.
        """
        self._write("README.md", [write_index(head, self._listed).encode()])
        self._write("balon.json", _document(head, self._texts))
        self._zip.close()
        return self._buffer.getvalue()

    def _write(self, name: str, parts: Iterable[bytes]) -> None:
        info = zipfile.ZipInfo(name, self._date)
        info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, _OWNER_ONLY
        with self._zip.open(info, "w") as member:
            for part in parts:
                member.write(part)


def _encode(value: View) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode()


def _document(head: View, conversations: Sequence[bytes]) -> Iterable[bytes]:
    """`head` with the list of conversations as its last field, in pieces."""
    yield _encode(head).removesuffix(b"\n}") + b',\n "conversations": ['
    for number, conversation in enumerate(conversations):
        yield (b",\n" if number else b"\n") + conversation
    yield b"\n]}\n"
