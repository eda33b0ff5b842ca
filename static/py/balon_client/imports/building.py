"""From a converter's transcript to the conversation that an import gives: texts, times and identifiers."""

import hashlib
from collections.abc import Iterator
from types import MappingProxyType

from balon_client.imports.drafts import Draft, Transcript, join_drafts
from balon_client.imports.errors import EmptyConversationError
from balon_client.imports.identifiers import Identifiers
from balon_client.imports.markdown import put_together
from balon_client.imports.model import ImportedConversation, ImportedMessage
from balon_client.imports.texts import split_text
from balon_client.imports.times import fill_times, is_sane
from balon_client.imports.values import name_of, title_of


def build_conversation(
    transcript: Transcript, identifiers: Identifiers, *, raw: bytes, now_ms: int
) -> ImportedConversation:
    """Makes a conversation of a transcript.

    Args:
        transcript: What a converter found.
        identifiers: Derives the identifiers.
        raw: The conversation's JSON. It names a conversation that has no identifier, nor has its first message.
        now_ms: Now, in milliseconds since 1970.

    Raises:
        EmptyConversationError: Nothing in it would be seen.
    """
    drafts = join_drafts(transcript.drafts)
    if not drafts:
        raise EmptyConversationError
    times = fill_times([each.created_ms for each in drafts], created_ms=transcript.created_ms, now_ms=now_ms)
    place = _place_of(transcript, drafts[0], raw)
    messages = [
        message
        for draft, created_ms in zip(drafts, times, strict=True)
        for message in _messages(draft, created_ms, identifiers, place)
    ]
    return ImportedConversation(
        id=identifiers.derive("conversation", *place),
        source_id=name_of(place[1]) or "",
        title=title_of(transcript.title),
        created_ms=_begin_of(transcript, times[0], now_ms),
        messages=tuple(messages),
        left_out=MappingProxyType(transcript.count_omissions()),
    )


def _begin_of(transcript: Transcript, first_ms: int, now_ms: int) -> int:
    created_ms = transcript.created_ms
    return min(created_ms, first_ms) if created_ms is not None and is_sane(created_ms, now_ms) else first_ms


def _place_of(transcript: Transcript, first: Draft, raw: bytes) -> tuple[str, str]:
    """What names the conversation, and of which kind that name is."""
    if transcript.source_id is not None:
        return ("id", transcript.source_id)
    if first.variant != "position":
        return ("first message", first.source_id)
    return ("content", hashlib.sha256(raw).hexdigest())


def _messages(
    draft: Draft, created_ms: int, identifiers: Identifiers, place: tuple[str, str]
) -> Iterator[ImportedMessage]:
    for number, text in enumerate(split_text(put_together(draft.pieces))):
        yield ImportedMessage(
            id=identifiers.derive("message", *place, draft.source_id, draft.variant, str(number)),
            source_id=name_of(draft.source_id) or "",
            role=draft.role,
            text=text,
            created_ms=created_ms,
            model=draft.model if draft.role == "assistant" else None,
        )
