"""Crypto port: passwords, account keys, the session's handles."""

import hashlib
from uuid import UUID

from balon.protocol.envelope import Kind
from balon.protocol.errors import PasswordPolicyError
from balon.protocol.password import DEFAULT_ITERATIONS
from balon.protocol.recovery import decode_recovery_code
from balon_client.errors import DecryptionError, KeyPairError
from balon_client.ports import AccountTerms
from tests.contract.world import raises
from tests.protocol.kat import ALICE, SALT

POLICY = {"login": "alice", "kdf": "PBKDF2-SHA256", "salt": SALT, "iterations": DEFAULT_ITERATIONS, "user_id": ALICE}


def terms(**changes):
    fields = {
        "user_id": ALICE,
        "login": "alice",
        "kdf": "PBKDF2-SHA256",
        "iterations": DEFAULT_ITERATIONS,
        "salt": SALT,
        "mek_ver": 1,
        "recovery_id": UUID(int=7 << 76 | 1 << 63 | 5),
        "rec_salt": bytes(range(32, 64)),
    }
    return AccountTerms(**fields | changes)


async def check_support_is_there(world):
    await world.platform.crypto.verify_support()


async def check_password_is_zeroed(world):
    password = world.password(b"correct horse")
    await world.platform.crypto.derive_password_keys(password, **POLICY)
    assert world.password_bytes(password) == bytes(13)


async def check_policy_is_held_before_the_password_is_read(world):
    violations = [
        {"iterations": 599_999},
        {"iterations": 1},
        {"iterations": 5_000_001},
        {"iterations": 2**31},
        {"iterations": "600000"},
        {"iterations": 600_000.0},
        {"iterations": True},
        {"kdf": "none"},
        {"kdf": None},
        {"kdf": "PBKDF2-SHA1"},
        {"salt": SALT[:16]},
        {"salt": b""},
        {"salt": None},
        {"salt": bytes(32)},
        {"salt": SALT.hex()},
    ]
    for violation in violations:
        password = world.password(b"correct horse")
        with raises(PasswordPolicyError):
            await world.platform.crypto.derive_password_keys(password, **POLICY | violation)
        assert world.password_bytes(password) == bytes(13), violation


async def check_password_sizes(world):
    derive = world.platform.crypto.derive_password_keys
    for size in (0, 1025, 5000):
        with raises(PasswordPolicyError):
            await derive(world.password(b"x" * size), **POLICY)
    await derive(world.password(b"x" * 1024), **POLICY)


async def check_zero(world):
    password = world.password(b"correct horse")
    world.platform.crypto.zero(password)
    assert world.password_bytes(password) == bytes(13)


async def check_login_salt_and_user_are_bound_in(world):
    variants = [{}, {"login": "alicf"}, {"user_id": UUID(int=1)}, {"salt": SALT[::-1]}, {"iterations": 600_001}]
    found = set()
    for variant in variants:
        keys = await world.platform.crypto.derive_password_keys(world.password(b"pw"), **POLICY | variant)
        found.add(keys.login_key.public)
    assert len(found) == len(variants)


async def check_a_new_account_opens_again(world):
    crypto = world.platform.crypto
    keys = await crypto.derive_password_keys(world.password(b"pw"), **POLICY)
    generation = crypto.generate_account_keys()
    public = await generation.public_keys()
    assert len(public.spki) == 550
    assert public.rsa_kid == hashlib.sha256(public.spki).digest()
    assert await generation.public_keys() == public
    bound = terms()
    sealed = await generation.seal(keys.kek, bound)
    assert len(decode_recovery_code(sealed.recovery_code)) == 32
    assert sealed.keys.idk.public == public.idk_pub
    assert len(sealed.rec_pub) == 32
    await _opens_again(world, keys.kek, bound, public, sealed)
    with raises(RuntimeError):
        await generation.seal(keys.kek, bound)
    with raises(RuntimeError):
        await generation.public_keys()


async def _opens_again(world, kek, bound, public, sealed):
    crypto = world.platform.crypto
    mek = await crypto.open_root_key(kek, Kind.MEK, bound.mek_context(), sealed.mek_env)
    idk = await crypto.open_signing_key(mek, bound.idk_context(public), sealed.idk_env, public.idk_pub)
    await crypto.open_decryption_key(mek, bound.rsa_context(public), sealed.rsa_env, public.spki)
    [envelope] = await crypto.seal_many(sealed.keys.mek, Kind.KEYRING, [(b"c", b"{}")])
    assert await crypto.open_many(mek, Kind.KEYRING, [(b"c", envelope)]) == [b"{}"]
    signatures = [await crypto.sign(key, b"statement") for key in (idk, sealed.keys.idk)]
    await crypto.verify_many([(public.idk_pub, b"statement", signature) for signature in signatures])
    other = terms(login="mallory")
    with raises(DecryptionError):
        await crypto.open_root_key(kek, Kind.MEK, other.mek_context(), sealed.mek_env)


async def check_dropped_keys_are_gone(world):
    crypto = world.platform.crypto
    generation = crypto.generate_account_keys()
    generation.drop()
    generation.drop()
    with raises(RuntimeError):
        await generation.public_keys()
    with raises(RuntimeError):
        await generation.seal(await world.import_root(bytes(range(32))), terms())


async def check_keys_of_another_pair_are_an_alarm(world):
    """The envelopes open, but what they hold belongs to other public keys (A17)."""
    crypto = world.platform.crypto
    kek = await world.import_root(bytes(range(32)))
    mine, theirs = crypto.generate_account_keys(), crypto.generate_account_keys()
    my_public, their_public = await mine.public_keys(), await theirs.public_keys()
    sealed = await mine.seal(kek, terms())
    await theirs.seal(kek, terms())
    mek = sealed.keys.mek
    with raises(KeyPairError):
        context = terms().rsa_context(my_public)
        await crypto.open_decryption_key(mek, context, sealed.rsa_env, their_public.spki)
    with raises(KeyPairError):
        context = terms().idk_context(my_public)
        await crypto.open_signing_key(mek, context, sealed.idk_env, their_public.idk_pub)
    with raises(DecryptionError):
        context = terms().idk_context(their_public)
        await crypto.open_signing_key(mek, context, sealed.idk_env, my_public.idk_pub)


async def check_an_envelope_with_no_key_in_it_is_refused(world):
    crypto = world.platform.crypto
    mek = await world.import_root(bytes(range(32)))
    [rsa] = await crypto.seal_many(mek, Kind.RSA, [(b"c", b"no PKCS#8")])
    [idk] = await crypto.seal_many(mek, Kind.IDK, [(b"c", b"short")])
    with raises(DecryptionError):
        await crypto.open_decryption_key(mek, b"c", rsa, b"spki")
    with raises(DecryptionError):
        await crypto.open_signing_key(mek, b"c", idk, bytes(32))


LEGACY = {"kdf": "django-pbkdf2-sha256", "salt": b"k3Jd9sLq0ZxW1vBn7MtyRA", "iterations": 600_000, "user_id": ALICE}


async def check_the_legacy_key_is_that_of_djangos_hash(world):
    """Known answer: the public key that the server derives from `pbkdf2_sha256$600000$...` of this password."""
    password = world.password("corr\u00e9ct horse \ufb01ve".encode())
    key = await world.platform.crypto.derive_legacy_key(password, **LEGACY)
    assert key.public.hex() == "5b8e2023387434aa4bfa71935355176c67f29f57854bd2b6bc95aa2cfe504f46"
    assert not any(world.password_bytes(password))


async def check_legacy_policy_is_held_before_the_password_is_read(world):
    violations = [
        {"iterations": 599_999},
        {"iterations": 5_000_001},
        {"iterations": True},
        {"kdf": "PBKDF2-SHA256"},
        {"salt": b"short"},
        {"salt": b"a" * 22},
        {"salt": b"ab" * 33},
        {"salt": None},
    ]
    for violation in violations:
        password = world.password(b"correct horse")
        with raises(PasswordPolicyError):
            await world.platform.crypto.derive_legacy_key(password, **LEGACY | violation)
        assert world.password_bytes(password) == bytes(13), violation
