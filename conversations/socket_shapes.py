"""Wire shapes of the socket (docs/api.md): what a browser may send, and nothing else."""

import json
from typing import Any, ClassVar

from rest_framework import serializers

from balon.protocol.envelope import Kind
from balon.protocol.errors import FrameError
from balon.protocol.frames import ENC_SIZE, REPLY_SECRET_SIZE, SealedRequest
from conversations.streams import StreamDraft
from keystore.fields import MAX_SAFE_INTEGER, BytesField, CountField, EnvelopeField, IdField, StrictSerializer

MAX_SOCKET_MESSAGE = 3 << 19
"""1.5 MiB of text."""
MAX_REQUEST_SIZE = 1 << 20
_STREAM_SECRET_SIZE = REPLY_SECRET_SIZE + ENC_SIZE


class MalformedMessageError(Exception):
    """A socket message that is not of docs/api.md."""


class _RefField(serializers.Field[Any, Any, Any, Any]):
    """Whatever the browser tells its requests apart by: a short text or a whole number."""

    default_error_messages: ClassVar[dict[str, Any]] = {"invalid": "A ref is a short text or a whole number."}

    def to_internal_value(self, data: Any) -> str | int:
        """Takes texts of at most 64 characters and safe integers."""
        if type(data) is int and 0 <= data <= MAX_SAFE_INTEGER:
            return data
        if not isinstance(data, str) or len(data) > 64:
            self.fail("invalid")
        return data


class _SocketShape(StrictSerializer):
    type = serializers.CharField(max_length=16)


class InferShape(_SocketShape):
    """A sealed request for the gateway."""

    ref = _RefField()
    conversation_id = IdField()
    stream_id = IdField()
    epoch = CountField()
    request = BytesField(min_size=88, max_size=MAX_REQUEST_SIZE)
    stream_env = EnvelopeField(Kind.STREAM, plain_min=_STREAM_SECRET_SIZE, plain_max=_STREAM_SECRET_SIZE)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """The request names the same conversation and stream on its outside."""
        try:
            sealed = SealedRequest.parse(attrs["request"])
        except FrameError as error:
            raise serializers.ValidationError("This is no sealed request.") from error
        if (sealed.conversation_id, sealed.stream_id) != (attrs["conversation_id"], attrs["stream_id"]):
            raise serializers.ValidationError("The sealed request is of another stream.")
        return attrs

    def to_draft(self) -> StreamDraft:
        """The validated stream."""
        parsed = self.validated_data
        return StreamDraft(
            conversation_id=parsed["conversation_id"],
            stream_id=parsed["stream_id"],
            epoch=parsed["epoch"],
            stream_env=parsed["stream_env"],
        )


class _NumberField(CountField):
    """A frame number, or -1 for "none yet"."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(least=-1, **kwargs)


class SubscribeShape(_SocketShape):
    """Frames from a number on."""

    conversation_id = IdField()
    stream_id = IdField()
    after = _NumberField()


class UnsubscribeShape(_SocketShape):
    """No more frames."""

    stream_id = IdField()


class AckShape(_SocketShape):
    """How far the reader is."""

    stream_id = IdField()
    number = _NumberField()


class StopShape(_SocketShape):
    """The end of a reply."""

    conversation_id = IdField()
    stream_id = IdField()


class PresenceShape(_SocketShape):
    """Whether somebody is there, or writes."""

    conversation_id = IdField()
    state = serializers.ChoiceField(choices=("here", "typing", "away"))


class PingShape(_SocketShape):
    """A sign of life."""

    ref = _RefField()


SHAPES: dict[str, type[_SocketShape]] = {
    "infer": InferShape,
    "subscribe": SubscribeShape,
    "unsubscribe": UnsubscribeShape,
    "ack": AckShape,
    "stop": StopShape,
    "presence": PresenceShape,
    "ping": PingShape,
}


def parse_socket_message(text: str) -> _SocketShape:
    """Reads one message from a browser strictly.

    Raises:
        MalformedMessageError: It is not one of docs/api.md.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MalformedMessageError("The message is not JSON.") from error
    kind = content.get("type") if isinstance(content, dict) else None
    if not isinstance(kind, str) or kind not in SHAPES:
        raise MalformedMessageError("The message has no type that is known here.")
    shape = SHAPES[kind](data=content)
    if not shape.is_valid():
        raise MalformedMessageError("The message is not of the shape of its type.")
    return shape
