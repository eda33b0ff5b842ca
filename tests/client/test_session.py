"""The session: lock, unlock, idle time, sign-out, boot, and two tabs of one browser (section 11; A14, A36, A48)."""

import asyncio
import copy

import pytest

from balon_client.errors import NetworkError, StorageError
from balon_client.keyring_model import choose_settings
from balon_client.ports import SessionRecord
from tests.client.conftest import ALICE, BOB
from tests.client.doubles.platform import settle
from tests.client.fake_server import FakeConnection, FakeHttp, FakeSocket
from tests.client.lies import changed
from tests.client.tab import password, refused

MINUTE = 60
HOUR = 3600


def record_of(profile):
    return profile.storage.record


# --- Boot ---


async def test_a_reload_within_a_session_asks_for_no_password(alice):
    assert alice.session["state"] == "signed-in"
    assert alice.session["login"] == ALICE


async def test_a_boot_without_a_session_on_the_server_wipes(alices_browser, server):
    server.state.sessions.clear()
    tab = alices_browser.open_tab()
    assert (await tab.boot())["state"] == "signed-out"
    assert record_of(alices_browser) is None


async def test_a_boot_with_the_cookie_of_another_account_wipes_and_uses_no_key(alices_browser, server, town):
    bob = next(c for c, s in server.state.sessions.items() if s["user_id"] == server.account_of(BOB)["user_id"])
    alices_browser.jar.cookie = bob
    tab = alices_browser.open_tab()
    assert (await tab.boot())["state"] == "signed-out"
    assert record_of(alices_browser) is None
    assert server.asked("GET", "/api/v1/conversations") == []


@pytest.mark.parametrize("name", ["session_id", "user_id", "account_version"])
async def test_a_boot_with_another_session_than_the_records_wipes(alices_browser, server, name):
    value = 7 if name == "account_version" else server.account_of(BOB)["user_id"]
    server.lie("GET", "/api/v1/session", changed(name, value))
    tab = alices_browser.open_tab()
    assert (await tab.boot())["state"] == "signed-out"
    assert record_of(alices_browser) is None


@pytest.mark.parametrize("answer", [None, [], {}, {"state": "active"}, {"state": "both", "csrf": "x"}])
async def test_a_session_answer_that_makes_no_sense_wipes_with_an_alarm(alices_browser, server, answer):
    server.lie("GET", "/api/v1/session", lambda _: answer)
    tab = alices_browser.open_tab()
    assert (await tab.boot())["state"] == "signed-out"
    assert record_of(alices_browser) is None
    await tab.until(lambda: "server-answer-refused" in tab.alarms)


async def test_a_boot_without_the_network_goes_on_until_the_session_would_have_ended(alices_browser, server, clock):
    server.offline = True
    tab = alices_browser.open_tab()
    assert (await tab.boot())["state"] == "signed-in"
    await clock.advance(15 * 24 * HOUR)
    later = alices_browser.open_tab()
    assert (await later.boot())["state"] == "signed-out"
    assert record_of(alices_browser) is None


async def test_a_boot_with_a_record_of_another_version_wipes(alices_browser):
    alices_browser.storage.record = SessionRecord({"something": "else"}, None)
    tab = alices_browser.open_tab()
    assert (await tab.boot())["state"] == "signed-out"
    assert record_of(alices_browser) is None


@pytest.mark.parametrize("name", ["bundle", "keyring"])
async def test_a_boot_with_a_damaged_record_wipes_with_an_alarm(alices_browser, town, server, name):
    record = copy.deepcopy(town.metadata) | {name: server.account_of(BOB)[name]}
    alices_browser.storage.record = SessionRecord(record, town.keys)
    tab = alices_browser.open_tab()
    assert (await tab.boot())["state"] == "signed-out"
    assert record_of(alices_browser) is None
    await tab.until(lambda: len(tab.alarms) == 1)


async def test_a_boot_after_the_idle_time_is_locked_and_drops_the_handles(alices_browser, clock):
    await clock.advance(16 * MINUTE)
    tab = alices_browser.open_tab()
    assert (await tab.boot())["state"] == "locked"
    assert record_of(alices_browser).keys is None


async def test_a_boot_never_wipes_what_another_tab_begins_meanwhile(profile, server):
    server.gate = asyncio.Event()
    booting = profile.open_tab()
    boot = asyncio.ensure_future(booting.boot())
    await booting.until(lambda: bool(server.asked("GET", "/api/v1/session")))
    gate, server.gate = server.gate, None
    other = profile.open_tab()
    await other.sign_in_as(ALICE)
    gate.set()
    assert (await boot)["state"] == "signed-in"
    assert record_of(profile).keys is not None
    assert other.session["state"] == "signed-in"


# --- Locking ---


async def test_locking_drops_every_handle_and_unlocking_needs_no_network(alice, alices_browser, server):
    assert (await alice.lock())["state"] == "locked"
    assert alice.keys is None
    assert record_of(alices_browser).keys is None
    assert await refused(alice.list_conversations()) == "locked"
    server.offline = True
    typed = password()
    assert (await alice.unlock(typed))["state"] == "signed-in"
    assert typed == bytes(len(typed))
    assert record_of(alices_browser).keys is not None


async def test_a_wrong_password_does_not_unlock(alice, alices_browser, server):
    await alice.lock()
    asked = len(server.requests)
    typed = password("wrong")
    assert await refused(alice.unlock(typed)) == "wrong-password"
    assert typed == bytes(len(typed))
    assert alice.session["state"] == "locked"
    assert record_of(alices_browser).keys is None
    assert len(server.requests) == asked


async def test_after_unlocking_a_changed_account_ends_the_session(alice, alices_browser, server):
    await alice.lock()
    server.account_of(ALICE)["account_version"] += 1
    await alice.unlock(password())
    await alice.left("account-changed")
    assert record_of(alices_browser) is None


async def test_after_unlocking_a_session_that_is_gone_ends(alice, alices_browser, server):
    await alice.lock()
    server.state.sessions.clear()
    await alice.unlock(password())
    await alice.left("ended")
    assert record_of(alices_browser) is None


async def test_what_was_learned_before_locking_is_still_known_after_unlocking_offline(alice, server):
    await alice.update_settings({"model": "fake-model"})
    await alice.lock()
    server.offline = True
    await alice.unlock(password())
    assert (await alice.settings())["model"] == "fake-model"


async def test_a_tampered_record_never_lowers_the_derivation(alice, alices_browser):
    await alice.lock()
    record_of(alices_browser).metadata["n"] = 1000
    typed = password()
    assert await refused(alice.unlock(typed)) == "kdf-refused"
    assert typed == bytes(len(typed))


# --- Time ---


async def test_it_locks_after_the_idle_time_and_not_before(alice, clock):
    await clock.advance(14 * MINUTE)
    assert alice.session["state"] == "signed-in"
    await clock.advance(1 * MINUTE + 6)
    assert alice.session["state"] == "locked"
    await alice.left("idle")


async def test_activity_keeps_it_open_for_twelve_hours_and_no_longer(alice, clock):
    for _ in range(12 * 6 - 1):
        await clock.advance(10 * MINUTE)
        await alice.touch()
    assert alice.session["state"] == "signed-in"
    for _ in range(2):
        await clock.advance(10 * MINUTE)
        await alice.touch()
    assert alice.session["state"] == "locked"


async def test_the_first_call_after_sleep_finds_it_locked(alice, clock):
    clock._now_s += 20 * MINUTE  # Asleep: no timer ran.
    assert await refused(alice.list_conversations()) == "locked"
    assert alice.session["state"] == "locked"


async def test_a_touch_after_sleep_locks(alice, clock):
    clock._now_s += 20 * MINUTE
    await alice.touch()
    assert alice.session["state"] == "locked"


async def test_a_clock_that_was_set_back_locks(alice, clock):
    clock._now_s -= 1 * HOUR
    assert await refused(alice.list_conversations()) == "locked"


async def test_activity_in_one_tab_keeps_the_other_open(alice, other_tab, clock):
    for _ in range(5):
        await clock.advance(8 * MINUTE)
        await alice.touch()
    assert other_tab.session["state"] == "signed-in"


async def test_the_idle_time_that_the_person_chose_counts_in_every_tab(alice, other_tab, clock):
    await alice.update_settings({"idle_minutes": 2})
    await other_tab.until(lambda: other_tab.session["idle_minutes"] == 2)
    await alice.close()
    await clock.advance(2 * MINUTE + 6)
    assert other_tab.session["state"] == "locked"


async def test_a_session_that_expires_ends_without_being_told(alice, clock, alices_browser, server, monkeypatch):
    alice.keys.idle._expires_at_ms = clock.now_ms() + 60_000
    await clock.advance(1 * MINUTE + 6)
    await alice.left("expired")
    assert record_of(alices_browser) is None


# --- Two tabs ---


async def test_locking_one_tab_locks_the_other_and_unlocking_opens_both(alice, other_tab):
    await alice.lock()
    await other_tab.until(lambda: other_tab.session["state"] == "locked")
    assert other_tab.keys is None
    await other_tab.unlock(password())
    await alice.left("unlocked")


async def test_a_lock_that_is_heard_after_unlocking_takes_no_keys(alice, other_tab, alices_browser):
    heard = other_tab.platform.tabs._inbox
    await alice.lock()
    await alice.unlock(password())
    await other_tab.until(heard.empty)
    await settle(200)
    assert alice.session["state"] == "signed-in"
    assert other_tab.session["state"] == "signed-in"
    assert record_of(alices_browser).keys is not None


async def test_signing_out_in_one_tab_signs_out_the_other(alice, other_tab, alices_browser):
    await alice.sign_out()
    await other_tab.until(lambda: other_tab.told("session")[-1:])
    assert other_tab.told("session")[-1]["reason"] in {"other-tab", "ended"}, "whichever was heard first"
    assert record_of(alices_browser) is None
    assert await refused(other_tab.list_conversations()) == "signed-out"


async def test_signing_in_in_one_tab_opens_the_other(profile):
    one, two = profile.open_tab(), profile.open_tab()
    await one.boot()
    await two.boot()
    await one.sign_in_as(ALICE)
    await two.until(lambda: two.session["state"] == "signed-in")
    assert two.session["login"] == ALICE


async def test_signing_in_again_in_one_tab_takes_the_other_along(alice, other_tab):
    before = alice.keys
    await other_tab.sign_in_as(ALICE)
    await alice.until(lambda: alice.keys is not None and alice.keys is not before)
    assert alice.keys.session_id == other_tab.keys.session_id


async def test_another_account_in_another_tab_never_mixes(alice, other_tab, alices_browser, server):
    sent = await alice.say("Alice's secret")
    await other_tab.until(lambda: any(e["conversations"] for e in other_tab.told("conversations")))
    asked = len(server.requests)
    await other_tab.sign_in_as(BOB)
    await alice.until(lambda: alice.session["state"] == "signed-out")
    await settle(300)
    assert other_tab.session["state"] == "signed-in", "Bob stays"
    assert other_tab.session["login"] == BOB
    assert record_of(alices_browser).metadata["login"] == BOB
    assert await other_tab.list_conversations() == []
    assert await refused(other_tab.open_conversation(sent["conversation_id"])) == "conversation-not-found"
    bob = server.account_of(BOB)
    written = [s for s in server.requests[asked:] if s.method == "PUT" and s.path == "/api/v1/keys/keyring"]
    assert bob["keyring"]["version"] == 1 + len(written)
    assert await refused(alice.list_conversations()) == "signed-out"


async def test_what_the_first_account_still_does_reaches_neither_server_nor_page(alice, server):
    keyring, chat = alice.keys.parts.keyring, alice.keys.chat
    await alice.sign_in_as(BOB)
    await settle(100)
    before, told = len(server.requests), len(alice.events)
    keyring.change(choose_settings(5, None))
    assert await refused(keyring.refresh()) == "signed-out"
    assert await refused(chat.library.refresh()) == "signed-out"
    chat._screen._events.publish("conversations", conversations="Alice's", more=False)
    await alice.clock.advance(10)
    assert [s for s in server.requests[before:] if s.method != "GET"] == []
    assert not any(event.get("conversations") == "Alice's" for event in alice.events[told:])
    assert server.account_of(BOB)["keyring"]["version"] == 1


async def test_locking_one_account_leaves_the_record_of_another_alone(alice, alices_browser, profile, rsa_key):
    bobs = copy.deepcopy(record_of(alices_browser).metadata) | {"session_id": "bobs", "login": BOB}
    alices_browser.storage.record = SessionRecord(bobs, record_of(alices_browser).keys)
    view = await alice.lock()
    assert view["state"] == "signed-out"
    assert record_of(alices_browser).metadata["login"] == BOB
    assert record_of(alices_browser).keys is not None


async def test_unlocking_one_account_never_opens_the_record_of_another(alice, alices_browser):
    await alice.lock()
    record_of(alices_browser).metadata["session_id"] = "another"
    assert await refused(alice.unlock(password())) == "signed-out"
    assert alice.session["state"] == "signed-out"


# --- What the server says of the session ---


async def test_a_session_that_the_server_ends_leaves_nothing(alice, alices_browser, server):
    server._end_session(alices_browser.jar.cookie)
    await alice.left("ended")
    assert record_of(alices_browser) is None


async def test_a_session_that_ended_while_there_was_no_socket_leaves_nothing_and_alarms_nobody(
    alice, alices_browser, server
):
    await settle(100)  # Nothing is asked for any more: the socket alone can tell.
    asked = len(server.requests)
    server.state.sessions.clear()
    server.drop_sockets()
    await alice.clock.advance(1)
    await alice.left("ended")
    assert record_of(alices_browser) is None
    assert alice.alarms == []
    assert {each.path for each in server.requests[asked:]} <= {"/api/v1/session"}


async def test_a_refused_request_ends_the_session(alice, alices_browser, server):
    alice.platform.socket.is_dead = True
    server.state.sessions.clear()
    await refused(alice.open_conversation("01890000-0000-7000-8000-000000000001"))
    await alice.left("ended")
    assert record_of(alices_browser) is None


async def test_a_socket_of_another_session_ends_this_one(alices_browser, server, monkeypatch):
    hello = server.hello
    monkeypatch.setattr(server, "hello", lambda jar: hello(jar) | {"session_id": "another"})
    tab = alices_browser.open_tab()
    await tab.boot()
    await tab.left("ended")
    assert record_of(alices_browser) is None


async def test_a_socket_of_a_changed_account_ends_the_session_with_its_reason(alices_browser, server, monkeypatch):
    hello = server.hello
    monkeypatch.setattr(server, "hello", lambda jar: hello(jar) | {"account_version": 2})
    tab = alices_browser.open_tab()
    await tab.boot()
    await tab.left("account-changed")


@pytest.mark.parametrize("first", ["no json", "[]", "{}", '{"type": "frame"}', '{"type": "hello", "session_id": 7}'])
async def test_a_socket_that_does_not_greet_is_an_alarm_and_nothing_is_sent_on_it(alices_browser, server, first):
    sent = []

    class Rude(FakeConnection):
        def deliver(self, message):
            self._inbox.put_nowait(first)

        async def send(self, text):
            sent.append(text)

    class Socket(FakeSocket):
        async def connect(self, path, *, timeout_s=15.0):
            connection = Rude(server, "x")
            connection.deliver({})
            return connection

    tab = alices_browser.open_tab(socket=Socket(server, alices_browser.jar))
    await tab.boot()
    await tab.until(lambda: "server-answer-refused" in tab.alarms)
    assert sent == []


# --- Sign-out ---


async def test_sign_out_leaves_nothing_and_tells_the_server(alice, alices_browser, server):
    view = await alice.sign_out()
    assert view == {"state": "signed-out", "login": None, "user_id": None, "persistent": True, "idle_minutes": 15}
    assert record_of(alices_browser) is None
    assert alice.keys is None
    assert len(server.asked("POST", "/api/v1/accounts/logout")) == 1
    assert server.connections == []


@pytest.mark.parametrize("broken", ["http", "http-hard", "wipe", "wipe-hard", "lock", "post", "socket", "load"])
async def test_sign_out_does_every_other_step_whatever_fails(alice, alices_browser, server, broken, monkeypatch):
    other = alices_browser.open_tab()
    await other.boot()
    store, tabs = alice.platform.key_store, alice.platform.tabs
    connection = server.connections[0]

    async def fail(*arguments, **named):
        raise errors[broken]

    def fail_now(*arguments, **named):
        raise errors[broken]

    errors = {
        "http": NetworkError(),
        "http-hard": RuntimeError(),
        "wipe": StorageError(),
        "wipe-hard": RuntimeError(),
        "lock": RuntimeError(),
        "post": RuntimeError(),
        "socket": RuntimeError(),
        "load": RuntimeError(),
    }
    target, name, how = {
        "http": (alice.platform.http, "request", fail),
        "http-hard": (alice.platform.http, "request", fail),
        "wipe": (store, "wipe", fail),
        "wipe-hard": (store, "wipe", fail),
        "lock": (tabs, "lock", fail_now),
        "post": (tabs, "post", fail_now),
        "socket": (connection, "close", fail),
        "load": (store, "load", fail),
    }[broken]
    alice.keys.parts.keyring.change(lambda content: True)
    monkeypatch.setattr(target, name, how)
    view = await alice.sign_out()
    assert view["state"] == "signed-out"
    assert alice.keys is None
    await alice.left("signed-out")
    if not broken.startswith("wipe"):
        assert record_of(alices_browser) is None
    else:
        assert alice.alarms == ["storage-failed"]
    if not broken.startswith("http"):
        assert len(server.asked("POST", "/api/v1/accounts/logout")) == 1
    if broken != "post":
        await other.until(lambda: other.session["state"] == "signed-out")


async def test_signing_out_signed_out_wipes_all_the_same(stranger, profile):
    profile.storage.record = SessionRecord({"left": "behind"}, None)
    assert (await stranger.sign_out())["state"] == "signed-out"
    assert record_of(profile) is None


async def test_a_token_that_another_tab_changed_is_asked_for_again_and_the_request_repeated(
    alice, server, alices_browser
):
    assert isinstance(alice.platform.http, FakeHttp)
    alice.platform.http.csrf_token = "stale"
    await alice.say("Hello")
    assert len(server.asked("GET", "/api/v1/session")) in {2, 3}, "once for each request that was on its way"


# --- Settings ---


async def test_settings_rest_in_the_keyring_and_follow_to_another_device(alice, second_device, clock):
    await alice.update_settings({"idle_minutes": 30, "model": "fake-model"})
    await clock.advance(3)
    await second_device.until(lambda: second_device.keys.parts.keyring.version == 2)
    assert await second_device.settings() == {"idle_minutes": 30, "model": "fake-model"}


@pytest.mark.parametrize(
    "changes",
    [
        None,
        [],
        {"idle_minutes": 0},
        {"idle_minutes": 61},
        {"idle_minutes": True},
        {"model": ""},
        {"model": 5},
        {"else": 1},
    ],
)
async def test_settings_of_another_form_change_nothing(alice, changes):
    assert await refused(alice.update_settings(changes)) == "invalid-settings"
    assert await alice.settings() == {"idle_minutes": 15, "model": None}


# --- The keyring ---


async def test_two_devices_that_change_the_keyring_at_once_lose_nothing(alice, second_device, clock, server):
    await alice.update_settings({"idle_minutes": 20})
    await second_device.update_settings({"model": "fake-model"})
    await clock.advance(5)
    await alice.until(lambda: server.account_of(ALICE)["keyring"]["version"] == 3)
    await alice.until(lambda: alice.keys.parts.keyring.version == 3)
    await second_device.until(lambda: second_device.keys.parts.keyring.version == 3)
    assert await alice.settings() == await second_device.settings() == {"idle_minutes": 20, "model": "fake-model"}


async def test_a_keyring_that_is_rolled_back_stops_a_known_device(alice, server, clock):
    old = copy.deepcopy(server.account_of(ALICE)["keyring"])
    sent = await alice.say("Before")
    await alice.update_settings({"idle_minutes": 20})
    await clock.advance(5)
    await alice.until(lambda: alice.keys.parts.keyring.version > 1)
    server.account_of(ALICE)["keyring"] = old
    server.notify("keyring", None)
    await alice.until(lambda: "keyring-rollback" in alice.alarms)
    asked = len(server.requests)
    for call in (
        alice.list_conversations(),
        alice.open_conversation(sent["conversation_id"]),
        alice.send(sent["conversation_id"], "More", None),
        alice.rename(sent["conversation_id"], "Title"),
    ):
        assert await refused(call) == "keyring-rollback"
    assert len(server.requests) == asked


async def test_after_a_reload_nothing_is_listed_before_the_newest_keyring_is_there(alice, alices_browser, server):
    old = copy.deepcopy(server.account_of(ALICE)["keyring"])
    sent = await alice.say("Before")
    await alice.keys.parts.keyring.save()
    await alice.close()
    server.account_of(ALICE)["keyring"] = old
    server.requests.clear()
    again = alices_browser.open_tab()
    assert (await again.boot())["state"] == "signed-in"
    for call in (again.list_conversations(), again.open_conversation(sent["conversation_id"])):
        assert await refused(call) == "keyring-rollback"
    server.notify("messages", sent["conversation_id"])
    await again.until(lambda: len(again.alarms) > 1)
    assert again.told("conversations") == []
    assert {asked.path for asked in server.requests} == {"/api/v1/session", "/api/v1/keys/keyring"}


async def test_a_keyring_that_cannot_be_asked_for_keeps_the_list_back(alice, alices_browser, server):
    await alice.say("Before")
    await alice.close()
    again = alices_browser.open_tab()
    await again.boot()

    def lost(_answer):
        raise NetworkError

    server.lie("GET", "/api/v1/keys/keyring", lost)
    assert await refused(again.list_conversations()) == "network"
    assert again.told("conversations") == []
    server.be_honest()
    assert len(await again.list_conversations()) == 1


async def test_a_keyring_of_another_account_stops_a_known_device(alice, server):
    server.account_of(ALICE)["keyring"] = server.account_of(BOB)["keyring"] | {"version": 9}
    server.notify("keyring", None)
    await alice.until(lambda: "keyring-refused" in alice.alarms)
    assert await refused(alice.send(None, "Hello", None)) == "keyring-refused"


async def test_the_device_goes_on_when_the_newest_keyring_is_back(alice, server, clock):
    await alice.update_settings({"idle_minutes": 20})
    await clock.advance(5)
    await alice.until(lambda: alice.keys.parts.keyring.version == 2)
    newest = server.account_of(ALICE)["keyring"]
    server.account_of(ALICE)["keyring"] = newest | {"version": 1}
    server.notify("keyring", None)
    await alice.until(lambda: "keyring-rollback" in alice.alarms)
    server.account_of(ALICE)["keyring"] = newest
    server.notify("keyring", None)
    await alice.until(lambda: alice.keys.parts.keyring._alarm is None)
    assert await alice.list_conversations() == []
