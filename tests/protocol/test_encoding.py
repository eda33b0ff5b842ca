"""Contexts, length prefixes, base64url and UUIDs (docs/protocol.md section 1; A29, A42)."""

import unicodedata
from uuid import UUID

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from balon.protocol.encoding import (
    decode_b64u,
    encode_b64u,
    encode_context,
    encode_field,
    encode_u32,
    encode_u64,
    parse_context,
    parse_prefixed,
    parse_uuid,
    serialize_prefixed,
)
from balon.protocol.errors import EncodingError

USER = UUID("018f0000-0000-7000-8000-000000000001")
VALUES = {
    UUID: st.uuids(),
    int: st.integers(0, 2**64 - 1),
    str: st.text(st.characters(codec="utf-8")),
    bytes: st.binary(),
}
LABELS = st.text("abcdefghijklmnopqrstuvwxyz-/", max_size=12)


@st.composite
def typed_pairs(draw):
    """Two tuples of fields of the same types."""
    types = draw(st.lists(st.sampled_from(list(VALUES)), max_size=6))
    fields = st.tuples(*[VALUES[kind] for kind in types])
    return types, draw(fields), draw(fields)


def composed(fields):
    return tuple(unicodedata.normalize("NFC", field) if isinstance(field, str) else field for field in fields)


@given(typed_pairs())
def test_two_contexts_of_a_label_are_equal_only_if_their_fields_are(pair):
    _, one, other = pair
    assert (encode_context("x", *one) == encode_context("x", *other)) is (composed(one) == composed(other))


@given(LABELS, LABELS, st.lists(st.binary(max_size=8), max_size=6), st.lists(st.binary(max_size=8), max_size=6))
@example("x", "x", [b"ab", b"c"], [b"a", b"bc"])
@example("x", "x", [b"abc"], [b"abc", b""])
@example("x", "x", [], [b""])
@example("a", "ab", [b"bc"], [b"c"])
@example("x", "x", [b"\x00\x00\x00\x01a"], [b"", b"a"])
def test_neither_label_nor_number_nor_borders_of_fields_can_be_shifted(label, other_label, fields, other_fields):
    assume((label, fields) != (other_label, other_fields))
    assert encode_context(label, *fields) != encode_context(other_label, *other_fields)


@given(typed_pairs())
def test_a_context_parses_to_its_fields(pair):
    types, fields, _ = pair
    encoded = encode_context("x", *fields)
    assert tuple(parse_context("x", types, encoded)) == composed(fields)


@given(typed_pairs(), st.binary(max_size=200))
def test_what_parses_as_a_context_is_the_one_encoding_of_its_fields(pair, noise):
    types, fields, _ = pair
    encoded = encode_context("x", *fields)
    for candidate in (noise, encoded + noise, noise + encoded):
        try:
            parsed = parse_context("x", types, candidate)
        except EncodingError:
            continue
        assert encode_context("x", *parsed) == candidate


@pytest.mark.parametrize("value", [None, True, False, 1.0, bytearray(b"x"), memoryview(b"x"), ["x"], ("x",), {}])
def test_a_field_of_another_type_is_a_type_error(value):
    with pytest.raises(TypeError):
        encode_context("x", value)


@pytest.mark.parametrize("value", [-1, 2**64, -(2**64)])
def test_a_number_out_of_range_is_refused(value):
    with pytest.raises(EncodingError, match="8 bytes"):
        encode_field(value)


@pytest.mark.parametrize("value", [-1, 2**32])
def test_a_length_out_of_range_is_refused(value):
    with pytest.raises(EncodingError, match="4 bytes"):
        encode_u32(value)


def test_numbers_are_big_endian():
    assert encode_u32(0x01020304) == bytes([1, 2, 3, 4])
    assert encode_u64(0x0102030405060708) == bytes([1, 2, 3, 4, 5, 6, 7, 8])


def test_text_without_a_utf8_form_is_refused():
    with pytest.raises(EncodingError, match="UTF-8"):
        encode_context("x", "\ud800")


TWO_FIELDS = encode_context("x", 1, "a")
MALFORMED_CONTEXTS = {
    "empty": (b"", "no x statement"),
    "another label": (encode_context("y", 1, "a"), "no x statement"),
    "a longer label": (encode_context("xx", 1, "a"), "no x statement"),
    "a label without its prefix": (serialize_prefixed(b"x", encode_u64(1), b"a"), "no x statement"),
    "a field less": (encode_context("x", 1), "2 fields"),
    "a field more": (encode_context("x", 1, "a", b""), "2 fields"),
    "cut in a field": (TWO_FIELDS[:-1], "cut short"),
    "cut in a length": (TWO_FIELDS[:-3], "cut short"),
    "a byte behind": (TWO_FIELDS + b"\x00", "cut short"),
    "a length of 2^32 - 1": (TWO_FIELDS[:-5] + b"\xff\xff\xff\xffa", "cut short"),
    "a number of 4 bytes": (encode_context("x", encode_u32(1), "a"), "8 bytes has 4"),
    "a number of 9 bytes": (encode_context("x", b"\x00" + encode_u64(1), "a"), "8 bytes has 9"),
    "text that is no UTF-8": (encode_context("x", 1, b"\xff"), "not UTF-8"),
    "text in overlong UTF-8": (encode_context("x", 1, b"\xc0\xa1"), "not UTF-8"),
    "text that is not composed": (encode_context("x", 1, "e\u0301".encode()), "NFC"),
}


@pytest.mark.parametrize("name", MALFORMED_CONTEXTS)
def test_a_malformed_context_is_refused(name):
    encoded, reason = MALFORMED_CONTEXTS[name]
    with pytest.raises(EncodingError, match=reason):
        parse_context("x", (int, str), encoded)


@pytest.mark.parametrize("size", [0, 8, 15, 17, 32])
def test_a_uuid_field_has_16_bytes(size):
    with pytest.raises(EncodingError, match=f"16 bytes has {size}"):
        parse_context("x", (UUID,), encode_context("x", bytes(size)))


@given(st.lists(st.binary()))
def test_prefixed_parts_parse_to_themselves(parts):
    assert parse_prefixed(serialize_prefixed(*parts)) == parts


@given(st.binary())
def test_what_parses_as_prefixed_parts_is_their_one_serialization(noise):
    try:
        parts = parse_prefixed(noise)
    except EncodingError:
        return
    assert serialize_prefixed(*parts) == noise


@given(st.binary())
def test_base64url_decodes_to_what_was_encoded(value):
    assert decode_b64u(encode_b64u(value)) == value


@given(st.text("AQgw-_=+/ \n", max_size=12) | st.text(max_size=12))
def test_base64url_has_one_form_only(text):
    try:
        value = decode_b64u(text)
    except EncodingError:
        return
    assert encode_b64u(value) == text


@pytest.mark.parametrize(
    "text",
    [
        "A",
        "AAAAA",
        "AA=",
        "AA==",
        "AB",
        "AAB",
        "A+AA",
        "A/AA",
        "AA\n",
        " AA",
        "A A",
        "AAé",
        "AA\x00",
        "\uff21\uff21",
        b"AA",
        None,
    ],
    ids=repr,
)
def test_base64url_that_is_not_canonical_is_refused(text):
    with pytest.raises(EncodingError, match="base64url"):
        decode_b64u(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        str(USER).upper(),
        str(USER).replace("-", ""),
        f"{{{USER}}}",
        f"urn:uuid:{USER}",
        f"{USER}\n",
        f" {USER}",
        str(USER)[:-1],
        str(USER).replace("0", "\u0660", 1),
        USER,
        None,
    ],
    ids=repr,
)
def test_a_uuid_has_one_text_form_only(text):
    with pytest.raises(EncodingError, match="UUID"):
        parse_uuid(text)


@given(st.uuids())
def test_a_uuid_reads_back(value):
    assert parse_uuid(str(value)) == value
