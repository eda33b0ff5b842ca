"""Crypto port: sealed requests and the frames of a reply."""

from balon_client.errors import DamagedFramesError, DecryptionError
from tests.contract.world import raises
from tests.protocol.kat import KAT, NIL, STREAM, octets

FRAMES = [bytes.fromhex(frame) for frame in KAT["inference"]["frames"]]


async def _reply_key(world):
    return await world.platform.crypto.derive_reply_key(
        octets("inference", "reply_secret"),
        enc=octets("inference", "enc"),
        response_nonce=octets("inference", "response_nonce"),
        stream_id=STREAM,
    )


async def check_every_request_has_its_own_key(world):
    seal = world.platform.crypto.encapsulate_request
    arguments = octets("inference", "gateway_public"), octets("inference", "info"), b"x" * 1000
    first, second = await seal(*arguments), await seal(*arguments)
    assert first.enc != second.enc
    assert first.ciphertext != second.ciphertext
    assert (len(first.enc), len(first.ciphertext)) == (32, 1016)


async def check_an_unusable_gateway_key_is_refused(world):
    seal = world.platform.crypto.encapsulate_request
    for weak in (bytes(32), b"\x01" + bytes(31), b"", bytes(31), b"\x09" * 33):
        with raises(DecryptionError):
            await seal(weak, b"info", b"request")


async def check_damage_shows_and_keeps_what_came_before(world):
    crypto, key = world.platform.crypto, await _reply_key(world)
    whole = await crypto.open_frames(key, STREAM, 0, FRAMES)
    assert len(FRAMES) >= 3
    flipped = FRAMES[1][:-1] + bytes([FRAMES[1][-1] ^ 1])
    damaged = {
        "dropped": ([FRAMES[0], *FRAMES[2:]], 1),
        "swapped": ([FRAMES[0], FRAMES[2], FRAMES[1]], 1),
        "replayed": ([FRAMES[0], FRAMES[0]], 1),
        "flipped": ([FRAMES[0], flipped, FRAMES[2]], 1),
        "cut": ([FRAMES[0], FRAMES[1][:-1]], 1),
        "empty": ([FRAMES[0], b""], 1),
        "behind the final one": ([*FRAMES, FRAMES[0]], len(FRAMES)),
    }
    for name, (frames, kept) in damaged.items():
        with raises(DamagedFramesError) as caught:
            await crypto.open_frames(key, STREAM, 0, frames)
        assert list(caught[0].opened) == whole[:kept], name


async def check_frames_are_bound_to_stream_and_number(world):
    crypto, key = world.platform.crypto, await _reply_key(world)
    for stream_id, first in ((NIL, 0), (STREAM, 1), (STREAM, 2**32)):
        with raises(DamagedFramesError) as caught:
            await crypto.open_frames(key, stream_id, first, FRAMES)
        assert caught[0].opened == ()


async def check_no_frames(world):
    assert await world.platform.crypto.open_frames(await _reply_key(world), STREAM, 0, []) == []
