"""Strict fields of the wire (docs/api.md): one canonical text for each value, sizes checked, nothing unknown let in."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.settings import api_settings

from balon.protocol.encoding import decode_b64u, encode_b64u, parse_uuid
from balon.protocol.envelope import MIN_SIZE, PADDED_KINDS, PADDING_BLOCK, Kind, parse_envelope
from balon.protocol.errors import EncodingError, EnvelopeError
from balon.protocol.statements import SIGNATURE_SIZE, WRAPPED_KEY_SIZE
from keystore.signatures import Signed

MAX_SAFE_INTEGER = 2**53 - 1
"""The largest integer that JavaScript counts exactly."""
MAX_STATEMENT_SIZE = 4096


@extend_schema_field({"type": "string", "format": "base64url", "pattern": "^[A-Za-z0-9_-]*$"})
class BytesField(serializers.Field[bytes, str, str, Any]):
    """Bytes as canonical base64url without padding, of `min_size` to `max_size` bytes."""

    default_error_messages: ClassVar[dict[str, Any]] = {
        "encoding": "This is not canonical base64url without padding.",
        "size": "This does not have the right number of bytes.",
    }

    def __init__(self, *, min_size: int, max_size: int, **kwargs: Any) -> None:
        self.min_size = min_size
        self.max_size = max_size
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> bytes:
        """Decodes and checks the size, the text's before it is decoded."""
        if isinstance(data, str) and len(data) > (self.max_size * 4 + 2) // 3:
            self.fail("size")
        try:
            value = decode_b64u(data)
        except EncodingError:
            self.fail("encoding")
        if not self.min_size <= len(value) <= self.max_size:
            self.fail("size")
        return value

    def to_representation(self, value: bytes) -> str:
        """Encodes."""
        return encode_b64u(value)


class FixedBytesField(BytesField):
    """Bytes of exactly one size."""

    def __init__(self, size: int, **kwargs: Any) -> None:
        super().__init__(min_size=size, max_size=size, **kwargs)


class EnvelopeField(BytesField):
    """A sealed envelope of one kind (docs/protocol.md section 3): header and size are checked, nothing is opened.

    `plain_min` and `plain_max` bound the plaintext, with its padding where the kind is padded.
    """

    default_error_messages: ClassVar[dict[str, Any]] = {"envelope": "This is not an envelope of the expected kind."}

    def __init__(self, kind: Kind, *, plain_min: int, plain_max: int, **kwargs: Any) -> None:
        self.kind = kind
        super().__init__(min_size=MIN_SIZE + plain_min, max_size=MIN_SIZE + plain_max, **kwargs)

    def to_internal_value(self, data: Any) -> bytes:
        """Decodes and checks the layout."""
        envelope = super().to_internal_value(data)
        try:
            parse_envelope(self.kind, envelope)
        except EnvelopeError:
            self.fail("envelope")
        if self.kind in PADDED_KINDS and (len(envelope) - MIN_SIZE) % PADDING_BLOCK:
            self.fail("envelope")
        return envelope


@extend_schema_field({"type": "string", "format": "uuid"})
class IdField(serializers.Field[UUID, str, str, Any]):
    """A UUID in lower case with dashes; `version` restricts which."""

    default_error_messages: ClassVar[dict[str, Any]] = {"invalid": "This is not a UUID in canonical form."}

    def __init__(self, *, version: int | None = None, **kwargs: Any) -> None:
        self.version = version
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> UUID:
        """Reads the one canonical form."""
        try:
            value = parse_uuid(data)
        except EncodingError:
            self.fail("invalid")
        if self.version is not None and value.version != self.version:
            self.fail("invalid")
        return value

    def to_representation(self, value: UUID) -> str:
        """Lower case with dashes."""
        return str(value)


@extend_schema_field({"type": "integer", "minimum": 0, "maximum": MAX_SAFE_INTEGER})
class CountField(serializers.Field[int, int, int, Any]):
    """A whole number from `least` up to JavaScript's largest exact one; no floats, texts or booleans."""

    default_error_messages: ClassVar[dict[str, Any]] = {"invalid": "This is not a whole number in the allowed range."}

    def __init__(self, *, least: int = 0, **kwargs: Any) -> None:
        self.least = least
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> int:
        """Takes integers only."""
        if type(data) is not int or not self.least <= data <= MAX_SAFE_INTEGER:
            self.fail("invalid")
        return data

    def to_representation(self, value: int) -> int:
        """As it is."""
        return value


class TextField(serializers.CharField):
    """A text, as it is: nothing is stripped, and no number or boolean is taken for one."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(trim_whitespace=False, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        """Takes texts only."""
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class StrictSerializer(serializers.Serializer[Any]):
    """A shape that refuses members it does not know."""

    default_error_messages: ClassVar[dict[str, Any]] = {"unknown": "A member is not known here."}

    def to_internal_value(self, data: Any) -> Any:
        """Checks for unknown members first."""
        if isinstance(data, dict) and not set(data) <= set(self.fields):
            raise serializers.ValidationError({api_settings.NON_FIELD_ERRORS_KEY: [self.error_messages["unknown"]]})
        return super().to_internal_value(data)


class SignedSerializer(StrictSerializer):
    """A signed statement as it travels."""

    statement = BytesField(min_size=16, max_size=MAX_STATEMENT_SIZE)
    signature = FixedBytesField(SIGNATURE_SIZE)


class GrantSerializer(SignedSerializer):
    """A grant as it travels."""

    wrapped = FixedBytesField(WRAPPED_KEY_SIZE)


def to_signed(parsed: dict[str, Any]) -> Signed:
    """The validated members of `SignedSerializer` as the type of the services."""
    return Signed(statement=parsed["statement"], signature=parsed["signature"])
