"""Many tries at once: challenges are spent once, counters miss none, on every database and cache (threats A4, A5)."""

import json
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.db import connections

from accounts.errors import InstallationKeyError
from accounts.models import Challenge, DeletionRequest, SignInRecord, SignInSession, User
from balon.protocol.statements import AuthAction
from tests.browsers import Browser
from tests.keys import Keys

pytestmark = pytest.mark.django_db(transaction=True)

COUNT = 50


@pytest.fixture(autouse=True)
def _whole_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counters begin anew with each window; here none begins in the middle of a test."""
    monkeypatch.setattr("accounts.throttles.time.time", lambda: 1_800_000_000.0)


def at_once(tries: list[Callable[[], int]]) -> Counter[int]:
    """Runs all tries at the same moment, each in a thread with connections of its own; counts their statuses."""
    start, statuses = threading.Barrier(len(tries)), []

    def run(one: Callable[[], int]) -> None:
        start.wait(timeout=30)
        try:
            statuses.append(one())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(one,)) for one in tries]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    return Counter(statuses)


def crowd(keys: Keys, *, addresses: bool = False) -> list[Browser]:
    """Fifty browsers with one visitor's cookie, so that they need not each fetch a token."""
    first = Browser(keys)
    first.fetch_session()
    return [twin_of(first, f"127.0.1.{number}" if addresses else "127.0.0.1") for number in range(1, COUNT + 1)]


def twin_of(browser: Browser, address: str = "127.0.0.1") -> Browser:
    twin = Browser(browser.keys, address=address)
    twin.client.cookies, twin.csrf = browser.client.cookies.copy(), browser.csrf
    return twin


def test_of_fifty_tries_of_one_challenge_exactly_one_succeeds(alice: Browser, settings: Any):
    settings.BALON_LIMIT_LOGIN = settings.BALON_LIMIT_ADDRESS = (1000, 300)
    challenge = alice.prelogin()
    proofs = [alice.keys.prove(challenge) for _ in range(COUNT)]
    tries = [
        lambda one=browser, proof=proof: one.post("accounts/login", proof).status_code
        for browser, proof in zip(crowd(alice.keys), proofs, strict=True)
    ]
    assert at_once(tries) == {200: 1, 401: COUNT - 1}
    assert SignInSession.objects.count() == 2
    assert Challenge.objects.exclude(spent_ms=None).count() == 2


def test_of_fifty_proofs_of_one_challenge_exactly_one_asks_for_deletion(alice: Browser, settings: Any):
    settings.BALON_LIMIT_LOGIN = (1000, 300)
    body = json.dumps({"account_version": 1}).encode()
    challenge = alice.prelogin()
    headers = [
        {"Balon-Proof": ".".join(alice.keys.prove(challenge, AuthAction.DELETE_ACCOUNT, body).values())}
        for _ in range(COUNT)
    ]
    tries = [
        lambda one=twin, header=header: one.post("accounts/deletion", body, **header).status_code
        for twin, header in zip([twin_of(alice) for _ in headers], headers, strict=True)
    ]
    assert at_once(tries) == {200: 1, 401: COUNT - 1}
    assert DeletionRequest.objects.count() == 1


@pytest.mark.parametrize("login", ["alice@example.org", "nobody@example.org"])
def test_of_fifty_at_once_ten_get_past_the_limit_of_a_login_name(alice: Browser, settings: Any, login: str):
    settings.BALON_LIMIT_ADDRESS, settings.BALON_LIMIT_LOGIN = (1000, 300), (10, 300)
    keys = Keys(login)
    tries = []
    for browser in crowd(keys, addresses=True):
        proof = keys.prove(browser.prelogin())
        tries.append(lambda one=browser, proof=proof: one.post("accounts/login", proof).status_code)
    assert at_once(tries) == {401: 10, 429: COUNT - 10}


def test_of_fifty_at_once_ten_get_past_the_limit_of_an_address(settings: Any):
    settings.BALON_LIMIT_ADDRESS = (10, 300)
    tries = [
        lambda one=browser, n=n: one.post("accounts/prelogin", {"login": f"name{n}@example.org"}).status_code
        for n, browser in enumerate(crowd(Keys("nobody@example.org")))
    ]
    assert at_once(tries) == {200: 10, 429: COUNT - 10}
    assert Challenge.objects.count() == 10


def test_nothing_is_sealed_under_a_key_that_is_not_the_installations(alice: Browser, settings: Any, client: Any):
    """An operator who lost the key, or started with another one, learns it before anybody's account depends on it."""
    bob = Browser(Keys("bob@example.org"))
    challenge = bob.prelogin()
    right = settings.BALON_INSTALLATION_KEYS
    settings.BALON_INSTALLATION_KEYS = [Fernet.generate_key().decode()]
    assert client.get("/readyz").json()["checks"]["installation-key"] == "failed"
    body = json.dumps(bob.keys.sign_up_body()).encode()
    proof = ".".join(bob.keys.prove(challenge, AuthAction.SIGN_UP, body).values())
    with pytest.raises(InstallationKeyError):
        bob.post("accounts", body, **{"Balon-Proof": proof})
    assert (User.objects.count(), SignInRecord.objects.count()) == (1, 1)
    settings.BALON_INSTALLATION_KEYS = right
    assert bob.sign_up().status_code == 201
    assert Browser(alice.keys).sign_in().status_code == 200
