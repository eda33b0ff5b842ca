"""Which product a file is from, and its conversations one by one."""

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO, Final

from balon_client.imports.archives import is_archive, split_archive
from balon_client.imports.building import build_conversation
from balon_client.imports.chatgpt import looks_like_chatgpt, read_chatgpt
from balon_client.imports.drafts import Transcript
from balon_client.imports.errors import (
    ConversationRefusedError,
    DamagedExportError,
    DuplicateConversationError,
    EmptyExportError,
    UnknownExportError,
    UnsupportedExportError,
)
from balon_client.imports.identifiers import Identifiers
from balon_client.imports.librechat import looks_like_librechat, read_librechat
from balon_client.imports.model import ImportedConversation, RefusedConversation, Source
from balon_client.imports.open_webui import looks_like_open_webui, read_open_webui
from balon_client.imports.parsing import parsed_value
from balon_client.imports.splitting import Budget, RawValue, split_values
from balon_client.imports.values import JsonObject, object_of, title_of

if TYPE_CHECKING:
    from uuid import UUID

Raw = bytes | BinaryIO
"""A file, or its bytes. A file must be able to seek, and is not closed."""

_SAMPLE: Final = 20
"""How many damaged conversations may come before the first whole one when a file is recognised."""
_SHAPES: Final[Mapping[Source, Callable[[JsonObject], bool]]] = {
    Source.CHATGPT: looks_like_chatgpt,
    Source.LIBRECHAT: looks_like_librechat,
    Source.OPEN_WEBUI: looks_like_open_webui,
}
_READERS: Final[Mapping[Source, Callable[[JsonObject], Transcript]]] = {
    Source.CHATGPT: read_chatgpt,
    Source.LIBRECHAT: read_librechat,
    Source.OPEN_WEBUI: read_open_webui,
}


def recognize(raw: Raw) -> Source:
    """Tells which product a file is from, by what is in it; its name does not matter.

    Args:
        raw: The file. Only its beginning is read, up to the first whole conversation.

    Raises:
        UnknownExportError: It is no export of a product that is known.
        UnsupportedExportError: It is one of a product that cannot be read yet.
        EmptyExportError: It holds no conversation.
        DamagedExportError: It breaks off before the first whole conversation, or there is none.
        LockedExportError: It is an archive under a password.
        ExportTooLargeError: It is larger than any export.
    """
    is_empty = is_damaged = True
    for value in islice(_split(raw), _SAMPLE):
        is_empty = False
        with suppress(ConversationRefusedError), parsed_value(value) as conversation:
            is_damaged = False
            if source := _source_of(object_of(conversation)):
                return source
    if is_empty:
        raise EmptyExportError
    raise DamagedExportError if is_damaged else UnknownExportError


def read_conversations(
    raw: Raw, source: Source, *, id_key: bytes, now_ms: int
) -> Iterator[ImportedConversation | RefusedConversation]:
    """Reads the conversations of a file, in its order. One is held at a time, so the file may be large.

    Args:
        raw: The file.
        source: What `recognize` said.
        id_key: 32 secret bytes that identifiers are derived under, the same at every import of this person.
        now_ms: Now, in milliseconds since 1970: what the export dates later has no time.

    Returns:
        An iterator of each conversation, or of why it cannot be imported. No two have the same identifier.

    Raises:
        ValueError: The key has another size.
        ExportFileError: While iterating: the file cannot be read on. What came before stands.
    """
    reader = _Reader(source, Identifiers(id_key, source), now_ms)
    return (reader.read(number, value) for number, value in enumerate(_split(raw), 1))


def _split(raw: Raw) -> Iterator[RawValue]:
    file = io.BytesIO(raw) if isinstance(raw, bytes) else raw
    return split_archive(file, Budget()) if is_archive(file) else split_values(file, Budget())


def _source_of(conversation: JsonObject) -> Source | None:
    if type(conversation.get("chat_messages")) is list:
        raise UnsupportedExportError
    return next((source for source, looks_right in _SHAPES.items() if looks_right(conversation)), None)


class _Reader:
    """Turns JSON into conversations and remembers which there were."""

    def __init__(self, source: Source, identifiers: Identifiers, now_ms: int) -> None:
        self._read = _READERS[source]
        self._identifiers = identifiers
        self._now_ms = now_ms
        self._seen: set[UUID] = set()

    def read(self, number: int, value: RawValue) -> ImportedConversation | RefusedConversation:
        """Reads one conversation."""
        title = None
        try:
            with parsed_value(value) as parsed:
                conversation = object_of(parsed)
                title = title_of(conversation.get("title"))
                return self._convert(conversation, value.raw or b"")
        except ConversationRefusedError as problem:
            # A new one: the one that was raised holds on to the whole text of the conversation.
            return RefusedConversation(number, title, type(problem)())

    def _convert(self, conversation: JsonObject, raw: bytes) -> ImportedConversation:
        built = build_conversation(self._read(conversation), self._identifiers, raw=raw, now_ms=self._now_ms)
        if built.id in self._seen:
            raise DuplicateConversationError
        self._seen.add(built.id)
        return built
