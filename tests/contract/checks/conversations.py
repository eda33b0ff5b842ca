"""Crypto port: conversation keys and signatures."""

import hashlib
from dataclasses import replace

from balon.protocol import contexts
from balon.protocol.envelope import Kind
from balon_client.errors import DecryptionError, SignatureError
from balon_client.ports import Recipient, WrappedConversationKey
from tests.contract.world import raises
from tests.protocol.kat import ALICE, CONVERSATION, ENVELOPES, NIL, octets

RECIPIENT = Recipient(ALICE, octets("identity", "spki"), octets("identity", "rsa_kid"))


async def enc_of(world):
    mek = await world.import_root(bytes.fromhex(ENVELOPES["rsa"]["root"]))
    context = contexts.rsa_context(ALICE, RECIPIENT.rsa_kid)
    envelope = bytes.fromhex(ENVELOPES["rsa"]["envelope"])
    return await world.platform.crypto.open_decryption_key(mek, context, envelope, RECIPIENT.spki)


async def _idk(world):
    mek = await world.import_root(bytes.fromhex(ENVELOPES["idk"]["root"]))
    idk_pub = octets("identity", "idk_pub")
    envelope = bytes.fromhex(ENVELOPES["idk"]["envelope"])
    return await world.platform.crypto.open_signing_key(mek, contexts.idk_context(ALICE, idk_pub), envelope, idk_pub)


async def check_a_generated_key_unwraps_to_itself(world):
    crypto = world.platform.crypto
    generated = await crypto.generate_conversation_key(CONVERSATION, 3, [RECIPIENT, RECIPIENT])
    assert [len(wrapped) for wrapped in generated.wrapped] == [512, 512]
    assert generated.wrapped[0] != generated.wrapped[1]
    key = await enc_of(world)
    opened = await crypto.unwrap_conversation_key(
        key, WrappedConversationKey(generated.wrapped[1], CONVERSATION, 3, RECIPIENT)
    )
    assert opened.ck_commit == generated.key.ck_commit
    [envelope] = await crypto.seal_many(generated.key.root, Kind.MESSAGE, [(b"c", b"hello")])
    assert await crypto.open_many(opened.root, Kind.MESSAGE, [(b"c", envelope)]) == [b"hello"]


async def check_two_generated_keys_differ(world):
    crypto = world.platform.crypto
    found = [await crypto.generate_conversation_key(CONVERSATION, 0, []) for _ in range(2)]
    assert found[0].key.ck_commit != found[1].key.ck_commit


async def check_a_wrap_is_bound_to_its_place(world):
    crypto = world.platform.crypto
    generated = await crypto.generate_conversation_key(CONVERSATION, 3, [RECIPIENT])
    right = WrappedConversationKey(generated.wrapped[0], CONVERSATION, 3, RECIPIENT)
    wrong = [
        replace(right, conversation_id=NIL),
        replace(right, epoch=4),
        replace(right, recipient=replace(RECIPIENT, user_id=NIL)),
        replace(right, recipient=replace(RECIPIENT, rsa_kid=bytes(32))),
        replace(right, wrapped=right.wrapped[:-1]),
        replace(right, wrapped=b""),
        replace(right, wrapped=bytes(512)),
    ]
    key = await enc_of(world)
    opened = await crypto.unwrap_each(key, [right, *wrong, right])
    assert [entry is not None for entry in opened] == [True, *[False] * len(wrong), True]
    with raises(DecryptionError):
        await crypto.unwrap_conversation_key(key, wrong[0])


async def check_signatures_hold_and_break(world):
    crypto, key = world.platform.crypto, await _idk(world)
    statements = [b"", b"one", b"x" * 100_000]
    signatures = await crypto.sign_many(key, statements)
    good = [(key.public, statement, signature) for statement, signature in zip(statements, signatures, strict=True)]
    await crypto.verify_many(good)
    await crypto.verify_many([])
    assert await crypto.verify_each([]) == []
    flipped = bytes([signatures[1][0] ^ 1]) + signatures[1][1:]
    other = hashlib.sha256(b"other").digest()
    bad = [
        (key.public, b"two", signatures[1]),
        (key.public, b"one", flipped),
        (other, b"one", signatures[1]),
        (key.public, b"one", signatures[1][:63]),
        (key.public, b"one", b""),
        (key.public[:31], b"one", signatures[1]),
        (b"", b"one", signatures[1]),
    ]
    mixed = [good[0], *bad, good[2]]
    assert await crypto.verify_each(mixed) == [b"", *[None] * len(bad), statements[2]]
    for item in bad:
        with raises(SignatureError):
            await crypto.verify_many([good[0], item])


async def check_weak_ed25519_is_refused(world):
    """Signatures that some libraries accept: S + L, keys of small order, keys that are not canonical (A41)."""
    crypto, key = world.platform.crypto, await _idk(world)
    signature = await crypto.sign(key, b"one")
    order = 2**252 + 27742317777372353535851937790883648493
    raised = (int.from_bytes(signature[32:], "little") + order).to_bytes(32, "little")
    neutral = b"\x01" + bytes(31)
    small_orders = [
        neutral,
        neutral[:31] + b"\x80",
        bytes(32),
        bytes(31) + b"\x80",
        b"\xec" + b"\xff" * 30 + b"\x7f",
        bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
        bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
        b"\xed" + b"\xff" * 30 + b"\x7f",
        b"\xee" + b"\xff" * 30 + b"\x7f",
        b"\xff" * 32,
    ]
    bad = [(key.public, b"one", signature[:32] + raised)]
    # With a key of small order and R the neutral element, S = 0 "signs" anything for lax verifiers.
    bad += [(weak, b"one", r + bytes(32)) for weak in small_orders for r in small_orders]
    assert await crypto.verify_each(bad) == [None] * len(bad)
