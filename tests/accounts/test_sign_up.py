"""Sign-up: what a new account must show, and what is refused."""

import json
import uuid
from typing import Any

import pytest

from accounts.models import Challenge, RecoveryRecord, SignInRecord, User
from balon.protocol.encoding import encode_b64u
from balon.protocol.envelope import Kind
from balon.protocol.statements import AuthAction
from keystore.models import KeyBundle, Keyring
from tests.browsers import Browser
from tests.keys import Keys, envelope, known_spki, public_bytes, signed

pytestmark = pytest.mark.django_db


@pytest.fixture
def newcomer() -> Browser:
    return Browser(Keys("alice@example.org"))


def test_creates_account_records_and_session(newcomer: Browser):
    body = newcomer.keys.sign_up_body()
    answer = newcomer.sign_up(body)
    assert answer.status_code == 201
    content = answer.json()
    assert set(content) == {
        "state", "user_id", "login", "account_version", "session_id", "expires_at_ms", "csrf", "records",
    }  # fmt: skip
    assert content["records"] == {
        name: body[name]
        for name in ("kdf", "n", "salt", "mek_ver", "mek_env", "idk_env", "rsa_env", "bundle", "keyring")
    } | {"recovery_id": body["recovery"]["recovery_id"]}
    assert newcomer.fetch_session()["state"] == "active"
    assert newcomer.get("accounts/self").json()["records"] == content["records"]


def test_keeps_no_password_and_seals_the_sign_in_record(newcomer: Browser):
    newcomer.sign_up()
    user, record = User.objects.get(), SignInRecord.objects.get()
    assert not user.has_usable_password()
    everything = record.login_pub_sealed + record.salt_sealed + record.mek_env_sealed
    assert newcomer.keys.salt not in everything
    assert public_bytes(newcomer.keys.login_key) not in everything
    assert RecoveryRecord.objects.get().recovery_id == newcomer.keys.recovery_id


def test_refuses_a_taken_login_name(newcomer: Browser):
    newcomer.sign_up()
    answer = Browser(Keys("alice@example.org")).sign_up()
    assert (answer.status_code, answer.json()["code"]) == (409, "login-taken")
    assert User.objects.count() == 1


def test_refuses_a_taken_user_id_and_leaves_nothing_behind(newcomer: Browser):
    newcomer.sign_up()
    answer = Browser(Keys("bob@example.org", user_id=newcomer.keys.user_id)).sign_up()
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert (User.objects.count(), KeyBundle.objects.count(), Keyring.objects.count()) == (1, 1, 1)


PROOF_LIES: dict[str, dict[str, Any]] = {
    "another action": {"action": AuthAction.RECOVER},
    "another origin": {"origin": "https://evil.example"},
    "another login name": {"login": "bob@example.org"},
    "another user": {"user_id": uuid.uuid4()},
    "another challenge": {"challenge": bytes(32)},
    "another salt": {"salt": bytes(range(32))},
    "another n": {"iterations": 600_001},
    "another body": {"body": b"{}"},
}


@pytest.mark.parametrize("lie", PROOF_LIES)
def test_refuses_a_proof_over(newcomer: Browser, lie: str):
    body = json.dumps(newcomer.keys.sign_up_body()).encode()
    proof = newcomer.keys.prove(newcomer.prelogin(), **{"action": AuthAction.SIGN_UP, "body": body, **PROOF_LIES[lie]})
    answer = newcomer.post("accounts", body, **{"Balon-Proof": ".".join(proof.values())})
    assert (answer.status_code, answer.json()["code"]) == (401, "proof-refused")
    assert not User.objects.exists()


def test_refuses_a_challenge_made_for_another_login_name(newcomer: Browser):
    body = json.dumps(newcomer.keys.sign_up_body()).encode()
    proof = newcomer.keys.prove(newcomer.prelogin("bob@example.org"), AuthAction.SIGN_UP, body)
    answer = newcomer.post("accounts", body, **{"Balon-Proof": ".".join(proof.values())})
    assert (answer.status_code, answer.json()["code"]) == (401, "proof-refused")


@pytest.mark.parametrize("header", ["", "x", "a.b.c", "a.b", f"{uuid.UUID(int=1)}.AA.AA", "é.é.é"])
def test_refuses_a_malformed_proof(newcomer: Browser, header: str):
    answer = newcomer.post("accounts", newcomer.keys.sign_up_body(), **{"Balon-Proof": header})
    assert (answer.status_code, answer.json()["code"]) == (401, "proof-refused")


def test_spends_the_challenge_even_where_the_proof_fails(newcomer: Browser):
    body = json.dumps(newcomer.keys.sign_up_body()).encode()
    challenge = newcomer.prelogin()
    lie = newcomer.keys.prove(challenge, AuthAction.SIGN_UP, b"{}")
    newcomer.post("accounts", body, **{"Balon-Proof": ".".join(lie.values())})
    proof = newcomer.keys.prove(challenge, AuthAction.SIGN_UP, body)
    assert newcomer.post("accounts", body, **{"Balon-Proof": ".".join(proof.values())}).status_code == 401
    assert Challenge.objects.get().spent_ms


def _without(name: str) -> Any:
    return lambda body, keys: body.pop(name)


def _with(**changes: Any) -> Any:
    return lambda body, keys: body.update(changes)


def _signed_bundle(**changes: Any) -> Any:
    return lambda body, keys: body.update(bundle=signed(keys.idk, keys.bundle(**changes).serialize()))


def _b64(value: bytes) -> str:
    return encode_b64u(value)


LIES = {
    "n below the floor": _with(n=599_999),
    "n above the ceiling": _with(n=5_000_001),
    "n as text": _with(n="600000"),
    "n as float": _with(n=600_000.0),
    "n as boolean": _with(n=True),
    "another kdf": _with(kdf="none"),
    "salt of 16 bytes": _with(salt=_b64(bytes(range(16)))),
    "constant salt": _with(salt=_b64(bytes(32))),
    "salt with padding": _with(salt=_b64(bytes(range(32))) + "="),
    "salt not canonical": _with(salt=_b64(bytes(range(32)))[:-1] + "9"),
    "salt with line break": _with(salt=_b64(bytes(range(32))) + "\n"),
    "login in capitals": _with(login="Alice@example.org"),
    "login with spaces": _with(login=" alice@example.org"),
    "login too short": _with(login="al"),
    "login of another alphabet": _with(login="\u0430lice"),
    "login with surrogate": _with(login="ali\ud800ce"),
    "user id of version 7": _with(user_id="018f0000-0000-7000-8000-000000000001"),
    "user id in capitals": lambda body, keys: body.update(user_id=body["user_id"].upper().replace("0", "A")),
    "user id without dashes": lambda body, keys: body.update(user_id=body["user_id"].replace("-", "")),
    "login key of small order": _with(login_pub=_b64(b"\x01" + bytes(31))),
    "login key too short": _with(login_pub=_b64(bytes(31))),
    "mek_ver 0": _with(mek_ver=0),
    "mek_ver 2": _with(mek_ver=2),
    "mek_env of another kind": _with(mek_env=_b64(envelope(Kind.IDK, 32))),
    "mek_env too long": _with(mek_env=_b64(envelope(Kind.MEK, 33))),
    "idk_env cut": _with(idk_env=_b64(envelope(Kind.IDK, 32)[:-1])),
    "rsa_env too short": _with(rsa_env=_b64(envelope(Kind.RSA, 1200))),
    "rsa_env too long": _with(rsa_env=_b64(envelope(Kind.RSA, 10_000))),
    "keyring not padded": _with(keyring={"version": 1, "envelope": _b64(envelope(Kind.KEYRING, 255))}),
    "keyring of version 2": _with(keyring={"version": 2, "envelope": _b64(envelope(Kind.KEYRING))}),
    "keyring null": _with(keyring=None),
    "recovery missing": _without("recovery"),
    "bundle missing": _without("bundle"),
    "bundle as list": _with(bundle=[]),
    "unknown member": _with(password="hunter2"),
    "bundle of another user": _signed_bundle(user_id=uuid.uuid4()),
    "bundle of another login": _signed_bundle(login="bob@example.org"),
    "bundle of seq 2": _signed_bundle(bundle_seq=2),
    "bundle of another identity": _signed_bundle(idk_pub=public_bytes(Keys("x").idk)),
    "bundle with a swapped key id": _signed_bundle(rsa_kid=bytes(32)),
    "bundle with a cut key": _signed_bundle(spki=known_spki()[:-1]),
    "bundle with spare bytes": lambda body, keys: body.update(
        bundle=signed(keys.idk, keys.bundle().serialize() + bytes(4))
    ),
    "signature flipped": lambda body, keys: body["bundle"].update(signature=_b64(bytes(64))),
    "grant as bundle": lambda body, keys: body.update(bundle=signed(keys.idk, b"\x00\x00\x00\x0ebalon/v1/grant")),
}


@pytest.mark.parametrize("lie", LIES)
def test_refuses_a_body_with(newcomer: Browser, lie: str):
    body = newcomer.keys.sign_up_body()
    LIES[lie](body, newcomer.keys)
    answer = newcomer.sign_up(body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid"), answer.content
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert not User.objects.exists()
    assert not KeyBundle.objects.exists()


def test_a_fixed_body_would_have_stood(newcomer: Browser):
    """The table above refuses what it changes, not what it leaves."""
    assert newcomer.sign_up(newcomer.keys.sign_up_body()).status_code == 201


def test_throttles_an_address(newcomer: Browser, settings: Any):
    settings.BALON_LIMIT_ADDRESS = (2, 300)
    body = newcomer.keys.sign_up_body()
    answers = [
        newcomer.post("accounts", body, **{"Balon-Proof": f"{uuid.uuid4()}.{'A' * 43}.{'A' * 86}"}) for _ in range(3)
    ]
    assert [answer.status_code for answer in answers] == [401, 401, 429]
    assert answers[2].json()["code"] == "throttled"
    assert 0 < int(answers[2].headers["Retry-After"]) <= 301
