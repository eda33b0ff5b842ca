"""Whoever is signed in finds a person by their login name, not too often."""

from typing import Any

import pytest

from accounts.models import User
from tests.browsers import Browser, signed_up
from tests.keys import Keys

pytestmark = pytest.mark.django_db
NOBODY = ["nobody@example.org", "", "  ", "x", "no spaces", "é@example.org", "x" * 1024, "deleted:1"]


def look_up(browser: Browser, login: str) -> Any:
    return browser.post("keys/lookup", {"login": login})


@pytest.mark.parametrize("login", ["bob@example.org", " Bob@Example.org "])
def test_alice_finds_bob(alice: Browser, bob: Browser, login: str):
    answer = look_up(alice, login)
    assert answer.status_code == 200
    assert answer.json() == bob.get(f"keys/users/{bob.keys.user_id}").json()


def test_alice_finds_herself(alice: Browser):
    assert look_up(alice, "alice@example.org").json()["user_id"] == str(alice.keys.user_id)


def test_finding_somebody_gives_no_right(alice: Browser, bob: Browser):
    look_up(alice, "bob@example.org")
    assert alice.get(f"keys/users/{bob.keys.user_id}").status_code == 404


@pytest.mark.parametrize("login", NOBODY)
def test_nobody_is_found_as(alice: Browser, login: str):
    answer = look_up(alice, login)
    assert (answer.status_code, answer.json()["code"]) == ((404, "unknown-login") if login else (400, "invalid"))


def test_operators_and_closed_accounts_are_nobody(alice: Browser, bob: Browser, settings: Any):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    User.objects.create_superuser(login="operator@example.org", password="a long operator's password")
    User.objects.filter(pk=bob.keys.user_id).update(is_active=False)
    for login in ("operator@example.org", "bob@example.org"):
        assert look_up(alice, login).json()["code"] == "unknown-login"


def test_a_visitor_gets_401(bob: Browser):
    assert look_up(Browser(), "bob@example.org").status_code == 401


def test_counts_for_the_person_whoever_is_looked_for(alice: Browser, bob: Browser, settings: Any):
    settings.BALON_LIMIT_LOOKUP = (2, 3600)
    answers = [look_up(alice, login) for login in ("bob@example.org", "nobody@example.org", "bob@example.org")]
    assert [answer.status_code for answer in answers] == [200, 404, 429]
    assert answers[2].json()["code"] == "throttled"
    assert 0 < int(answers[2].headers["Retry-After"]) <= 3600
    assert look_up(bob, "alice@example.org").status_code == 200


def test_counts_for_the_address_whoever_asks(alice: Browser, settings: Any):
    bob = Browser(Keys("bob@example.org"), address="192.0.2.7")
    assert bob.sign_up().status_code == 201
    charlie = signed_up("charlie@example.org")
    settings.BALON_LIMIT_ADDRESS = (1, 300)
    assert look_up(alice, "bob@example.org").status_code == 200
    assert look_up(charlie, "bob@example.org").status_code == 429
    assert look_up(bob, "alice@example.org").status_code == 200
