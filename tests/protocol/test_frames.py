"""Sealed requests and reply bodies, however the network cuts them (section 9; A42, A49)."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balon.protocol.errors import FrameError
from balon.protocol.frames import (
    FRAME_BLOCK,
    FRAME_OVERHEAD,
    MAX_FRAME_SIZE,
    ReplyReader,
    SealedRequest,
    encode_frame_nonce,
    pad_frame,
    serialize_frame,
    unpad_frame,
)
from balon.protocol.types import Ciphertext
from tests.protocol.kat import octets

NONCE = bytes(range(32))
FRAMES = st.lists(st.binary(min_size=FRAME_OVERHEAD + 1, max_size=300), max_size=6)
SMALLEST_REQUEST = 8 + 16 + 16 + 32 + 16


def body_of(frames):
    return NONCE + b"".join(serialize_frame(Ciphertext(frame)) for frame in frames)


@given(FRAMES, st.lists(st.integers(0, 2000)))
def test_a_body_reads_the_same_however_it_is_cut(frames, cuts):
    body, reader, seen = body_of(frames), ReplyReader(), []
    borders = sorted({min(cut, len(body)) for cut in cuts} | {0, len(body)})
    for start, end in pairwise(borders):
        seen += reader.feed(body[start:end])
    assert seen == [NONCE, *frames]
    assert reader.at_boundary


def test_a_body_reads_the_same_byte_by_byte():
    frames, reader = [b"x" * 17, b"y" * 300], ReplyReader()
    seen = [part for octet in body_of(frames) for part in reader.feed(bytes([octet]))]
    assert seen == [NONCE, *frames]


def test_a_body_that_was_cut_does_not_end_at_a_boundary():
    body = body_of([b"x" * 80, b"y" * 80])
    boundaries = set()
    for size in range(len(body) + 1):
        reader = ReplyReader()
        reader.feed(body[:size])
        if reader.at_boundary:
            boundaries.add(size)
    assert boundaries == {32, 32 + 84, 32 + 168}


@pytest.mark.parametrize("size", [0, 1, FRAME_OVERHEAD, MAX_FRAME_SIZE + 1, 2**31, 2**32 - 1])
def test_a_frame_of_impossible_length_is_refused_before_it_is_read(size):
    reader = ReplyReader()
    with pytest.raises(FrameError, match="impossible length"):
        reader.feed(NONCE + size.to_bytes(4, "big"))


@pytest.mark.parametrize("size", [FRAME_OVERHEAD + 1, MAX_FRAME_SIZE])
def test_frames_of_the_smallest_and_the_greatest_length_pass(size):
    assert ReplyReader().feed(body_of([bytes(size)])) == [NONCE, bytes(size)]


@given(st.lists(st.binary(max_size=200), max_size=8))
def test_noise_is_frames_or_an_error_of_frames(chunks):
    reader, seen = ReplyReader(), []
    try:
        for chunk in chunks:
            seen += reader.feed(chunk)
    except FrameError:
        return
    whole = b"".join(chunks)
    assert whole.startswith(b"".join([*seen[:1], *(serialize_frame(Ciphertext(frame)) for frame in seen[1:])]))


@given(st.binary(min_size=SMALLEST_REQUEST, max_size=400))
def test_a_request_serializes_to_what_it_was_parsed_from(wire):
    request = SealedRequest.parse(wire)
    assert request.serialize() == wire
    assert (len(request.key_id), len(request.enc)) == (8, 32)
    assert request.sealed == wire[40:]


@pytest.mark.parametrize("size", [0, 8, 40, 72, SMALLEST_REQUEST - 1])
def test_a_short_request_is_refused(size):
    with pytest.raises(FrameError, match="too short"):
        SealedRequest.parse(octets("inference", "wire")[:size])


@given(st.binary(max_size=300))
def test_frame_padding_comes_off_again(frame):
    padded = pad_frame(frame)
    assert len(padded) % FRAME_BLOCK == 0
    assert unpad_frame(padded) == frame


@pytest.mark.parametrize(
    "padded",
    [b"", bytes(64), b"x" * 64, b"x" * 62 + b"\x80", b"\x80" + bytes(64), b"x" * 63 + b"\x80" + bytes(64)],
    ids=["empty", "zeros", "no marker", "no block", "a byte too many", "a block too many"],
)
def test_bad_frame_padding_is_refused(padded):
    with pytest.raises(FrameError, match="padding"):
        unpad_frame(padded)


def test_sizes_of_frames_take_few_values():
    """Tokens of 1 to 63 bytes look alike (A49)."""
    assert {len(pad_frame(bytes(size))) for size in range(64)} == {64}
    assert {len(pad_frame(bytes(size))) for size in range(256)} == {64, 128, 192, 256}


def test_nonces_of_frames_are_their_numbers():
    assert encode_frame_nonce(0) == bytes(12)
    assert encode_frame_nonce(258) == bytes(10) + b"\x01\x02"
    assert len({encode_frame_nonce(index) for index in range(1000)}) == 1000
