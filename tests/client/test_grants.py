"""Rosters and keys against a server that lies and members who do not keep to the client (A8, A14, A22 to A25)."""

import copy
import os
from uuid import UUID

import pytest

from balon.protocol.encoding import encode_b64u
from balon.protocol.roster import Role, RosterOp
from tests.client.company import (
    ROOM,
    begin,
    bring_in,
    codes,
    conversation_of,
    fresh_tab,
    item_of,
    room,
    texts,
    user_id_of,
)
from tests.client.doubles.platform import settle
from tests.client.forging import Forgery, Someone
from tests.client.lies import flip
from tests.client.tab import refused

HISTORY, NO_HISTORY = True, False
MESSAGES = f"{ROOM}/messages"
ROSTER = f"{ROOM}/roster"


async def company(alice, bob, charlie) -> str:
    """A conversation of three; Alice is its owner."""
    conversation_id = await begin(alice)
    await bring_in(alice, bob, conversation_id)
    await bring_in(alice, charlie, conversation_id)
    return conversation_id


async def refuses(tab, conversation_id: str, code: str) -> None:
    """A fresh tab shows the alarm, and nothing is written or changed in it."""
    server = tab.server
    fresh = await fresh_tab(tab)
    assert (await item_of(fresh, conversation_id))["alarm"]["code"] == code
    before = len(server.asked("POST", f"{MESSAGES}|{ROSTER}"))
    assert await refused(fresh.send(conversation_id, "Secret", None)) == "not-writable"
    assert await refused(fresh.rename(conversation_id, "Secret")) == "not-writable"
    assert len(server.asked("POST", f"{MESSAGES}|{ROSTER}")) == before


# --- Members that the server adds or hides (A22, A14, A24) ---


async def test_whom_the_server_counts_in_without_an_entry_is_nobody(alice, bob, charlie, server):
    conversation_id = await begin(alice)
    await bring_in(alice, bob, conversation_id)
    room(server, conversation_id)["ghosts"] = [user_id_of(charlie)]
    Forgery.known(server, alice, conversation_id).grant(Someone.of(charlie), grantor=Someone.of(charlie))
    server.notify("created", conversation_id)
    await settle(100)
    assert await charlie.list_conversations() == [], "nothing shows of what nobody invited them to"
    await alice.remove_member(conversation_id, user_id_of(bob))
    granted = {each["user_id"] for each in server.asked("POST", ROSTER)[-1].body["grants"]}
    assert granted == {user_id_of(alice)}
    names = [member["user_id"] for member in (await alice.members(conversation_id))["members"]]
    assert names == [user_id_of(alice)]


def _by_the_server(forgery, alice, bob, charlie):
    forgery.add(RosterOp.INVITE, alice, charlie, role=Role.MEMBER, signer=alice.with_other_identity())


def _by_a_member(forgery, alice, bob, charlie):
    forgery.add(RosterOp.INVITE, bob, charlie, role=Role.MEMBER)


def _by_a_stranger(forgery, alice, bob, charlie):
    forgery.add(RosterOp.INVITE, charlie, charlie, role=Role.MEMBER)


def _promoted_by_themselves(forgery, alice, bob, charlie):
    forgery.add(RosterOp.ROLE, bob, bob, role=Role.OWNER)


def _accepted_by_another(forgery, alice, bob, charlie):
    forgery.add(RosterOp.INVITE, alice, charlie, role=Role.MEMBER)
    forgery.add(RosterOp.ACCEPT, charlie, signer=bob)


def _with_other_keys(forgery, alice, bob, charlie):
    forgery.add(RosterOp.INVITE, alice, charlie, role=Role.MEMBER)
    forgery.conversation["roster"][-1]["subject"] = charlie.with_other_identity().subject


def _without_keys(forgery, alice, bob, charlie):
    forgery.add(RosterOp.INVITE, alice, charlie, role=Role.MEMBER)
    forgery.conversation["roster"][-1]["subject"] = None


def _rotated_without_a_key(forgery, alice, bob, charlie):
    forgery.add(RosterOp.ROTATE, bob)


def _rotated_by_another(forgery, alice, bob, charlie):
    forgery.add(RosterOp.ROTATE, bob, begins=True, signer=charlie)
    forgery.grant(alice, grantor=bob)


def _an_entry_left_out(forgery, alice, bob, charlie):
    del forgery.conversation["roster"][1]


def _entries_exchanged(forgery, alice, bob, charlie):
    roster = forgery.conversation["roster"]
    roster[1], roster[2] = roster[2], roster[1]


def _another_epoch_said(forgery, alice, bob, charlie):
    forgery.conversation["epoch"] = 1


CHAINS = [
    _by_the_server,
    _by_a_member,
    _by_a_stranger,
    _promoted_by_themselves,
    _accepted_by_another,
    _with_other_keys,
    _without_keys,
    _rotated_without_a_key,
    _rotated_by_another,
    _an_entry_left_out,
    _entries_exchanged,
    _another_epoch_said,
]


@pytest.mark.parametrize("forge", CHAINS)
async def test_a_chain_that_its_actors_did_not_sign_or_may_not_make_is_refused(alice, bob, charlie, server, forge):
    conversation_id = await begin(alice)
    await bring_in(alice, bob, conversation_id)
    people = [Someone.of(tab) for tab in (alice, bob, charlie)]
    forgery = Forgery.beside(server, alice, conversation_id)
    forge(forgery, *people)
    forgery.lie_to(alice)
    await refuses(alice, conversation_id, "conversation-refused")


@pytest.mark.parametrize("hidden", ["the newest entry", "all but the first", "another in its place"])
async def test_a_roster_that_goes_back_is_refused_by_who_has_seen_more(alice, bob, charlie, server, hidden):
    conversation_id = await company(alice, bob, charlie)
    await bob.leave(conversation_id)
    await alice.until(lambda: conversation_of(alice, conversation_id).roster.needs_rotation)
    forgery = Forgery.beside(server, alice, conversation_id)
    keep = {"the newest entry": -1, "all but the first": 1, "another in its place": -1}[hidden]
    forgery.conversation["roster"] = forgery.conversation["roster"][:keep]
    if hidden == "another in its place":
        forgery.add(RosterOp.ROLE, Someone.of(alice), Someone.of(charlie), role=Role.READER)
    forgery.lie_to(alice)
    await refuses(alice, conversation_id, "conversation-rollback")


async def test_in_an_open_tab_a_roster_that_goes_back_stops_the_writing(alice, bob, server):
    conversation_id = await begin(alice)
    await bring_in(alice, bob, conversation_id)
    await alice.open_conversation(conversation_id)
    forgery = Forgery.beside(server, alice, conversation_id)
    forgery.conversation["roster"] = forgery.conversation["roster"][:-1]
    forgery.lie_to(alice)
    server.notify("roster", conversation_id)
    await alice.until(lambda: "conversation-rollback" in conversation_of(alice, conversation_id).alarms)
    assert await refused(alice.send(conversation_id, "Secret", None)) == "not-writable"


async def test_who_has_not_heard_that_somebody_left_gets_nothing_stored_under_the_old_key(alice, bob, charlie, server):
    conversation_id = await company(alice, bob, charlie)
    hidden = Forgery.beside(server, alice, conversation_id)
    hidden.lie_to(alice)
    await bob.leave(conversation_id)
    stored = len(room(server, conversation_id)["messages"])
    assert await refused(alice.send(conversation_id, "Nobody left", None)) == "not-sent"
    assert len(room(server, conversation_id)["messages"]) == stored
    server.be_honest()
    sent = await alice.send(conversation_id, "Nobody left", None)
    tried = [
        each.body["epoch"] for each in server.asked("POST", MESSAGES) if each.body["message_id"] == sent["message_id"]
    ]
    assert (tried[0], tried[-1]) == (0, 1), "sealed again under the new key, with the same id"
    assert room(server, conversation_id)["epoch"] == 1


async def test_where_a_leaving_is_hidden_the_next_message_of_another_shows_it(alice, bob, charlie, server):
    conversation_id = await company(alice, bob, charlie)
    await alice.open_conversation(conversation_id)
    hidden = Forgery.beside(server, alice, conversation_id)
    hidden.lie_to(alice)
    await bob.leave(conversation_id)
    await charlie.until(lambda: conversation_of(charlie, conversation_id).roster.needs_rotation)
    await charlie.send(conversation_id, "Without Bob", None)
    await alice.until(lambda: "message-refused" in conversation_of(alice, conversation_id).alarms)
    assert await refused(alice.send(conversation_id, "Secret", None)) == "not-writable"


# --- Grants (A8, A25) ---


def _unsigned(forgery, alice, bob, charlie):
    forgery.grant(charlie, grantor=alice)["signature"] = encode_b64u(bytes(64))


def _signed_by_the_server(forgery, alice, bob, charlie):
    forgery.grant(charlie, grantor=alice, signer=alice.with_other_identity())


def _of_the_servers_key(forgery, alice, bob, charlie):
    forgery.grant(charlie, grantor=charlie.with_other_identity(), root=os.urandom(32))


def _by_a_member_at_anothers_entry(forgery, alice, bob, charlie):
    forgery.grant(charlie, grantor=bob)


def _by_oneself_at_anothers_entry(forgery, alice, bob, charlie):
    forgery.grant(charlie, grantor=charlie)


def _for_another_epoch(forgery, alice, bob, charlie):
    forgery.roots[1] = forgery.roots[0]
    forgery.grant(charlie, grantor=alice, epoch=1)
    forgery.conversation["grants"][:] = [each for each in forgery.conversation["grants"] if each["epoch"] == 1]


def _for_another_person(forgery, alice, bob, charlie):
    made = forgery.grant(bob, grantor=alice)
    forgery.conversation["grants"] = [made | {"user_id": str(charlie.user_id)}]


def _for_another_key_id(forgery, alice, bob, charlie):
    forgery.grant(charlie, grantor=alice, rsa_kid=b"k" * 32)


def _of_another_conversation(forgery, alice, bob, charlie):
    forgery.grant(charlie, grantor=alice, conversation_id=UUID(int=9))


def _at_no_entry(forgery, alice, bob, charlie):
    forgery.grant(charlie, grantor=alice, roster_hash=b"h" * 32)


def _committed_to_another_key(forgery, alice, bob, charlie):
    forgery.grant(charlie, grantor=alice, ck_commit=b"c" * 32)


def _another_key_for_this_one_alone(forgery, alice, bob, charlie):
    """The owner equivocates: to Charlie another key than to everybody else, all of it signed (A25)."""
    forgery.grant(charlie, grantor=alice, root=os.urandom(32))


def _other_wrap(forgery, alice, bob, charlie):
    made = forgery.grant(charlie, grantor=alice)
    made["wrapped"] = flip(made["wrapped"], 9)


def _a_bundle_in_its_place(forgery, alice, bob, charlie):
    forgery.grant(charlie, grantor=alice).update(alice.bundle())


def _twice(forgery, alice, bob, charlie):
    made = forgery.grant(charlie, grantor=alice)
    forgery.conversation["grants"].append(copy.deepcopy(made))


def _none(forgery, alice, bob, charlie):
    forgery.conversation["grants"] = []


GRANTS = [
    _unsigned,
    _signed_by_the_server,
    _of_the_servers_key,
    _by_a_member_at_anothers_entry,
    _by_oneself_at_anothers_entry,
    _for_another_epoch,
    _for_another_person,
    _for_another_key_id,
    _of_another_conversation,
    _at_no_entry,
    _committed_to_another_key,
    _another_key_for_this_one_alone,
    _other_wrap,
    _a_bundle_in_its_place,
    _twice,
    _none,
]


async def forged_invitation(alice, bob, charlie, forge) -> Forgery:
    """An invitation of Charlie that Alice signed, with a grant that somebody made otherwise."""
    conversation_id = await begin(alice)
    await bring_in(alice, bob, conversation_id)
    forgery = Forgery.known(alice.server, alice, conversation_id)
    people = [Someone.of(tab) for tab in (alice, bob, charlie)]
    forgery.add(RosterOp.INVITE, people[0], people[2], role=Role.MEMBER)
    forge(forgery, *people)
    return forgery


@pytest.mark.parametrize("forge", GRANTS)
async def test_an_invitation_whose_key_was_not_granted_as_it_must_be_is_not_listed(alice, bob, charlie, forge):
    forgery = await forged_invitation(alice, bob, charlie, forge)
    forgery.tell("created")
    await charlie.until(lambda: "conversation-refused" in charlie.alarms)
    assert await charlie.list_conversations() == []
    assert await refused(charlie.accept_invitation(str(forgery.id))) == "conversation-not-found"
    posted = charlie.server.asked("POST", f"/api/v1/conversations/{forgery.id}/.*")
    assert [sent for sent in posted if sent.session_id == charlie.keys.session_id] == []


async def test_the_same_invitation_with_a_true_grant_is_listed(alice, bob, charlie):
    forgery = await forged_invitation(alice, bob, charlie, lambda f, a, b, c: f.grant(c, grantor=a))
    forgery.tell("created")
    await charlie.until(lambda: conversation_of(charlie, str(forgery.id)) is not None)
    await charlie.accept_invitation(str(forgery.id))
    assert charlie.alarms == []


@pytest.mark.parametrize("forge", [each for each in GRANTS if each is not _for_another_epoch])
async def test_a_member_whose_grant_is_exchanged_writes_nothing_more(alice, bob, charlie, server, forge):
    conversation_id = await company(alice, bob, charlie)
    forgery = Forgery.beside(server, alice, conversation_id)
    roster = forgery.conversation["roster"]
    forgery.conversation["roster"] = roster[:4]  # Grants name the invitation.
    forge(forgery, *[Someone.of(tab) for tab in (alice, bob, charlie)])
    forgery.conversation["roster"] = roster
    forgery.lie_to(charlie)
    await refuses(charlie, conversation_id, "conversation-refused")


async def test_a_key_that_the_server_grants_itself_seals_nothing(alice, bob, charlie, server):
    """The server wraps a key of its own to Charlie, under the right label: what is sealed is under the true one."""
    conversation_id = await company(alice, bob, charlie)
    forgery = Forgery.beside(server, alice, conversation_id)
    own = os.urandom(32)
    forgery.grant(Someone.of(charlie), grantor=Someone.of(charlie), root=own)
    forgery.lie_to(charlie)
    server.notify("roster", conversation_id)
    await charlie.until(lambda: conversation_of(charlie, conversation_id).alarms)
    assert own not in [key.root.native for key in conversation_of(charlie, conversation_id).keys.values()]
    assert await refused(charlie.send(conversation_id, "Secret", None)) == "not-writable"


# --- The way back through PREV ---


async def two_epochs(alice, bob, charlie) -> str:
    """Two epochs of Alice and Bob, and Charlie invited with the history."""
    conversation_id = await begin(alice)
    await bring_in(alice, bob, conversation_id)
    await bring_in(alice, charlie, conversation_id)
    await alice.remove_member(conversation_id, user_id_of(charlie))
    await charlie.until(lambda: charlie.told("removed"))
    await alice.say("Second", conversation_id)
    await bring_in(alice, charlie, conversation_id)
    return conversation_id


async def test_the_history_opens_over_the_keys_before(alice, bob, charlie, server):
    conversation_id = await two_epochs(alice, bob, charlie)
    granted = [
        each["epoch"] for each in room(server, conversation_id)["grants"] if each["user_id"] == user_id_of(charlie)
    ]
    assert granted == [1]
    view = await (await fresh_tab(charlie)).open_conversation(conversation_id)
    assert (texts(view), codes(view)) == (["First", "Hello, world.", "Second", "Hello, world."], set())


PREVIOUS = {
    "withheld": lambda forgery: forgery.conversation["previous"].clear(),
    "changed": lambda forgery: forgery.conversation["previous"][0].update(
        envelope=flip(forgery.conversation["previous"][0]["envelope"], -1)
    ),
    "of another key": lambda forgery: forgery.seal_previous(1, os.urandom(32)),
    "of another epoch": lambda forgery: forgery.conversation["previous"][0].update(epoch=2),
}


@pytest.mark.parametrize("what", PREVIOUS)
async def test_a_key_before_that_cannot_be_had_is_an_alarm_of_who_needs_it(alice, bob, charlie, server, what):
    conversation_id = await two_epochs(alice, bob, charlie)
    forgery = Forgery.beside(server, alice, conversation_id)
    PREVIOUS[what](forgery)
    for tab in (alice, charlie):
        forgery.lie_to(tab)
    await refuses(charlie, conversation_id, "conversation-refused")
    view = await (await fresh_tab(alice)).open_conversation(conversation_id)
    assert codes(view) == set(), "she has grants of her own"


async def test_who_invites_shares_a_key_whose_way_back_somebody_broke(alice, bob, charlie, server):
    """Bob began the epoch and sealed nonsense as the key before: Alice notices and grants that key by itself."""
    conversation_id = await begin(alice)
    await bring_in(alice, bob, conversation_id)
    await bring_in(alice, charlie, conversation_id)
    await charlie.leave(conversation_id)
    await bob.until(lambda: conversation_of(bob, conversation_id).roster.needs_rotation)
    await bob.say("Second", conversation_id)
    await alice.until(lambda: conversation_of(alice, conversation_id).epoch == 1)
    Forgery.known(server, alice, conversation_id).seal_previous(1, os.urandom(32))
    server.notify("roster", conversation_id)
    await settle(100)
    await bring_in(alice, charlie, conversation_id)
    granted = [
        each["epoch"] for each in room(server, conversation_id)["grants"] if each["user_id"] == user_id_of(charlie)
    ]
    assert granted == [1, 0]
    view = await (await fresh_tab(charlie)).open_conversation(conversation_id)
    assert (texts(view)[::2], codes(view)) == (["First", "Second"], set())


async def test_a_grant_that_the_server_withholds_is_no_beginning_of_the_history(alice, bob, server):
    """Alice was there from the start: she need not believe that the history begins with the newest key."""
    conversation_id = await begin(alice)
    await bring_in(alice, bob, conversation_id, history=NO_HISTORY)
    await alice.say("Second", conversation_id)
    forgery = Forgery.beside(server, alice, conversation_id)
    forgery.conversation["grants"] = [each for each in forgery.conversation["grants"] if each["epoch"] == 1]
    forgery.lie_to(alice)
    await refuses(alice, conversation_id, "conversation-refused")


# --- Answers to one's own changes ---


ANSWERS = {
    "without the entry": lambda answer: answer | {"roster": answer["roster"][:-1]},
    "another conversation": lambda answer: answer | {"id": "01890000-0000-7000-8000-000000000001"},
    "another grant": lambda answer: answer | {"grants": []},
}


@pytest.mark.parametrize("what", ANSWERS)
async def test_an_answer_without_what_was_posted_is_an_alarm(alice, bob, charlie, server, what):
    conversation_id = await company(alice, bob, charlie)
    server.lie("POST", ROSTER, ANSWERS[what], times=1)
    code = await refused(alice.remove_member(conversation_id, user_id_of(bob)))
    assert code in {"server-answer-refused", "conversation-rollback", "not-writable", "conversation-refused"}


async def test_a_new_key_is_the_one_that_was_made_here(alice, bob, charlie, server):
    """The server answers a rotation with a grant of another key, signed by whoever: it is not used (A9)."""
    conversation_id = await company(alice, bob, charlie)

    def swap(answer):
        forged = Forgery.beside(server, alice, conversation_id)
        forged.roots[1] = os.urandom(32)
        forged.grant(Someone.of(alice), grantor=Someone.of(bob), epoch=1, root=os.urandom(32))
        own = [each for each in forged.conversation["grants"] if each["user_id"] == user_id_of(alice)]
        return answer | {"grants": [{n: each[n] for n in ("statement", "signature", "wrapped")} for each in own]}

    server.lie("POST", ROSTER, swap, times=1)
    assert await refused(alice.remove_member(conversation_id, user_id_of(bob))) == "server-answer-refused"
    before = len(server.asked("POST", MESSAGES))
    assert await refused(alice.send(conversation_id, "Secret", None)) == "not-writable"
    assert len(server.asked("POST", MESSAGES)) == before


async def test_who_was_removed_by_a_signed_entry_has_it_no_more_whatever_the_server_shows(alice, bob, server):
    conversation_id = await begin(alice)
    await bring_in(alice, bob, conversation_id)
    await alice.remove_member(conversation_id, user_id_of(bob))
    room(server, conversation_id)["ghosts"] = [user_id_of(bob)]
    server.notify("roster", conversation_id)
    await bob.until(lambda: bob.told("removed"))
    await settle(100)
    assert await bob.list_conversations() == []
    tab = await fresh_tab(bob)
    assert await tab.list_conversations() == []
