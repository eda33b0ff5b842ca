"""Safety numbers: 60 digits, the same from both sides, another for any change (section 10; A6, A35)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balon.protocol.fingerprints import fingerprint_gateway, fingerprint_pair
from tests.protocol.kat import KAT, UUID, octets

KNOWN = KAT["safety_number"]
ALICE = UUID(KNOWN["a_id"]), octets("safety_number", "a_key")
BOB = UUID(KNOWN["b_id"]), octets("safety_number", "b_key")


def flipped(value: bytes, bit: int) -> bytes:
    return (int.from_bytes(value, "big") ^ 1 << bit).to_bytes(len(value), "big")


@settings(max_examples=10)
@given(
    st.tuples(st.uuids(), st.binary(min_size=32, max_size=32)),
    st.tuples(st.uuids(), st.binary(min_size=32, max_size=32)),
)
def test_both_sides_see_the_same_sixty_digits(one, other):
    number = fingerprint_pair(one, other)
    assert number == fingerprint_pair(other, one)
    assert len(number) == 60
    assert number.isdecimal()


@pytest.mark.parametrize("bit", [0, 7, 100, 255])
def test_one_changed_bit_of_a_key_changes_the_number(bit):
    changed = fingerprint_pair((ALICE[0], flipped(ALICE[1], bit)), BOB)
    assert changed != KNOWN["number"]
    half = fingerprint_pair(BOB, BOB)[:30]
    assert half in KNOWN["number"]
    assert half in changed


def test_the_number_is_of_people_and_not_of_keys_alone():
    changed = fingerprint_pair((UUID(int=ALICE[0].int ^ 1), ALICE[1]), BOB)
    assert changed != KNOWN["number"]
    assert fingerprint_pair((ALICE[0], BOB[1]), (BOB[0], ALICE[1])) != KNOWN["number"]


def test_the_gateway_shows_ten_groups_of_four():
    shown = fingerprint_gateway(bytes(range(32)))
    assert shown == "0001 0203 0405 0607 0809 0a0b 0c0d 0e0f 1011 1213"
    assert fingerprint_gateway(octets("inference", "gateway_id")).startswith("d903 57de ")
