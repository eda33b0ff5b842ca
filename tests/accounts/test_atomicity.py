"""A change that fails at any write leaves everything as before, or stands as a whole (A30)."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from accounts.models import User
from balon.protocol.statements import AuthAction
from tests.accounts.changing import CHANGES, begin_recovery, can_sign_in, header
from tests.accounts.rotating import conversations_of, everything, rotation_body, with_new_keys
from tests.browsers import Browser
from tests.keys import Keys

pytestmark = pytest.mark.django_db(transaction=True)

WRITES = ("INSERT ", "UPDATE ", "DELETE ")
MORE_WRITES_THAN_ANY = 40
"""More than any change takes with its cookie; a test that comes this far never ends by itself."""
LEAST_WRITES = {"password": 6, "login": 7, "kdf": 6, "recovery": 12, "rotation": 20}
"""Challenge, user, record, (bundle,) cookies, sessions, own session, pending challenges; for recovery and rotation the rest too."""


class WriteFailedError(Exception):
    """What the database says at the write that fails."""


class FailingDatabase:
    """Fails at one write of a request, counted from 1."""

    def __init__(self, fail_at: int) -> None:
        self.fail_at = fail_at
        self.seen = 0

    def __call__(self, execute: Any, sql: str, params: Any, many: Any, context: Any) -> Any:
        if sql.startswith(WRITES):
            self.seen += 1
            if self.seen == self.fail_at:
                raise WriteFailedError
        return execute(sql, params, many, context)


Prepare = Callable[[Browser, int], tuple[Keys, Callable[[], Any]]]


def change_of(name: str) -> Prepare:
    change = CHANGES[name]

    def prepare(browser: Browser, version: int) -> tuple[Keys, Callable[[], Any]]:
        renewed = change.renew(browser.keys)
        raw = json.dumps(change.body(renewed, version)).encode()
        proof = browser.keys.prove(browser.prelogin(), change.action, raw)
        return renewed, lambda: browser.post(change.path, raw, **header(proof))

    return prepare


def recovery(browser: Browser, version: int) -> tuple[Keys, Callable[[], Any]]:
    renewed = browser.keys.with_new_kit()
    raw = json.dumps(browser.keys.recover_body(renewed, version)).encode()
    proof = browser.keys.prove_kit(begin_recovery(browser), raw, action=AuthAction.RECOVER)
    return renewed, lambda: browser.post("accounts/recovery", raw, **header(proof))


def rotation(browser: Browser, version: int) -> tuple[Keys, Callable[[], Any]]:
    if not conversations_of(browser):
        for _ in range(2):
            browser.create_conversation()
    renewed = with_new_keys(browser.keys, identity=bool(version % 2))
    raw = json.dumps(rotation_body(browser, renewed, version)).encode()
    proof = browser.keys.prove(browser.prelogin(), AuthAction.ROTATE_KEYS, raw)
    return renewed, lambda: browser.post("accounts/keys", raw, **header(proof))


PREPARATIONS: dict[str, Prepare] = {
    **{name: change_of(name) for name in CHANGES},
    "recovery": recovery,
    "rotation": rotation,
}


@pytest.mark.parametrize("name", PREPARATIONS)
def test_ends_as_before_or_as_after_whichever_write_fails(alice: Browser, name: str, settings: Any):
    settings.BALON_LIMIT_ADDRESS = settings.BALON_LIMIT_LOGIN = settings.BALON_LIMIT_ROTATION = (10_000, 300)
    outcomes: list[str] = []
    person, version = alice, 1
    person.client.raise_request_exception = False
    for fail_at in range(1, MORE_WRITES_THAN_ANY):
        assert can_sign_in(person.keys)  # Another session, which is to end or to stay.
        renewed, send = PREPARATIONS[name](person, version)
        before, database = everything(), FailingDatabase(fail_at)
        with connection.execute_wrapper(database):
            answer = send()
        if database.seen < fail_at:
            break
        assert answer.status_code == 500
        outcomes.append("before" if everything() == before else "after")
        if outcomes[-1] == "before":
            assert can_sign_in(person.keys)
            assert not can_sign_in(renewed)
            continue
        version += 1
        assert User.objects.get().account_version == version
        assert can_sign_in(renewed)
        assert not can_sign_in(person.keys)
        person = Browser(renewed)
        person.client.raise_request_exception = False
        assert person.sign_in().status_code == 200
    assert answer.status_code == 200
    assert can_sign_in(renewed)
    undone = outcomes.count("before")
    assert undone >= LEAST_WRITES[name], outcomes
    # What fails after the commit is the cookie: the change stands, and the person signs in again.
    assert outcomes == ["before"] * undone + ["after"] * (len(outcomes) - undone)
