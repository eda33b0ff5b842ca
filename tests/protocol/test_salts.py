"""Every envelope has a salt of its own, and a generator that repeats itself stops everything (section 3; A21)."""

import hashlib
import itertools

import pytest

from balon.protocol.envelope import HEADER_SIZE, Kind
from balon_client.errors import RandomnessError
from balon_client.ports import RootKey
from tests.client.doubles.crypto import PycaCrypto
from tests.protocol.kat import CONVERSATION

ROOT = RootKey(bytes(range(32)))
SEALS = 100_000


async def test_a_hundred_thousand_seals_have_distinct_salts():
    sealed = await PycaCrypto().seal_many(ROOT, Kind.STREAM, [(b"context", b"")] * SEALS)
    assert len({envelope[24:HEADER_SIZE] for envelope in sealed}) == SEALS


async def test_two_seals_of_one_plaintext_share_neither_commitment_nor_ciphertext():
    one, other = await PycaCrypto().seal_many(ROOT, Kind.MESSAGE, [(b"context", b"plaintext")] * 2)
    assert one[:24] == other[:24]
    assert one[24:56] != other[24:56]
    assert one[56:88] != other[56:88]
    assert one[88:] != other[88:]


async def test_a_constant_generator_aborts():
    crypto = PycaCrypto(bytes)
    assert len(await crypto.seal_many(ROOT, Kind.MESSAGE, [(b"context", b"one")])) == 1
    with pytest.raises(RandomnessError):
        await crypto.seal_many(ROOT, Kind.MESSAGE, [(b"context", b"two")])
    with pytest.raises(RandomnessError):
        await crypto.generate_conversation_key(CONVERSATION, 0, [])
    with pytest.raises(RandomnessError):
        crypto.generate_account_keys()


async def test_a_generator_that_gets_stuck_later_aborts():
    counter = itertools.count()
    crypto = PycaCrypto(lambda size: hashlib.sha256(bytes([min(next(counter), 3)])).digest()[:size])
    with pytest.raises(RandomnessError):
        await crypto.seal_many(ROOT, Kind.MESSAGE, [(b"context", b"")] * 6)
    assert next(counter) == 5
