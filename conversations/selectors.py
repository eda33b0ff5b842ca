"""Reads of conversations. Each takes the requester and gives only what the verified roster lets them see."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from balon.protocol.roster import Role
from conversations.errors import EpochConflictError, ForbiddenError, MigrationOpenError, NotFoundError
from conversations.models import Conversation, HeldConversation, Message, Meta, Stream
from keystore import selectors as keys
from keystore.clock import now_ms
from keystore.models import Grant, KeyBundle, PreviousKey, RosterEntry
from keystore.selectors import READERS, Standing
from keystore.snapshots import snapshot

STREAM_LIFETIME_MS = 24 * 3_600_000

MESSAGE_COLUMNS = (
    "position",
    "message_id",
    "sender_id",
    "epoch",
    "seq",
    "prev_hash",
    "created_ms",
    "envelope",
    "signature",
)
_ENVELOPE = MESSAGE_COLUMNS.index("envelope")
MAX_PAGE_BYTES = 1 << 22
MAX_LIST_ENTRIES = 5000
"""Of all rosters of a page: with their grants some 6 MiB."""
_CHUNK = 16


@dataclass(frozen=True, slots=True)
class ConversationView:
    """A conversation with all that a requester needs to open it."""

    conversation: Conversation
    role: Role
    roster: list[RosterEntry]
    grants: list[Grant]
    previous: list[PreviousKey]
    meta: Meta | None

    @property
    def may_read(self) -> bool:
        """Whether more of it shows than that one is invited."""
        return self.role in READERS


@dataclass(frozen=True, slots=True)
class ListPage:
    """A page of conversations; `last` is where the next page goes on, None at the end."""

    views: list[ConversationView]
    last: Conversation | None


@dataclass(frozen=True, slots=True)
class MessagePage:
    """Rows of `MESSAGE_COLUMNS`, oldest first; `more` says whether others lie in the direction that was asked for."""

    rows: list[tuple[Any, ...]]
    more: bool
    conversation: Conversation


@dataclass(frozen=True, slots=True)
class Activity:
    """A place in the list of conversations."""

    updated_ms: int
    conversation_id: UUID


def require_standing(*, requester_id: UUID, conversation_id: UUID) -> Standing:
    """What the requester is in a conversation.

    Raises:
        NotFoundError: They are a stranger to it, or it does not exist: the same answer.
    """
    standing = keys.find_standing(user_id=requester_id, conversation_id=conversation_id)
    if standing is None:
        raise NotFoundError
    return standing


def require_role(*, requester_id: UUID, conversation_id: UUID, roles: frozenset[Role]) -> Standing:
    """As `require_standing`, for one of some roles.

    Raises:
        NotFoundError: The requester is a stranger.
        ForbiddenError: They have another role.
    """
    standing = require_standing(requester_id=requester_id, conversation_id=conversation_id)
    if standing.role not in roles:
        raise ForbiddenError
    return standing


def lock_conversation(conversation_id: UUID) -> Conversation:
    """Locks a conversation's row until the transaction ends (on SQLite the transaction itself is the lock).

    Raises:
        NotFoundError: It does not exist.
    """
    conversation = Conversation.objects.select_for_update().filter(pk=conversation_id).first()
    if conversation is None:
        raise NotFoundError
    return conversation


def require_usable_epoch(conversation: Conversation, epoch: int) -> None:
    """Refuses what is sealed under a key that is not the newest one, or that is used no more; under the row's lock.

    Raises:
        EpochConflictError: A new epoch began, or has to begin first.
        MigrationOpenError: A migration made the conversation and is not over: it alone writes.
    """
    require_released(conversation.pk)
    if epoch != conversation.epoch:
        raise EpochConflictError
    if keys.is_exposed(conversation.pk, epoch):
        raise EpochConflictError(
            "Somebody left, or replaced their keys: this key is used no more, a new one comes first."
        )


def require_released(conversation_id: UUID) -> None:
    """Refuses what is not for a conversation that a migration made and still holds.

    Raises:
        MigrationOpenError: It is one.
    """
    if HeldConversation.objects.filter(pk=conversation_id).exists():
        raise MigrationOpenError


def get_conversation(*, requester_id: UUID, conversation_id: UUID) -> ConversationView:
    """One conversation of the requester's.

    Raises:
        NotFoundError: They are a stranger to it, or it does not exist.
    """
    view = find_conversation(requester_id=requester_id, conversation_id=conversation_id)
    if view is None:
        raise NotFoundError
    return view


@snapshot()
def find_conversation(*, requester_id: UUID, conversation_id: UUID) -> ConversationView | None:
    """One conversation of the requester's; None if they are a stranger to it, or it does not exist."""
    if keys.find_standing(user_id=requester_id, conversation_id=conversation_id) is None:
        return None
    views = _complete(list(Conversation.objects.filter(pk=conversation_id)), requester_id)
    return views[0] if views else None


@snapshot()
def list_conversations(*, requester_id: UUID, after: Activity | None, limit: int) -> ListPage:
    """A page of the requester's conversations, newest activity first; eight queries whatever its length.

    Those that a migration holds are left out. Long rosters make it shorter than `limit`, never empty.
    """
    rows = Conversation.objects.filter(pk__in=keys.conversation_ids_of(requester_id), held__isnull=True)
    if after is not None:
        earlier = Q(updated_ms__lt=after.updated_ms)
        rows = rows.filter(earlier | Q(updated_ms=after.updated_ms, pk__lt=after.conversation_id))
    found = list(rows.order_by("-updated_ms", "-pk")[: limit + 1])
    page = _take_list(found[:limit])
    return ListPage(views=_complete(page, requester_id), last=page[-1] if len(found) > len(page) else None)


def _take_list(found: list[Conversation]) -> list[Conversation]:
    """The first conversations, whose rosters have `MAX_LIST_ENTRIES` entries in all, but always one."""
    lengths = keys.count_entries([conversation.pk for conversation in found])
    room = MAX_LIST_ENTRIES
    for index, conversation in enumerate(found):
        room -= lengths.get(conversation.pk, 0)
        if index and room < 0:
            return found[:index]
    return found


def _complete(conversations: Sequence[Conversation], requester_id: UUID) -> list[ConversationView]:
    ids = [conversation.pk for conversation in conversations]
    roles = keys.list_roles(user_id=requester_id, conversation_ids=ids)
    rosters = keys.list_rosters(ids)
    grants = keys.list_grants(user_id=requester_id, conversation_ids=ids)
    previous = keys.list_previous_keys(ids)
    metas = Meta.objects.in_bulk(ids)
    return [
        ConversationView(
            conversation=conversation,
            role=roles[conversation.pk],
            roster=rosters[conversation.pk],
            grants=grants[conversation.pk],
            previous=previous[conversation.pk],
            meta=metas.get(conversation.pk),
        )
        for conversation in conversations
        if conversation.pk in roles
    ]


def list_people(*, requester_id: UUID, conversation_id: UUID) -> list[KeyBundle]:
    """The bundles of everyone who is or was on the roster and still has an account; the invited may ask too.

    Raises:
        NotFoundError: The requester is a stranger to the conversation.
    """
    require_standing(requester_id=requester_id, conversation_id=conversation_id)
    return keys.list_bundles_of(conversation_id)


def list_companions(*, requester_id: UUID, conversation_id: UUID) -> list[UUID]:
    """Who else reads the conversation.

    Raises:
        NotFoundError: The requester is a stranger to it.
        ForbiddenError: They are only invited to it.
    """
    require_role(requester_id=requester_id, conversation_id=conversation_id, roles=READERS)
    return [user_id for user_id in keys.reader_ids(conversation_id) if user_id != requester_id]


@snapshot()
def list_messages(
    *, requester_id: UUID, conversation_id: UUID, before: int | None, after: int | None, limit: int
) -> MessagePage:
    """A page of messages by position: after a position, or before one, or the newest; and the head at that moment.

    Large messages make it shorter than `limit`; `more` says so.

    Raises:
        NotFoundError: The requester is a stranger to the conversation.
        ForbiddenError: They are only invited to it.
    """
    require_role(requester_id=requester_id, conversation_id=conversation_id, roles=READERS)
    conversation = Conversation.objects.filter(pk=conversation_id).first()
    if conversation is None:
        raise NotFoundError
    rows = Message.objects.filter(conversation_id=conversation_id).values_list(*MESSAGE_COLUMNS)
    if after is not None:
        found, more = _take_page(rows.filter(position__gt=after).order_by("position"), limit)
        return MessagePage(rows=found, more=more, conversation=conversation)
    if before is not None:
        rows = rows.filter(position__lt=before)
    found, more = _take_page(rows.order_by("-position"), limit)
    return MessagePage(rows=found[::-1], more=more, conversation=conversation)


def _take_page(rows: QuerySet[Message, tuple[Any, ...]], limit: int) -> tuple[list[tuple[Any, ...]], bool]:
    """The first rows, and whether there are more: at most `limit`, `MAX_PAGE_BYTES` of envelopes, but always one.

    They are read a few at a time, so that a page of the largest messages does not fill the memory.
    """
    page: list[tuple[Any, ...]] = []
    room = MAX_PAGE_BYTES
    for row in rows[: limit + 1].iterator(chunk_size=_CHUNK):
        room -= len(row[_ENVELOPE])
        if len(page) == limit or (page and room < 0):
            return page, True
        page.append(row)
    return page, False


def list_streams(*, requester_id: UUID, conversation_id: UUID) -> list[Stream]:
    """Replies on their way, oldest first.

    Raises:
        NotFoundError: The requester is a stranger to the conversation.
        ForbiddenError: They are only invited to it.
    """
    require_role(requester_id=requester_id, conversation_id=conversation_id, roles=READERS)
    rows = Stream.objects.filter(conversation_id=conversation_id, created_ms__gt=now_ms() - STREAM_LIFETIME_MS)
    return list(rows.order_by("created_ms", "pk"))


def find_stream(*, requester_id: UUID, conversation_id: UUID, stream_id: UUID) -> Stream | None:
    """A reply on its way; None if there is none, or no more.

    Raises:
        NotFoundError: The requester is a stranger to the conversation.
        ForbiddenError: They are only invited to it.
    """
    require_role(requester_id=requester_id, conversation_id=conversation_id, roles=READERS)
    return Stream.objects.filter(pk=stream_id, conversation_id=conversation_id).first()
