"""Fingerprints that people compare: safety numbers (docs/protocol.md section 10) and the gateway's identity."""

import hashlib
from functools import lru_cache
from uuid import UUID

_ROUNDS = 5199


def fingerprint_pair(first: tuple[UUID, bytes], second: tuple[UUID, bytes]) -> str:
    """The safety number of two people: 60 digits, the same from both sides.

    Args:
        first: user id and 32-byte public identity key of one person.
        second: The same of the other.
    """
    return "".join(sorted((_fingerprint(*first), _fingerprint(*second))))


@lru_cache(maxsize=1024)
def _fingerprint(user_id: UUID, idk_pub: bytes) -> str:
    digest = hashlib.sha512(b"\x00\x00" + idk_pub + user_id.bytes + idk_pub).digest()
    for _ in range(_ROUNDS):
        digest = hashlib.sha512(digest + idk_pub).digest()
    numbers = (int.from_bytes(digest[start : start + 5], "big") % 100_000 for start in range(0, 30, 5))
    return "".join(f"{number:05d}" for number in numbers)


def fingerprint_gateway(gateway_id: bytes) -> str:
    """The gateway's identity for people: the first 20 bytes of gateway_id as ten groups of four hex digits."""
    text = gateway_id[:20].hex()
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))
