"""The session: what it tells, when it ends, and its cookies."""

from typing import Any

import pytest
from django.contrib.sessions.models import Session

from accounts.models import SignInSession, User
from keystore.clock import now_ms
from tests.browsers import Browser
from tests.keys import Keys

pytestmark = pytest.mark.django_db


def test_a_visitor_gets_none_and_a_token():
    browser = Browser()
    content = browser.fetch_session()
    assert set(content) == {"state", "csrf"}
    assert content["state"] == "none"


def test_a_person_gets_who_they_are(alice: Browser):
    content = alice.fetch_session()
    assert set(content) == {
        "state", "user_id", "login", "account_version", "session_id", "expires_at_ms", "csrf",
    }  # fmt: skip
    assert (content["state"], content["login"]) == ("active", "alice@example.org")
    assert content["user_id"] == str(alice.keys.user_id)
    assert 0 <= now_ms() + 14 * 24 * 3_600_000 - content["expires_at_ms"] < 60_000


def test_the_session_id_is_not_the_cookie(alice: Browser, settings: Any):
    cookie = alice.client.cookies[settings.SESSION_COOKIE_NAME].value
    assert alice.fetch_session()["session_id"] != cookie
    assert not SignInSession.objects.filter(pk__contains=cookie[:8]).exists()


def test_cookies_are_out_of_reach_of_scripts_and_other_sites(alice: Browser, settings: Any):
    for name in (settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME):
        cookie = alice.client.cookies[name]
        assert cookie["httponly"] is True
        assert cookie["samesite"] == "Strict"
        assert cookie["path"] == "/"
        assert not cookie["domain"]


@pytest.mark.parametrize("path", ["accounts/self", "keys/keyring", "conversations", "inference/config"])
def test_a_visitor_gets_401(path: str):
    answer = Browser().get(path)
    assert (answer.status_code, answer.json()["code"]) == (401, "not-signed-in")


def test_sign_out_ends_the_session_and_clears_the_browser(alice: Browser, settings: Any):
    answer = alice.post("accounts/logout")
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["Clear-Site-Data"] == '"storage"'
    assert not SignInSession.objects.exists()
    assert not Session.objects.exists()
    assert alice.fetch_session()["state"] == "none"
    assert not alice.client.cookies[settings.SESSION_COOKIE_NAME].value


def test_a_late_answer_to_a_session_that_ended_leaves_the_cookie_of_the_next(alice: Browser, settings: Any):
    SignInSession.objects.all().delete()
    Session.objects.all().delete()
    for answer in (alice.get("accounts/session"), alice.get("conversations")):
        assert settings.SESSION_COOKIE_NAME not in answer.cookies
    assert alice.get("accounts/self").status_code == 401


def test_sign_out_leaves_other_sessions_alone(alice: Browser, bob: Browser):
    elsewhere = Browser(alice.keys)
    elsewhere.sign_in()
    alice.post("accounts/logout")
    assert elsewhere.fetch_session()["state"] == "active"
    assert bob.fetch_session()["state"] == "active"


def test_sign_out_without_a_session_is_no_error():
    assert Browser().post("accounts/logout").status_code == 204


def test_sign_out_needs_the_token_of_the_page(alice: Browser):
    alice.csrf = "nonsense"
    assert alice.post("accounts/logout").json()["code"] == "csrf-refused"
    assert alice.fetch_session()["state"] == "active"


def test_the_token_changes_at_sign_in_and_sign_out(alice: Browser):
    browser = Browser(alice.keys)
    before = browser.fetch_session()["csrf"]
    browser.sign_in()
    assert browser.csrf != before
    during = browser.csrf
    browser.post("accounts/logout")
    browser.csrf = during
    assert browser.post("accounts/prelogin", {"login": "alice@example.org"}).status_code == 403
    browser.fetch_session()
    assert browser.post("accounts/prelogin", {"login": "alice@example.org"}).status_code == 200


ENDS: dict[str, Any] = {
    "expires": lambda: SignInSession.objects.update(expires_ms=now_ms() - 1),
    "is of an older account version": lambda: User.objects.update(account_version=2),
    "is of a closed account": lambda: User.objects.update(is_active=False),
    "is deleted": lambda: SignInSession.objects.all().delete(),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_session_stands_no_more_when_it(alice: Browser, end: str):
    ENDS[end]()
    assert alice.fetch_session()["state"] == "none"
    assert alice.get("accounts/self").status_code == 401


def test_expired_sessions_are_forgotten_at_the_next_sign_in(alice: Browser):
    SignInSession.objects.update(expires_ms=now_ms() - 1)
    Browser(alice.keys).sign_in()
    assert SignInSession.objects.count() == 1


def test_self_brings_ones_own_records_only(alice: Browser, bob: Browser):
    content = alice.get("accounts/self").json()
    assert content["user_id"] == str(alice.keys.user_id)
    assert (
        content["records"]["bundle"]["statement"] != bob.get("accounts/self").json()["records"]["bundle"]["statement"]
    )


def test_an_operators_login_is_no_session_of_a_person(client: Any):
    operator = User.objects.create_superuser(login="operator", password="a long operator's password")
    client.force_login(operator)
    assert client.get("/api/v1/session").json()["state"] == "none"
    assert client.get("/api/v1/accounts/self").status_code == 401


def test_a_persons_session_does_not_open_the_admin(alice: Browser):
    assert alice.client.get("/admin/").status_code == 302


def test_an_operator_cannot_prove_anything():
    User.objects.create_superuser(login="operator", password="a long operator's password")
    assert Browser(Keys("operator")).sign_in().status_code == 401
