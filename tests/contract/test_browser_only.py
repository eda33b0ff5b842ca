"""The real adapters alone: what has no counterpart under CPython, and what CPython must be able to open."""

import ast
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_der_private_key

from balon.protocol import contexts
from balon.protocol.encoding import parse_prefixed
from balon.protocol.envelope import Kind
from balon.protocol.password import DEFAULT_ITERATIONS, hash_password_salt
from balon.protocol.recovery import RECOVERY_ITERATIONS, decode_recovery_code, hash_recovery_salt
from balon_client.ports import AccountPublicKeys, DecryptionKey, WrappedConversationKey
from tests.client.doubles.accounts import pbkdf2, public_of, spki_of
from tests.client.doubles.crypto import PycaCrypto, sha256
from tests.client.doubles.envelopes import hkdf, open_envelope
from tests.contract.checks.accounts import terms
from tests.contract.checks.conversations import RECIPIENT
from tests.protocol.kat import ALICE, CONVERSATION, SALT, octets

pytestmark = pytest.mark.browser

MODULE = "tests.contract.checks.browser_only"
SOURCE = Path(__file__).parent / "checks" / "browser_only.py"
CHECKS = [
    node.name
    for node in ast.parse(SOURCE.read_text()).body
    if isinstance(node, ast.AsyncFunctionDef) and node.name.startswith("check_")
]


@pytest.mark.parametrize("check", CHECKS)
def test_chromium(check, chromium):
    answer = chromium.run(f"{MODULE}:{check}")
    assert "error" not in answer, answer["error"]


def _product(browser, name):
    answer = browser.run(f"{MODULE}:{name}")
    assert "error" not in answer, answer["error"]
    return answer["value"]


def test_cpython_opens_an_account_of_the_browser_with_password_and_with_kit(chromium):
    made = _product(chromium, "produce_account")
    bound = terms()
    spki, idk_pub = bytes.fromhex(made["spki"]), bytes.fromhex(made["idk_pub"])
    public = AccountPublicKeys(spki, sha256(spki), idk_pub)
    master = pbkdf2(b"pw", hash_password_salt("alice", SALT), DEFAULT_ITERATIONS)
    kek = hkdf(master, b"", contexts.kek_info(ALICE))
    mek = open_envelope(kek, Kind.MEK, bound.mek_context(), bytes.fromhex(made["mek_env"]))
    seed = open_envelope(mek, Kind.IDK, bound.idk_context(public), bytes.fromhex(made["idk_env"]))
    pkcs8 = open_envelope(mek, Kind.RSA, bound.rsa_context(public), bytes.fromhex(made["rsa_env"]))
    assert public_of(seed) == idk_pub
    assert spki_of(load_der_private_key(pkcs8, None)) == spki
    code = decode_recovery_code(made["code"])
    root = pbkdf2(code, hash_recovery_salt(ALICE, bound.rec_salt), RECOVERY_ITERATIONS)
    everything = open_envelope(root, Kind.RECOVERY, bound.recovery_context(public), bytes.fromhex(made["rec_env"]))
    assert parse_prefixed(everything) == [mek, seed, pkcs8]
    recovery_seed = hkdf(root, b"", contexts.recovery_seed_info(ALICE, bound.recovery_id))
    assert public_of(recovery_seed).hex() == made["rec_pub"]


def test_cpython_opens_a_request_of_the_browser(chromium):
    made = _product(chromium, "produce_request")
    suite = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
    private = X25519PrivateKey.from_private_bytes(octets("inference", "gateway_private"))
    sealed = bytes.fromhex(made["enc"] + made["ciphertext"])
    assert suite.decrypt(sealed, private, octets("inference", "info")) == octets("inference", "request")


async def test_cpython_unwraps_a_conversation_key_of_the_browser(chromium):
    made = _product(chromium, "produce_wrap")
    enc = DecryptionKey(load_der_private_key(octets("identity", "pkcs8"), None))
    crypto = PycaCrypto()
    item = WrappedConversationKey(bytes.fromhex(made["wrapped"]), CONVERSATION, 2, RECIPIENT)
    key = await crypto.unwrap_conversation_key(enc, item)
    assert key.ck_commit.hex() == made["commit"]
    context = contexts.meta_context(CONVERSATION, 2, 1, ALICE)
    assert await crypto.open_many(key.root, Kind.META, [(context, bytes.fromhex(made["envelope"]))]) == [b"title"]
    chain = [bytes.fromhex(made[name]) for name in ("prev_2", "prev_1")]
    older = await crypto.open_previous_keys(key, CONVERSATION, 2, chain)
    again = await crypto.unwrap_conversation_key(enc, replace(item, wrapped=bytes.fromhex(made["rewrapped"]), epoch=0))
    assert [older[1].ck_commit, again.ck_commit] == [octets("conversation", "ck_commit")] * 2
