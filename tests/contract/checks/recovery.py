"""Crypto port: kits, keys that are made anew around an identity, and the master key under another password."""

from dataclasses import replace

from balon.protocol import contexts
from balon.protocol.encoding import serialize_prefixed
from balon.protocol.envelope import Kind
from balon.protocol.errors import PasswordPolicyError
from balon.protocol.recovery import RecoveryCredential, decode_recovery_code, parse_credential
from balon_client.errors import DecryptionError, KeyPairError
from balon_client.ports import AccountPublicKeys
from tests.contract.checks.accounts import POLICY, terms
from tests.contract.world import raises
from tests.protocol.kat import ALICE, ENVELOPES, KAT, octets


def known_kit() -> tuple[bytes, RecoveryCredential]:
    """The kit of the known answers."""
    return decode_recovery_code(KAT["recovery"]["recovery_code"]), parse_credential(KAT["recovery"]["credential"])


def known_public() -> AccountPublicKeys:
    """The public keys of the known answers."""
    return AccountPublicKeys(*(octets("identity", name) for name in ("spki", "rsa_kid", "idk_pub")))


def kit_context(credential, public=None, mek_ver=1):
    public = public or known_public()
    return contexts.recovery_context(
        user_id=credential.user_id,
        recovery_id=credential.recovery_id,
        mek_ver=mek_ver,
        rsa_kid=public.rsa_kid,
        idk_pub=public.idk_pub,
    )


async def _open_known(world, **changes):
    code, credential = known_kit()
    keys = await world.platform.crypto.derive_kit_keys(code, credential)
    fields = {"context": kit_context(credential), "rec_env": credential.rec_env, "public": known_public()}
    return await world.platform.crypto.open_kit(keys.root, **fields | changes)


async def check_a_code_gives_the_recovery_key_of_the_known_answers(world):
    crypto = world.platform.crypto
    keys = await crypto.derive_kit_keys(*known_kit())
    assert keys.recovery_key.public == octets("recovery", "rec_pub")
    signature = await crypto.sign(keys.recovery_key, b"statement")
    await crypto.verify_many([(octets("recovery", "rec_pub"), b"statement", signature)])


async def check_the_kit_of_the_known_answers_opens(world):
    opened = await _open_known(world)
    crypto = world.platform.crypto
    keyring = contexts.keyring_context(ALICE, 1), bytes.fromhex(ENVELOPES["keyring"]["envelope"])
    assert await crypto.open_many(opened.mek, Kind.KEYRING, [keyring]) == [b"{}"]
    assert await opened.generation.public_keys() == known_public()
    opened.generation.drop()
    with raises(RuntimeError):
        await opened.generation.public_keys()


async def check_recovered_keys_are_sealed_under_a_new_master_key_and_a_new_kit(world):
    crypto = world.platform.crypto
    opened = await _open_known(world)
    derived = await crypto.derive_password_keys(world.password(b"pw"), **POLICY)
    bound, public = terms(mek_ver=2), known_public()
    sealed = await opened.generation.seal(derived.kek, bound)
    mek = await crypto.open_root_key(derived.kek, Kind.MEK, bound.mek_context(), sealed.mek_env)
    idk = await crypto.open_signing_key(mek, bound.idk_context(public), sealed.idk_env, public.idk_pub)
    await crypto.open_decryption_key(mek, bound.rsa_context(public), sealed.rsa_env, public.spki)
    assert await crypto.sign(idk, b"statement") == await crypto.sign(sealed.keys.idk, b"statement")
    with raises(DecryptionError):
        await crypto.open_signing_key(opened.mek, bound.idk_context(public), sealed.idk_env, public.idk_pub)
    code = decode_recovery_code(sealed.recovery_code)
    assert code != octets("recovery", "code_bytes")
    await _opens_the_new_kit(world, code, bound, sealed)


async def _opens_the_new_kit(world, code, bound, sealed):
    credential = replace(known_kit()[1], recovery_id=bound.recovery_id, rec_salt=bound.rec_salt, rec_env=sealed.rec_env)
    keys = await world.platform.crypto.derive_kit_keys(code, credential)
    assert keys.recovery_key.public == sealed.rec_pub
    context = bound.recovery_context(known_public())
    opened = await world.platform.crypto.open_kit(keys.root, context, sealed.rec_env, known_public())
    opened.generation.drop()


async def check_code_and_credential_of_two_kits_do_not_belong_together(world):
    code, credential = known_kit()
    wrong = bytes([code[0] ^ 1]) + code[1:]
    derive = world.platform.crypto.derive_kit_keys
    for pair in (
        (wrong, credential),
        (code, replace(credential, rec_salt=credential.rec_salt[::-1])),
        (code, replace(credential, user_id=credential.recovery_id)),
    ):
        with raises(DecryptionError):
            await derive(*pair)


async def check_the_policy_holds_for_kits(world):
    code, credential = known_kit()
    for change in (
        {"iterations": 599_999},
        {"iterations": 5_000_001},
        {"kdf": "PBKDF2-SHA1"},
        {"rec_salt": bytes(32)},
        {"rec_salt": bytes(range(16))},
    ):
        with raises(PasswordPolicyError):
            await world.platform.crypto.derive_kit_keys(code, replace(credential, **change))


async def check_a_kit_opens_in_its_place_alone(world):
    _, credential = known_kit()
    other = replace(credential, recovery_id=ALICE)
    swapped = AccountPublicKeys(known_public().spki, bytes(32), known_public().idk_pub)
    flipped = bytearray(credential.rec_env)
    flipped[-1] ^= 1
    for change in (
        {"context": kit_context(credential, mek_ver=2)},
        {"context": kit_context(other)},
        {"context": kit_context(credential, swapped)},
        {"rec_env": bytes(flipped)},
        {"rec_env": credential.rec_env[:-1]},
    ):
        with raises(DecryptionError):
            await _open_known(world, **change)


async def check_a_kit_with_other_keys_is_an_alarm(world):
    """It opens, but its keys are not those of the bundle (A33)."""
    crypto = world.platform.crypto
    other = crypto.generate_account_keys()
    theirs = await other.public_keys()
    other.drop()
    mine = known_public()
    for public in (
        AccountPublicKeys(mine.spki, mine.rsa_kid, theirs.idk_pub),
        AccountPublicKeys(theirs.spki, mine.rsa_kid, mine.idk_pub),
    ):
        with raises(KeyPairError):
            await _open_known(world, public=public)


async def check_a_kit_that_holds_something_else_is_refused(world):
    seed, pkcs8 = octets("identity", "seed"), octets("identity", "pkcs8")
    root = await world.import_root(bytes(range(32)))
    contents = [
        b"",
        b"\xff\xff\xff\xff",
        serialize_prefixed(bytes(32), seed),
        serialize_prefixed(bytes(32), seed, pkcs8, b""),
        serialize_prefixed(bytes(32), seed, pkcs8) + b"\x00",
        serialize_prefixed(bytes(32), seed, pkcs8)[:-1],
        serialize_prefixed(bytes(31), seed, pkcs8),
        serialize_prefixed(bytes(32), seed[:31], pkcs8),
        serialize_prefixed(bytes(32), seed, b"no PKCS#8"),
    ]
    envelopes = await world.platform.crypto.seal_many(root, Kind.RECOVERY, [(b"c", each) for each in contents])
    for envelope in envelopes:
        with raises(DecryptionError):
            await world.platform.crypto.open_kit(root, b"c", envelope, known_public())


async def check_a_renewed_account_keeps_its_identity_key_alone(world):
    crypto, public = world.platform.crypto, known_public()
    mek = await world.import_root(bytes.fromhex(ENVELOPES["idk"]["root"]))
    context, idk_env = (bytes.fromhex(ENVELOPES["idk"][name]) for name in ("context", "envelope"))
    with raises(DecryptionError):
        await crypto.renew_account_keys(mek, b"elsewhere", idk_env, public.idk_pub)
    with raises(KeyPairError):
        await crypto.renew_account_keys(mek, context, idk_env, octets("recovery", "rec_pub"))
    generation = await crypto.renew_account_keys(mek, context, idk_env, public.idk_pub)
    renewed = await generation.public_keys()
    assert renewed.idk_pub == public.idk_pub
    assert renewed.spki != public.spki
    sealed = await generation.seal(await world.import_root(bytes(range(32))), terms(mek_ver=2))
    with raises(DecryptionError):
        await crypto.open_signing_key(mek, terms().idk_context(renewed), sealed.idk_env, public.idk_pub)
    idk = await crypto.open_signing_key(sealed.keys.mek, terms().idk_context(renewed), sealed.idk_env, public.idk_pub)
    assert idk.public == public.idk_pub


async def check_the_master_key_goes_from_one_password_to_another(world):
    crypto = world.platform.crypto
    old, new = await world.import_root(bytes(range(32))), await world.import_root(bytes(range(32, 64)))
    master = bytes(range(64, 96))
    [mek_env] = await crypto.seal_many(old, Kind.MEK, [(b"old", master)])
    resealed = await crypto.reseal_master_key(old, b"old", mek_env, new=new, new_context=b"new")
    assert resealed != mek_env
    assert await crypto.open_many(new, Kind.MEK, [(b"new", resealed)]) == [master]
    for wrong in ((new, b"old", mek_env), (old, b"new", mek_env), (old, b"old", resealed)):
        with raises(DecryptionError):
            await crypto.reseal_master_key(*wrong, new=new, new_context=b"new")
    [short] = await crypto.seal_many(old, Kind.MEK, [(b"old", master[:31])])
    with raises(DecryptionError):
        await crypto.reseal_master_key(old, b"old", short, new=new, new_context=b"new")


async def check_one_password_derives_twice(world):
    """For the KDF upgrade: the bytes are gone at once, the handle gives what the bytes would have given."""
    crypto = world.platform.crypto
    password = world.password(b"correct horse")
    handle = await crypto.import_password(password)
    assert world.password_bytes(password) == bytes(13)
    for iterations in (600_000, 600_001):
        again = await crypto.derive_password_keys(handle, **POLICY | {"iterations": iterations})
        once = await crypto.derive_password_keys(
            world.password(b"correct horse"), **POLICY | {"iterations": iterations}
        )
        assert again.login_key.public == once.login_key.public
    with raises(PasswordPolicyError):
        await crypto.derive_password_keys(handle, **POLICY | {"iterations": 599_999})
    for size in (0, 1025):
        password = world.password(b"x" * size)
        with raises(PasswordPolicyError):
            await crypto.import_password(password)
        assert world.password_bytes(password) == bytes(size)
