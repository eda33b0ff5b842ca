"""Ed25519, strictly (threat A41)."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from keystore.errors import InvalidStatementError
from keystore.signatures import Signed, verify_public_key, verify_signature
from tests.keys import public_bytes

PRIME = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493

SMALL_ORDER = {
    "0": "0000000000000000000000000000000000000000000000000000000000000000",
    "0, odd": "0000000000000000000000000000000000000000000000000000000000000080",
    "1": "0100000000000000000000000000000000000000000000000000000000000000",
    "1, odd": "0100000000000000000000000000000000000000000000000000000000000080",
    "-1": "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "order 8": "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "order 8, odd": "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "another of order 8": "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "p, for 0": "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "p + 1, for 1": "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "too short": "01",
    "too long": "02" * 33,
}


@pytest.mark.parametrize("case", SMALL_ORDER)
def test_refuses_the_public_key(case: str):
    with pytest.raises(InvalidStatementError):
        verify_public_key(bytes.fromhex(SMALL_ORDER[case]))


def test_verifies_what_was_signed():
    key = Ed25519PrivateKey.generate()
    verify_signature(public_bytes(key), Signed(b"statement", key.sign(b"statement")))


def test_refuses_every_flipped_bit():
    key = Ed25519PrivateKey.generate()
    signature = key.sign(b"statement")
    for bit in range(512):
        flipped = bytearray(signature)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(InvalidStatementError):
            verify_signature(public_bytes(key), Signed(b"statement", bytes(flipped)))


def test_refuses_a_second_form_of_the_same_signature():
    """S + L verifies where the check of RFC 8032 section 5.1.7 is missing."""
    key = Ed25519PrivateKey.generate()
    signature = key.sign(b"statement")
    other = signature[:32] + (int.from_bytes(signature[32:], "little") + ORDER).to_bytes(32, "little")
    with pytest.raises(InvalidStatementError):
        verify_signature(public_bytes(key), Signed(b"statement", other))


@pytest.mark.parametrize("size", [0, 63, 65])
def test_refuses_a_signature_of_another_size(size: int):
    key = Ed25519PrivateKey.generate()
    with pytest.raises(InvalidStatementError):
        verify_signature(public_bytes(key), Signed(b"statement", bytes(size)))


def test_refuses_another_key():
    key = Ed25519PrivateKey.generate()
    with pytest.raises(InvalidStatementError):
        verify_signature(public_bytes(Ed25519PrivateKey.generate()), Signed(b"statement", key.sign(b"statement")))
