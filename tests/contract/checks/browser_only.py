"""What only the real adapters can show: handles, zeroed buffers, broken storage and randomness; and products for CPython."""

import json

import balon_tamper
import js
from balon_browser import webcrypto
from pyodide.ffi import to_js

from balon.protocol import contexts
from balon.protocol.envelope import Kind
from balon.protocol.recovery import RECOVERY_ITERATIONS, RecoveryCredential, decode_recovery_code
from balon_client.adapters.javascript import js_bytes, take_bytes
from balon_client.adapters.key_store import BrowserKeyStore
from balon_client.errors import DecryptionError, KeyPairError, RandomnessError
from balon_client.ports import AccountPublicKeys, PreviousKey, Recipient, SessionRecord, WrappedConversationKey
from tests.contract.checks.accounts import POLICY, terms
from tests.contract.checks.conversations import RECIPIENT, enc_of
from tests.contract.checks.recovery import kit_context, known_kit, known_public
from tests.contract.checks.storage import METADATA, account_keys
from tests.contract.world import raises
from tests.protocol.kat import CONVERSATION, STREAM, octets

EXPECTED = {
    "PBKDF2": ["deriveBits"],
    "HKDF": ["deriveBits", "deriveKey"],
    "Ed25519": ["sign"],
    "RSA-OAEP": ["decrypt", "unwrapKey"],
    "AES-GCM": ["decrypt"],
}


async def _every_handle(world):
    crypto = world.platform.crypto
    derived = await crypto.derive_password_keys(world.password(b"pw"), **POLICY)
    generation = crypto.generate_account_keys()
    public = await generation.public_keys()
    sealed = await generation.seal(derived.kek, terms())
    mek = await crypto.open_root_key(derived.kek, Kind.MEK, terms().mek_context(), sealed.mek_env)
    idk = await crypto.open_signing_key(mek, terms().idk_context(public), sealed.idk_env, public.idk_pub)
    enc = await crypto.open_decryption_key(mek, terms().rsa_context(public), sealed.rsa_env, public.spki)
    generated = await crypto.generate_conversation_key(CONVERSATION, 0, [RECIPIENT])
    reply = await crypto.derive_reply_key(bytes(32), enc=bytes(32), response_nonce=bytes(32), stream_id=STREAM)
    await world.platform.key_store.save(SessionRecord(METADATA, sealed.keys))
    stored = (await world.platform.key_store.load()).keys
    handles = [derived.kek, derived.login_key, mek, idk, enc, generated.key.root, reply]
    handles += await _handles_of_epochs(
        crypto, generated, enc, Recipient(RECIPIENT.user_id, public.spki, public.rsa_kid)
    )
    handles += await _handles_of_changes(world, derived.kek, public, sealed)
    return handles + [key for keys in (sealed.keys, stored) for key in (keys.mek, keys.idk, keys.enc)]


async def _handles_of_epochs(crypto, generated, enc, own):
    """A key that is wrapped anew, a following epoch, and the key before it; and what does not open."""
    first = await crypto.generate_conversation_key(CONVERSATION, 0, [own])
    item = WrappedConversationKey(first.wrapped[0], CONVERSATION, 0, own)
    following = await crypto.generate_conversation_key(CONVERSATION, 1, [RECIPIENT], PreviousKey(enc, item))
    before = await crypto.open_previous_keys(following.key, CONVERSATION, 1, [following.previous_env])
    foreign = WrappedConversationKey(generated.wrapped[0], CONVERSATION, 0, RECIPIENT)
    assert [made is None for made in await crypto.rewrap_each(enc, [item, foreign], RECIPIENT)] == [False, True]
    with raises(DecryptionError):
        await crypto.open_previous_keys(following.key, CONVERSATION, 1, [following.previous_env[:-1]])
    return [first.key.root, following.key.root, before[0].root]


async def _handles_of_changes(world, kek, public, sealed):
    """Another password, a kit that is used, keys that are renewed."""
    crypto, bound = world.platform.crypto, terms()
    password = await crypto.import_password(world.password(b"pw"))
    again = await crypto.derive_password_keys(password, **POLICY | {"iterations": 600_001})
    await crypto.reseal_master_key(kek, bound.mek_context(), sealed.mek_env, new=again.kek, new_context=b"c")
    code, credential = decode_recovery_code(sealed.recovery_code), _credential_of(bound, public, sealed)
    kit = await crypto.derive_kit_keys(code, credential)
    opened = await crypto.open_kit(kit.root, bound.recovery_context(public), sealed.rec_env, public)
    recovered = (await opened.generation.seal(kek, bound)).keys
    renewing = await crypto.renew_account_keys(opened.mek, bound.idk_context(public), sealed.idk_env, public.idk_pub)
    renewed = (await renewing.seal(kek, bound)).keys
    handles = [password, again.kek, again.login_key, kit.root, kit.recovery_key, opened.mek]
    return handles + [key for keys in (recovered, renewed) for key in (keys.mek, keys.idk, keys.enc)]


def _credential_of(bound, public, sealed):
    return RecoveryCredential(
        user_id=bound.user_id,
        recovery_id=bound.recovery_id,
        kdf=bound.kdf,
        iterations=RECOVERY_ITERATIONS,
        rec_salt=bound.rec_salt,
        rec_env=sealed.rec_env,
        idk_pub=public.idk_pub,
    )


async def check_no_handle_can_be_exported_or_does_more_than_it_must(world):
    for handle in await _every_handle(world):
        seen = json.loads(await balon_tamper.describe(handle.native))
        assert seen["extractable"] is False, seen
        assert seen["exported"] == [], seen
        assert seen["usages"] == EXPECTED[seen["algorithm"]], seen


ALLOWED = {
    # Roots and what is derived from them.
    ("importKey raw", "PBKDF2", False, ("deriveBits",)),
    ("importKey raw", "HKDF", False, ("deriveBits", "deriveKey")),
    ("deriveKey", "AES-GCM", False, ("encrypt",)),
    ("deriveKey", "AES-GCM", False, ("decrypt",)),
    # The identity and login keys; once extractable for a moment, to learn the public key of a seed (section 2).
    ("importKey pkcs8", "Ed25519", False, ("sign",)),
    ("importKey pkcs8", "Ed25519", True, ("sign",)),
    ("importKey raw", "Ed25519", False, ("verify",)),
    # RSA-4096: extractable while it is being sealed (section 4), never as it is opened.
    ("generateKey", "RSA-OAEP", True, ("decrypt", "encrypt", "unwrapKey")),
    ("importKey pkcs8", "RSA-OAEP", False, ("decrypt", "unwrapKey")),
    ("importKey spki", "RSA-OAEP", False, ("encrypt",)),
    # HPKE.
    ("generateKey", "X25519", False, ("deriveBits",)),
    ("importKey raw", "X25519", False, ()),
    ("importKey raw", "HMAC", False, ("sign",)),
    ("importKey raw", "AES-GCM", False, ("encrypt",)),
}


async def check_webcrypto_makes_no_key_with_more_uses_than_these(world):
    """Everything the client does with keys, seen from WebCrypto: the exact list, so that a new use shows (A19)."""
    crypto = world.platform.crypto
    balon_tamper.watchHandles()
    try:
        handles = await _every_handle(world)
        await _use_them(crypto, handles)
        seen = {(how, name, extractable, tuple(usages)) for how, name, extractable, usages in _made()}
    finally:
        balon_tamper.restore()
    assert seen == ALLOWED, seen ^ ALLOWED


def _made():
    return json.loads(balon_tamper.madeHandles())


async def _use_them(crypto, handles):
    kek, login_key = handles[0], handles[1]
    signature = await crypto.sign(login_key, b"statement")
    await crypto.verify_many([(login_key.public, b"statement", signature)])
    [envelope] = await crypto.seal_many(kek, Kind.MESSAGE, [(b"c", b"one")])
    await crypto.open_many(kek, Kind.MESSAGE, [(b"c", envelope)])
    await crypto.encapsulate_request(octets("inference", "gateway_public"), b"info", b"request")


async def check_an_rsa_key_signs_nothing(world):
    """RSA is for OAEP alone: WebCrypto makes no other use of the handle, nor a handle for both (A19)."""
    enc = (await _every_handle(world))[4]
    assert await balon_tamper.refusesToSign(enc.native)
    assert await balon_tamper.refusesSigningRsa()


async def check_every_buffer_with_a_key_is_zeroed(world):
    balon_tamper.watchSecrets()
    try:
        handles = await _every_handle(world)
        seen = json.loads(balon_tamper.remainingSecrets())
    finally:
        balon_tamper.restore()
    assert seen["seen"] > 2 * len(handles), seen
    assert seen["left"] == [], seen


async def check_the_watch_would_notice(world):
    balon_tamper.watchSecrets()
    try:
        usages = to_js(["deriveBits"])
        await js.crypto.subtle.importKey("raw", js_bytes(b"x" * 32), "HKDF", False, usages)  # noqa: FBT003
        seen = json.loads(balon_tamper.remainingSecrets())
    finally:
        balon_tamper.restore()
    assert seen == {"seen": 1, "left": ["importKey raw HKDF"]}, seen


async def check_the_password_is_zeroed_when_derivation_fails(world):
    password = world.password(b"correct horse")
    balon_tamper.breakDerivation()
    try:
        with raises(Exception):
            await world.platform.crypto.derive_password_keys(password, **POLICY)
    finally:
        balon_tamper.restore()
    assert world.password_bytes(password) == bytes(13)


async def check_a_kit_that_does_not_open_leaves_nothing_behind(world):
    code, credential = known_kit()
    crypto = world.platform.crypto
    other = crypto.generate_account_keys()
    theirs = await other.public_keys()
    other.drop()
    balon_tamper.watchSecrets()
    try:
        keys = await crypto.derive_kit_keys(code, credential)
        with raises(DecryptionError):
            await crypto.derive_kit_keys(bytes(32), credential)
        with raises(DecryptionError):
            await crypto.open_kit(keys.root, b"elsewhere", credential.rec_env, known_public())
        with raises(KeyPairError):
            public = AccountPublicKeys(theirs.spki, theirs.rsa_kid, known_public().idk_pub)
            await crypto.open_kit(keys.root, kit_context(credential), credential.rec_env, public)
        seen = json.loads(balon_tamper.remainingSecrets())
    finally:
        balon_tamper.restore()
    assert seen["seen"] > 8, seen
    assert seen["left"] == [], seen


async def check_randomness_that_repeats_stops_everything(world):
    crypto = world.platform.crypto
    root = await world.import_root(bytes(range(32)))
    balon_tamper.freezeRandom()
    try:
        with raises(RandomnessError):
            await crypto.seal_many(root, Kind.MESSAGE, [(b"c", b"one"), (b"c", b"two")])
        with raises(RandomnessError):
            await crypto.seal_many(root, Kind.MESSAGE, [(b"c", b"one")])
        with raises(RandomnessError):
            await crypto.generate_conversation_key(CONVERSATION, 0, [])
        with raises(RandomnessError):
            crypto.generate_account_keys()
    finally:
        balon_tamper.restore()
    assert len(await crypto.seal_many(root, Kind.MESSAGE, [(b"c", b"one")])) == 1


async def _databases():
    return [name for name in json.loads(await balon_tamper.databaseNames()) if name.startswith("balon")]


async def check_looking_for_a_session_creates_nothing(world):
    assert await _databases() == []
    assert await world.platform.key_store.load() is None
    assert not await world.platform.key_store.update_metadata({"a": 1}, session_id="s1")
    assert await _databases() == []


async def check_wiping_leaves_no_database_and_no_cache(world):
    await world.platform.key_store.save(SessionRecord(METADATA, await account_keys(world)))
    await balon_tamper.fillCache()
    assert await _databases() == ["balon-session"]
    await world.platform.key_store.wipe()
    assert await _databases() == []
    assert json.loads(await balon_tamper.cacheNames()) == []


async def check_another_tab_of_the_session_finds_it(world):
    await world.platform.key_store.save(SessionRecord(METADATA, await account_keys(world)))
    other = BrowserKeyStore()
    record = await other.load()
    assert record.metadata == METADATA
    await other.wipe()
    assert await world.platform.key_store.load() is None


async def check_storage_that_fails_keeps_the_session_in_memory(world):
    keys = await account_keys(world)
    for how in ("throw", "refuse", "lose", "null"):
        store = BrowserKeyStore()
        balon_tamper.breakStorage(how)
        try:
            await store.save(SessionRecord(METADATA, keys))
            assert not store.persistent, how
            assert (await store.load()).metadata == METADATA
            assert await store.update_metadata({"last_active": 5}, session_id="s1")
            assert (await store.load()).metadata["last_active"] == 5
            assert (await store.load()).keys is keys
        finally:
            balon_tamper.restore()
        assert await _databases() == [], how
        assert await BrowserKeyStore().load() is None
        await store.wipe()
        assert await store.load() is None


async def check_a_record_with_weak_handles_is_none(world):
    for weakness in ("extractable", "other-algorithm", "other-usages"):
        await balon_tamper.plantRecord("{}", weakness)
        assert await world.platform.key_store.load() is None, weakness
    await balon_tamper.plantRecord("{}", "none")
    assert await world.platform.key_store.load() is not None


async def check_the_sealed_request_of_the_known_answers(world):
    pkcs8 = bytes.fromhex("302e020100300506032b656e04220420") + octets("inference", "ephemeral_private")
    usages = to_js(["deriveBits"])
    private = await js.crypto.subtle.importKey("pkcs8", js_bytes(pkcs8), "X25519", False, usages)  # noqa: FBT003
    pair = js.Object.new()
    pair.privateKey = private
    parts = (js_bytes(octets("inference", name)) for name in ("enc", "gateway_public", "info", "request"))
    assert take_bytes(await webcrypto.encapsulateFrom(pair, *parts)) == octets("inference", "sealed")


async def produce_account(world):
    """A sealed account, for CPython to open."""
    crypto = world.platform.crypto
    keys = await crypto.derive_password_keys(world.password(b"pw"), **POLICY)
    generation = crypto.generate_account_keys()
    public = await generation.public_keys()
    sealed = await generation.seal(keys.kek, terms())
    names = ("mek_env", "idk_env", "rsa_env", "rec_env", "rec_pub")
    return {name: getattr(sealed, name).hex() for name in names} | {
        "code": sealed.recovery_code,
        "spki": public.spki.hex(),
        "idk_pub": public.idk_pub.hex(),
    }


async def produce_request(world):
    """A sealed request, for CPython to open."""
    arguments = octets("inference", "gateway_public"), octets("inference", "info"), octets("inference", "request")
    sealed = await world.platform.crypto.encapsulate_request(*arguments)
    return {"enc": sealed.enc.hex(), "ciphertext": sealed.ciphertext.hex()}


async def produce_wrap(world):
    """A conversation key's wrap and commitment and a message under it, for CPython to open."""
    crypto = world.platform.crypto
    known = WrappedConversationKey(octets("conversation", "wrapped"), CONVERSATION, 0, RECIPIENT)
    enc = await enc_of(world)
    first = await crypto.generate_conversation_key(CONVERSATION, 1, [RECIPIENT], PreviousKey(enc, known))
    item = WrappedConversationKey(first.wrapped[0], CONVERSATION, 1, RECIPIENT)
    generated = await crypto.generate_conversation_key(CONVERSATION, 2, [RECIPIENT], PreviousKey(enc, item))
    [rewrapped] = await crypto.rewrap_each(enc, [known], RECIPIENT)
    context = contexts.meta_context(CONVERSATION, 2, 1, RECIPIENT.user_id)
    [envelope] = await crypto.seal_many(generated.key.root, Kind.META, [(context, b"title")])
    found = {"wrapped": generated.wrapped[0], "commit": generated.key.ck_commit, "envelope": envelope}
    found |= {"prev_2": generated.previous_env, "prev_1": first.previous_env, "rewrapped": rewrapped}
    return {name: value.hex() for name, value in found.items()}
