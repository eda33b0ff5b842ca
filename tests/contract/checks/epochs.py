"""Crypto port: one epoch after the other, and wraps that are made anew for another key."""

from dataclasses import replace

from balon.protocol import contexts
from balon.protocol.envelope import Kind
from balon.protocol.errors import EncodingError
from balon_client.errors import DecryptionError
from balon_client.ports import PreviousKey, Recipient, WrappedConversationKey
from tests.contract.checks.accounts import POLICY, terms
from tests.contract.checks.conversations import RECIPIENT, enc_of
from tests.contract.world import raises
from tests.protocol.kat import ALICE, CONVERSATION, ENVELOPES, NIL, octets

KNOWN = WrappedConversationKey(octets("conversation", "wrapped"), CONVERSATION, 0, RECIPIENT)
MESSAGE = bytes.fromhex(ENVELOPES["message"]["context"]), bytes.fromhex(ENVELOPES["message"]["envelope"])


async def _chain(world, enc, length):
    """The keys of epochs 0 to `length`, and PREV of 1 to `length`, oldest first; epoch 0 is the known answers'."""
    crypto, item = world.platform.crypto, KNOWN
    keys, envelopes = [await crypto.unwrap_conversation_key(enc, KNOWN)], []
    for epoch in range(1, length + 1):
        made = await crypto.generate_conversation_key(CONVERSATION, epoch, [RECIPIENT], PreviousKey(enc, item))
        item = WrappedConversationKey(made.wrapped[0], CONVERSATION, epoch, RECIPIENT)
        keys.append(made.key)
        envelopes.append(made.previous_env)
    return keys, envelopes


async def check_every_epoch_opens_the_one_before(world):
    crypto = world.platform.crypto
    keys, envelopes = await _chain(world, await enc_of(world), 3)
    opened = await crypto.open_previous_keys(keys[3], CONVERSATION, 3, envelopes[::-1])
    assert [key.ck_commit for key in opened] == [key.ck_commit for key in keys[2::-1]]
    assert opened[-1].ck_commit == octets("conversation", "ck_commit")
    assert await crypto.open_many(opened[-1].root, Kind.MESSAGE, [MESSAGE]) == [octets("message", "payload")]
    part = await crypto.open_previous_keys(keys[3], CONVERSATION, 3, envelopes[:0:-1])
    assert [key.ck_commit for key in part] == [key.ck_commit for key in keys[2:0:-1]]
    assert await crypto.open_previous_keys(keys[3], CONVERSATION, 3, []) == []


async def check_a_new_epoch_says_nothing_of_the_one_before_unless_asked(world):
    made = await world.platform.crypto.generate_conversation_key(CONVERSATION, 1, [RECIPIENT])
    assert made.previous_env is None


async def check_the_key_before_is_bound_to_its_place(world):
    """The known chain opens where it belongs, and nowhere else."""
    crypto = world.platform.crypto
    keys, envelopes = await _chain(world, await enc_of(world), 2)
    newest_first = envelopes[::-1]
    flipped = bytes([*envelopes[0][:-1], envelopes[0][-1] ^ 1])
    wrong = [
        (keys[2], NIL, 2, newest_first),
        (keys[2], CONVERSATION, 3, newest_first),
        (keys[1], CONVERSATION, 2, newest_first),
        (keys[2], CONVERSATION, 2, envelopes),
        (keys[2], CONVERSATION, 2, [envelopes[1], flipped]),
        (keys[2], CONVERSATION, 2, [envelopes[1], envelopes[0][:103]]),
        (keys[2], CONVERSATION, 2, [envelopes[1], b""]),
        (replace(keys[2], root=keys[0].root), CONVERSATION, 2, newest_first),
    ]
    for key, conversation, epoch, chain in wrong:
        with raises(DecryptionError):
            await crypto.open_previous_keys(key, conversation, epoch, chain)
    with raises(EncodingError):
        await crypto.open_previous_keys(keys[2], CONVERSATION, 2, [*newest_first, envelopes[0]])


async def check_what_opens_but_is_no_key_is_refused(world):
    crypto = world.platform.crypto
    keys, _ = await _chain(world, await enc_of(world), 1)
    context = contexts.prev_epoch_context(CONVERSATION, 1, 0)
    sizes = [0, 31, 33, 64]
    envelopes = await crypto.seal_many(keys[1].root, Kind.PREV, [(context, bytes(size)) for size in sizes])
    for envelope in envelopes:
        with raises(DecryptionError):
            await crypto.open_previous_keys(keys[1], CONVERSATION, 1, [envelope])


async def check_the_wrap_of_another_place_is_no_previous_key(world):
    crypto, enc = world.platform.crypto, await enc_of(world)
    for epoch, conversation, item in (
        (2, CONVERSATION, KNOWN),
        (2, CONVERSATION, replace(KNOWN, epoch=1)),
        (1, NIL, replace(KNOWN, conversation_id=NIL)),
        (1, NIL, KNOWN),
        (1, CONVERSATION, replace(KNOWN, recipient=replace(RECIPIENT, user_id=NIL))),
        (1, CONVERSATION, replace(KNOWN, wrapped=KNOWN.wrapped[:-1])),
    ):
        with raises(DecryptionError):
            await crypto.generate_conversation_key(conversation, epoch, [RECIPIENT], PreviousKey(enc, item))
    with raises(EncodingError):
        await crypto.generate_conversation_key(CONVERSATION, 0, [RECIPIENT], PreviousKey(enc, KNOWN))


async def _other_person(world):
    """Somebody with keys of their own: how one wraps for them, and what they open it with."""
    crypto = world.platform.crypto
    generation = crypto.generate_account_keys()
    public = await generation.public_keys()
    kek = (await crypto.derive_password_keys(world.password(b"pw"), **POLICY)).kek
    sealed = await generation.seal(kek, terms())
    return Recipient(NIL, public.spki, public.rsa_kid), sealed.keys.enc


async def check_a_wrap_that_is_made_anew_opens_for_its_new_recipient_alone(world):
    crypto, enc = world.platform.crypto, await enc_of(world)
    theirs, their_enc = await _other_person(world)
    later = await crypto.generate_conversation_key(NIL, 7, [RECIPIENT])
    items = [KNOWN, WrappedConversationKey(later.wrapped[0], NIL, 7, RECIPIENT)]
    rewrapped = await crypto.rewrap_each(enc, items, theirs)
    assert [len(wrapped) for wrapped in rewrapped] == [512, 512]
    given = [replace(item, wrapped=made, recipient=theirs) for item, made in zip(items, rewrapped, strict=True)]
    opened = await crypto.unwrap_each(their_enc, given)
    assert [key.ck_commit for key in opened] == [octets("conversation", "ck_commit"), later.key.ck_commit]
    assert await crypto.unwrap_each(enc, given) == [None, None]
    moved = [replace(given[0], epoch=1), replace(given[0], conversation_id=NIL), replace(given[0], recipient=RECIPIENT)]
    assert await crypto.unwrap_each(their_enc, moved) == [None] * 3


async def check_what_does_not_open_is_not_wrapped_anew(world):
    crypto, enc = world.platform.crypto, await enc_of(world)
    own = replace(RECIPIENT, user_id=ALICE)
    wrong = [
        replace(KNOWN, epoch=1),
        replace(KNOWN, conversation_id=NIL),
        replace(KNOWN, recipient=replace(RECIPIENT, rsa_kid=bytes(32))),
        replace(KNOWN, wrapped=b""),
        replace(KNOWN, wrapped=bytes(512)),
    ]
    made = await crypto.rewrap_each(enc, [KNOWN, *wrong, KNOWN], own)
    assert [entry is not None for entry in made] == [True, *[False] * len(wrong), True]
    assert await crypto.rewrap_each(enc, [], own) == []
