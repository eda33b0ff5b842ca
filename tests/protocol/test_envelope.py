"""The envelope: layout, padding, and that nothing in it can be changed, cut or moved (section 3; A10, A15, A28, A42)."""

import ast
import inspect
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balon.protocol.envelope import (
    MIN_SIZE,
    PADDED_KINDS,
    Kind,
    pad,
    parse_envelope,
    serialize_envelope,
    serialize_header,
    unpad,
)
from balon.protocol.errors import EnvelopeError
from balon_client.errors import DecryptionError
from tests.client.doubles import envelopes
from tests.client.doubles.envelopes import open_envelope, seal_envelope
from tests.protocol.places import PLACES

ROOT = bytes(range(32))
SALT = bytes(range(32, 64))
FIXED = b"BLN\x01\x01\x04\x00\x00"


def seal(place, root=ROOT):
    return seal_envelope(root, place.kind, place.context, b"plaintext", SALT)


def opens(kind, context, envelope, root=ROOT) -> bool:
    try:
        open_envelope(root, kind, context, envelope)
    except DecryptionError:
        return False
    return True


def by_kind(place):
    return place.kind.name


@pytest.mark.parametrize("place", PLACES, ids=by_kind)
def test_two_flips_of_every_byte_are_refused(place):
    envelope = seal(place)
    assert opens(place.kind, place.context, envelope)
    for position in range(len(envelope)):
        for bit in (1 << position % 8, 1 << (position + 3) % 8):
            changed = bytearray(envelope)
            changed[position] ^= bit
            assert not opens(place.kind, place.context, bytes(changed)), (position, bit)


@pytest.mark.parametrize("place", PLACES, ids=by_kind)
def test_every_truncation_and_any_extension_is_refused(place):
    envelope = seal(place)
    cut = [envelope[:size] for size in range(len(envelope))] + [envelope[size:] for size in range(1, len(envelope))]
    for changed in [*cut, envelope + b"\x00", b"\x00" + envelope, envelope + envelope]:
        assert not opens(place.kind, place.context, changed), len(changed)


@pytest.mark.parametrize("place", PLACES, ids=by_kind)
def test_an_envelope_opens_in_no_place_that_differs_in_a_field(place):
    envelope = seal(place)
    opened = [name for name, context in place.neighbours() if opens(place.kind, context, envelope)]
    assert opened == []


@pytest.mark.parametrize("place", PLACES, ids=by_kind)
def test_an_envelope_made_for_a_place_nearby_does_not_open(place):
    for name, context in place.neighbours():
        envelope = seal_envelope(ROOT, place.kind, context, b"plaintext", SALT)
        assert opens(place.kind, context, envelope)
        assert not opens(place.kind, place.context, envelope), name


def test_no_envelope_opens_in_the_place_of_another_kind():
    pairs = list(permutations(PLACES, 2))
    assert len(pairs) == 110
    for made, wanted in pairs:
        assert not opens(wanted.kind, wanted.context, seal(made)), (made.kind, wanted.kind)


def test_neither_the_kind_alone_nor_the_context_alone_can_be_swapped():
    for made, wanted in permutations(PLACES, 2):
        envelope = seal(made)
        relabelled = envelope[:5] + bytes([wanted.kind]) + envelope[6:]
        assert not opens(wanted.kind, made.context, envelope)
        assert not opens(made.kind, wanted.context, envelope)
        assert not opens(wanted.kind, made.context, relabelled)


def test_another_key_opens_nothing():
    for place in PLACES:
        assert not opens(place.kind, place.context, seal(place), bytes(32))


WRONG_STARTS = {
    "magic": b"bln\x01\x01k\x00\x00",
    "version 0": b"BLN\x00\x01k\x00\x00",
    "version 2": b"BLN\x02\x01k\x00\x00",
    "suite 0": b"BLN\x01\x00k\x00\x00",
    "suite 2": b"BLN\x01\x02k\x00\x00",
    "suite 255": b"BLN\x01\xffk\x00\x00",
    "low flag": b"BLN\x01\x01k\x00\x01",
    "high flag": b"BLN\x01\x01k\x80\x00",
    "kind 0": b"BLN\x01\x01\x00\x00\x00",
    "kind 12": b"BLN\x01\x01\x0c\x00\x00",
}


@pytest.mark.parametrize("place", PLACES, ids=by_kind)
@pytest.mark.parametrize("wrong", WRONG_STARTS)
def test_another_magic_version_suite_kind_or_flags_are_refused_before_any_key_is_used(place, wrong):
    """There is nothing to downgrade to: the layout itself refuses (A15)."""
    changed = WRONG_STARTS[wrong].replace(b"k", bytes([place.kind])) + seal(place)[8:]
    with pytest.raises(EnvelopeError, match="not the expected one"):
        parse_envelope(place.kind, changed)
    assert not opens(place.kind, place.context, changed)


@pytest.mark.parametrize("size", [0, 1, 8, 88, 103])
def test_a_short_envelope_is_refused(size):
    with pytest.raises(EnvelopeError, match="too short"):
        parse_envelope(Kind.MESSAGE, (FIXED + bytes(200))[:size])


def test_the_shortest_envelope_has_104_bytes():
    assert len(seal_envelope(ROOT, Kind.STREAM, b"", b"", SALT)) == MIN_SIZE == 104


@given(st.sampled_from(Kind), st.binary(min_size=16, max_size=16), st.binary(min_size=48, max_size=300))
def test_an_envelope_parses_to_its_parts(kind, kid, rest):
    salt, commit, ciphertext = rest[:32], bytes(32), rest[32:]
    envelope = serialize_envelope(serialize_header(kind, kid, salt), commit, ciphertext)
    parts = parse_envelope(kind, envelope)
    assert (parts.kid, parts.salt, parts.commit, parts.ciphertext) == (kid, salt, commit, ciphertext)
    assert serialize_envelope(parts.header, parts.commit, parts.ciphertext) == envelope


@given(st.sampled_from(Kind), st.binary(max_size=300), st.booleans())
def test_noise_is_refused_and_nothing_else_happens(kind, noise, with_header):
    envelope = serialize_header(kind, bytes(16), bytes(32)) + noise if with_header else noise
    with pytest.raises(DecryptionError):
        open_envelope(ROOT, kind, b"context", envelope)
    try:
        parse_envelope(kind, envelope)
    except EnvelopeError:
        assert not with_header or len(envelope) < MIN_SIZE


@given(st.binary(max_size=600), st.sampled_from([64, 256]))
def test_padding_comes_off_again_and_fills_the_block(plaintext, block):
    padded = pad(plaintext, block)
    assert len(padded) % block == 0
    assert 1 <= len(padded) - len(plaintext) <= block
    assert unpad(padded, block) == plaintext


@given(st.binary(max_size=600), st.sampled_from([64, 256]))
def test_what_unpads_is_the_one_padding_of_it(padded, block):
    for candidate in (padded, padded + b"\x80" + bytes(-(len(padded) + 1) % block)):
        try:
            plaintext = unpad(candidate, block)
        except EnvelopeError:
            continue
        assert pad(plaintext, block) == candidate


@pytest.mark.parametrize(
    "padded",
    [b"", b"\x80", bytes(256), b"x" * 256, b"\x80" + bytes(256), b"\x80" + bytes(511), b"\x81" + bytes(255)],
    ids=["empty", "no block", "zeros", "no marker", "a byte too many", "a block too many", "another marker"],
)
def test_bad_padding_is_refused(padded):
    with pytest.raises(EnvelopeError, match="padding"):
        unpad(padded)


@pytest.mark.parametrize("kind", sorted(PADDED_KINDS))
def test_sizes_of_padded_kinds_take_few_values(kind):
    sizes = {len(seal_envelope(ROOT, kind, b"", bytes(size), SALT)) for size in range(512)}
    assert sizes == {88 + 256 + 16, 88 + 512 + 16}


def test_the_commitment_is_compared_in_constant_time():
    """A46, for the double; tests/contract/test_sources.py looks at the browser's composition."""
    calls = [node for node in ast.walk(ast.parse(inspect.getsource(envelopes))) if isinstance(node, ast.Call)]
    assert any(ast.unparse(call).startswith("hmac.compare_digest(") for call in calls)
