"""Builds an "invisible salamander": one AES-GCM ciphertext that opens under two keys (A20).

Dodis, Grubbs, Ristenpart, Woodage: "Fast message franking", CRYPTO 2018; Len, Grubbs, Ristenpart: "Partitioning oracle
attacks", USENIX Security 2021. The tag is linear in each ciphertext block, so one free block can make the tags agree.
"""

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from balon.protocol.envelope import (
    Kind,
    encode_aad,
    encode_content_key_info,
    encode_iv_commit_info,
    serialize_envelope,
    serialize_header,
)
from balon.protocol.types import Ciphertext
from tests.client.doubles.envelopes import hkdf, key_id

_R = 0xE1 << 120


def _multiply(x: int, y: int) -> int:
    """Multiplication in GF(2^128) with GCM's order of bits (NIST SP 800-38D section 6.3)."""
    product = 0
    for shift in range(127, -1, -1):
        if x >> shift & 1:
            product ^= y
        y = y >> 1 ^ (_R if y & 1 else 0)
    return product


def _power(x: int, exponent: int) -> int:
    result = 1 << 127
    while exponent:
        if exponent & 1:
            result = _multiply(result, x)
        x, exponent = _multiply(x, x), exponent >> 1
    return result


def _invert(x: int) -> int:
    return _power(x, 2**128 - 2)


def _blocks(octets: bytes) -> list[int]:
    padded = octets + bytes(-len(octets) % 16)
    return [int.from_bytes(padded[start : start + 16], "big") for start in range(0, len(padded), 16)]


class _Side:
    """One key's view: H and E(J0)."""

    def __init__(self, root: bytes, kind: Kind, context: bytes, salt: bytes) -> None:
        self.key = hkdf(root, salt, encode_content_key_info(kind))
        self.iv = hkdf(root, salt, encode_iv_commit_info(kind, context), 44)[:12]
        encryptor = Cipher(algorithms.AES(self.key), modes.ECB()).encryptor()
        self.h = int.from_bytes(encryptor.update(bytes(16)), "big")
        self.mask = int.from_bytes(encryptor.update(self.iv + b"\x00\x00\x00\x01"), "big")

    def tag(self, aad: bytes, ciphertext: bytes) -> int:
        lengths = len(aad) * 8 << 64 | len(ciphertext) * 8
        state = 0
        for block in [*_blocks(aad), *_blocks(ciphertext), lengths]:
            state = _multiply(state ^ block, self.h)
        return state ^ self.mask


def build_salamander(first: bytes, second: bytes, kind: Kind, context: bytes, blocks: int = 4) -> bytes:
    """An envelope made for root key `first` whose ciphertext and tag are also valid under `second`.

    Header, commitment and associated data are those of `first`: the attacker cannot choose them for both.
    """
    salt = bytes(range(32))
    sides = [_Side(root, kind, context, salt) for root in (first, second)]
    header = serialize_header(kind, key_id(first), salt)
    commit = hkdf(first, salt, encode_iv_commit_info(kind, context), 44)[12:]
    aad = encode_aad(header, commit, context)
    fixed = bytes(range(16 * (blocks - 1)))
    # With the free block last, its coefficient in the tag is H^2 (the length block follows it).
    difference = sides[0].tag(aad, fixed + bytes(16)) ^ sides[1].tag(aad, fixed + bytes(16))
    coefficient = _power(sides[0].h, 2) ^ _power(sides[1].h, 2)
    free = _multiply(difference, _invert(coefficient)).to_bytes(16, "big")
    ciphertext = fixed + free
    tag = sides[0].tag(aad, ciphertext).to_bytes(16, "big")
    return serialize_envelope(header, commit, Ciphertext(ciphertext + tag))
