"""A sign-in with fewer iterations than the default raises them by itself, or leaves everything as it was (section 5)."""

import pytest

from balon.protocol.password import DEFAULT_ITERATIONS
from balon_client import account_calls, credentials
from tests.client.changing import Break, changing_server, signs_in_elsewhere
from tests.client.conftest import ALICE
from tests.client.lies import changed, flip
from tests.client.tab import password, refused

LESS = DEFAULT_ITERATIONS
MORE = LESS + 1
PATH = "/api/v1/accounts/kdf"


@pytest.fixture
def server(town, clock):
    return changing_server(town, clock)


@pytest.fixture
def elsewhere(server, clock, rsa_key):
    return signs_in_elsewhere(server, clock, rsa_key)


@pytest.fixture(autouse=True)
def _newer_release(monkeypatch, town, _derived_once):
    """A release whose default is higher than what the accounts have."""
    for module in (account_calls, credentials):
        monkeypatch.setattr(module, "DEFAULT_ITERATIONS", MORE)


async def test_sign_in_raises_the_iterations(stranger, server, elsewhere):
    typed = password()
    assert (await stranger.sign_in(ALICE, typed))["state"] == "signed-in"
    assert not any(typed)
    assert (server.account_of(ALICE)["n"], server.account_of(ALICE)["account_version"]) == (MORE, 2)
    await stranger.lock()
    assert (await stranger.unlock(password()))["state"] == "signed-in"
    assert not isinstance(await elsewhere(ALICE, password()), str)
    assert len(server.changes) == 1


async def test_a_wrong_password_upgrades_nothing(stranger, server):
    assert await refused(stranger.sign_in(ALICE, password("wrong"))) == "sign-in-refused"
    assert server.changes == []
    assert await refused(stranger.sign_in(ALICE, bytearray())) == "invalid-password"


async def test_it_is_never_lowered(stranger, server, monkeypatch):
    await stranger.sign_in(ALICE, password())
    monkeypatch.setattr(account_calls, "DEFAULT_ITERATIONS", LESS)
    monkeypatch.setattr(credentials, "DEFAULT_ITERATIONS", LESS)
    await stranger.change_password(password(), password("another one, long enough"))
    assert server.account_of(ALICE)["n"] == MORE


@pytest.mark.parametrize(("at", "acted"), [(3, False), (3, True), (4, False), (4, True)])
async def test_a_request_that_is_lost_does_not_disturb_the_sign_in(stranger, server, at, acted):
    server.break_at = Break(at, acted, for_good=False)
    assert (await stranger.sign_in(ALICE, password()))["state"] == "signed-in"
    await stranger.online()
    assert server.account_of(ALICE)["n"] == (MORE if (at, acted) == (4, True) else LESS)
    assert (stranger.session["state"], stranger.alarms) == ("signed-in", [])


async def test_a_refusal_does_not_disturb_the_sign_in(stranger, server):
    server.account_of(ALICE)["account_version"] = 5
    server.lie("POST", "/api/v1/accounts/login", changed("account_version", 4), times=1)
    assert (await stranger.sign_in(ALICE, password()))["state"] == "signed-in"
    assert server.account_of(ALICE)["n"] == LESS


async def test_a_lie_in_its_answer_is_an_alarm(stranger, server):
    server.lie("POST", PATH, changed("records.mek_env", lambda text: flip(text, -1)))
    assert await refused(stranger.sign_in(ALICE, password())) == "account-keys-refused"
    assert stranger.keys is None
