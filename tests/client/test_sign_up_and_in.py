"""Accounts: sign-up, kit, zero-knowledge sign-in, and each lie that a server may tell (A1, A2, A10, A15 to A18, A48)."""

import json

import pytest

from balon.protocol.encoding import encode_b64u
from balon.protocol.errors import ProtocolError
from balon.protocol.recovery import decode_recovery_code, parse_credential
from tests.client.conftest import ALICE, BOB
from tests.client.lies import changed, flip
from tests.client.tab import PASSWORD, password, refused

# --- Sign-up ---


def test_the_kit_holds_a_code_and_a_credential_that_parse(town):
    credential = parse_credential(town.kit["credential"])
    assert str(credential.user_id) == town.sign_up["user_id"]
    assert str(credential.recovery_id) == town.sign_up["recovery"]["recovery_id"]
    assert len(decode_recovery_code(town.kit["recovery_code"])) == 32
    assert town.kit["recovery_code"] in town.kit["text"]
    assert town.kit["credential"] in town.kit["text"]


def test_a_code_with_a_wrong_letter_fails_its_checksum(town):
    code = town.kit["recovery_code"]
    wrong = code[:-1] + ("0" if code[-1] != "0" else "1")
    with pytest.raises(ProtocolError):
        decode_recovery_code(wrong)


def test_neither_password_nor_recovery_code_goes_to_the_server(town):
    body = json.dumps(town.sign_up)
    for secret in (PASSWORD, town.kit["recovery_code"], town.kit["recovery_code"].replace("-", "")):
        assert secret not in body
    assert set(town.sign_up["recovery"]) == {"recovery_id", "rec_pub"}


async def test_sign_up_signs_in_and_zeroes_the_password(stranger, server):
    typed = password()
    made = await stranger.sign_up("  Carol@Example.org ", typed)
    assert made["session"]["state"] == "signed-in"
    assert made["session"]["login"] == "carol@example.org"
    assert typed == bytes(len(typed))
    assert "carol@example.org" in server.state.accounts


async def test_a_taken_name_is_refused_and_new_keys_are_made(stranger):
    assert await refused(stranger.sign_up(ALICE, password())) == "login-taken"
    await stranger.until(lambda: [e["state"] for e in stranger.told("key-generation")].count("running") == 2)
    assert stranger.session["state"] == "signed-out"


@pytest.mark.parametrize("name", ["mek_env", "rsa_env", "idk_env", "salt", "bundle", "keyring"])
async def test_a_server_that_keeps_something_else_at_sign_up_is_refused(stranger, server, name):
    other = server.account_of(BOB)[name]
    server.lie("POST", "/api/v1/accounts", changed(f"records.{name}", other))
    assert await refused(stranger.sign_up("carol@example.org", password())) == "account-keys-refused"
    assert stranger.session["state"] == "signed-out"
    assert stranger.profile.storage.record is None


@pytest.mark.parametrize("login", ["", "ab", "white space", None, 7, "ä" * 5])
async def test_no_login_name_no_request(stranger, server, login):
    before = len(server.requests)
    typed = password()
    assert await refused(stranger.sign_in(login, typed)) == "invalid-login"
    assert typed == bytes(len(typed))
    assert len(server.requests) == before


# --- Sign-in ---


async def test_sign_in_opens_the_account_and_sends_no_password(stranger, server):
    typed = password()
    session = await stranger.sign_in(ALICE.upper(), typed)
    assert session["state"] == "signed-in"
    assert session["login"] == ALICE
    assert typed == bytes(len(typed))
    assert PASSWORD not in repr(server.requests)


@pytest.mark.parametrize("login", [ALICE, "nobody@example.org"])
async def test_a_wrong_password_and_an_unknown_name_are_refused_alike(stranger, login):
    assert await refused(stranger.sign_in(login, password("wrong"))) == "sign-in-refused"
    assert stranger.session["state"] == "signed-out"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n", 1),
        ("n", 5_000),
        ("n", 100_000),
        ("n", 599_999),
        ("n", 5_000_001),
        ("n", 2**31),
        ("kdf", "none"),
        ("kdf", "PBKDF2-SHA1"),
        ("salt", encode_b64u(bytes(16))),
        ("salt", ""),
    ],
)
async def test_a_derivation_outside_the_policy_is_refused_before_it_runs(stranger, server, name, value, monkeypatch):
    monkeypatch.setattr(stranger.platform.crypto, "derive_password_keys", None)
    server.lie("POST", "/api/v1/accounts/prelogin", changed(name, value))
    typed = password()
    assert await refused(stranger.sign_in(ALICE, typed)) == "kdf-refused"
    assert typed == bytes(len(typed))
    assert server.requests[-1].path == "/api/v1/accounts/prelogin"


@pytest.mark.parametrize("name", ["user_id", "n", "kdf", "salt", "challenge_id", "challenge"])
@pytest.mark.parametrize("value", [None, [], {}, "?", -1, 2**60, True])
async def test_a_prelogin_of_another_form_is_an_alarm(stranger, server, name, value):
    server.lie("POST", "/api/v1/accounts/prelogin", changed(name, value))
    assert await refused(stranger.sign_in(ALICE, password())) in {"server-answer-refused", "kdf-refused"}
    assert server.requests[-1].path == "/api/v1/accounts/prelogin"


@pytest.mark.parametrize("name", ["salt", "user_id"])
async def test_another_persons_derivation_parameters_prove_nothing(stranger, server, name):
    server.lie("POST", "/api/v1/accounts/prelogin", changed(name, server.account_of(BOB)[name]))
    assert await refused(stranger.sign_in(ALICE, password())) == "sign-in-refused"


RECORD_LIES = {
    "another person's master key": ("mek_env", lambda bob: bob["mek_env"]),
    "another person's identity key": ("idk_env", lambda bob: bob["idk_env"]),
    "another person's decryption key": ("rsa_env", lambda bob: bob["rsa_env"]),
    "another person's bundle": ("bundle", lambda bob: bob["bundle"]),
    "another person's salt": ("salt", lambda bob: bob["salt"]),
    "the identity key in place of the master key": ("mek_env", lambda bob: bob["idk_env"]),
    "fewer iterations": ("n", lambda bob: 600_001),
    "another version of the master key": ("mek_ver", lambda bob: 2),
}


@pytest.mark.parametrize("what", RECORD_LIES)
async def test_records_that_are_not_this_accounts_are_refused(stranger, server, what):
    name, forge = RECORD_LIES[what]
    server.lie("POST", "/api/v1/accounts/login", changed(f"records.{name}", forge(server.account_of(BOB))))
    assert await refused(stranger.sign_in(ALICE, password())) == "account-keys-refused"
    assert server.requests[-1].path == "/api/v1/accounts/login", "nothing was sent after the lie"
    assert stranger.profile.storage.record is None


async def test_another_persons_keyring_is_refused(stranger, server):
    lie = changed("records.keyring", server.account_of(BOB)["keyring"])
    server.lie("POST", "/api/v1/accounts/login", lie)
    assert await refused(stranger.sign_in(ALICE, password())) == "keyring-refused"


@pytest.mark.parametrize("name", ["user_id", "login"])
async def test_a_session_of_another_account_is_refused(stranger, server, name):
    server.lie("POST", "/api/v1/accounts/login", changed(name, server.account_of(BOB)[name]))
    assert await refused(stranger.sign_in(ALICE, password())) == "account-keys-refused"
    assert stranger.keys is None


async def test_the_whole_answer_of_another_account_is_refused(stranger, server, profile):
    answers = []
    server.lie("POST", "/api/v1/accounts/login", lambda answer: answers.append(answer) or answer, times=1)
    await stranger.sign_in_as(BOB)
    await stranger.sign_out()
    server.lie("POST", "/api/v1/accounts/login", lambda _: answers[0])
    assert await refused(stranger.sign_in(ALICE, password())) == "account-keys-refused"


@pytest.mark.parametrize("name", ["mek_env", "idk_env", "rsa_env", "bundle", "keyring", "salt", "n"])
@pytest.mark.parametrize("value", [None, ""])
async def test_missing_key_material_is_an_error_and_never_made_anew(stranger, server, name, value, monkeypatch):
    monkeypatch.setattr(stranger.platform.crypto, "generate_account_keys", None)
    server.lie("POST", "/api/v1/accounts/login", changed(f"records.{name}", value))
    assert await refused(stranger.sign_in(ALICE, password())) in {"server-answer-refused", "account-keys-refused"}
    assert server.requests[-1].path == "/api/v1/accounts/login"
    assert stranger.keys is None


@pytest.mark.parametrize("name", ["mek_env", "idk_env", "rsa_env"])
@pytest.mark.parametrize("at", [0, 3, 4, 5, 6, 8, 30, 60, 90, -1])
async def test_any_changed_byte_of_a_key_is_refused_alike(stranger, server, name, at):
    server.lie("POST", "/api/v1/accounts/login", changed(f"records.{name}", lambda text: flip(text, at)))
    assert await refused(stranger.sign_in(ALICE, password())) == "account-keys-refused"
    assert server.requests[-1].path == "/api/v1/accounts/login"


async def test_a_bundle_with_another_key_is_refused(stranger, server):
    server.lie("POST", "/api/v1/accounts/login", changed("records.bundle.statement", lambda text: flip(text, 200)))
    assert await refused(stranger.sign_in(ALICE, password())) == "account-keys-refused"


async def test_an_offered_key_of_the_organisation_is_ignored(stranger, server):
    def offer(answer):
        return answer | {"organisation_key": "QUJD", "records": answer["records"] | {"escrow_pub": "QUJD"}}

    server.lie("POST", "/api/v1/accounts/login", offer)
    assert (await stranger.sign_in_as(ALICE))["state"] == "signed-in"
    assert "QUJD" not in repr(server.requests)


async def test_keys_generated_for_a_sign_up_are_dropped_at_sign_in(stranger):
    await stranger.prepare_sign_up()
    generation = stranger.client._generation
    await stranger.sign_in_as(ALICE)
    with pytest.raises(RuntimeError):
        await generation.public_keys()
