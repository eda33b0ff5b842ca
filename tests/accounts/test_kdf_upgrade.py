"""The upgrade of the derivation: iterations rise, and never fall (A1)."""

import pytest

from accounts.models import SignInRecord
from balon.protocol.password import DEFAULT_ITERATIONS, MIN_ITERATIONS
from tests.accounts.changing import CHANGES, ask, can_sign_in, snapshot
from tests.browsers import Browser
from tests.keys import Keys

pytestmark = pytest.mark.django_db
UPGRADE = CHANGES["kdf"]


def signed_up_at_the_floor() -> Browser:
    browser = Browser(Keys("dave@example.org", iterations=MIN_ITERATIONS))
    assert browser.sign_up().status_code == 201
    return browser


def test_an_account_at_the_floor_comes_up_to_the_default(alice: Browser, bob: Browser):
    dave = signed_up_at_the_floor()
    assert dave.prelogin()["n"] == MIN_ITERATIONS < DEFAULT_ITERATIONS
    upgraded = dave.keys.with_new_password(iterations=DEFAULT_ITERATIONS)
    answer = ask(dave, UPGRADE, upgraded)
    assert (answer.status_code, answer.json()["records"]["n"]) == (200, DEFAULT_ITERATIONS)
    assert dave.prelogin()["n"] == DEFAULT_ITERATIONS
    assert can_sign_in(upgraded)
    assert not can_sign_in(dave.keys)
    for person in (alice, bob):
        assert person.fetch_session()["account_version"] == 1


@pytest.mark.parametrize("iterations", [MIN_ITERATIONS, DEFAULT_ITERATIONS - 1, DEFAULT_ITERATIONS])
def test_iterations_do_not_fall_or_stay(alice: Browser, iterations: int):
    before = snapshot()
    answer = ask(alice, UPGRADE, alice.keys.with_new_password(iterations=iterations))
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert snapshot() == before


def test_twice_is_once(alice: Browser):
    upgraded = UPGRADE.renew(alice.keys)
    assert ask(alice, UPGRADE, upgraded).status_code == 200
    alice.keys = upgraded
    assert ask(alice, UPGRADE, upgraded.with_new_password(), account_version=2).status_code == 400
    assert SignInRecord.objects.get().iterations == upgraded.iterations
