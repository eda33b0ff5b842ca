"""Wire shapes of conversations (docs/api.md)."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from rest_framework import serializers

from balon.protocol.encoding import decode_b64u, encode_b64u
from balon.protocol.envelope import Kind
from balon.protocol.errors import EncodingError
from balon.protocol.frames import ENC_SIZE, REPLY_SECRET_SIZE
from balon.protocol.statements import HASH_SIZE, SIGNATURE_SIZE
from conversations.models import Conversation, Meta, Stream
from conversations.rosters import RosterDraft
from conversations.selectors import Activity, ConversationView, MessagePage
from conversations.services import MessageDraft, MetaDraft
from keystore.fields import (
    MAX_SAFE_INTEGER,
    BytesField,
    CountField,
    EnvelopeField,
    FixedBytesField,
    GrantSerializer,
    IdField,
    SignedSerializer,
    StrictSerializer,
    to_signed,
)
from keystore.grants import GrantDraft
from keystore.serializers import (
    CONVERSATION_KEY_SIZE,
    PreviousKeySerializer,
    RosterEntrySerializer,
    UserKeysSerializer,
    serialize_grant,
    serialize_previous_key,
    serialize_roster_entry,
)

MAX_MESSAGE_SIZE = 1 << 20
MAX_META_SIZE = 1 << 14
MAX_GRANTS = 1000
"""A new epoch brings one to each of 200 people; an invitation one for each unbroken piece of the history."""
PAGE_SIZE = 50
MAX_PAGE_SIZE = 200
_STREAM_SECRET_SIZE = REPLY_SECRET_SIZE + ENC_SIZE


class CreateConversationSerializer(StrictSerializer):
    """A new conversation."""

    conversation_id = IdField()
    roster = SignedSerializer()
    grant = GrantSerializer()

    def to_grant(self, user_id: UUID) -> GrantDraft:
        """The validated grant, of the first epoch to its maker."""
        grant = self.validated_data["grant"]
        return GrantDraft(user_id=user_id, epoch=0, signed=to_signed(grant), wrapped=grant["wrapped"])


class SendMessageSerializer(StrictSerializer):
    """A new message."""

    message_id = IdField()
    epoch = CountField()
    seq = CountField(least=1)
    prev_hash = FixedBytesField(HASH_SIZE)
    created_ms = CountField()
    envelope = EnvelopeField(Kind.MESSAGE, plain_min=256, plain_max=MAX_MESSAGE_SIZE)
    signature = FixedBytesField(SIGNATURE_SIZE)

    def to_draft(self) -> MessageDraft:
        """The validated message."""
        return MessageDraft(**self.validated_data)


class WriteMetaSerializer(StrictSerializer):
    """The next version of title and settings."""

    meta_version = CountField(least=1)
    epoch = CountField()
    envelope = EnvelopeField(Kind.META, plain_min=256, plain_max=MAX_META_SIZE)
    signature = FixedBytesField(SIGNATURE_SIZE)

    def to_draft(self) -> MetaDraft:
        """The validated meta."""
        return MetaDraft(**self.validated_data)


class AddressedGrantSerializer(GrantSerializer):
    """A grant with its place."""

    user_id = IdField()
    epoch = CountField()


class ChangeRosterSerializer(StrictSerializer):
    """A roster entry with what comes with it."""

    entry = SignedSerializer()
    grants: "serializers.ListSerializer[Any]" = serializers.ListSerializer(
        child=AddressedGrantSerializer(), max_length=MAX_GRANTS
    )
    previous = EnvelopeField(
        Kind.PREV, plain_min=CONVERSATION_KEY_SIZE, plain_max=CONVERSATION_KEY_SIZE, allow_null=True
    )
    meta = WriteMetaSerializer(allow_null=True)

    def to_draft(self) -> RosterDraft:
        """The validated change."""
        parsed = self.validated_data
        return RosterDraft(
            entry=to_signed(parsed["entry"]),
            grants=[
                GrantDraft(grant["user_id"], grant["epoch"], to_signed(grant), grant["wrapped"])
                for grant in parsed["grants"]
            ],
            previous=parsed["previous"],
            meta=None if parsed["meta"] is None else MetaDraft(**parsed["meta"]),
        )


class HeadSerializer(StrictSerializer):
    """The newest message of a conversation."""

    position = CountField()
    envelope_hash = FixedBytesField(HASH_SIZE)


class MetaSerializer(WriteMetaSerializer):
    """Title and settings as stored."""

    author_id = IdField()


class ConversationSerializer(StrictSerializer):
    """A conversation with all that its reader needs to open it."""

    id = IdField()
    epoch = CountField()
    epoch_position = CountField()
    created_ms = CountField()
    updated_ms = CountField()
    head = HeadSerializer(allow_null=True)
    roster = RosterEntrySerializer(many=True)
    grants = GrantSerializer(many=True)
    previous = PreviousKeySerializer(many=True)
    meta = MetaSerializer(allow_null=True)


class PeopleSerializer(StrictSerializer):
    """The keys of those who are or were in a conversation."""

    people = UserKeysSerializer(many=True)


class ConversationPageSerializer(StrictSerializer):
    """A page of conversations."""

    conversations = ConversationSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class MessageSerializer(SendMessageSerializer):
    """A message as stored."""

    position = CountField(least=1)
    sender_id = IdField()


class MessagePageSerializer(StrictSerializer):
    """A page of messages, oldest first."""

    messages = MessageSerializer(many=True)
    more = serializers.BooleanField()
    head = HeadSerializer(allow_null=True)


class PositionSerializer(StrictSerializer):
    """Where a message stands."""

    position = CountField(least=1)


class StreamSerializer(StrictSerializer):
    """A reply on its way."""

    stream_id = IdField()
    epoch = CountField()
    sender_id = IdField()
    stream_env = EnvelopeField(Kind.STREAM, plain_min=_STREAM_SECRET_SIZE, plain_max=_STREAM_SECRET_SIZE)
    created_ms = CountField()
    ended = serializers.BooleanField()


class StreamsSerializer(StrictSerializer):
    """Replies on their way."""

    streams = StreamSerializer(many=True)


class GatewayConfigSerializer(SignedSerializer):
    """The gateway's signed key config."""

    identity = FixedBytesField(32)
    key_id = FixedBytesField(8)
    hpke_pub = FixedBytesField(32)
    not_after_ms = CountField()
    models = BytesField(min_size=2, max_size=1 << 16)


class QueryNumberField(serializers.IntegerField):
    """A whole number in a query string."""

    def __init__(self, *, least: int, most: int = MAX_SAFE_INTEGER, **kwargs: Any) -> None:
        super().__init__(min_value=least, max_value=most, required=False, **kwargs)


class ListQuerySerializer(StrictSerializer):
    """Which page of conversations."""

    cursor = serializers.CharField(required=False, max_length=64)
    limit = QueryNumberField(least=1, most=MAX_PAGE_SIZE, default=PAGE_SIZE)

    def validate_cursor(self, cursor: str) -> Activity:
        """Reads what `serialize_cursor` wrote."""
        try:
            raw = decode_b64u(cursor)
        except EncodingError as error:
            raise serializers.ValidationError("This is no cursor.") from error
        return parse_cursor(raw)


class MessagesQuerySerializer(StrictSerializer):
    """Which page of messages."""

    before = QueryNumberField(least=1)
    after = QueryNumberField(least=0)
    limit = QueryNumberField(least=1, most=MAX_PAGE_SIZE, default=PAGE_SIZE)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """One direction at a time."""
        if "before" in attrs and "after" in attrs:
            raise serializers.ValidationError("Ask for messages before or after a position, not both.")
        return attrs


def serialize_head(conversation: Conversation) -> dict[str, Any] | None:
    """The newest message's position and hash."""
    if conversation.head_hash is None:
        return None
    return {"position": conversation.head_position, "envelope_hash": encode_b64u(conversation.head_hash)}


def serialize_meta(meta: Meta) -> dict[str, Any]:
    """Title and settings, sealed."""
    return {
        "meta_version": meta.meta_version,
        "epoch": meta.epoch,
        "author_id": str(meta.author_id),
        "envelope": encode_b64u(meta.envelope),
        "signature": encode_b64u(meta.signature),
    }


def serialize_conversation(view: ConversationView) -> dict[str, Any]:
    """A conversation with all that its reader needs to open it."""
    conversation = view.conversation
    return {
        "id": str(conversation.pk),
        "epoch": conversation.epoch,
        "epoch_position": conversation.epoch_position,
        "created_ms": conversation.created_ms,
        "updated_ms": conversation.updated_ms,
        "head": serialize_head(conversation) if view.may_read else None,
        "roster": [serialize_roster_entry(entry) for entry in view.roster],
        "grants": [serialize_grant(grant) for grant in view.grants],
        "previous": [serialize_previous_key(key) for key in view.previous] if view.may_read else [],
        "meta": None if view.meta is None else serialize_meta(view.meta),
    }


def serialize_message(row: Sequence[Any]) -> dict[str, Any]:
    """A row of `MESSAGE_COLUMNS`."""
    position, message_id, sender_id, epoch, seq, prev_hash, created_ms, envelope, signature = row
    return {
        "position": position,
        "message_id": str(message_id),
        "sender_id": str(sender_id),
        "epoch": epoch,
        "seq": seq,
        "prev_hash": encode_b64u(prev_hash),
        "created_ms": created_ms,
        "envelope": encode_b64u(envelope),
        "signature": encode_b64u(signature),
    }


def serialize_messages(page: MessagePage) -> dict[str, Any]:
    """A page of messages."""
    return {
        "messages": [serialize_message(row) for row in page.rows],
        "more": page.more,
        "head": serialize_head(page.conversation),
    }


def serialize_stream(stream: Stream) -> dict[str, Any]:
    """A reply on its way."""
    return {
        "stream_id": str(stream.pk),
        "epoch": stream.epoch,
        "sender_id": str(stream.sender_id),
        "stream_env": encode_b64u(stream.stream_env),
        "created_ms": stream.created_ms,
        "ended": stream.ended,
    }


def serialize_cursor(conversation: Conversation) -> str:
    """Where the next page of conversations goes on."""
    return encode_b64u(conversation.updated_ms.to_bytes(8, "big") + conversation.pk.bytes)


def parse_cursor(raw: bytes) -> Activity:
    """Reads a cursor's 24 bytes."""
    updated_ms = int.from_bytes(raw[:8], "big")
    if len(raw) != 24 or updated_ms > MAX_SAFE_INTEGER:
        raise serializers.ValidationError("This is no cursor.")
    return Activity(updated_ms=updated_ms, conversation_id=UUID(bytes=raw[8:]))
