"""Writes of streams: the rows of replies on their way. Their frames are in the frame log."""

import hmac
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet

from accounts.throttles import Limit, count_attempt
from balon.protocol.roster import Role
from conversations import selectors
from conversations.errors import RelayRefusedError
from conversations.frames import get_frame_log
from conversations.frames.port import EndReason
from conversations.gateway import stop_replies
from conversations.models import Conversation, Message, Stream
from conversations.selectors import STREAM_LIFETIME_MS
from keystore import selectors as keys
from keystore.clock import now_ms
from keystore.commits import attempt_on_commit
from keystore.notices import notify_on_commit

ASKERS = frozenset({Role.OWNER, Role.MEMBER})


@dataclass(frozen=True, slots=True)
class StreamDraft:
    """A reply that someone asks for: `stream_env` holds its secret, sealed to the conversation."""

    conversation_id: UUID
    stream_id: UUID
    epoch: int
    stream_env: bytes


def begin_stream(*, requester_id: UUID, draft: StreamDraft) -> bool:
    """Records that a reply was asked for and opens its log, under a lock of the conversation's row.

    Members get a notice on commit.

    Returns:
        Whether it is new; False if the very same was asked for before.

    Raises:
        NotFoundError: The requester is a stranger to the conversation.
        ForbiddenError: The requester may only read.
        EpochConflictError: The conversation's key is another, or is used no more.
        RelayRefusedError: `replayed` (the id is used up), `busy` (too many at once).
        Throttled: Too many requests of this person.
    """
    count_attempt("infer", requester_id.bytes, Limit(*settings.BALON_LIMIT_INFERENCE))
    expire_streams()
    with transaction.atomic():
        conversation = selectors.lock_conversation(draft.conversation_id)
        selectors.require_role(requester_id=requester_id, conversation_id=draft.conversation_id, roles=ASKERS)
        if (known := Stream.objects.filter(pk=draft.stream_id).first()) is not None:
            _check_same(known, draft)
            return False
        selectors.require_usable_epoch(conversation, draft.epoch)
        _check_free(requester_id, draft)
        _create_stream(requester_id, draft)
    return True


def _check_same(known: Stream, draft: StreamDraft) -> None:
    same = known.conversation_id == draft.conversation_id and hmac.compare_digest(known.stream_env, draft.stream_env)
    if not same:
        raise RelayRefusedError("This reply was asked for with other content.", "replayed")


def _check_free(requester_id: UUID, draft: StreamDraft) -> None:
    if Message.objects.filter(conversation_id=draft.conversation_id, message_id=draft.stream_id).exists():
        raise RelayRefusedError("This reply was saved already.", "replayed")
    if Stream.objects.filter(sender_id=requester_id).count() >= settings.BALON_MAX_STREAMS:
        raise RelayRefusedError("Too many of your replies are on their way, or came and are not saved yet.", "busy")


def _create_stream(requester_id: UUID, draft: StreamDraft) -> None:
    Stream.objects.create(
        stream_id=draft.stream_id,
        conversation_id=draft.conversation_id,
        epoch=draft.epoch,
        sender_id=requester_id,
        stream_env=draft.stream_env,
    )
    async_to_sync(get_frame_log().open)(draft.stream_id)  # Before the commit, so that nobody finds a row without a log.
    notify_on_commit(keys.reader_ids(draft.conversation_id), "streams", draft.conversation_id)


def update_stream_state(stream_id: UUID, state: Stream.State) -> bool:
    """Records how far the relay is.

    Returns:
        Whether the stream is still there; its reply may have been saved, or its conversation deleted.
    """
    return bool(Stream.objects.filter(pk=stream_id).update(state=state))


def is_outdated(stream_id: UUID) -> bool:
    """Whether a new epoch began since a reply was asked for: then it has to stop (docs/protocol.md section 7)."""
    return Stream.objects.filter(pk=stream_id, epoch__lt=F("conversation__epoch")).exists()


def stop_outdated_streams_on_commit(conversation: Conversation) -> None:
    """Stops replies that were asked for before the newest epoch, once that stands.

    A reply that the gateway does not know yet is stopped by its relay, as soon as the gateway has taken it.
    """
    attempt_on_commit(partial(_stop_outdated, conversation.pk, conversation.epoch))


def _stop_outdated(conversation_id: UUID, epoch: int) -> None:
    running = Stream.objects.filter(
        conversation_id=conversation_id, epoch__lt=epoch, state__in=(Stream.State.ASKED, Stream.State.LIVE)
    )
    stop_replies(list(running.values_list("pk", flat=True)))


def drop_stream(stream_id: UUID) -> None:
    """Forgets a stream whose request was refused, so that it can be asked for again."""
    with transaction.atomic():
        drop_streams_on_commit(Stream.objects.filter(pk=stream_id))


def drop_streams_on_commit(streams: QuerySet[Stream], reason: EndReason = EndReason.GONE) -> None:
    """Deletes streams, and their frames on commit; within the caller's transaction."""
    stream_ids = list(streams.values_list("pk", flat=True))
    if stream_ids:
        Stream.objects.filter(pk__in=stream_ids).delete()
        attempt_on_commit(partial(_delete_logs, stream_ids, reason))


def expire_streams() -> None:
    """Deletes the streams of yesterday, with their frames, and frames whose stream another process deleted."""
    with transaction.atomic():
        stale = Stream.objects.filter(created_ms__lt=now_ms() - STREAM_LIFETIME_MS)
        drop_streams_on_commit(stale, EndReason.EXPIRED)
    old = get_frame_log().list_old()
    if old:
        standing = set(Stream.objects.filter(pk__in=old).values_list("pk", flat=True))
        _delete_logs([stream_id for stream_id in old if stream_id not in standing], EndReason.GONE)


def _delete_logs(stream_ids: list[UUID], reason: EndReason) -> None:
    async_to_sync(_delete_each)(stream_ids, reason)


async def _delete_each(stream_ids: list[UUID], reason: EndReason) -> None:
    log = get_frame_log()
    for stream_id in stream_ids:
        await log.delete(stream_id, reason)
