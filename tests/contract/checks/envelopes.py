"""Crypto port: sealing and opening."""

from balon.protocol.envelope import PADDED_KINDS, Kind
from balon_client.errors import DecryptionError
from tests.contract.world import raises

CONTEXT = b"a context"


async def _sealed(world, kind=Kind.MESSAGE, plaintext=b"hello"):
    root = await world.import_root(bytes(range(32)))
    [envelope] = await world.platform.crypto.seal_many(root, kind, [(CONTEXT, plaintext)])
    return root, envelope


async def check_round_trip_of_every_kind_and_many_sizes(world):
    root = await world.import_root(bytes(range(32)))
    crypto = world.platform.crypto
    for kind in Kind:
        items = [
            (f"context {size}".encode(), bytes([size & 255]) * size) for size in (0, 1, 254, 255, 256, 257, 70_000)
        ]
        envelopes = await crypto.seal_many(root, kind, items)
        for (_, plaintext), envelope in zip(items, envelopes, strict=True):
            body = len(plaintext) // 256 * 256 + 256 if kind in PADDED_KINDS else len(plaintext)
            assert len(envelope) == 88 + body + 16
        pairs = [(context, envelope) for (context, _), envelope in zip(items, envelopes, strict=True)]
        assert await crypto.open_many(root, kind, pairs) == [plaintext for _, plaintext in items]


async def check_empty_batches(world):
    root = await world.import_root(bytes(32))
    crypto = world.platform.crypto
    assert await crypto.seal_many(root, Kind.MESSAGE, []) == []
    assert await crypto.open_many(root, Kind.MESSAGE, []) == []
    assert await crypto.open_each(root, Kind.MESSAGE, []) == []


async def check_salts_are_fresh(world):
    root = await world.import_root(bytes(32))
    envelopes = await world.platform.crypto.seal_many(root, Kind.STREAM, [(CONTEXT, b"")] * 500)
    assert len({envelope[24:56] for envelope in envelopes}) == 500


async def check_every_flipped_bit_and_every_truncation_is_refused(world):
    crypto = world.platform.crypto
    for kind in Kind:
        root, envelope = await _sealed(world, kind, b"x" * 20)
        damaged = [envelope[:size] for size in range(len(envelope))] + [envelope + b"\x00"]
        for position in range(len(envelope)):
            for bit in (1 << position % 8, 1 << (position + 3) % 8):
                changed = bytearray(envelope)
                changed[position] ^= bit
                damaged.append(bytes(changed))
        opened = await crypto.open_each(root, kind, [(CONTEXT, entry) for entry in damaged])
        assert opened == [None] * len(damaged), kind


async def check_one_bad_one_hides_nothing_but_itself(world):
    root, envelope = await _sealed(world)
    crypto = world.platform.crypto
    items = [(CONTEXT, envelope), (CONTEXT, envelope[:-1]), (b"another", envelope), (CONTEXT, envelope)]
    assert await crypto.open_each(root, Kind.MESSAGE, items) == [b"hello", None, None, b"hello"]
    with raises(DecryptionError):
        await crypto.open_many(root, Kind.MESSAGE, items)


async def check_every_failure_looks_the_same(world):
    root, envelope = await _sealed(world)
    crypto = world.platform.crypto
    stranger = await world.import_root(bytes(32))
    unpadded = await world.platform.crypto.seal_many(root, Kind.STREAM, [(CONTEXT, b"no padding")])
    failures = {
        "length": (root, Kind.MESSAGE, CONTEXT, b""),
        "version": (root, Kind.MESSAGE, CONTEXT, envelope[:3] + b"\x02" + envelope[4:]),
        "suite": (root, Kind.MESSAGE, CONTEXT, envelope[:4] + b"\x00" + envelope[5:]),
        "flags": (root, Kind.MESSAGE, CONTEXT, envelope[:6] + b"\x00\x01" + envelope[8:]),
        "kind": (root, Kind.META, CONTEXT, envelope),
        "kid": (stranger, Kind.MESSAGE, CONTEXT, envelope),
        "commit": (root, Kind.MESSAGE, CONTEXT, envelope[:60] + bytes([envelope[60] ^ 1]) + envelope[61:]),
        "context": (root, Kind.MESSAGE, b"other", envelope),
        "tag": (root, Kind.MESSAGE, CONTEXT, envelope[:-1] + bytes([envelope[-1] ^ 1])),
        "other kind": (root, Kind.MESSAGE, CONTEXT, unpadded[0]),
    }
    seen = set()
    for key, kind, context, damaged in failures.values():
        with raises(DecryptionError) as caught:
            await crypto.open_many(key, kind, [(context, damaged)])
        error = caught[0]
        seen.add((type(error), str(error), tuple(error.problem.items()), error.__cause__ is None))
    assert len(seen) == 1, seen


async def check_bad_padding_is_refused(world):
    """The tag holds: only the padding can tell, and it must."""
    root = await world.import_root(bytes(range(32)))
    items = [(CONTEXT, envelope) for envelope in world.crafted("bad_padding")]
    assert await world.platform.crypto.open_each(root, Kind.MESSAGE, items) == [None] * len(items)


async def check_an_invisible_salamander_opens_under_its_own_key_only(world):
    """Its GCM part opens under both keys (tests/protocol/test_salamander.py shows that); the commitment stops it."""
    [envelope] = world.crafted("salamander")
    crypto = world.platform.crypto
    first, second = await world.import_root(bytes(range(32))), await world.import_root(bytes(range(32, 64)))
    assert await crypto.open_each(first, Kind.STREAM, [(CONTEXT, envelope)]) != [None]
    assert await crypto.open_each(second, Kind.STREAM, [(CONTEXT, envelope)]) == [None]
    kid = (await crypto.seal_many(second, Kind.STREAM, [(CONTEXT, b"")]))[0][8:24]
    assert await crypto.open_each(second, Kind.STREAM, [(CONTEXT, envelope[:8] + kid + envelope[24:])]) == [None]


async def check_swaps_between_kinds_and_contexts_are_refused(world):
    crypto = world.platform.crypto
    root = await world.import_root(bytes(range(32)))
    contexts = [b"one", b"two"]
    sealed = {
        (kind, context): (await crypto.seal_many(root, kind, [(context, b"x")]))[0]
        for kind in Kind
        for context in contexts
    }
    for kind in Kind:
        for context in contexts:
            items = [(context, envelope) for envelope in sealed.values()]
            opened = await crypto.open_each(root, kind, items)
            expected = [b"x" if place == (kind, context) else None for place in sealed]
            assert opened == expected, (kind, context)


async def check_a_root_key_has_32_bytes(world):
    crypto = world.platform.crypto
    root = await world.import_root(bytes(range(32)))
    sizes = [0, 16, 31, 33, 64]
    envelopes = await crypto.seal_many(root, Kind.PREV, [(CONTEXT, bytes(size)) for size in sizes])
    for envelope in envelopes:
        with raises(DecryptionError):
            await crypto.open_root_key(root, Kind.PREV, CONTEXT, envelope)
