"""rotate-keys that somebody or something gets in the way of: all of it or nothing, and never two at once (A30, A31)."""

import asyncio
import contextlib

import pytest

from balon_client.errors import ClientError, NetworkError
from tests.client.changing import changing_server, signs_in_elsewhere
from tests.client.company import bring_in, conversation_of, room, texts
from tests.client.conftest import ALICE, BOB
from tests.client.fake_rooms import problem, roster_of
from tests.client.migrating import finish, make_old, move
from tests.client.rotating import LIST, NEW, PATH, THIRD, begun, bundle_of, rotate, rsa_kid_in, sent, verify_whole
from tests.client.tab import refused

pytestmark = pytest.mark.usefixtures("rsa_keys_at_hand")


@pytest.fixture
def server(town, clock):
    return changing_server(town, clock)


@pytest.fixture
def elsewhere(server, clock, rsa_key):
    return signs_in_elsewhere(server, clock, rsa_key)


# --- Somebody was faster ---


def meanwhile(server, act):
    """Has something happen when the first rotation is on its way, before the server gets it."""
    handle = server.handle

    async def late(jar, method, path, query, body, **headers):
        if (method, path) == ("POST", PATH):
            server.handle = handle
            await act()
        return await handle(jar, method, path, query, body, **headers)

    server.handle = late


async def test_a_roster_that_changed_meanwhile_is_read_again(alice, bob, server):
    conversation_id = await begun(alice)
    await bring_in(alice, bob, conversation_id)
    meanwhile(server, lambda: bob.leave(conversation_id))
    await rotate(alice)
    assert len(server.asked("POST", PATH)) == 2
    assert len(roster_of(room(server, conversation_id)).members) == 1
    assert rsa_kid_in(server, conversation_id) == bundle_of(server).rsa_kid


async def test_a_key_that_came_meanwhile_is_granted_anew_too(alice, bob, charlie, server):
    conversation_id = await begun(alice)
    for guest in (bob, charlie):
        await bring_in(alice, guest, conversation_id)
    await charlie.leave(conversation_id)
    await bob.until(lambda: conversation_of(bob, conversation_id).roster.needs_rotation, "Bob knows")
    meanwhile(server, lambda: bob.say("a new epoch", conversation_id))
    await rotate(alice)
    [part] = sent(server)["conversations"]
    assert [grant["epoch"] for grant in part["grants"]] == [0, 1]
    assert "a new epoch" in texts(await alice.open_conversation(conversation_id))


async def test_a_conversation_that_came_meanwhile_is_covered(alice, server):
    await begun(alice)
    meanwhile(server, alice.keys.chat.library.create)
    await rotate(alice)
    assert [len(ask.body["conversations"]) for ask in server.asked("POST", PATH)] == [1, 2]
    assert all(roster_of(each).needs_rotation for each in server.state.conversations.values())


async def test_a_keyring_that_another_device_saved_meanwhile_is_taken_in(alice, second_device, server):
    async def save():
        await second_device.update_settings({"model": "echo"})
        await second_device.clock.advance(3)

    meanwhile(server, save)
    await rotate(alice)
    assert len(server.asked("POST", PATH)) == 2
    assert alice.keys.parts.keyring.content.settings.model == "echo"


@pytest.mark.parametrize("code", ["roster-conflict", "rotation-incomplete", "version-conflict"])
async def test_it_gives_up_after_a_few_times(alice, server, code):
    await begun(alice)

    def refuse(_):
        raise problem(400 if code == "rotation-incomplete" else 409, code)

    server._rotate = refuse
    assert await refused(rotate(alice)) == "rotation-busy"
    assert len(server.asked("POST", PATH)) == 4
    assert alice.session["state"] == "signed-in"


async def test_while_old_conversations_are_encrypted_it_is_told_so_at_once(alice, server):
    conversation_id = await begun(alice)
    await make_old(alice)
    assert (await move(alice))["state"] == "verified"
    assert await refused(rotate(alice)) == "rotation-migrating"
    assert len(server.asked("POST", PATH)) == 1
    assert server.account_of(ALICE)["account_version"] == 1
    await finish(alice, alice.finish_migration())
    assert (await rotate(alice))["session"]["state"] == "signed-in"
    assert rsa_kid_in(server, conversation_id) == bundle_of(server).rsa_kid


async def test_a_change_of_the_password_elsewhere_ends_it(alice, server):
    server.account_of(ALICE)["salt"] = server.account_of(BOB)["salt"]
    assert await refused(rotate(alice)) == "account-changed"
    assert server.changes == []


@pytest.mark.parametrize(
    ("status", "code", "told"),
    [(413, "too-large", "rotation-too-large"), (401, "proof-refused", "not-changed"), (429, "throttled", "throttled")],
)
async def test_other_refusals_change_nothing(alice, server, status, code, told):
    def refuse(_):
        raise problem(status, code)

    server._rotate = refuse
    assert await refused(rotate(alice)) == told
    assert server.account_of(ALICE)["account_version"] == 1
    assert alice.session["state"] == "signed-in"


# --- Broken off ---

REQUESTS = [("GET", LIST), ("POST", "/api/v1/accounts/prelogin"), ("POST", PATH)]
"""What an undisturbed rotation asks where one page holds all conversations, in order."""


class Network:
    """Counts the requests of a rotation, and breaks at one of them: before or after the server acts, once or for good."""

    def __init__(self, server, at=0, *, acted=False, for_good=False, closing=None):
        self.server, self.original = server, server.handle
        self.at, self.acted, self.for_good, self.closing = at, acted, for_good, closing
        self.seen = []
        server.handle = self

    async def __call__(self, jar, method, path, query, body, **headers):
        watched = method == "POST" or path == LIST
        if watched:
            self.seen.append((method, path))
        number = len(self.seen)
        is_now = watched and (number == self.at or (self.for_good and number > self.at > 0))
        acts = not is_now or (self.acted and number == self.at)
        answer = await self.original(jar, method, path, query, body, **headers) if acts else None
        if not is_now:
            return answer
        if self.closing is not None:
            await self.closing()
            raise asyncio.CancelledError
        raise NetworkError

    def mend(self):
        self.server.handle = self.original


async def test_what_an_undisturbed_rotation_asks(alice, server):
    await begun(alice)
    network = Network(server)
    await rotate(alice)
    network.mend()
    assert network.seen == REQUESTS


STEPS = [(at, acted, for_good) for at in (1, 2, 3) for acted in (False, True) for for_good in (False, True)]


@pytest.mark.parametrize("step", STEPS)
async def test_killed_at_any_step_it_ends_as_before_or_as_after(alice, server, elsewhere, town, step):
    """The request or the answer is lost, once or for good."""
    at, acted, for_good = step
    conversation_id = await begun(alice)
    network = Network(server, at, acted=acted, for_good=for_good)
    try:
        code = (await rotate(alice))["session"]["state"]
    except ClientError as error:
        code = error.problem_code
    network.mend()
    is_done = at == 3 and (acted or not for_good)
    expected = {1: "network", 2: "not-changed"}.get(at) or ("outcome-unknown" if for_good else "signed-in")
    assert code == expected
    await verify_whole(server, elsewhere, conversation_id, is_done=is_done)


@pytest.mark.parametrize(("at", "acted"), [(at, acted) for at in (1, 2, 3) for acted in (False, True)])
async def test_a_tab_that_is_closed_at_any_step_leaves_one_or_the_other(alice, server, elsewhere, at, acted):
    conversation_id = await begun(alice)
    await alice.clock.advance(3)
    network = Network(server, at, acted=acted, closing=alice.close)
    with contextlib.suppress(asyncio.CancelledError):
        await rotate(alice)
    network.mend()
    is_done = (at, acted) == (3, True)
    await verify_whole(server, elsewhere, conversation_id, is_done=is_done)
    again = alice.profile.open_tab()
    view = await again.boot()
    assert view["state"] == ("signed-out" if is_done else "signed-in")
    if is_done:
        # No kit was ever shown, and the old one is spent: the page says so, and another rotation makes one.
        await again.sign_in_as(ALICE, NEW)
        assert (await again.kit_reminder())["due"] is True
        kit = (await rotate(again, old=NEW, new=THIRD))["kit"]
        assert await again.check_kit(kit["text"]) is None
    else:
        assert (await rotate(again))["session"]["state"] == "signed-in"
    await again.open_conversation(conversation_id)
    assert again.alarms == []


async def test_a_server_that_still_works_when_the_answer_is_lost_decides_once(alice, server, elsewhere):
    """The client sees the old terms, sends again, and is refused since the first request came through meanwhile."""
    conversation_id = await begun(alice)
    original, late = server._rotate, []

    def slow(ask):
        if not late:
            late.append(ask)
            raise NetworkError
        original(late[0])
        return original(ask)

    server._rotate = slow
    assert (await rotate(alice))["session"]["state"] == "signed-in"
    await verify_whole(server, elsewhere, conversation_id, is_done=True)


async def test_a_rotation_that_was_lost_can_be_repeated(alice, server):
    await begun(alice)
    network = Network(server, 2)
    assert await refused(rotate(alice)) == "not-changed"
    network.mend()
    assert (await rotate(alice))["session"]["state"] == "signed-in"
    assert server.account_of(ALICE)["account_version"] == 2
