"""Key store port."""

from balon.protocol import contexts
from balon.protocol.envelope import Kind
from balon_client.ports import AccountKeys, SessionRecord
from tests.protocol.kat import ALICE, ENVELOPES, octets

METADATA = {
    "session_id": "s1",
    "user_id": str(ALICE),
    "login": "alice",
    "n": 600_000,
    "nested": {"last": [1, None, "é"]},
}


async def account_keys(world):
    crypto = world.platform.crypto
    mek = await world.import_root(bytes.fromhex(ENVELOPES["rsa"]["root"]))
    idk_pub, rsa_kid = octets("identity", "idk_pub"), octets("identity", "rsa_kid")
    idk_env, rsa_env = (bytes.fromhex(ENVELOPES[name]["envelope"]) for name in ("idk", "rsa"))
    idk = await crypto.open_signing_key(mek, contexts.idk_context(ALICE, idk_pub), idk_env, idk_pub)
    spki = octets("identity", "spki")
    enc = await crypto.open_decryption_key(mek, contexts.rsa_context(ALICE, rsa_kid), rsa_env, spki)
    return AccountKeys(mek=mek, idk=idk, enc=enc)


async def check_nothing_is_there_at_first(world):
    store = world.platform.key_store
    assert await store.load() is None
    assert not await store.update_metadata({"a": 1}, session_id="s1")
    assert store.persistent
    await store.wipe()


async def check_a_record_comes_back_and_its_keys_work(world):
    store, crypto = world.platform.key_store, world.platform.crypto
    await store.save(SessionRecord(METADATA, await account_keys(world)))
    assert store.persistent
    record = await store.load()
    assert record.metadata == METADATA
    envelope = bytes.fromhex(ENVELOPES["keyring"]["envelope"])
    context = contexts.keyring_context(ALICE, 1)
    assert await crypto.open_many(record.keys.mek, Kind.KEYRING, [(context, envelope)]) == [b"{}"]
    signature = await crypto.sign(record.keys.idk, octets("identity", "bundle"))
    assert signature == octets("identity", "signature")
    assert record.keys.idk.public == octets("identity", "idk_pub")


async def check_locking_drops_the_keys_and_keeps_the_rest(world):
    store = world.platform.key_store
    await store.save(SessionRecord(METADATA, await account_keys(world)))
    await store.save(SessionRecord(METADATA, None))
    record = await store.load()
    assert record.keys is None
    assert record.metadata == METADATA


async def check_metadata_changes_without_touching_the_keys(world):
    store = world.platform.key_store
    await store.save(SessionRecord(METADATA, await account_keys(world)))
    assert await store.update_metadata({"last_active": 5, "n": 7}, session_id="s1")
    record = await store.load()
    assert record.metadata == METADATA | {"last_active": 5, "n": 7}
    assert record.keys is not None


async def check_another_session_s_metadata_stays_as_it_is(world):
    store = world.platform.key_store
    await store.save(SessionRecord(METADATA, None))
    assert not await store.update_metadata({"n": 7}, session_id="s2")
    assert (await store.load()).metadata == METADATA


async def check_a_loaded_record_is_a_copy(world):
    store = world.platform.key_store
    await store.save(SessionRecord(METADATA, None))
    (await store.load()).metadata["nested"]["last"].append("changed")
    assert (await store.load()).metadata == METADATA


async def check_wiping_leaves_nothing(world):
    store = world.platform.key_store
    await store.save(SessionRecord(METADATA, await account_keys(world)))
    await store.wipe()
    assert await store.load() is None
    assert not await store.update_metadata({"a": 1}, session_id="s1")
    assert await store.load() is None
