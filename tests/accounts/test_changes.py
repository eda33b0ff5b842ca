"""Changes of password, login name and derivation alike: one proof, one change, all other sessions ended (A5, A31)."""

import json
import uuid
from typing import Any

import pytest
from django.contrib.sessions.models import Session

from accounts.models import Challenge, SignInRecord, SignInSession, User
from balon.protocol.encoding import encode_b64u
from balon.protocol.envelope import Kind
from balon.protocol.statements import AuthAction
from keystore.clock import now_ms
from tests.accounts.changing import CHANGES, Change, ask, begin_recovery, can_sign_in, header, snapshot
from tests.browsers import Browser
from tests.keys import Keys, envelope, public_bytes

pytestmark = pytest.mark.django_db


@pytest.fixture(params=CHANGES)
def change(request: Any) -> Change:
    return CHANGES[request.param]


def refused(answer: Any, code: str = "proof-refused", status: int = 401) -> bool:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.content
    assert answer.headers["Content-Type"] == "application/problem+json"
    return True


def test_replaces_the_sign_in_record_and_nothing_of_the_keys(alice: Browser, change: Change):
    before = alice.get("accounts/self").json()
    renewed = change.renew(alice.keys)
    body = change.body(renewed, 1)
    raw = json.dumps(body).encode()
    answer = alice.post(change.path, raw, **header(alice.keys.prove(alice.prelogin(), change.action, raw)))
    assert answer.status_code == 200, answer.content
    content = answer.json()
    assert (content["account_version"], content["login"]) == (2, renewed.login)
    for name in ("user_id", "session_id", "expires_at_ms"):
        assert content[name] == before[name]
    for name in ("kdf", "n", "salt", "mek_ver", "mek_env"):
        assert content["records"][name] == body[name]
    for name in ("idk_env", "rsa_env", "keyring", "recovery_id"):
        assert content["records"][name] == before["records"][name]
    assert content["records"]["bundle"] == body.get("bundle", before["records"]["bundle"])
    assert alice.get("accounts/self").json()["records"] == content["records"]


def test_the_new_password_signs_in_and_the_old_one_does_not(alice: Browser, change: Change):
    renewed = change.renew(alice.keys)
    assert ask(alice, change, renewed).status_code == 200
    assert can_sign_in(renewed)
    assert not can_sign_in(alice.keys)


def test_prelogin_gives_the_new_parameters(alice: Browser, change: Change):
    renewed = change.renew(alice.keys)
    ask(alice, change, renewed)
    content = Browser(renewed).prelogin()
    assert content["user_id"] == str(alice.keys.user_id)
    assert (content["n"], content["salt"]) == (renewed.iterations, encode_b64u(renewed.salt))


def test_the_asking_session_goes_on_under_a_new_cookie_and_the_others_end(
    alice: Browser, bob: Browser, change: Change, settings: Any
):
    elsewhere, thief = Browser(alice.keys), Browser(alice.keys)
    elsewhere.sign_in()
    name = settings.SESSION_COOKIE_NAME
    thief.client.cookies[name] = old = alice.client.cookies[name].value
    assert thief.fetch_session()["state"] == "active"
    assert ask(alice, change, change.renew(alice.keys)).status_code == 200
    assert alice.client.cookies[name].value != old
    assert alice.fetch_session()["account_version"] == 2
    for ended in (elsewhere, thief):
        assert ended.fetch_session()["state"] == "none"
        assert ended.get("accounts/self").status_code == 401
    assert bob.fetch_session()["state"] == "active"
    assert SignInSession.objects.filter(user_id=alice.keys.user_id).count() == 1
    assert Session.objects.count() == 2


def test_spends_the_accounts_pending_challenges_and_nobody_elses(alice: Browser, bob: Browser, change: Change):
    pending, of_recovery, of_bob = alice.prelogin(), begin_recovery(alice), bob.prelogin()
    ask(alice, change, change.renew(alice.keys))
    spent = {str(pk) for pk in Challenge.objects.exclude(spent_ms=None).values_list("pk", flat=True)}
    assert {pending["challenge_id"], of_recovery["challenge_id"]} <= spent
    assert of_bob["challenge_id"] not in spent


def test_a_second_change_follows_the_first(alice: Browser, change: Change):
    for version in (1, 2):
        renewed = change.renew(alice.keys)
        assert ask(alice, change, renewed, account_version=version).status_code == 200
        alice.keys = renewed
    assert User.objects.get().account_version == 3


def test_refuses_another_account_version_than_the_stored_one(alice: Browser, change: Change):
    before = snapshot()
    for version in (2, 3, 2**53 - 1):
        assert refused(ask(alice, change, change.renew(alice.keys), account_version=version), "version-conflict", 409)
    assert snapshot() == before


def test_refuses_the_same_proof_again(alice: Browser, change: Change):
    raw = json.dumps(change.body(change.renew(alice.keys), 1)).encode()
    proof = alice.keys.prove(alice.prelogin(), change.action, raw)
    assert alice.post(change.path, raw, **header(proof)).status_code == 200
    after = snapshot()
    assert refused(alice.post(change.path, raw, **header(proof)))
    assert snapshot() == after


def test_a_visitor_gets_401(alice: Browser, change: Change):
    visitor = Browser(alice.keys)
    assert refused(ask(visitor, change, change.renew(alice.keys)), "not-signed-in")
    assert can_sign_in(alice.keys)


@pytest.mark.parametrize("who", ["bob", "charlie"])
def test_the_password_of_one_changes_nothing_in_the_session_of_another(
    alice: Browser, who: str, change: Change, request: pytest.FixtureRequest
):
    other: Browser = request.getfixturevalue(who)
    before = snapshot()
    raw = json.dumps(change.body(change.renew(alice.keys), 1)).encode()
    for prelogin in (other.prelogin(), alice.prelogin()):
        assert refused(other.post(change.path, raw, **header(alice.keys.prove(prelogin, change.action, raw))))
        assert refused(other.post(change.path, raw, **header(other.keys.prove(alice.prelogin(), change.action, raw))))
    assert snapshot() == before


LIES: dict[str, dict[str, Any]] = {
    "another origin": {"origin": "https://evil.example"},
    "another login": {"login": "bob@example.org"},
    "another user": {"user_id": uuid.UUID(int=5)},
    "another challenge": {"challenge": bytes(32)},
    "another challenge id": {"challenge_id": uuid.UUID(int=5)},
    "another nonce": {"client_nonce": bytes(32)},
    "another kdf": {"kdf": "none"},
    "another n": {"iterations": 600_000},
    "another salt": {"salt": bytes(32)},
    "another body": {"body": b"{}"},
}


@pytest.mark.parametrize("lie", LIES)
def test_refuses_a_proof_over(alice: Browser, change: Change, lie: str):
    before = snapshot()
    assert refused(ask(alice, change, change.renew(alice.keys), **LIES[lie]))
    assert snapshot() == before


def test_refuses_a_proof_for_another_action(alice: Browser, change: Change):
    before = snapshot()
    for action in set(AuthAction) - {change.action, AuthAction.LOGIN}:
        assert refused(ask(alice, change, change.renew(alice.keys), action=action))
    assert snapshot() == before


def test_refuses_a_proof_for_login(alice: Browser, change: Change):
    raw = json.dumps(change.body(change.renew(alice.keys), 1)).encode()
    assert refused(alice.post(change.path, raw, **header(alice.keys.prove(alice.prelogin()))))
    assert can_sign_in(alice.keys)


def test_its_proof_is_none_for_login(alice: Browser, change: Change):
    raw = json.dumps(change.body(change.renew(alice.keys), 1)).encode()
    proof = alice.keys.prove(alice.prelogin(), change.action, raw)
    assert Browser(alice.keys).post("accounts/login", proof).status_code == 401


def test_refuses_a_body_altered_by_one_byte(alice: Browser, change: Change):
    """White space and digits alter no shape: the bytes are what is proved."""
    raw = json.dumps(change.body(change.renew(alice.keys), 1)).encode()
    before = snapshot()
    for altered in (raw + b" ", raw.replace(b": ", b":", 1), raw.replace(b'"mek_ver": 1', b'"mek_ver": 2')):
        assert altered != raw
        proof = alice.keys.prove(alice.prelogin(), change.action, raw)
        assert refused(alice.post(change.path, altered, **header(proof)))
    assert snapshot() == before


def test_refuses_the_new_key_in_place_of_the_old(alice: Browser, change: Change):
    renewed = change.renew(alice.keys)
    raw = json.dumps(change.body(renewed, 1)).encode()
    proof = renewed.prove(alice.prelogin(), change.action, raw, login=alice.keys.login, salt=alice.keys.salt)
    assert refused(alice.post(change.path, raw, **header(proof)))


def test_refuses_a_challenge_of_recovery(alice: Browser, change: Change):
    raw = json.dumps(change.body(change.renew(alice.keys), 1)).encode()
    assert refused(alice.post(change.path, raw, **header(alice.keys.prove(begin_recovery(alice), change.action, raw))))


def test_refuses_a_challenge_that_expired(alice: Browser, change: Change):
    raw = json.dumps(change.body(change.renew(alice.keys), 1)).encode()
    proof = alice.keys.prove(alice.prelogin(), change.action, raw)
    Challenge.objects.update(expires_ms=now_ms() - 1)
    assert refused(alice.post(change.path, raw, **header(proof)))


def test_spends_the_challenge_even_where_the_proof_fails(alice: Browser, change: Change):
    raw = json.dumps(change.body(change.renew(alice.keys), 1)).encode()
    challenge = alice.prelogin()
    lie = alice.keys.prove(challenge, change.action, raw, origin="https://evil.example")
    assert refused(alice.post(change.path, raw, **header(lie)))
    assert refused(alice.post(change.path, raw, **header(alice.keys.prove(challenge, change.action, raw))))


@pytest.mark.parametrize("value", ["", "x", "a.b.c", "é.é.é", f"{uuid.UUID(int=1)}.AA.AA"])
def test_refuses_a_malformed_proof(alice: Browser, change: Change, value: str):
    assert refused(alice.post(change.path, change.body(change.renew(alice.keys), 1), **{"Balon-Proof": value}))


BODIES: dict[str, dict[str, Any]] = {
    "n below the floor": {"n": 599_999},
    "n above the ceiling": {"n": 5_000_001},
    "n as text": {"n": "720001"},
    "another kdf": {"kdf": "none"},
    "constant salt": {"salt": encode_b64u(bytes(32))},
    "salt of 16 bytes": {"salt": encode_b64u(bytes(range(16)))},
    "a login key of small order": {"login_pub": encode_b64u(b"\x01" + bytes(31))},
    "a login key cut": {"login_pub": encode_b64u(bytes(31))},
    "the next master key": {"mek_ver": 2},
    "master key 0": {"mek_ver": 0},
    "an envelope of another kind": {"mek_env": encode_b64u(envelope(Kind.IDK, 32))},
    "an envelope too long": {"mek_env": encode_b64u(envelope(Kind.MEK, 33))},
    "no envelope": {"mek_env": None},
    "account version 0": {"account_version": 0},
    "an account version as text": {"account_version": "1"},
    "an unknown member": {"password": "hunter2"},
}


@pytest.mark.parametrize("case", BODIES)
def test_refuses_a_body_with(alice: Browser, change: Change, case: str):
    before = snapshot()
    raw = json.dumps({**change.body(change.renew(alice.keys), 1), **BODIES[case]}).encode()
    proof = alice.keys.prove(alice.prelogin(), change.action, raw)
    assert refused(alice.post(change.path, raw, **header(proof)), "invalid", 400)
    assert snapshot() == before


def test_a_session_that_ended_in_the_meantime_changes_nothing(alice: Browser, change: Change, monkeypatch: Any):
    from accounts import changes

    real = changes.verify_record
    monkeypatch.setattr(changes, "verify_record", lambda record: (SignInSession.objects.all().delete(), real(record)))
    before = SignInRecord.objects.get().login_pub_sealed
    assert refused(ask(alice, change, change.renew(alice.keys)), "not-signed-in")
    assert (SignInRecord.objects.get().login_pub_sealed, User.objects.get().account_version) == (before, 1)


def test_an_account_closed_in_the_meantime_changes_nothing(alice: Browser, change: Change, monkeypatch: Any):
    from accounts import changes

    real = changes.verify_record
    monkeypatch.setattr(changes, "verify_record", lambda record: (User.objects.update(is_active=False), real(record)))
    assert refused(ask(alice, change, change.renew(alice.keys)), "version-conflict", 409)
    assert User.objects.get().account_version == 1


def test_an_old_password_cannot_foresee_the_version_after_a_change(alice: Browser, change: Change, monkeypatch: Any):
    """The keys that judged a proof must be those of the version that is changed."""
    from accounts import changes

    def meanwhile(record: Any) -> None:
        User.objects.update(account_version=2)

    monkeypatch.setattr(changes, "verify_record", meanwhile)
    before = SignInRecord.objects.get().login_pub_sealed
    assert refused(ask(alice, change, change.renew(alice.keys), account_version=2), "version-conflict", 409)
    assert SignInRecord.objects.get().login_pub_sealed == before


def test_throttles_a_login_name_together_with_sign_in(alice: Browser, change: Change, settings: Any):
    settings.BALON_LIMIT_LOGIN = (2, 300)
    assert Browser(alice.keys, address="127.0.0.2").sign_in(salt=bytes(32)).status_code == 401
    answers = [ask(alice, change, change.renew(alice.keys), salt=bytes(32)) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [401, 429]
    assert 0 < int(answers[1].headers["Retry-After"]) <= 301


def test_throttles_an_address(alice: Browser, change: Change, settings: Any):
    settings.BALON_LIMIT_ADDRESS = (2, 300)
    body, junk = change.body(change.renew(alice.keys), 1), {"Balon-Proof": f"{uuid.uuid4()}.{'A' * 43}.{'A' * 86}"}
    assert [alice.post(change.path, body, **junk).status_code for _ in range(3)] == [401, 401, 429]


def test_needs_the_token_of_the_page(alice: Browser, change: Change):
    raw = json.dumps(change.body(change.renew(alice.keys), 1)).encode()
    proof = alice.keys.prove(alice.prelogin(), change.action, raw)
    alice.csrf = "nonsense"
    assert refused(alice.post(change.path, raw, **header(proof)), "csrf-refused", 403)
    assert can_sign_in(alice.keys)


def test_keeps_what_it_replaces_sealed(alice: Browser, change: Change):
    renewed = change.renew(alice.keys)
    ask(alice, change, renewed)
    record = SignInRecord.objects.get()
    everything = record.login_pub_sealed + record.salt_sealed + record.mek_env_sealed
    assert renewed.salt not in everything
    assert public_bytes(renewed.login_key) not in everything


def test_records_name_the_kit_that_can_recover(alice: Browser, bob: Browser):
    for person in (alice, bob):
        assert person.get("accounts/self").json()["records"]["recovery_id"] == str(person.keys.recovery_id)
        assert Browser(person.keys).sign_in().json()["records"]["recovery_id"] == str(person.keys.recovery_id)


def test_a_made_up_user_id_cannot_become_a_real_one():
    """Or a login name that is left behind would go on telling whose it was."""
    from accounts.decoys import derive_decoy

    keys = Keys("dave@example.org", user_id=derive_decoy("dave@example.org").user_id)
    assert refused(Browser(keys).sign_up(), "invalid", 400)
