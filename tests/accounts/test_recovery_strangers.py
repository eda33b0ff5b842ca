"""What a stranger learns of recovery: nothing of who has an account or a kit, and not quickly (A4)."""

import json
import os
import re
import subprocess
import sys
import uuid
from typing import Any

import pytest

from accounts.models import Challenge
from balon.protocol.password import normalize_login
from tests.accounts.changing import begin_recovery, header, open_recovery, recover
from tests.browsers import Browser
from tests.keys import Keys

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(alice: Browser) -> Browser:
    """Another browser of Alice's, where nobody is signed in."""
    return Browser(alice.keys)


def refused(answer: Any, code: str = "recovery-refused", status: int = 401) -> bool:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.content
    return True


def shape_of(answer: Any) -> Any:
    content = answer.json()
    return (
        answer.status_code,
        sorted((name, value) for name, value in answer.headers.items() if name != "Content-Length"),
        len(answer.content) - len(content.get("login", "")),
        [(name, type(value), len(str(value)) if name != "login" else 0) for name, value in content.items()],
        sorted(answer.cookies),
    )


def test_known_and_unknown_kits_look_alike(alice: Browser, bob: Browser, settings: Any):
    settings.BALON_LIMIT_ADDRESS = settings.BALON_LIMIT_LOGIN = (10_000, 300)
    visitor = Browser()
    begin_recovery(visitor, uuid.uuid4())  # The first answer of all sets a cookie.
    known = [person.keys.recovery_id for person in (alice, bob)]
    answers = [
        visitor.post("accounts/recovery/prelogin", {"recovery_id": str(one)})
        for one in [*known, *(uuid.uuid4() for _ in range(200))]
    ]
    assert len({repr(shape_of(answer)) for answer in answers}) == 1
    made_up = [answer.json()["login"] for answer in answers[2:]]
    assert all(normalize_login(login) == login for login in made_up)
    assert len(set(made_up)) > 190
    assert 40 < sum("@" in login for login in made_up) < 160
    assert {len(login) for login in made_up} <= set(range(6, 30))
    refusals = []
    for person in (alice, Browser(Keys("nobody@example.org"))):
        attempt = Browser(person.keys)
        attempt.fetch_session()
        refusals.append(open_recovery(attempt, origin="https://evil.example"))
    assert shape_of(refusals[0]) == shape_of(refusals[1])
    assert refusals[0].content == refusals[1].content


def test_does_the_same_work_for_unknown_kits(
    browser: Browser, bob: Browser, django_assert_num_queries: Any, monkeypatch: Any
):
    from accounts import proofs

    bob_used = Browser(bob.keys)
    recover(bob_used, bob.keys.with_new_kit())
    calls: list[str] = []
    real = proofs.verify_signature
    monkeypatch.setattr(proofs, "verify_signature", lambda *a: (calls.append("verify"), real(*a)))
    for one in (Browser(Keys("nobody@example.org")), browser, Browser(bob.keys)):
        one.fetch_session()
        begin_recovery(one)
        with django_assert_num_queries(4):
            challenge = begin_recovery(one)
        body = json.dumps(one.keys.claim_body()).encode()
        proof = one.keys.prove_kit(challenge, body, origin="https://evil.example")
        calls.clear()
        with django_assert_num_queries(4):
            assert refused(one.post("accounts/recovery/open", body, **header(proof)))
        assert calls == ["verify"]


def test_a_made_up_login_stays_the_same_over_calls_and_restarts():
    visitor, unknown = Browser(), uuid.UUID(int=5)
    first, second = (begin_recovery(visitor, unknown) for _ in range(2))
    assert first["login"] == second["login"]
    assert first["challenge"] != second["challenge"]
    program = (
        "import django, uuid; django.setup(); from accounts.decoys import derive_decoy_login;"
        "print(derive_decoy_login(uuid.UUID(int=5)))"
    )
    environment = {name: value for name, value in os.environ.items() if name != "BALON_TEST_SERVICES"}
    fresh = subprocess.run(
        [sys.executable, "-c", program],
        env={**environment, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    assert fresh == first["login"]
    assert re.fullmatch(r"[a-z]+[0-9]{0,2}(@[a-z]+\.(com|net|org))?", fresh)


def test_a_made_up_login_depends_on_the_servers_key(settings: Any):
    here = begin_recovery(Browser(), uuid.UUID(int=5))["login"]
    settings.BALON_DECOY_KEY = bytes(32)
    assert begin_recovery(Browser(), uuid.UUID(int=5))["login"] != here


def test_keeps_no_recovery_id_with_the_challenge(browser: Browser):
    begin_recovery(browser)
    tag = Challenge.objects.latest("expires_ms").login_tag
    assert browser.keys.recovery_id.bytes not in tag
    assert len(tag) == 32


@pytest.mark.parametrize("body", [{}, {"recovery_id": None}, {"recovery_id": 5}, {"recovery_id": "x"}, [], None, "x"])
def test_refuses_a_body_that_names_no_kit(body: Any):
    assert refused(Browser().post("accounts/recovery/prelogin", body), "invalid", 400)
    assert not Challenge.objects.exists()


@pytest.mark.parametrize("value", ["", "x", "a.b.c", "é.é.é", f"{uuid.UUID(int=1)}.AA.AA"])
def test_refuses_a_malformed_proof(browser: Browser, value: str):
    for path, body in (
        ("accounts/recovery/open", browser.keys.claim_body()),
        ("accounts/recovery", browser.keys.recover_body(browser.keys.with_new_kit())),
    ):
        assert refused(browser.post(path, body, **{"Balon-Proof": value}), "proof-refused")


def test_throttles_an_address(settings: Any):
    settings.BALON_LIMIT_ADDRESS = (2, 300)
    here = Browser()
    paths = {
        "accounts/recovery/prelogin": {"recovery_id": str(uuid.uuid4())},
        "accounts/recovery/open": here.keys.claim_body(),
    }
    junk = {"Balon-Proof": f"{uuid.uuid4()}.{'A' * 43}.{'A' * 86}"}
    for path, body in paths.items():
        assert [here.post(path, body, **junk).status_code for _ in range(3)][-1] == 429
    elsewhere = Browser(address="127.0.0.2")
    assert elsewhere.post("accounts/recovery/open", here.keys.claim_body(), **junk).status_code == 401


def test_throttles_a_kit_from_many_addresses_whether_it_is_known_or_not(alice: Browser, settings: Any):
    settings.BALON_LIMIT_LOGIN = (2, 300)
    for keys in (alice.keys, Keys("nobody@example.org")):
        browsers = [Browser(keys, address=f"127.0.0.{number}") for number in range(2, 5)]
        answers = [open_recovery(one, origin="https://evil.example") for one in browsers]
        assert [answer.status_code for answer in answers] == [401, 401, 429]


def test_needs_the_token_of_the_page(browser: Browser):
    browser.csrf = "nonsense"
    for path in ("accounts/recovery/prelogin", "accounts/recovery/open", "accounts/recovery"):
        assert refused(browser.post(path, {}), "csrf-refused", 403)
