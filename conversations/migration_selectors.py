"""Reads of texts from before encryption, and how far their move is. Each takes the person and gives only their own."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, Q

from conversations.errors import MigrationIncompleteError, MigrationOpenError, NotFoundError
from conversations.models import (
    HeldConversation,
    LegacyConversation,
    LegacyHolder,
    LegacyMessage,
    Migration,
    MigrationRow,
)
from keystore.clock import now_ms
from keystore.snapshots import snapshot

CONVERSATIONS_AT_ONCE: Final = 100
MAX_PAGE_SIZE: Final = 500
MAX_PAGE_CHARACTERS: Final = 1 << 20
_CHUNK: Final = 16
_STAGED: Final = Count("pk", filter=Q(is_verified=False))
_VERIFIED: Final = Count("pk", filter=Q(is_verified=True))
TEXT_COLUMNS: Final = ("number", "legacy_id", "role", "text", "model", "created_ms", "row__is_verified")
_TEXT: Final = TEXT_COLUMNS.index("text")


@dataclass(frozen=True, slots=True)
class LeaseView:
    """Who works on it: this session or another one, and until when if nothing more is heard."""

    is_own: bool
    expires_ms: int


@dataclass(frozen=True, slots=True)
class MigrationState:
    """How far an account is. Of all `messages`, each is staged, verified, purged or still plain."""

    state: str
    conversations: int
    messages: int
    staged: int
    verified: int
    purged: int
    lease: LeaseView | None


@dataclass(frozen=True, slots=True)
class LegacyView:
    """A conversation in plaintext, how far it is, and the conversation that it becomes, once that is begun."""

    conversation: LegacyConversation
    messages: int
    staged: int
    verified: int
    conversation_id: UUID | None


@snapshot()
def get_state(*, user_id: UUID, session_id: UUID) -> MigrationState:
    """How far an account is, whatever it is; `state` is one of docs/api.md."""
    migration = Migration.objects.filter(pk=user_id).first()
    staged, verified = _count_rows(user_id)
    return MigrationState(
        state=_name_state(user_id, migration),
        conversations=LegacyConversation.objects.filter(holder_id=user_id).count()
        + (migration.purged_conversations if migration else 0),
        messages=_count_texts(user_id) + (migration.purged_messages if migration else 0),
        staged=staged,
        verified=verified,
        purged=migration.purged_messages if migration else 0,
        lease=_view_lease(migration, session_id),
    )


def _name_state(user_id: UUID, migration: Migration | None) -> str:
    if migration is not None and migration.state != Migration.State.RUNNING:
        return str(migration.state)
    if not LegacyHolder.objects.filter(pk=user_id).exists():
        return "none"
    begun = HeldConversation.objects.filter(legacy_conversation__holder_id=user_id).exists()
    return "running" if begun else "ready"


def _view_lease(migration: Migration | None, session_id: UUID) -> LeaseView | None:
    if migration is None or migration.lease_hash is None or migration.lease_expires_ms <= now_ms():
        return None
    return LeaseView(migration.lease_session == session_id, migration.lease_expires_ms)


def _count_texts(user_id: UUID) -> int:
    return LegacyMessage.objects.filter(conversation__holder_id=user_id).count()


def _count_rows(user_id: UUID) -> tuple[int, int]:
    rows = MigrationRow.objects.filter(held__legacy_conversation__holder_id=user_id)
    counts = rows.aggregate(staged=_STAGED, verified=_VERIFIED)
    return counts["staged"], counts["verified"]


def require_complete(user_id: UUID) -> None:
    """Makes sure that every text has a verified message.

    Raises:
        MigrationIncompleteError: One has not.
    """
    staged, verified = _count_rows(user_id)
    plain = _count_texts(user_id) - staged - verified
    if plain or staged:
        raise MigrationIncompleteError(plain=plain, staged=staged, verified=verified)


def require_none_held(*, user_id: UUID, **_: object) -> None:
    """Makes sure that a migration holds no conversation of a person. Receives `rotation_asked` too.

    Raises:
        MigrationOpenError: It holds one.
    """
    if HeldConversation.objects.filter(legacy_conversation__holder_id=user_id).exists():
        raise MigrationOpenError(
            "Texts from before encryption are still being moved into conversations of this account. "
            "Finish that or roll it back first."
        )


@snapshot()
def list_legacy_conversations(*, user_id: UUID, after: UUID | None) -> tuple[list[LegacyView], bool]:
    """A page of a person's conversations in plaintext, by id; and whether there are more. Four queries."""
    rows = LegacyConversation.objects.filter(holder_id=user_id).order_by("pk")
    if after is not None:
        rows = rows.filter(pk__gt=after)
    found = list(rows[: CONVERSATIONS_AT_ONCE + 1])
    page = found[:CONVERSATIONS_AT_ONCE]
    return _view(page), len(found) > len(page)


def _view(page: Iterable[LegacyConversation]) -> list[LegacyView]:
    ids = [row.pk for row in page]
    lengths = dict(
        LegacyMessage.objects.filter(conversation_id__in=ids).values_list("conversation_id").annotate(Count("pk"))
    )
    held = dict(
        HeldConversation.objects.filter(legacy_conversation_id__in=ids).values_list("legacy_conversation_id", "pk")
    )
    counted = MigrationRow.objects.filter(held_id__in=held.values()).values_list("held_id")
    moved = {held_id: counts for held_id, *counts in counted.annotate(staged=_STAGED, verified=_VERIFIED)}
    views = []
    for row in page:
        conversation_id = held.get(row.pk)
        staged, verified = moved.get(conversation_id, (0, 0))
        views.append(LegacyView(row, lengths.get(row.pk, 0), staged, verified, conversation_id))
    return views


@snapshot()
def list_texts(
    *, user_id: UUID, legacy_conversation_id: UUID, after: int, limit: int
) -> tuple[list[tuple[Any, ...]], bool]:
    """A page of texts, rows of `TEXT_COLUMNS` by number; and whether there are more.

    Large texts make it shorter than `limit`, never empty: `MAX_PAGE_CHARACTERS` in all. They are read a few at a time.
    The last column is None of what is plain.

    Raises:
        NotFoundError: The conversation is not this person's.
    """
    legacy = get_legacy(user_id, legacy_conversation_id)
    rows = LegacyMessage.objects.filter(conversation=legacy, number__gt=after).order_by("number")
    page: list[tuple[Any, ...]] = []
    room = MAX_PAGE_CHARACTERS
    for row in rows.values_list(*TEXT_COLUMNS)[: limit + 1].iterator(chunk_size=_CHUNK):
        room -= len(row[_TEXT])
        if len(page) == limit or (page and room < 0):
            return page, True
        page.append(row)
    return page, False


def get_legacy(user_id: UUID, legacy_conversation_id: UUID) -> LegacyConversation:
    """A person's conversation in plaintext.

    Raises:
        NotFoundError: It is not theirs, or does not exist: the same answer.
    """
    found = LegacyConversation.objects.filter(pk=legacy_conversation_id, holder_id=user_id).first()
    if found is None:
        raise NotFoundError
    return found


def find_held(legacy: LegacyConversation) -> HeldConversation | None:
    """The conversation that it becomes, if that is begun."""
    return HeldConversation.objects.filter(legacy_conversation=legacy).first()


def get_held(user_id: UUID, legacy_conversation_id: UUID) -> HeldConversation:
    """What a person's conversation in plaintext becomes.

    Raises:
        NotFoundError: It is not theirs, or not begun.
    """
    found = find_held(get_legacy(user_id, legacy_conversation_id))
    if found is None:
        raise NotFoundError
    return found
