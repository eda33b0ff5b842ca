"""Encodings of docs/protocol.md section 1: integers, length prefixes, contexts, base64url, UUIDs."""

import base64
import binascii
import re
import unicodedata
from collections.abc import Sequence
from uuid import UUID

from balon.protocol.errors import EncodingError
from balon.protocol.types import Statement

Field = UUID | int | str | bytes
FieldType = type[UUID] | type[int] | type[str] | type[bytes]

ZERO_HASH = bytes(32)
"""Stands for "nothing before this": 32 zero bytes."""

NIL_UUID = UUID(int=0)
"""Stands for "no target" in a roster entry."""

_LABEL_PREFIX = "balon/v1/"
_B64U = re.compile(r"[A-Za-z0-9_-]*\Z")
_UUID_TEXT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")


def encode_u32(value: int) -> bytes:
    """Encodes an integer as 4 bytes, big endian.

    Raises:
        EncodingError: The value is negative or does not fit.
    """
    return _encode_unsigned(value, 4)


def encode_u64(value: int) -> bytes:
    """Encodes an integer as 8 bytes, big endian.

    Raises:
        EncodingError: The value is negative or does not fit.
    """
    return _encode_unsigned(value, 8)


def _encode_unsigned(value: int, size: int) -> bytes:
    try:
        return value.to_bytes(size, "big")
    except OverflowError as error:
        raise EncodingError(f"Not an unsigned integer of {size} bytes.") from error


def serialize_prefixed(*parts: bytes) -> bytes:
    """Joins parts, each behind its length: LP(b) = u32(len(b)) || b."""
    return b"".join(encode_u32(len(part)) + part for part in parts)


def parse_prefixed(encoded: bytes) -> list[bytes]:
    """Splits length-prefixed parts; the inverse of `serialize_prefixed`.

    Raises:
        EncodingError: A length reaches beyond the end, or bytes are left over.
    """
    parts: list[bytes] = []
    offset = 0
    while offset < len(encoded):
        start = offset + 4
        end = start + int.from_bytes(encoded[offset:start], "big")
        if start > len(encoded) or end > len(encoded):
            raise EncodingError("A length-prefixed part is cut short.")
        parts.append(encoded[start:end])
        offset = end
    return parts


def encode_field(value: Field) -> bytes:
    """Encodes one field of a context: UUID 16 bytes, int 8 bytes, str UTF-8 of NFC, bytes as they are.

    Raises:
        TypeError: Any other type, bool included.
        EncodingError: An integer out of range, or text that has no UTF-8 form.
    """
    if isinstance(value, UUID):
        return value.bytes
    if isinstance(value, int) and not isinstance(value, bool):
        return encode_u64(value)
    if isinstance(value, str):
        return encode_text(unicodedata.normalize("NFC", value))
    if isinstance(value, bytes):
        return value
    raise TypeError(f"A context has no encoding for {type(value).__name__}.")


def encode_text(text: str) -> bytes:
    """Encodes text as UTF-8.

    Raises:
        EncodingError: The text holds a lone surrogate.
    """
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise EncodingError("The text has no UTF-8 form.") from error


def encode_context(label: str, *fields: Field) -> Statement:
    """Encodes a context: LP("balon/v1/" + label) || LP(enc(f1)) || … (docs/protocol.md section 1).

    The only encoder of associated data, HKDF info, OAEP labels and signed statements. Each label has exactly one list
    of fields; use the named functions of `contexts` and `statements` rather than this one.
    """
    label_bytes = (_LABEL_PREFIX + label).encode("ascii")
    return Statement(serialize_prefixed(label_bytes, *map(encode_field, fields)))


def parse_context(label: str, types: Sequence[FieldType], encoded: bytes) -> list[Field]:
    """Reads the fields of a context of a known label; the inverse of `encode_context`.

    Raises:
        EncodingError: Another label, another number of fields, or a field not in the canonical encoding of its type.
    """
    found, *parts = parse_prefixed(encoded) or [b""]
    if found != (_LABEL_PREFIX + label).encode("ascii"):
        raise EncodingError(f"This is no {label} statement.")
    if len(parts) != len(types):
        raise EncodingError(f"A {label} statement has {len(types)} fields.")
    return [_parse_field(kind, part) for kind, part in zip(types, parts, strict=True)]


def _parse_field(kind: FieldType, part: bytes) -> Field:
    if kind is bytes:
        return part
    if kind is str:
        return _parse_text(part)
    size = 16 if kind is UUID else 8
    if len(part) != size:
        raise EncodingError(f"A field of {size} bytes has {len(part)}.")
    return UUID(bytes=part) if kind is UUID else int.from_bytes(part, "big")


def _parse_text(part: bytes) -> str:
    try:
        text = part.decode()
    except UnicodeDecodeError as error:
        raise EncodingError("A text field is not UTF-8.") from error
    if unicodedata.normalize("NFC", text) != text:
        raise EncodingError("A text field is not in the NFC form.")
    return text


def encode_b64u(value: bytes) -> str:
    """Encodes bytes as base64url without padding (RFC 4648 section 5)."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode("ascii")


def decode_b64u(text: str) -> bytes:
    """Decodes canonical base64url without padding.

    Raises:
        EncodingError: Another alphabet, padding, white space, an impossible length, or bits set that encode nothing.
    """
    if not isinstance(text, str) or not _B64U.match(text):
        raise EncodingError("This is not base64url without padding.")
    try:
        value = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise EncodingError("This is not base64url without padding.") from error
    if encode_b64u(value) != text:
        raise EncodingError("This is not canonical base64url.")
    return value


def parse_uuid(text: str) -> UUID:
    """Reads a UUID in its one canonical text form: lower case with dashes.

    Raises:
        EncodingError: Any other text.
    """
    if not isinstance(text, str) or not _UUID_TEXT.match(text):
        raise EncodingError("This is not a UUID in canonical form.")
    return UUID(text)
