"""Bytes, identifiers and numbers of the wire have one form each (threat A42)."""

import base64
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework import serializers

from balon.protocol.encoding import encode_b64u
from balon.protocol.envelope import Kind
from keystore.fields import BytesField, CountField, EnvelopeField, IdField, StrictSerializer
from tests.keys import envelope

GOOD = envelope(Kind.MESSAGE)
FIELD = EnvelopeField(Kind.MESSAGE, plain_min=256, plain_max=1024)


def changed(index: int, value: int) -> bytes:
    return GOOD[:index] + bytes([value]) + GOOD[index + 1 :]


def test_takes_an_envelope():
    assert FIELD.run_validation(encode_b64u(GOOD)) == GOOD


ENVELOPES: dict[str, Any] = {
    "empty": b"",
    "another prefix": changed(0, 0x62),
    "version 0": changed(3, 0),
    "version 2": changed(3, 2),
    "suite 0": changed(4, 0),
    "suite 2": changed(4, 2),
    "another kind": changed(5, 5),
    "kind 0": changed(5, 0),
    "flags": changed(7, 1),
    "high flags": changed(6, 0x80),
    "a byte too few": GOOD[:-1],
    "a byte too many": GOOD + b"\0",
    "the header alone": GOOD[:88],
    "plaintext below the least": envelope(Kind.MESSAGE, 0),
    "plaintext above the most": envelope(Kind.MESSAGE, 1280),
}


@pytest.mark.parametrize("case", ENVELOPES)
def test_refuses_an_envelope_with(case: str):
    with pytest.raises(serializers.ValidationError):
        FIELD.run_validation(encode_b64u(ENVELOPES[case]))


TEXTS: dict[str, Any] = {
    "padding": encode_b64u(GOOD) + "=",
    "standard base64": base64.b64encode(b"\xff" * 360).decode(),
    "a line break": encode_b64u(GOOD)[:100] + "\n" + encode_b64u(GOOD)[100:],
    "a trailing line break": encode_b64u(GOOD) + "\n",
    "spare bits": "AB",
    "letters beyond ASCII": "é" * 480,
    "a surrogate": "\ud800" * 480,
    "a list": [1, 2],
    "a number": 5,
    "bytes": GOOD,
    "null": None,
    "true": True,
    "16 MiB of text": "A" * (1 << 24),
}


@pytest.mark.parametrize("case", TEXTS)
def test_refuses_text_with(case: str):
    with pytest.raises(serializers.ValidationError):
        FIELD.run_validation(TEXTS[case])


@given(st.binary(max_size=64))
def test_bytes_have_one_text(value: bytes):
    field = BytesField(min_size=0, max_size=64)
    assert field.run_validation(encode_b64u(value)) == value


@given(st.text(max_size=32))
def test_any_text_is_refused_or_canonical(text: str):
    field = BytesField(min_size=0, max_size=64)
    try:
        value = field.run_validation(text)
    except serializers.ValidationError:
        return
    assert encode_b64u(value) == text


@pytest.mark.parametrize("value", [0, -1, 2**53, 1.0, "1", True, None, [], float("nan")])
def test_refuses_as_a_number_from_1(value: Any):
    with pytest.raises(serializers.ValidationError):
        CountField(least=1).run_validation(value)


KNOWN = "018f0000-0000-7000-8000-00000000000a"


@pytest.mark.parametrize(
    "value",
    [
        KNOWN.upper(), KNOWN.replace("-", ""), "{" + KNOWN + "}", f"urn:uuid:{KNOWN}", KNOWN + " ", KNOWN + "\n", "",
        None, 5, uuid.UUID(KNOWN).bytes,
    ],
)  # fmt: skip
def test_refuses_as_an_identifier(value: Any):
    with pytest.raises(serializers.ValidationError):
        IdField().run_validation(value)


def test_a_shape_refuses_members_that_it_does_not_know():
    class Shape(StrictSerializer):
        number = CountField()

    assert Shape(data={"number": 1}).is_valid()
    assert not Shape(data={"number": 1, "other": 1}).is_valid()
    assert not Shape(data=[1]).is_valid()
