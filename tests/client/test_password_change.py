"""A new password (docs/protocol.md section 5): all of it or nothing, whatever breaks and whoever lies (A31)."""

import asyncio
import contextlib

import pytest

from balon_client.errors import ClientError
from tests.client.changing import changing_server, signs_in_elsewhere
from tests.client.conftest import ALICE, BOB
from tests.client.doubles.platform import settle
from tests.client.fake_server import problem
from tests.client.lies import changed, flip
from tests.client.tab import password, refused

NEW = "a whole new password, quite long"
PATH = "/api/v1/accounts/password"


@pytest.fixture
def server(town, clock):
    return changing_server(town, clock)


@pytest.fixture
def elsewhere(server, clock, rsa_key):
    return signs_in_elsewhere(server, clock, rsa_key)


async def test_the_new_password_signs_in_and_the_old_one_does_not(alice, server, elsewhere):
    view = await alice.change_password(password(), password(NEW))
    assert (view["state"], view["login"]) == ("signed-in", ALICE)
    assert await elsewhere(ALICE, password()) == "sign-in-refused"
    assert not isinstance(await elsewhere(ALICE, password(NEW)), str)


async def test_salt_and_login_key_are_new_and_the_master_key_stays(alice, server):
    before = dict(server.account_of(ALICE))
    await alice.change_password(password(), password(NEW))
    after = server.account_of(ALICE)
    assert all(before[name] != after[name] for name in ("salt", "login_pub", "mek_env"))
    assert all(before[name] == after[name] for name in ("mek_ver", "idk_env", "rsa_env", "bundle", "n"))
    assert after["account_version"] == before["account_version"] + 1


async def test_conversations_go_on(alice, server):
    sent = await alice.say("hello")
    await alice.change_password(password(), password(NEW))
    await alice.online()
    await alice.say("hello again", sent["conversation_id"])
    shown = await alice.open_conversation(sent["conversation_id"])
    assert [message["text"] for message in shown["messages"]] == [
        "hello",
        "Hello, world.",
        "hello again",
        "Hello, world.",
    ]
    assert not alice.alarms


async def test_both_passwords_are_zeroed(alice):
    for old, new in ((password(), password(NEW)), (password("wrong"), password(NEW)), (password(NEW), bytearray())):
        await _whatever(alice.change_password(old, new))
        assert not any(old)
        assert not any(new)


async def _whatever(call):
    with contextlib.suppress(ClientError):
        await call


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (password("not the password"), password(NEW), "wrong-password"),
        (password(), bytearray(), "invalid-password"),
        (password(), bytearray(b"x" * 1025), "invalid-password"),
        (bytearray(), password(NEW), "invalid-password"),
    ],
)
async def test_what_is_noticed_here_is_not_sent(alice, server, old, new, code):
    assert await refused(alice.change_password(bytearray(old), bytearray(new))) == code
    assert server.derived == []
    assert alice.session["state"] == "signed-in"


async def test_nobody_changes_a_password_without_a_session(stranger, server):
    old, new = password(), password(NEW)
    assert await refused(stranger.change_password(old, new)) == "signed-out"
    assert not any(old + new)
    assert server.derived == []


async def test_a_locked_tab_unlocks_with_the_new_password(alice, alices_browser):
    handles = alices_browser.storage.record.keys
    await alice.change_password(password(), password(NEW))
    assert alices_browser.storage.record.keys is handles
    await alice.lock()
    assert await refused(alice.unlock(password())) == "wrong-password"
    assert (await alice.unlock(password(NEW)))["state"] == "signed-in"


async def test_a_reload_goes_on(alice, alices_browser):
    await alice.change_password(password(), password(NEW))
    await alice.close()
    again = alices_browser.open_tab()
    assert (await again.boot())["state"] == "signed-in"
    assert not again.alarms


async def test_the_other_tab_follows_with_the_same_handles(alice, other_tab):
    await alice.change_password(password(), password(NEW))
    await other_tab.left("account-changed")
    assert other_tab.session["state"] == "signed-in"
    assert other_tab.keys.parts.account.account_version == alice.keys.parts.account.account_version == 2
    await other_tab.say("from the other tab")
    assert alice.session["state"] == "signed-in"


async def test_a_tab_that_missed_the_notice_notices_by_the_version(alice, alices_browser, server):
    other = alices_browser.open_tab()
    await other.boot()
    await other.until(lambda: len(server.connections) == 2)
    other.client._session._notices.close()
    await alice.change_password(password(), password(NEW))
    server.drop_sockets()
    await alice.clock.advance(60)
    await other.left("account-changed")
    assert (alice.session["state"], other.session["state"]) == ("signed-in", "signed-in")


async def test_the_other_tab_waits_for_a_change_that_ended_its_requests(alice, other_tab, server):
    """The cookie of the session is renewed with the change: what the other tab asked with the old one is refused."""
    await other_tab.online()
    send = alice.platform.http.request

    async def answer_late(method, path, **parts):
        answer = await send(method, path, **parts)
        if path.endswith("/password"):
            server.drop_sockets(4401)
            await settle()
        return answer

    alice.platform.http.request = answer_late
    assert (await alice.change_password(password(), password(NEW)))["state"] == "signed-in"
    await other_tab.left("account-changed")
    assert [event["reason"] for event in other_tab.told("session")] == ["account-changed"]
    assert (alice.session["state"], other_tab.session["state"]) == ("signed-in", "signed-in")


def at_the_answer(tab, path, act):
    """Does something when the server has changed the account, and the tab has not heard of it."""
    send = tab.platform.http.request

    async def answer_late(method, asked, **parts):
        answer = await send(method, asked, **parts)
        if asked.endswith(path):
            await act()
        return answer

    tab.platform.http.request = answer_late


@pytest.mark.parametrize("is_cookie_old", [False, True])
async def test_a_tab_that_opens_during_a_change_waits_for_it(alice, alices_browser, server, is_cookie_old):
    """The server has another version of the account than the record, or none of a session whose cookie it renewed."""
    other, booting = alices_browser.open_tab(), []
    if is_cookie_old:
        server.lie("GET", "/api/v1/session", lambda _: {"state": "none", "csrf": ""}, times=1)

    async def boot() -> None:
        booting.append(asyncio.ensure_future(other.boot()))
        await settle()
        assert alices_browser.storage.record is not None

    at_the_answer(alice, "/password", boot)
    assert (await alice.change_password(password(), password(NEW)))["state"] == "signed-in"
    assert (await booting[0])["state"] == "signed-in"
    assert other.keys.parts.account.account_version == alice.keys.parts.account.account_version == 2
    assert alice.alarms == other.alarms == []


async def test_a_tab_that_was_locked_during_its_change_and_unlocked_by_another_one_waits_for_nobody(
    alice, other_tab, server
):
    async def lock_and_unlock() -> None:
        await alice.lock()
        await other_tab.left("locked")
        await other_tab.unlock(password())
        await settle()

    at_the_answer(alice, "/password", lock_and_unlock)
    assert await refused(alice.change_password(password(), password(NEW))) == "signed-out"
    await other_tab.until(lambda: other_tab.session["state"] == "signed-out", "the outdated session has ended")
    assert (alice.session["state"], alice.keys) == ("signed-out", None)


async def test_another_device_is_signed_out(alice, second_device):
    await alice.change_password(password(), password(NEW))
    await second_device.left("ended")
    assert second_device.profile.storage.record is None
    assert alice.session["state"] == "signed-in"


async def test_the_slower_of_two_devices_changes_nothing(alice, server):
    server.account_of(ALICE)["account_version"] += 1
    assert await refused(alice.change_password(password(), password(NEW))) == "account-changed"
    assert server.account_of(ALICE)["account_version"] == 2


LIES = [
    changed("records.mek_env", lambda text: flip(text, -1)),
    changed("records.salt", lambda text: flip(text, 0)),
    changed("records.mek_ver", 2),
    changed("records.idk_env", lambda text: flip(text, -1)),
    changed("records.bundle.signature", lambda text: flip(text, 0)),
    changed("records.n", 5_000_000),
    changed("account_version", 1),
    changed("account_version", 3),
    changed("login", BOB),
    changed("user_id", "00000000-0000-4000-8000-000000000001"),
]


@pytest.mark.parametrize("lie", LIES)
async def test_an_answer_that_is_not_what_was_sent_is_an_alarm(alice, server, lie):
    server.lie("POST", PATH, lie)
    assert await refused(alice.change_password(password(), password(NEW))) == "account-keys-refused"
    assert server.derived == [PATH]


async def test_an_old_keyring_in_the_answer_is_an_alarm(alice, server):
    old = dict(server.account_of(ALICE)["keyring"])
    await alice.say("raises the keyring")
    server.lie("POST", PATH, changed("records.keyring", old))
    assert await refused(alice.change_password(password(), password(NEW))) == "keyring-rollback"


@pytest.mark.parametrize(
    ("lie", "code"),
    [
        (changed("n", 1), "kdf-refused"),
        (changed("kdf", "none"), "kdf-refused"),
        (changed("salt", lambda text: flip(text, 3)), "account-changed"),
        (changed("n", lambda n: n + 1), "account-changed"),
        (changed("user_id", "00000000-0000-4000-8000-000000000001"), "account-changed"),
    ],
)
async def test_after_a_lie_in_prelogin_no_proof_is_sent(alice, server, lie, code):
    server.lie("POST", "/api/v1/accounts/prelogin", lie)
    assert await refused(alice.change_password(password(), password(NEW))) == code
    assert server.derived == []


async def test_a_tab_that_was_locked_meanwhile_stays_without_keys(alice, server):
    original = server._change

    def lock_first(*arguments):
        answer = original(*arguments)
        alice.client._session._open.silence()
        alice.client._session._open = None
        return answer

    server._change = lock_first
    assert await refused(alice.change_password(password(), password(NEW))) == "signed-out"
    assert alice.keys is None
    assert alice.session["state"] == "signed-out"
    assert server.account_of(ALICE)["user_id"] not in [each["user_id"] for each in server.state.sessions.values()]


async def test_what_the_keyring_had_not_saved_is_saved_afterwards(alice, server, elsewhere):
    store = server._put_keyring

    def fail(*_):
        raise problem(503, "internal")

    server._put_keyring = fail
    await alice.update_settings({"model": "echo"})
    await alice.change_password(password(), password(NEW))
    server._put_keyring = store
    await alice.clock.advance(2)
    assert (await elsewhere(ALICE, password(NEW))).settings.model == "echo"
