"""Recovery by kit: once, for its holder alone, with the same answer for every other kit (A4, A32, A33)."""

import json
import uuid
from dataclasses import replace
from typing import Any

import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.contrib.sessions.models import Session

from accounts.errors import InstallationKeyError
from accounts.models import Challenge, RecoveryRecord, SignInSession, SpentRecoveryKit, User
from balon.protocol.encoding import decode_b64u, encode_b64u
from balon.protocol.envelope import Kind
from balon.protocol.statements import AuthAction
from keystore.clock import now_ms
from keystore.models import KeyBundle
from tests.accounts.changing import (
    CHANGES,
    ask,
    begin_recovery,
    can_sign_in,
    fresh_kit_of,
    header,
    open_recovery,
    recover,
    snapshot,
)
from tests.browsers import Browser
from tests.keys import Keys, envelope, public_bytes

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(alice: Browser) -> Browser:
    """Another browser of Alice's, where nobody is signed in."""
    return Browser(alice.keys)


def refused(answer: Any, code: str = "recovery-refused", status: int = 401) -> bool:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.content
    assert answer.headers["Content-Type"] == "application/problem+json"
    return True


def test_prelogin_names_the_login_and_makes_a_challenge(browser: Browser):
    content = begin_recovery(browser)
    assert list(content) == ["login", "challenge_id", "challenge", "expires_in"]
    assert (content["login"], content["expires_in"]) == ("alice@example.org", 60)
    assert len(decode_b64u(content["challenge"])) == 32


def test_opens_to_whoever_holds_the_kit(alice: Browser, bob: Browser, browser: Browser):
    answer = open_recovery(browser)
    assert answer.status_code == 200, answer.content
    records = alice.get("accounts/self").json()["records"]
    assert answer.json() == {
        "account_version": 1,
        "mek_ver": 1,
        "bundle": records["bundle"],
        "keyring": records["keyring"],
    }
    assert answer.json()["bundle"] != bob.get("accounts/self").json()["records"]["bundle"]


def test_opening_changes_nothing(browser: Browser):
    before = snapshot()
    assert open_recovery(browser).status_code == 200
    assert open_recovery(browser).status_code == 200
    assert snapshot() == before
    assert browser.fetch_session()["state"] == "none"


def test_recovers_with_a_new_password_master_key_and_kit(alice: Browser, browser: Browser):
    before = alice.get("accounts/self").json()["records"]
    renewed = browser.keys.with_new_kit()
    body = browser.keys.recover_body(renewed)
    raw = json.dumps(body).encode()
    answer = browser.post("accounts/recovery", raw, **header(browser.keys.prove_kit(begin_recovery(browser), raw)))
    assert answer.status_code == 200, answer.content
    content = answer.json()
    assert (content["state"], content["login"], content["account_version"]) == ("active", "alice@example.org", 2)
    records = content["records"]
    for name in ("kdf", "n", "salt", "mek_ver", "mek_env", "idk_env", "rsa_env", "keyring"):
        assert records[name] == body[name]
    assert records["mek_ver"] == 2
    assert records["keyring"]["version"] == 2
    assert records["recovery_id"] == str(renewed.recovery_id)
    assert records["bundle"] == before["bundle"]  # Contacts' pins survive.
    assert KeyBundle.objects.get().idk_pub == public_bytes(alice.keys.idk)
    assert browser.get("accounts/self").json()["records"] == records
    assert can_sign_in(renewed)
    assert not can_sign_in(alice.keys)


def test_all_other_sessions_end_and_the_browser_is_signed_in(alice: Browser, bob: Browser, browser: Browser):
    elsewhere = Browser(alice.keys)
    elsewhere.sign_in()
    assert recover(browser, browser.keys.with_new_kit()).status_code == 200
    assert alice.fetch_session()["state"] == elsewhere.fetch_session()["state"] == "none"
    assert browser.fetch_session()["state"] == bob.fetch_session()["state"] == "active"
    assert SignInSession.objects.filter(user_id=alice.keys.user_id).count() == 1
    assert Session.objects.count() == 2


def test_in_a_browser_that_is_signed_in_the_cookie_changes(alice: Browser, settings: Any):
    before = alice.client.cookies[settings.SESSION_COOKIE_NAME].value
    session_id = alice.fetch_session()["session_id"]
    assert recover(alice, alice.keys.with_new_kit()).status_code == 200
    assert alice.client.cookies[settings.SESSION_COOKIE_NAME].value != before
    assert alice.fetch_session()["session_id"] != session_id


def test_spends_pending_challenges(alice: Browser, bob: Browser, browser: Browser):
    pending = [alice.prelogin()["challenge_id"], begin_recovery(alice)["challenge_id"]]
    of_bob = bob.prelogin()["challenge_id"]
    recover(browser, browser.keys.with_new_kit())
    spent = {str(pk) for pk in Challenge.objects.exclude(spent_ms=None).values_list("pk", flat=True)}
    assert set(pending) <= spent
    assert of_bob not in spent


def test_a_used_kit_is_told_so_and_opens_nothing(browser: Browser):
    renewed = browser.keys.with_new_kit()
    assert recover(browser, renewed).status_code == 200
    after = snapshot()
    assert refused(open_recovery(browser), "recovery-used")
    assert refused(recover(browser, browser.keys.with_new_kit(), account_version=2), "recovery-used")
    assert snapshot() == after
    spent = SpentRecoveryKit.objects.get()
    assert (spent.recovery_id, spent.rec_pub) == (browser.keys.recovery_id, public_bytes(browser.keys.recovery_key))
    assert 0 <= now_ms() - spent.spent_ms < 60_000


def test_that_a_kit_was_used_is_told_to_nobody_but_its_holder(browser: Browser):
    recover(browser, browser.keys.with_new_kit())
    browser.keys = replace(browser.keys, recovery_key=Ed25519PrivateKey.generate())
    used = open_recovery(browser)
    assert refused(used)
    unknown = open_recovery(Browser(Keys("nobody@example.org")))
    assert used.content == unknown.content


def test_the_next_kit_recovers_again(browser: Browser):
    for version in (1, 2, 3):
        renewed = browser.keys.with_new_kit()
        assert recover(browser, renewed, account_version=version).status_code == 200
        browser.keys = renewed
    assert can_sign_in(browser.keys)
    assert SpentRecoveryKit.objects.count() == 3


def test_recovers_after_changes_of_password_and_login_name(alice: Browser, browser: Browser):
    renamed = CHANGES["login"].renew(alice.keys)
    assert ask(alice, CHANGES["login"], renamed).status_code == 200
    assert begin_recovery(browser)["login"] == renamed.login
    body = browser.keys.recover_body(renamed.with_new_kit(), account_version=2)
    body |= {"mek_ver": 2, "keyring": {**body["keyring"], "version": 2}}
    raw = json.dumps(body).encode()
    answer = browser.post("accounts/recovery", raw, **header(browser.keys.prove_kit(begin_recovery(browser), raw)))
    assert (answer.status_code, answer.json()["login"]) == (200, renamed.login)


LIES: dict[str, dict[str, Any]] = {
    **{
        f"action {action}": {"action": action}
        for action in AuthAction
        if action not in {AuthAction.LOGIN, AuthAction.RECOVER}
    },
    "another origin": {"origin": "https://evil.example"},
    "another login": {"login": "bob@example.org"},
    "another user": {"user_id": uuid.UUID(int=5)},
    "another challenge": {"challenge": bytes(32)},
    "another challenge id": {"challenge_id": uuid.UUID(int=5)},
    "another nonce": {"client_nonce": bytes(32)},
    "another kdf": {"kdf": "none"},
    "another n": {"iterations": 600_001},
    "another salt": {"salt": bytes(range(32))},
    "another body": {"body": b"{}"},
}


@pytest.mark.parametrize("lie", LIES)
def test_refuses_a_proof_over(browser: Browser, lie: str):
    before = snapshot()
    assert refused(open_recovery(browser, **LIES[lie]))
    assert refused(recover(browser, browser.keys.with_new_kit(), **LIES[lie]))
    assert snapshot() == before


def test_refuses_a_proof_for_login(browser: Browser):
    assert refused(open_recovery(browser, action=AuthAction.LOGIN, body=None))


def test_the_login_key_is_no_recovery_key_and_the_other_way_round(alice: Browser, browser: Browser):
    swapped = replace(alice.keys, recovery_key=alice.keys.login_key, login_key=alice.keys.recovery_key)
    assert refused(open_recovery(Browser(swapped)))
    assert not can_sign_in(swapped)
    raw = json.dumps(swapped.record_body()).encode()
    proof = swapped.prove(alice.prelogin(), AuthAction.CHANGE_PASSWORD, raw)
    assert refused(alice.post("accounts/password", raw, **header(proof)), "proof-refused")


def test_the_kit_of_one_opens_nothing_of_another(alice: Browser, bob: Browser, charlie: Browser):
    before = snapshot()
    for other in (alice, bob):
        posing = replace(fresh_kit_of(charlie.keys, charlie.keys), recovery_id=other.keys.recovery_id)
        assert refused(open_recovery(Browser(posing)))
        posing = replace(posing, user_id=other.keys.user_id)
        assert refused(recover(Browser(posing), posing.with_new_kit()))
    assert snapshot() == before


def test_refuses_a_challenge_for_another_kit_or_for_sign_in(alice: Browser, bob: Browser, browser: Browser):
    raw = json.dumps(alice.keys.claim_body()).encode()
    for challenge in (begin_recovery(bob), alice.prelogin(), begin_recovery(bob, uuid.uuid4())):
        proof = alice.keys.prove_kit({"login": alice.keys.login, **challenge}, raw, login=alice.keys.login)
        assert refused(browser.post("accounts/recovery/open", raw, **header(proof)))


def test_a_challenge_of_recovery_signs_nobody_up(browser: Browser):
    newcomer = Browser(Keys("dave@example.org"))
    raw = json.dumps(newcomer.keys.sign_up_body()).encode()
    proof = newcomer.keys.prove(begin_recovery(newcomer), AuthAction.SIGN_UP, raw)
    assert newcomer.post("accounts", raw, **header(proof)).status_code == 401


def test_refuses_a_body_altered_by_one_byte(browser: Browser):
    before = snapshot()
    raw = json.dumps(browser.keys.recover_body(browser.keys.with_new_kit())).encode()
    for altered in (raw + b" ", raw.replace(b'"n": 7', b'"n": 8'), raw.replace(b": ", b":", 1)):
        assert altered != raw
        proof = browser.keys.prove_kit(begin_recovery(browser), raw)
        assert refused(browser.post("accounts/recovery", altered, **header(proof)))
    assert snapshot() == before


def test_opening_and_recovering_need_a_proof_each(browser: Browser):
    raw = json.dumps(browser.keys.claim_body()).encode()
    proof = browser.keys.prove_kit(begin_recovery(browser), raw)
    assert browser.post("accounts/recovery/open", raw, **header(proof)).status_code == 200
    assert refused(browser.post("accounts/recovery/open", raw, **header(proof)))
    body = json.dumps(browser.keys.recover_body(browser.keys.with_new_kit())).encode()
    assert refused(browser.post("accounts/recovery", body, **header(proof)))


def test_refuses_the_same_proof_again(browser: Browser):
    raw = json.dumps(browser.keys.recover_body(browser.keys.with_new_kit())).encode()
    proof = browser.keys.prove_kit(begin_recovery(browser), raw)
    assert browser.post("accounts/recovery", raw, **header(proof)).status_code == 200
    after = snapshot()
    assert browser.post("accounts/recovery", raw, **header(proof)).status_code == 401
    assert snapshot() == after


def test_refuses_a_challenge_that_expired(browser: Browser):
    raw = json.dumps(browser.keys.claim_body()).encode()
    proof = browser.keys.prove_kit(begin_recovery(browser), raw)
    Challenge.objects.update(expires_ms=now_ms() - 1)
    assert refused(browser.post("accounts/recovery/open", raw, **header(proof)))


def test_a_closed_account_is_not_recovered(browser: Browser):
    User.objects.update(is_active=False)
    assert begin_recovery(browser)["login"] != browser.keys.login
    assert refused(open_recovery(browser, login=browser.keys.login))


def _changed(**changes: Any) -> Any:
    return lambda body, keys: {**body, **changes}


def _keyring(version: int) -> Any:
    return _changed(keyring={"version": version, "envelope": encode_b64u(envelope(Kind.KEYRING))})


def _next_kit(**changes: Any) -> Any:
    return lambda body, keys: {**body, "recovery": {**body["recovery"], **changes}}


BODIES: dict[str, tuple[Any, int, str]] = {
    "the old master key's version": (_changed(mek_ver=1), 400, "invalid"),
    "a version of the master key left out": (_changed(mek_ver=3), 400, "invalid"),
    "another account version": (_changed(account_version=2), 409, "version-conflict"),
    "the old keyring's version": (_keyring(1), 409, "version-conflict"),
    "a keyring version left out": (_keyring(3), 409, "version-conflict"),
    "the same kit again": (
        lambda body, keys: {**body, "recovery": {**body["recovery"], "recovery_id": body["recovery_id"]}}, 400, "invalid"
    ),
    "a recovery key of small order": (_next_kit(rec_pub=encode_b64u(b"\x01" + bytes(31))), 400, "invalid"),
    "a recovery key cut": (_next_kit(rec_pub=encode_b64u(bytes(31))), 400, "invalid"),
    "a login key of small order": (_changed(login_pub=encode_b64u(b"\x01" + bytes(31))), 400, "invalid"),
    "n below the floor": (_changed(n=599_999), 400, "invalid"),
    "constant salt": (_changed(salt=encode_b64u(bytes(32))), 400, "invalid"),
    "no identity key": (_changed(idk_env=None), 400, "invalid"),
    "an identity key cut": (_changed(idk_env=encode_b64u(envelope(Kind.IDK, 31))), 400, "invalid"),
    "no private key": (lambda body, keys: {k: v for k, v in body.items() if k != "rsa_env"}, 400, "invalid"),
    "no keyring": (_changed(keyring=None), 400, "invalid"),
    "no kit": (_changed(kit=None), 400, "invalid"),
    "a bundle": (lambda body, keys: {**body, "bundle": keys.sign_up_body()["bundle"]}, 400, "invalid"),
    "a sealed copy of the master key": (_changed(rec_env="AAAA"), 400, "invalid"),
}  # fmt: skip


@pytest.mark.parametrize("case", BODIES)
def test_refuses_a_body_with(browser: Browser, case: str):
    change, status, code = BODIES[case]
    before = snapshot()
    raw = json.dumps(change(browser.keys.recover_body(browser.keys.with_new_kit()), browser.keys)).encode()
    proof = browser.keys.prove_kit(begin_recovery(browser), raw)
    assert refused(browser.post("accounts/recovery", raw, **header(proof)), code, status)
    assert snapshot() == before
    assert recover(browser, browser.keys.with_new_kit()).status_code == 200


def test_refuses_the_id_of_anyones_kit_spent_or_not(bob: Browser, browser: Browser):
    before_used = bob.keys
    assert recover(bob, bob.keys.with_new_kit()).status_code == 200
    current = RecoveryRecord.objects.get(pk=bob.keys.user_id).recovery_id
    for taken in (before_used.recovery_id, current):
        before = snapshot()
        renewed = replace(browser.keys.with_new_kit(), recovery_id=taken)
        assert refused(recover(browser, renewed), "invalid", 400)
        assert snapshot() == before
        assert refused(Browser(Keys("dave@example.org", recovery_id=taken)).sign_up(), "invalid", 400)


KITS = {
    "n below the floor": {"n": 599_999},
    "another kdf": {"kdf": "none"},
    "constant salt": {"rec_salt": encode_b64u(bytes(32))},
    "salt of 16 bytes": {"rec_salt": encode_b64u(bytes(range(16)))},
    "its code": {"code": "A" * 43},
}


@pytest.mark.parametrize("case", KITS)
def test_refuses_a_kit_with(browser: Browser, case: str):
    body = browser.keys.claim_body()
    raw = json.dumps({**body, "kit": {**body["kit"], **KITS[case]}}).encode()
    proof = browser.keys.prove_kit(begin_recovery(browser), raw)
    assert refused(browser.post("accounts/recovery/open", raw, **header(proof)), "invalid", 400)


def test_under_another_installation_key_a_kit_is_not_used_up(browser: Browser, settings: Any):
    right = settings.BALON_INSTALLATION_KEYS
    settings.BALON_INSTALLATION_KEYS = [Fernet.generate_key().decode()]
    before = snapshot()
    with pytest.raises(InstallationKeyError):
        recover(browser, browser.keys.with_new_kit())
    assert snapshot() == before
    settings.BALON_INSTALLATION_KEYS = right
    assert recover(browser, browser.keys.with_new_kit()).status_code == 200
