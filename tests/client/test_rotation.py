"""rotate-keys: everything that a thief of the password may have is replaced, in every conversation (A7, A17, A32)."""

from uuid import UUID

import pytest
import pytest_asyncio

from balon_client.errors import ClientError
from balon_client.ports import Recipient
from tests.client.changing import changing_server, signs_in_elsewhere
from tests.client.company import bring_in, codes, conversation_of, fresh_tab, item_of, room, texts
from tests.client.conftest import ALICE, BOB
from tests.client.fake_rooms import roster_of
from tests.client.lies import changed, flip
from tests.client.rotating import LIST, NEW, PATH, THIRD, begun, bundle_of, rotate, rsa_kid_in, sent
from tests.client.tab import PASSWORD, Profile, password, refused

pytestmark = pytest.mark.usefixtures("rsa_keys_at_hand")

HISTORY, SAME_IDENTITY = True, False


@pytest.fixture
def server(town, clock):
    return changing_server(town, clock)


@pytest.fixture
def elsewhere(server, clock, rsa_key):
    return signs_in_elsewhere(server, clock, rsa_key)


@pytest_asyncio.fixture
async def new_device(server, clock, rsa_key):
    """A browser that knows nobody."""
    profile = Profile(server, clock, rsa_key)
    tab = profile.open_tab()
    await tab.boot()
    yield tab
    await profile.close()


# --- What it replaces ---


async def test_the_new_password_signs_in_and_the_old_one_does_not(alice, elsewhere):
    view = (await rotate(alice))["session"]
    assert (view["state"], view["login"]) == ("signed-in", ALICE)
    assert await elsewhere(ALICE, password()) == "sign-in-refused"
    assert not isinstance(await elsewhere(ALICE, password(NEW)), str)


@pytest.mark.parametrize("new_identity", [False, True])
async def test_everything_is_new_and_the_identity_where_that_was_asked(alice, server, new_identity):
    before, old = dict(server.account_of(ALICE)), bundle_of(server)
    await rotate(alice, new_identity=new_identity)
    after, new = server.account_of(ALICE), bundle_of(server)
    names = ("salt", "login_pub", "mek_env", "idk_env", "rsa_env", "bundle", "keyring", "recovery")
    assert all(before[name] != after[name] for name in names)
    assert (after["mek_ver"], after["account_version"], new.bundle_seq) == (2, 2, 2)
    assert new.rsa_kid != old.rsa_kid
    assert (new.idk_pub != old.idk_pub) == new_identity
    assert (new.user_id, new.login) == (old.user_id, old.login)


@pytest.mark.parametrize("new_identity", [False, True])
async def test_the_old_kit_is_used_up_and_the_new_one_recovers(alice, stranger, town, new_identity):
    kit = (await rotate(alice, new_identity=new_identity))["kit"]
    assert kit["credential"] != town.kit["credential"]
    assert await refused(alice.check_kit(town.kit["text"])) == "kit-used"
    assert await alice.check_kit(kit["text"]) is None
    assert await refused(stranger.recover(town.kit["text"], password("another new one"))) == "kit-used"
    view = await stranger.recover(kit["text"], password("another new one"))
    assert view["session"]["state"] == "signed-in"


async def test_the_new_kit_was_saved_by_nobody_until_somebody_says_so(alice, server, town):
    await alice.check_kit(town.kit["text"])
    assert (await alice.kit_reminder())["due"] is False
    await rotate(alice)
    assert await alice.kit_reminder() == {"due": True, "checked_ms": None}
    again = await fresh_tab(alice)
    assert (await again.kit_reminder())["due"] is True


async def test_what_was_chosen_and_whom_one_trusts_stays(alice, bob, server):
    conversation_id = await begun(alice)
    await bring_in(alice, bob, conversation_id)
    await alice.update_settings({"model": "echo"})
    before = alice.keys.parts.keyring.content
    identity = bundle_of(server).idk_pub
    await rotate(alice, new_identity=True)
    after = alice.keys.parts.keyring.content
    assert (after.contacts, after.gateways) == (before.contacts, before.gateways)
    assert after.settings.model == "echo"
    assert after.identities == [identity]
    assert after.conversations.keys() == before.conversations.keys()


async def test_without_a_new_identity_none_is_a_former_one(alice):
    await rotate(alice)
    assert alice.keys.parts.keyring.content.identities == []


async def test_it_can_be_done_again(alice, server, elsewhere):
    first = bundle_of(server).idk_pub
    await rotate(alice, new_identity=True)
    second = bundle_of(server).idk_pub
    await rotate(alice, new_identity=True, old=NEW, new=THIRD)
    assert (await elsewhere(ALICE, password(THIRD))).identities == [first, second]


# --- Conversations ---


@pytest.mark.parametrize("new_identity", [False, True])
async def test_history_stays_readable_here_after_a_reload_and_on_a_new_device(alice, new_device, new_identity):
    conversation_id = await begun(alice)
    await rotate(alice, new_identity=new_identity)
    again = await fresh_tab(alice)
    await new_device.sign_in_as(ALICE, NEW)
    for tab in (alice, again, new_device):
        view = await tab.open_conversation(conversation_id)
        assert (texts(view), codes(view), view["writable"]) == (["First", "Hello, world."], set(), True)
        assert tab.alarms == []


@pytest.mark.parametrize("new_identity", [False, True])
async def test_the_next_message_begins_a_new_epoch(alice, server, new_identity):
    conversation_id = await begun(alice)
    await rotate(alice, new_identity=new_identity)
    await alice.online()
    assert roster_of(room(server, conversation_id)).needs_rotation
    await alice.say("Second", conversation_id)
    assert [message["epoch"] for message in room(server, conversation_id)["messages"]] == [0, 0, 1, 1]
    view = await alice.open_conversation(conversation_id)
    assert texts(view) == ["First", "Hello, world.", "Second", "Hello, world."]
    assert codes(view) == set()


async def test_with_the_same_identity_the_others_see_nothing_of_it(alice, bob, server):
    conversation_id = await begun(alice)
    await bring_in(alice, bob, conversation_id)
    await rotate(alice)
    await bob.until(lambda: conversation_of(bob, conversation_id).roster.needs_rotation, "Bob knows")
    view = await bob.open_conversation(conversation_id)
    assert (codes(view), view["writable"]) == (set(), True)
    await bob.say("Hello", conversation_id)
    assert room(server, conversation_id)["epoch"] == 1
    shown = await alice.open_conversation(conversation_id)
    assert texts(shown)[-2] == "Hello"
    assert (alice.alarms, bob.alarms) == ([], [])


async def test_with_a_new_identity_the_others_see_a_changed_key(alice, bob, server):
    conversation_id = await begun(alice)
    await bring_in(alice, bob, conversation_id)
    await rotate(alice, new_identity=True)
    await bob.until(lambda: conversation_of(bob, conversation_id).roster.needs_rotation, "Bob knows")
    view = await bob.open_conversation(conversation_id)
    assert (codes(view), view["writable"]) == ({"key-changed"}, False)
    assert texts(view) == ["First", "Hello, world."]


async def test_bobs_changed_key_is_no_reason_to_keep_ones_own_old_ones(alice, bob, server):
    """A rekey grants nobody anything, so it goes where nothing else may be written."""
    conversation_id = await begun(alice)
    await bring_in(alice, bob, conversation_id)
    await rotate(bob, new_identity=True)
    await alice.until(lambda: "key-changed" in conversation_of(alice, conversation_id).alarms, "Alice knows")
    await rotate(alice)
    assert bundle_of(server).bundle_seq == 2
    assert rsa_kid_in(server, conversation_id) == bundle_of(server).rsa_kid
    view = await alice.open_conversation(conversation_id)
    assert (codes(view), view["writable"]) == ({"key-changed"}, False)


async def test_who_is_invited_can_still_accept(alice, bob, server):
    conversation_id = await begun(bob)
    await bob.invite(conversation_id, ALICE, "member", HISTORY)
    await alice.until(lambda: conversation_of(alice, conversation_id) is not None, "invited")
    await rotate(alice)
    await alice.list_conversations()
    await alice.accept_invitation(conversation_id)
    assert texts(await alice.open_conversation(conversation_id)) == ["First", "Hello, world."]


async def test_reads_the_list_to_its_end(alice, server):
    conversation_id = await begun(alice)
    for number in range(120):
        await alice.keys.chat.library.create()
        await alice.clock.advance(number % 2)
    await rotate(alice)
    assert len(sent(server)["conversations"]) == 121
    assert all(roster_of(each).needs_rotation for each in server.state.conversations.values())
    assert len(server.asked("GET", LIST)) > 3
    told = [(event["done"], event["total"]) for event in alice.told("progress") if event["task"] == "rotation"]
    assert told == sorted(told)
    view = await alice.open_conversation(conversation_id)
    assert codes(view) == set()


async def test_every_epoch_that_was_granted_is_granted_anew(alice, bob, server):
    conversation_id = await begun(alice)
    await bring_in(alice, bob, conversation_id, history=False)
    await alice.say("Second", conversation_id)
    await rotate(alice)
    [part] = sent(server)["conversations"]
    assert ([grant["epoch"] for grant in part["grants"]], part["lost"]) == ([0, 1], [])
    again = await fresh_tab(alice)
    assert "First" in texts(await again.open_conversation(conversation_id))


# --- What a member or the server gave wrong ---


async def test_a_key_that_a_member_granted_badly_is_given_up_and_stops_nothing(alice, bob, server, town):
    """The server cannot see it: whoever knew the password could otherwise keep it in use by such a grant."""
    conversation_id = await begun(bob)
    crypto, user_id = bob.platform.crypto, UUID(server.account_of(ALICE)["user_id"])
    before = bundle_of(server)
    wrapping = crypto.rewrap_each

    async def badly(key, items, recipient):
        other = Recipient(user_id, bundle_of(server, BOB).spki, bundle_of(server, BOB).rsa_kid)
        return await wrapping(key, items, other if recipient.user_id == user_id else recipient)

    crypto.rewrap_each = badly
    await bob.invite(conversation_id, ALICE, "member", HISTORY)
    crypto.rewrap_each = wrapping
    good = await begun(alice)
    await rotate(alice)
    parts = {part["conversation_id"]: part for part in sent(server)["conversations"]}
    assert (parts[conversation_id]["grants"], parts[conversation_id]["lost"]) == ([], [0])
    assert (len(parts[good]["grants"]), parts[good]["lost"]) == (1, [])
    assert rsa_kid_in(server, conversation_id) == bundle_of(server).rsa_kid != before.rsa_kid


def _drop_entry(answer):
    for record in answer["conversations"]:
        record["roster"].pop()
    return answer


LIES = {
    "an entry's signature": changed("conversations.0.roster.0.signature", lambda text: flip(text, 0)),
    "an entry": changed("conversations.0.roster.0.statement", lambda text: flip(text, -1)),
    "the creator's keys": changed("conversations.0.roster.0.subject.rsa_kid", lambda text: flip(text, 0)),
    "no roster": changed("conversations.0.roster", []),
    "a grant's signature": changed("conversations.0.grants.0.signature", lambda text: flip(text, 0)),
    "a grant's bytes": changed("conversations.0.grants.0.wrapped", lambda text: flip(text, 5)),
    "a grant twice": changed("conversations.0.grants", lambda grants: grants * 2),
    "no grant": changed("conversations.0.grants", []),
    "another conversation": changed("conversations.0.id", "018f0000-0000-7000-8000-00000000beef"),
    "an older list of members": _drop_entry,
}


@pytest.mark.parametrize("name", LIES)
async def test_a_conversation_that_does_not_hold_stops_all_of_it(alice, bob, server, elsewhere, name):
    """Left out, its other members would go on sealing to the old key."""
    conversation_id = await begun(alice)
    await bring_in(alice, bob, conversation_id)
    await alice.clock.advance(3)
    server.lie("GET", LIST, LIES[name])
    before = dict(server.account_of(ALICE))
    with pytest.raises(ClientError) as caught:
        await rotate(alice)
    assert caught.value.problem_code == "rotation-refused"
    assert "delete it" in caught.value.detail
    assert server.derived == []
    assert server.account_of(ALICE) == before
    assert alice.session["state"] == "signed-in"
    assert not isinstance(await elsewhere(ALICE, password()), str)


async def test_a_conversation_that_the_server_made_up_stops_it_too(alice, bob, server):
    """Nobody can tell it from one that somebody meant, and that was changed."""
    conversation_id = await begun(bob)
    user_id = server.account_of(ALICE)["user_id"]
    room(server, conversation_id)["ghosts"] = [user_id]
    assert await refused(rotate(alice)) == "rotation-refused"
    assert server.changes == []


async def test_a_list_without_an_end_is_an_alarm(alice, server):
    await begun(alice)
    server.lie("GET", LIST, lambda answer: answer | {"next": "0"})
    assert await refused(rotate(alice)) == "server-answer-refused"
    assert server.changes == []


ANSWERS = [
    changed("records.mek_env", lambda text: flip(text, -1)),
    changed("records.rsa_env", lambda text: flip(text, -1)),
    changed("records.bundle.signature", lambda text: flip(text, 0)),
    changed("records.keyring.envelope", lambda text: flip(text, -1)),
    changed("records.keyring.version", 1),
    changed("records.recovery_id", "00000000-0000-4000-8000-000000000001"),
    changed("records.n", 5_000_000),
    changed("records.mek_ver", 1),
    changed("account_version", 1),
    changed("login", BOB),
    changed("user_id", "00000000-0000-4000-8000-000000000001"),
]


@pytest.mark.parametrize("lie", ANSWERS)
async def test_an_answer_that_is_not_what_was_sent_is_an_alarm(alice, server, lie):
    server.lie("POST", PATH, lie)
    assert await refused(rotate(alice)) == "account-keys-refused"


def _takes_the_entry_back(before, after):
    return after | {"roster": before["roster"]}


def _does_nothing(before, _):
    return before


@pytest.mark.parametrize("instead", [_takes_the_entry_back, _does_nothing])
async def test_a_server_that_leaves_a_conversation_out_is_noticed(alice, server, instead):
    """The new keyring holds the new ends of all rosters: it is stored with them or not at all."""
    conversation_id = await begun(alice)
    original, before = server._rotate, room(server, conversation_id)

    def leave_out(ask):
        answer = original(ask)
        server.state.conversations[conversation_id] = instead(before, room(server, conversation_id))
        return answer

    server._rotate = leave_out
    await rotate(alice)
    await alice.list_conversations()
    assert (await item_of(alice, conversation_id))["alarm"]["code"] == "conversation-rollback"
    assert await refused(alice.send(conversation_id, "Hello", None)) == "not-writable"


# --- What is noticed here ---


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("not the password", NEW, "wrong-password"),
        (PASSWORD, "", "invalid-password"),
        (PASSWORD, "x" * 1025, "invalid-password"),
        ("", NEW, "invalid-password"),
    ],
)
async def test_what_is_noticed_here_is_not_sent(alice, server, old, new, code):
    before, after = password(old), password(new)
    assert await refused(alice.rotate_account_keys(before, after, SAME_IDENTITY)) == code
    assert not any(before + after)
    assert (server.derived, server.asked("GET", LIST)[1:]) == ([], [])
    assert alice.session["state"] == "signed-in"


async def test_both_passwords_are_zeroed(alice):
    old, new = password(), password(NEW)
    await alice.rotate_account_keys(old, new, SAME_IDENTITY)
    assert not any(old + new)


async def test_nobody_rotates_without_a_session(stranger, server):
    old, new = password(), password(NEW)
    assert await refused(stranger.rotate_account_keys(old, new, SAME_IDENTITY)) == "signed-out"
    assert not any(old + new)
    assert server.derived == []


async def test_who_locks_before_the_request_changes_nothing(alice, server):
    await begun(alice)
    locking = alice.client.calls["lock"]

    def lock_first(answer):
        alice.lock_task = locking()
        return answer

    server.lie("GET", LIST, lock_first, times=1)
    tell = alice.client._session.touch

    async def touch():
        if locked := alice.__dict__.pop("lock_task", None):
            await locked
        await tell()

    alice.client._session.touch = touch
    assert await refused(rotate(alice)) == "locked"
    assert server.changes == []
    assert alice.session["state"] == "locked"


async def test_more_than_the_server_takes_is_told_before_it_is_sent(alice, server, monkeypatch):
    await begun(alice)
    monkeypatch.setattr("balon_client.rotation_request.MAX_BODY", 1000)
    assert await refused(rotate(alice)) == "rotation-too-large"
    assert server.derived == []


# --- Other tabs and devices ---


async def test_the_other_tab_follows_with_the_new_handles_and_without_an_alarm(alice, other_tab, server):
    conversation_id = await begun(alice)
    await other_tab.open_conversation(conversation_id)
    await rotate(alice, new_identity=True)
    await other_tab.left("account-changed")
    assert other_tab.session["state"] == "signed-in"
    own, other = alice.keys.parts.account, other_tab.keys.parts.account
    assert other.keys.enc is own.keys.enc
    assert (other.bundle, other.account_version) == (own.bundle, 2)
    await other_tab.say("from the other tab", conversation_id)
    assert (alice.alarms, other_tab.alarms) == ([], [])
    assert alice.session["state"] == "signed-in"


async def test_a_tab_that_looks_at_the_keyring_meanwhile_waits_until_it_may_follow(alice, other_tab, server):
    """Under its old master key the new keyring does not open: that is no reason for an alarm."""
    other_tab.client._session._notices.close()
    await rotate(alice)
    await other_tab.keys.parts.keyring.refresh()
    assert other_tab.alarms == []
    server.account_of(ALICE)["keyring"]["version"] += 1
    assert await refused(alice.keys.parts.keyring.refresh()) == "keyring-refused"


async def test_another_device_is_signed_out(alice, second_device):
    await rotate(alice)
    await second_device.left("ended")
    assert second_device.profile.storage.record is None
    assert alice.session["state"] == "signed-in"


async def test_a_locked_tab_unlocks_with_the_new_password(alice, alices_browser):
    before = alices_browser.storage.record.keys
    await rotate(alice)
    assert alices_browser.storage.record.keys.mek is not before.mek
    await alice.lock()
    assert await refused(alice.unlock(password())) == "wrong-password"
    assert (await alice.unlock(password(NEW)))["state"] == "signed-in"


async def test_of_two_devices_the_slower_one_changes_nothing(alice, second_device, server):
    """Its session is over before it is told of the other terms."""
    await rotate(alice)
    code = await refused(rotate(second_device))
    assert code in {"account-changed", "signed-out", "not-authenticated"}
    assert server.account_of(ALICE)["account_version"] == 2


async def test_whoever_is_locked_at_the_last_moment_gets_the_kit_all_the_same(alice, server, stranger):
    original = server._rotate

    def lock_first(*arguments):
        answer = original(*arguments)
        alice.client._session._open.silence()
        alice.client._session._open = None
        return answer

    server._rotate = lock_first
    made = await rotate(alice)
    assert made["session"]["state"] == "signed-out"
    assert server.account_of(ALICE)["user_id"] not in [each["user_id"] for each in server.state.sessions.values()]
    assert (await stranger.recover(made["kit"]["text"], password("another")))["session"]["state"] == "signed-in"
