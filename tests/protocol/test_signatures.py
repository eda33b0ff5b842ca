"""The form of Ed25519 keys and signatures (RFC 8032 section 5.1.7; A41).

The lists of points of small order and of encodings that are not canonical follow from the curve, computed here apart
from the module; tests/contract holds browsers and pyca to the same refusals.
"""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from balon.protocol.errors import SignatureFormError
from balon.protocol.signatures import verify_signature_form

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
NEUTRAL = (0, 1)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
SIGNATURE = KEY.sign(b"statement")


def add(one, other):
    """Addition on the twisted Edwards curve -x² + y² = 1 + dx²y²."""
    (x1, y1), (x2, y2) = one, other
    product = D * x1 * x2 * y1 * y2
    x3 = (x1 * y2 + x2 * y1) * pow(1 + product, -1, P)
    return x3 % P, (y1 * y2 + x1 * x2) * pow(1 - product, -1, P) % P


def times(scalar, point):
    result = NEUTRAL
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point, scalar = add(point, point), scalar >> 1
    return result


def with_y(y):
    """The points with this y coordinate: two, one or none."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    root = pow(square, (P + 3) // 8, P)
    roots = (root, root * pow(2, (P - 1) // 4, P) % P)
    return {(sign * x % P, y) for x in roots for sign in (1, -1) if x * x % P == square}


def torsion():
    """The eight points whose order divides 8: a point of full order times the prime order generates them."""
    for y in range(2, 100):
        for point in with_y(y):
            seed = times(ORDER, point)
            if times(4, seed) != NEUTRAL:
                return {times(factor, seed) for factor in range(8)}
    raise AssertionError


def encodings(point):
    """All 32-byte strings that a lax decoder reads as the point: y or y + p, either sign where x is zero."""
    x, y = point
    for value in (y, y + P):
        for sign in {x & 1} | ({0, 1} if x == 0 else set()):
            if value < 1 << 255:
                yield (value | sign << 255).to_bytes(32, "little")


WEAK = sorted({encoded for point in torsion() for encoded in encodings(point)})
NOT_CANONICAL = [(value | sign << 255).to_bytes(32, "little") for value in range(P, 2**255) for sign in (0, 1)]


def test_the_curve_has_eight_points_of_small_order_in_fourteen_encodings():
    assert len(torsion()) == 8
    assert len(WEAK) == 14
    assert b"\x01" + bytes(31) in WEAK
    assert len(NOT_CANONICAL) == 38


@pytest.mark.parametrize("point", sorted(set(WEAK) | set(NOT_CANONICAL)), ids=bytes.hex)
def test_a_weak_point_is_refused_as_key_and_as_r(point):
    with pytest.raises(SignatureFormError, match="point"):
        verify_signature_form(point, SIGNATURE)
    with pytest.raises(SignatureFormError, match="point"):
        verify_signature_form(PUBLIC, point + SIGNATURE[32:])


@pytest.mark.parametrize("factor", range(1, 15))
def test_s_that_is_not_below_the_order_is_refused(factor):
    """S + k·L signs the same for whoever does not look: the signature would be malleable."""
    scalar = int.from_bytes(SIGNATURE[32:], "little") + factor * ORDER
    with pytest.raises(SignatureFormError, match="not below"):
        verify_signature_form(PUBLIC, SIGNATURE[:32] + scalar.to_bytes(32, "little"))


def test_the_order_itself_is_refused_and_the_number_before_it_passes():
    with pytest.raises(SignatureFormError, match="not below"):
        verify_signature_form(PUBLIC, SIGNATURE[:32] + ORDER.to_bytes(32, "little"))
    verify_signature_form(PUBLIC, SIGNATURE[:32] + (ORDER - 1).to_bytes(32, "little"))


@pytest.mark.parametrize(("key_size", "size"), [(0, 64), (31, 64), (33, 64), (32, 0), (32, 63), (32, 65), (32, 128)])
def test_other_lengths_are_refused(key_size, size):
    with pytest.raises(SignatureFormError, match="32 bytes, a signature 64"):
        verify_signature_form((PUBLIC * 2)[:key_size], (SIGNATURE * 2)[:size])


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=100))
def test_what_honest_keys_sign_passes(seed, statement):
    key = Ed25519PrivateKey.from_private_bytes(seed)
    verify_signature_form(key.public_key().public_bytes_raw(), key.sign(statement))


@given(st.binary(max_size=40), st.binary(max_size=80))
def test_noise_is_refused_with_the_error_of_forms_or_passes(public, signature):
    try:
        verify_signature_form(public, signature)
    except SignatureFormError:
        return
    assert (len(public), len(signature)) == (32, 64)
