"""Sign-in: one proof, one challenge, one success; one answer for every failure (threat A5)."""

import threading
import uuid
from typing import Any

import pytest
from django.db import connections

from accounts.models import Challenge, SignInRecord, SignInSession, User
from balon.protocol.statements import AuthAction
from keystore.clock import now_ms
from tests.browsers import Browser
from tests.keys import Keys

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(alice: Browser) -> Browser:
    """Another browser of Alice's, where nobody is signed in."""
    return Browser(alice.keys)


def refused(answer: Any) -> bool:
    assert answer.status_code == 401
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Unauthorized",
        "status": 401,
        "detail": "Login name or password are not right.",
        "code": "sign-in-refused",
    }
    return True


def test_signs_in_and_brings_the_records(alice: Browser, browser: Browser):
    answer = browser.sign_in()
    assert answer.status_code == 200
    content = answer.json()
    expected = alice.get("accounts/self").json()
    changing = {"csrf", "session_id", "expires_at_ms"}
    assert {name: value for name, value in content.items() if name not in changing} == {
        name: value for name, value in expected.items() if name not in changing
    }
    assert content["session_id"] != expected["session_id"]
    assert browser.fetch_session()["session_id"] == content["session_id"]


def test_refuses_the_same_proof_again(browser: Browser):
    proof = browser.keys.prove(browser.prelogin())
    assert browser.post("accounts/login", proof).status_code == 200
    assert refused(Browser(browser.keys).post("accounts/login", proof))


def test_refuses_a_second_proof_over_a_spent_challenge(browser: Browser):
    challenge = browser.prelogin()
    assert browser.post("accounts/login", browser.keys.prove(challenge)).status_code == 200
    assert refused(Browser(browser.keys).post("accounts/login", browser.keys.prove(challenge)))


@pytest.mark.django_db(transaction=True)
def test_of_twenty_at_once_exactly_one_succeeds(browser: Browser):
    proof = browser.keys.prove(browser.prelogin())
    browsers = [Browser(browser.keys) for _ in range(20)]
    for one in browsers:
        one.fetch_session()
    start, statuses = threading.Barrier(20), []

    def post(one: Browser) -> None:
        start.wait(timeout=20)
        try:
            statuses.append(one.post("accounts/login", proof).status_code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=post, args=(one,)) for one in browsers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(statuses) == [200] + [401] * 19
    assert SignInSession.objects.count() == 2


LIES: dict[str, dict[str, Any]] = {
    **{
        f"action {action}": {"action": action, "body": b"{}"} for action in AuthAction if action is not AuthAction.LOGIN
    },
    "another origin": {"origin": "https://evil.example"},
    "another scheme": {"origin": "https://localhost:8000"},
    "another login": {"login": "bob@example.org"},
    "another user": {"user_id": uuid.UUID(int=5)},
    "another challenge": {"challenge": bytes(32)},
    "another challenge id": {"challenge_id": uuid.UUID(int=5)},
    "another nonce": {"client_nonce": bytes(32)},
    "another kdf": {"kdf": "none"},
    "another n": {"iterations": 1},
    "another salt": {"salt": bytes(32)},
}


@pytest.mark.parametrize("lie", LIES)
def test_refuses_a_proof_over(browser: Browser, lie: str):
    assert refused(browser.sign_in(**LIES[lie]))
    assert browser.fetch_session()["state"] == "none"


def test_refuses_another_login_key(browser: Browser):
    browser.keys = Keys(browser.keys.login, user_id=browser.keys.user_id, salt=browser.keys.salt)
    assert refused(browser.sign_in())


def test_refuses_a_challenge_that_was_made_for_someone_else(alice: Browser, bob: Browser):
    proof = alice.keys.prove(bob.prelogin())
    assert refused(Browser(alice.keys).post("accounts/login", proof))


def test_refuses_a_challenge_that_expired(browser: Browser):
    proof = browser.keys.prove(browser.prelogin())
    Challenge.objects.update(expires_ms=now_ms() - 1)
    assert refused(browser.post("accounts/login", proof))


def test_a_challenge_lasts_a_minute(browser: Browser):
    browser.prelogin()
    assert 59_000 < Challenge.objects.latest("expires_ms").expires_ms - now_ms() <= 60_000


def test_forgets_old_challenges(browser: Browser):
    browser.prelogin()
    Challenge.objects.update(expires_ms=now_ms() - 3_700_000)
    browser.prelogin()
    assert Challenge.objects.count() == 1


def test_refuses_a_login_name_that_nobody_has_in_the_same_words(browser: Browser):
    stranger = Browser(Keys("nobody@example.org"))
    unknown, wrong = stranger.sign_in(), browser.sign_in(salt=bytes(32))
    assert refused(unknown)
    assert unknown.content == wrong.content
    changing = {"Set-Cookie"}
    assert {n: v for n, v in unknown.headers.items() if n not in changing} == {
        n: v for n, v in wrong.headers.items() if n not in changing
    }


def test_does_the_same_work_for_unknown_login_names(browser: Browser, django_assert_num_queries: Any, monkeypatch: Any):
    """The number of signatures verified, records opened and queries made does not tell."""
    from accounts import proofs, selectors

    calls: list[str] = []
    for module, name in ((proofs, "verify_signature"), (selectors, "open_at_rest")):
        real = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *a, _n=name, _r=real, **k: (calls.append(_n), _r(*a, **k))[1])
    work = []
    for one in (Browser(Keys("nobody@example.org")), browser):
        one.fetch_session()
        proof = one.keys.prove(one.prelogin(), salt=bytes(range(32)))
        calls.clear()
        with django_assert_num_queries(3):
            one.post("accounts/login", proof)
        work.append(sorted(calls))
    assert work[0] == work[1] == ["open_at_rest"] * 3 + ["verify_signature"]


def test_a_closed_account_cannot_sign_in(browser: Browser):
    proof = browser.keys.prove(browser.prelogin())
    User.objects.update(is_active=False)
    assert refused(browser.post("accounts/login", proof))


MALFORMED: dict[str, dict[str, Any]] = {
    "no proof": {"proof": None},
    "a short proof": {"proof": "AAAA"},
    "a padded nonce": {"client_nonce": "A" * 43 + "="},
    "a nonce of another alphabet": {"client_nonce": "+" * 43},
    "a challenge id that is none": {"challenge_id": "nonsense"},
    "an unknown member": {"password": "hunter2"},
}


@pytest.mark.parametrize("case", MALFORMED)
def test_refuses_a_body_with(browser: Browser, case: str):
    answer = browser.post("accounts/login", {**browser.keys.prove(browser.prelogin()), **MALFORMED[case]})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_throttles_a_login_name_from_many_addresses(alice: Browser, settings: Any):
    settings.BALON_LIMIT_LOGIN = (2, 300)
    browsers = [Browser(alice.keys, address=f"127.0.0.{number}") for number in range(2, 6)]
    answers = [browser.sign_in(salt=bytes(32)) for browser in browsers]
    assert [answer.status_code for answer in answers] == [401, 401, 429, 429]
    assert answers[2].json()["code"] == "throttled"
    assert 0 < int(answers[2].headers["Retry-After"]) <= 301


def test_throttles_unknown_login_names_alike(settings: Any):
    settings.BALON_LIMIT_LOGIN = (2, 300)
    answers = [Browser(Keys("nobody@example.org"), address=f"127.0.0.{n}").sign_in() for n in range(2, 5)]
    assert [answer.status_code for answer in answers] == [401, 401, 429]


def test_the_cookie_changes_at_every_sign_in(browser: Browser, settings: Any):
    cookies = []
    for _ in range(2):
        assert browser.sign_in().status_code == 200
        cookies.append(browser.client.cookies[settings.SESSION_COOKIE_NAME].value)
    assert len(set(cookies)) == 2
    assert str(SignInSession.objects.latest("created_ms").pk) not in cookies


def test_a_fixed_cookie_does_not_survive_sign_in(browser: Browser, settings: Any):
    browser.client.cookies[settings.SESSION_COOKIE_NAME] = "chosen-by-a-thief-0123456789abcdef"
    assert browser.sign_in().status_code == 200
    assert browser.client.cookies[settings.SESSION_COOKIE_NAME].value != "chosen-by-a-thief-0123456789abcdef"


def test_needs_the_token_of_the_page(browser: Browser):
    proof = browser.keys.prove(browser.prelogin())
    browser.csrf = "nonsense"
    answer = browser.post("accounts/login", proof)
    assert (answer.status_code, answer.json()["code"]) == (403, "csrf-refused")
    assert SignInRecord.objects.exists()
