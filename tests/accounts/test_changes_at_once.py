"""Changes that meet: one wins, and whoever else is signed in learns it within a second (A5, A31)."""

import json
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest

from accounts import changes, recovery
from accounts.models import SignInSession, SpentRecoveryKit, User
from balon.protocol.statements import AuthAction
from keystore.models import RosterEntry
from tests.accounts.changing import (
    CHANGES,
    all_at_once,
    ask,
    begin_recovery,
    can_sign_in,
    header,
    recover,
)
from tests.accounts.rotating import rotation_body, send_rotation, with_new_keys
from tests.browsers import Browser
from tests.keys import Keys
from tests.sockets import calling, open_socket

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def _process() -> AsyncIterator[None]:
    """Lets go of what a web process holds open, as its end does."""
    from conversations.frames import get_frame_log
    from conversations.relay import get_relays

    yield
    await get_relays().close()
    await get_frame_log().close()


@pytest.fixture
def meeting(monkeypatch: Any) -> None:
    """Has two changes wait for each other once both are proved, before either writes."""
    barrier = threading.Barrier(2, timeout=20)
    for module in (changes, recovery):
        real = module.verify_record
        monkeypatch.setattr(module, "verify_record", lambda record, _r=real: (_r(record), barrier.wait()))


def same_browsers(browser: Browser, count: int) -> list[Browser]:
    """As many requests of one browser: the same cookies, the same token."""
    browser.fetch_session()
    others = [Browser(browser.keys) for _ in range(count)]
    for one in others:
        one.client.cookies.load({name: morsel.value for name, morsel in browser.client.cookies.items()})
        one.csrf = browser.csrf
    return others


@pytest.mark.parametrize("name", CHANGES)
def test_of_twenty_requests_with_one_proof_exactly_one_changes_anything(alice: Browser, name: str):
    change = CHANGES[name]
    renewed = change.renew(alice.keys)
    raw = json.dumps(change.body(renewed, 1)).encode()
    proof = header(alice.keys.prove(alice.prelogin(), change.action, raw))
    requests = [lambda one=one: one.post(change.path, raw, **proof) for one in same_browsers(alice, 20)]
    assert sorted(answer.status_code for answer in all_at_once(requests)) == [200] + [401] * 19
    assert User.objects.get().account_version == 2
    assert SignInSession.objects.count() == 1
    assert can_sign_in(renewed)


def test_of_twenty_recoveries_with_one_proof_exactly_one_changes_anything(alice: Browser):
    renewed = alice.keys.with_new_kit()
    raw = json.dumps(alice.keys.recover_body(renewed)).encode()
    proof = header(alice.keys.prove_kit(begin_recovery(alice), raw))
    browsers = [Browser(alice.keys) for _ in range(20)]
    for one in browsers:
        one.fetch_session()
    answers = all_at_once([lambda one=one: one.post("accounts/recovery", raw, **proof) for one in browsers])
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 19
    assert (User.objects.get().account_version, SpentRecoveryKit.objects.count()) == (2, 1)
    assert SignInSession.objects.count() == 1
    assert can_sign_in(renewed)


def test_of_twenty_rotations_with_one_proof_exactly_one_changes_anything(alice: Browser):
    alice.create_conversation()
    renewed = with_new_keys(alice.keys)
    raw = json.dumps(rotation_body(alice, renewed)).encode()
    proof = header(alice.keys.prove(alice.prelogin(), AuthAction.ROTATE_KEYS, raw))
    requests = [lambda one=one: one.post("accounts/keys", raw, **proof) for one in same_browsers(alice, 20)]
    assert sorted(answer.status_code for answer in all_at_once(requests)) == [200] + [401] * 19
    assert (User.objects.get().account_version, RosterEntry.objects.count()) == (2, 2)
    assert can_sign_in(renewed)


def ask_to_change(name: str, browser: Browser) -> tuple[Keys, Callable[[], Any]]:
    if name == "rotation":
        renewed = with_new_keys(browser.keys)
        body = rotation_body(browser, renewed)
        return renewed, lambda: send_rotation(browser, body)
    if name == "recovery":
        renewed = browser.keys.with_new_kit()
        return renewed, lambda: recover(browser, renewed)
    renewed = CHANGES[name].renew(browser.keys)
    return renewed, lambda: ask(browser, CHANGES[name], renewed)


PAIRS = [
    ("password", "password"), ("password", "login"), ("login", "kdf"), ("kdf", "kdf"),
    ("recovery", "recovery"), ("password", "recovery"), ("rotation", "rotation"), ("rotation", "password"),
    ("recovery", "rotation"),
]  # fmt: skip


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.usefixtures("meeting")
def test_of_two_changes_of_one_version_one_wins(alice: Browser, pair: tuple[str, str]):
    alice.create_conversation()
    elsewhere = Browser(alice.keys)
    elsewhere.sign_in()
    asked = [ask_to_change(name, one) for name, one in zip(pair, (alice, elsewhere), strict=True)]
    answers = all_at_once([send for _, send in asked])
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    loser = next(answer for answer in answers if answer.status_code == 409)
    assert loser.json()["code"] == "version-conflict"
    assert User.objects.get().account_version == 2
    assert sorted(can_sign_in(renewed) for renewed, _ in asked) == [False, True]


@pytest.mark.usefixtures("meeting")
def test_of_two_people_who_take_one_name_one_gets_it(alice: Browser, bob: Browser):
    change = CHANGES["login"]
    asked = [replace(person.keys.with_new_password(), login="dave@example.org") for person in (alice, bob)]
    answers = all_at_once(
        [lambda one=one, keys=keys: ask(one, change, keys) for one, keys in zip((alice, bob), asked, strict=True)]
    )
    assert sorted((answer.status_code, answer.json().get("code")) for answer in answers) == [
        (200, None),
        (409, "login-taken"),
    ]
    assert User.objects.filter(login="dave@example.org").count() == 1


@pytest.mark.usefixtures("_process")
@pytest.mark.parametrize("name", CHANGES)
async def test_sockets_of_other_sessions_close_within_a_second(alice: Browser, bob: Browser, name: str):
    from conversations.consumers import watch

    elsewhere = Browser(alice.keys)
    await calling(elsewhere.sign_in)
    async with open_socket(alice) as hers, open_socket(elsewhere) as other, open_socket(bob) as his:
        renewed = CHANGES[name].renew(alice.keys)
        answer = await calling(lambda: ask(alice, CHANGES[name], renewed))
        assert answer.status_code == 200
        began = time.monotonic()
        assert (await other.receive("session-ended"))["reason"] == "ended"
        assert await other.receive_close() == 4401
        assert time.monotonic() - began < 1
        await watch.check()
        for socket in (hers, his):
            await socket.send({"type": "ping", "ref": 1})
            await socket.receive("pong", ref=1)


@pytest.mark.usefixtures("_process")
async def test_all_sockets_close_within_a_second_of_recovery(alice: Browser, bob: Browser):
    async with open_socket(alice) as hers, open_socket(bob) as his:
        renewed = alice.keys.with_new_kit()
        answer = await calling(lambda: recover(Browser(alice.keys), renewed))
        assert answer.status_code == 200
        began = time.monotonic()
        await hers.receive("session-ended")
        assert await hers.receive_close() == 4401
        assert time.monotonic() - began < 1
        await his.send({"type": "ping", "ref": 1})
        await his.receive("pong", ref=1)
