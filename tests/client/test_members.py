"""Several people in one conversation: invited, joined, removed, gone (docs/protocol.md section 7)."""

from uuid import UUID

from tests.client.company import (
    begin,
    bring_in,
    codes,
    conversation_of,
    fresh_tab,
    invite,
    item_of,
    room,
    texts,
    user_id_of,
)
from tests.client.conftest import ALICE, BOB, CHARLIE
from tests.client.doubles.platform import settle
from tests.client.tab import refused

HISTORY, NO_HISTORY = YES, NO = True, False
MESSAGES = "/api/v1/conversations/[^/]+/messages"


# --- Invitations ---


async def test_before_acceptance_nothing_shows_but_title_inviter_role_and_number(alice, bob, server):
    conversation_id = await begin(alice)
    await invite(alice, bob, conversation_id, role="reader")
    item = await item_of(bob, conversation_id)
    assert item["invitation"] == {
        "by": {"user_id": user_id_of(alice), "name": ALICE, "verified": False},
        "role": "reader",
        "share_history": True,
    }
    assert (item["title"], item["people"], item["unread"], item["alarm"]) == ("First", 2, 0, None)
    for call in (bob.open_conversation, bob.older_messages, bob.mark_read, bob.leave, bob.safety):
        assert await refused(call(conversation_id)) == "not-joined"
    assert await refused(bob.send(conversation_id, "Hello", None)) == "not-joined"
    assert (await bob.members(conversation_id))["you"] == "invited"
    bobs = bob.keys.session_id
    assert [sent for sent in server.asked("GET", MESSAGES) if sent.session_id == bobs] == []
    assert bob.keys.parts.keyring.content.contacts == {}
    assert bob.keys.parts.keyring.content.conversations == {}


async def test_who_accepts_with_the_history_reads_all_of_it(alice, bob):
    conversation_id = await begin(alice)
    await bring_in(alice, bob, conversation_id)
    view = await bob.open_conversation(conversation_id)
    assert texts(view) == ["First", "Hello, world."]
    assert [message["author"]["name"] for message in view["messages"]] == [ALICE, "Assistant"]
    assert (view["role"], view["people"], view["writable"], codes(view)) == ("member", 2, True, set())
    assert conversation_of(alice, conversation_id).epoch == 0


async def test_who_accepts_without_the_history_reads_from_then_on(alice, bob):
    conversation_id = await begin(alice)
    await bring_in(alice, bob, conversation_id, history=False)
    assert (await item_of(bob, conversation_id))["title"] == "First"
    view = await bob.open_conversation(conversation_id)
    assert (texts(view), view["more"], codes(view), view["writable"]) == ([], False, set(), True)
    await bob.say("I am here", conversation_id)
    await alice.say("Welcome", conversation_id)
    tab = await fresh_tab(bob)
    view = await tab.open_conversation(conversation_id)
    assert texts(view) == ["I am here", "Hello, world.", "Welcome", "Hello, world."]
    assert (codes(view), tab.alarms, bob.alarms, alice.alarms) == (set(), [], [], [])
    assert len(texts(await alice.open_conversation(conversation_id))) == 6


async def test_a_declined_invitation_is_gone_and_a_new_key_comes_before_the_next_message(alice, bob, server):
    conversation_id = await begin(alice)
    await invite(alice, bob, conversation_id)
    await bob.decline_invitation(conversation_id)
    assert await bob.list_conversations() == []
    await alice.until(lambda: conversation_of(alice, conversation_id).roster.needs_rotation)
    await alice.say("Alone again", conversation_id)
    assert room(server, conversation_id)["epoch"] == 1
    assert [message["epoch"] for message in room(server, conversation_id)["messages"]] == [0, 0, 1, 1]
    assert len(texts(await (await fresh_tab(alice)).open_conversation(conversation_id))) == 4


async def test_an_invitation_that_is_taken_back_disappears(alice, bob):
    conversation_id = await begin(alice)
    await invite(alice, bob, conversation_id)
    shown = await alice.remove_member(conversation_id, user_id_of(bob))
    assert [member["name"] for member in shown["members"]] == [ALICE]
    await bob.until(lambda: bob.told("removed"), "removed")
    assert await bob.list_conversations() == []
    assert await refused(bob.accept_invitation(conversation_id)) == "conversation-not-found"
    assert conversation_of(alice, conversation_id).epoch == 1


async def test_members_show_roles_numbers_and_what_may_be_done(alice, bob, charlie):
    conversation_id = await begin(alice)
    await bring_in(alice, bob, conversation_id)
    shown = await alice.invite(conversation_id, CHARLIE, "reader", NO_HISTORY)
    own, bobs, charlies = shown["members"]
    assert shown["you"] == "owner"
    assert [each["name"] for each in shown["members"]] == [ALICE, BOB, CHARLIE]
    assert (own["you"], own["safety_number"], own["may_remove"]) == (True, None, False)
    assert (bobs["role"], bobs["invited_role"], bobs["may_remove"], bobs["may_change_role"]) == (
        "member",
        None,
        True,
        True,
    )
    assert (charlies["role"], charlies["invited_role"], charlies["may_change_role"]) == (
        "invited",
        "reader",
        NO_HISTORY,
    )
    seen = await bob.members(conversation_id)
    assert not any(each["may_remove"] or each["may_change_role"] for each in seen["members"])
    number = next(each["safety_number"] for each in seen["members"] if each["name"] == ALICE)
    assert number == bobs["safety_number"]
    assert [len(group) for group in number.split(" ")] == [5] * 12


async def test_members_are_shown_before_the_list_is_there(alice, bob):
    conversation_id = await begin(alice)
    await bring_in(alice, bob, conversation_id)
    await alice.clock.advance(3)  # The keyring is saved.
    tab = alice.profile.open_tab()
    await tab.boot()
    assert len((await tab.members(conversation_id))["members"]) == 2


async def test_only_owners_change_who_is_in(alice, bob, charlie):
    conversation_id = await begin(alice)
    await bring_in(alice, bob, conversation_id)
    assert await refused(bob.invite(conversation_id, CHARLIE, "member", HISTORY)) == "not-owner"
    assert await refused(bob.remove_member(conversation_id, user_id_of(alice))) == "not-owner"
    assert await refused(bob.change_role(conversation_id, user_id_of(alice), "reader")) == "not-owner"
    assert await refused(alice.invite(conversation_id, BOB, "member", HISTORY)) == "already-member"
    assert await refused(alice.invite(conversation_id, ALICE, "member", HISTORY)) == "already-member"
    assert await refused(alice.invite(conversation_id, "nobody@example.org", "member", HISTORY)) == "unknown-login"
    assert await refused(alice.invite(conversation_id, "?", "member", HISTORY)) == "invalid-login"
    assert await refused(alice.invite(conversation_id, CHARLIE, "king", HISTORY)) == "invalid-settings"
    assert await refused(alice.remove_member(conversation_id, user_id_of(charlie))) == "not-member"
    assert await refused(alice.remove_member(conversation_id, user_id_of(alice))) == "not-member"
    await invite(alice, charlie, conversation_id)
    assert await refused(alice.change_role(conversation_id, user_id_of(charlie), "reader")) == "not-member"


async def test_roles_change_what_one_may(alice, bob):
    conversation_id = await begin(alice)
    await bring_in(alice, bob, conversation_id, role="reader")
    assert (await bob.open_conversation(conversation_id))["writable"] is False
    assert await refused(bob.send(conversation_id, "Hello", None)) == "not-writable"
    assert await refused(bob.rename(conversation_id, "Mine")) == "not-writable"
    assert await refused(bob.set_assistant(conversation_id, "mention")) == "not-writable"
    await alice.change_role(conversation_id, user_id_of(bob), "owner")
    await bob.until(lambda: bob.told("conversation") and bob.told("conversation")[-1]["role"] == "owner", "told")
    assert bob.told("conversation")[-1]["writable"] is True
    await bob.say("Now I can", conversation_id)
    await bob.change_role(conversation_id, user_id_of(alice), "member")
    await alice.until(lambda: conversation_of(alice, conversation_id).role == "member")
    assert await refused(bob.change_role(conversation_id, user_id_of(bob), "member")) == "last-owner"
    assert await refused(bob.leave(conversation_id)) == "last-owner"
    assert texts(await alice.open_conversation(conversation_id))[2] == "Now I can"


# --- Going ---


async def test_who_is_removed_has_it_no_more_and_the_key_is_new(alice, bob, charlie, server):
    conversation_id = await begin(alice)
    await bring_in(alice, bob, conversation_id)
    await bring_in(alice, charlie, conversation_id)
    await bob.open_conversation(conversation_id)
    await alice.remove_member(conversation_id, user_id_of(bob))
    await bob.until(lambda: bob.told("removed"), "removed")
    assert await refused(bob.open_conversation(conversation_id)) == "conversation-not-found"
    await charlie.say("Without Bob", conversation_id)
    stored = room(server, conversation_id)
    assert [message["epoch"] for message in stored["messages"]] == [0, 0, 1, 1]
    assert {grant["user_id"] for grant in stored["grants"]} == {user_id_of(alice), user_id_of(charlie)}
    assert stored["meta"]["epoch"] == 1
    assert texts(await alice.open_conversation(conversation_id))[-2] == "Without Bob"
    assert (alice.alarms, charlie.alarms) == ([], [])


async def test_who_leaves_makes_no_key_and_the_next_who_writes_does(alice, bob, charlie, server):
    conversation_id = await begin(alice)
    await bring_in(alice, bob, conversation_id)
    await bring_in(alice, charlie, conversation_id)
    await bob.leave(conversation_id)
    assert await bob.list_conversations() == []
    assert UUID(conversation_id) not in bob.keys.parts.keyring.content.conversations
    assert room(server, conversation_id)["epoch"] == 0
    await charlie.until(lambda: conversation_of(charlie, conversation_id).roster.needs_rotation)
    await charlie.say("Bob left", conversation_id)
    assert room(server, conversation_id)["epoch"] == 1
    assert texts(await alice.open_conversation(conversation_id))[-2:] == ["Bob left", "Hello, world."]


async def test_who_comes_back_without_the_history_goes_on_behind_their_own_numbers(alice, bob, server):
    conversation_id = await begin(alice)
    await bring_in(alice, bob, conversation_id)
    await bob.say("One", conversation_id)
    await alice.remove_member(conversation_id, user_id_of(bob))
    await bob.until(lambda: bob.told("removed"))
    await alice.say("Meanwhile", conversation_id)
    await bring_in(alice, bob, conversation_id, history=False)
    await bob.say("Back", conversation_id)
    view = await (await fresh_tab(bob)).open_conversation(conversation_id)
    assert (texts(view), codes(view)) == (["Back", "Hello, world."], set())
    own = [each["seq"] for each in room(server, conversation_id)["messages"] if each["sender_id"] == user_id_of(bob)]
    assert own == [1, 2, 3, 4]
    view = await (await fresh_tab(alice)).open_conversation(conversation_id)
    assert (len(texts(view)), codes(view)) == (8, set())


async def test_a_guest_of_a_guest_reads_what_their_host_reads(alice, bob, charlie):
    conversation_id = await begin(alice)
    await bring_in(alice, bob, conversation_id, role="owner", history=False)
    await bob.say("Second", conversation_id)
    await bring_in(bob, charlie, conversation_id, history=True)
    view = await charlie.open_conversation(conversation_id)
    assert (texts(view), codes(view)) == (["Second", "Hello, world."], set())


async def test_a_guest_of_the_first_reads_over_all_chains(alice, bob, charlie, server):
    conversation_id = await begin(alice)
    await bring_in(alice, bob, conversation_id, history=False)
    await alice.say("Second", conversation_id)
    await alice.remove_member(conversation_id, user_id_of(bob))
    await alice.say("Third", conversation_id)
    await bring_in(alice, charlie, conversation_id, history=True)
    granted = [
        each["epoch"] for each in room(server, conversation_id)["grants"] if each["user_id"] == user_id_of(charlie)
    ]
    assert granted == [2, 0]
    view = await charlie.open_conversation(conversation_id)
    assert (texts(view)[::2], codes(view)) == (["First", "Second", "Third"], set())


async def test_a_name_looked_up_is_pinned_only_when_it_is_invited(alice, bob):
    found = await alice.find_person(f" {BOB.upper()} ")
    assert (found["name"], found["verified"], found["key_changed"]) == (BOB, False, False)
    assert alice.keys.parts.keyring.content.contacts == {}
    conversation_id = await begin(alice)
    await alice.invite(conversation_id, BOB, "member", HISTORY)
    assert list(alice.keys.parts.keyring.content.contacts) == [UUID(user_id_of(bob))]


async def test_verified_counts_everywhere_and_under_the_compared_number_alone(alice, bob, second_device):
    conversation_id = await begin(alice)
    await bring_in(alice, bob, conversation_id)
    member = (await alice.members(conversation_id))["members"][1]
    assert await refused(alice.verify_member(member["user_id"], YES, "12345")) == "key-changed"
    await alice.verify_member(member["user_id"], YES, member["safety_number"])
    assert (await alice.members(conversation_id))["members"][1]["verified"]
    await alice.clock.advance(3)
    await settle(100)
    assert (await second_device.members(conversation_id))["members"][1]["verified"]
    await alice.verify_member(member["user_id"], NO, None)
    assert not (await alice.members(conversation_id))["members"][1]["verified"]
    assert await refused(alice.verify_member("00000000-0000-4000-8000-000000000009", YES, "1")) == "unknown-person"
