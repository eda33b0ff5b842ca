"""Keys that change: rotation before sending, messages of several people and epochs (A12, A13, A23, A24, A26)."""

import asyncio
import copy
from uuid import UUID, uuid4

import pytest

from balon_client.errors import NetworkError, ProblemError
from tests.client.company import (
    ROOM,
    begin,
    bring_in,
    codes,
    conversation_of,
    fresh_tab,
    room,
    texts,
    user_id_of,
)
from tests.client.conftest import ALICE, BOB, CHARLIE
from tests.client.crowd import Knowledge
from tests.client.doubles.platform import settle
from tests.client.forging import Forgery, Someone
from tests.client.lies import changed, flip
from tests.client.tab import refused
from tests.client.test_grants import company

HISTORY, NO_HISTORY = True, False
MESSAGES = f"{ROOM}/messages"
ROSTER = f"{ROOM}/roster"
META = f"{ROOM}/meta"
DAY_S = 24 * 3600


def epochs(server, conversation_id: str) -> list[int]:
    return [message["epoch"] for message in room(server, conversation_id)["messages"]]


async def exposed(alice, bob, charlie) -> str:
    """A conversation of three that Charlie left."""
    conversation_id = await company(alice, bob, charlie)
    await charlie.leave(conversation_id)
    for tab in (alice, bob):
        await tab.until(lambda tab=tab: conversation_of(tab, conversation_id).roster.needs_rotation)
    return conversation_id


# --- When a new key begins ---


async def test_after_ten_thousand_messages_a_new_key_begins(alice, server):
    conversation_id = await begin(alice)
    await settle(50)
    known = conversation_of(alice, conversation_id)
    known.head_position = 9_999
    await alice.say("Nearly", conversation_id)
    assert room(server, conversation_id)["epoch"] == 0
    known.head_position = 10_000
    await alice.say("Enough", conversation_id)
    assert epochs(server, conversation_id) == [0, 0, 0, 0, 1, 1]
    assert len(server.asked("POST", ROSTER)) == 1
    view = await (await fresh_tab(alice)).open_conversation(conversation_id)
    assert (len(texts(view)), codes(view)) == (6, set())


@pytest.mark.parametrize(("days", "epoch"), [(89, 0), (90, 1)])
async def test_after_ninety_days_a_new_key_begins(alice, clock, profile, days, epoch):
    conversation_id = await begin(alice)
    await settle(50)
    await alice.close()
    await clock.advance(days * DAY_S)
    tab = profile.open_tab()
    await tab.boot()
    await tab.sign_in_as(ALICE)
    await tab.list_conversations()
    await tab.rename(conversation_id, "Later")
    assert room(alice.server, conversation_id)["epoch"] == epoch
    assert conversation_of(tab, conversation_id).meta.title == "Later"


@pytest.mark.parametrize("what", ["a message", "a title", "settings", "a question again", "an invitation with history"])
async def test_nothing_is_sealed_under_a_key_that_somebody_took_along(alice, bob, charlie, server, what):
    conversation_id = await exposed(alice, bob, charlie)
    await {
        "a message": lambda: alice.say("Now", conversation_id),
        "a title": lambda: alice.rename(conversation_id, "Now"),
        "settings": lambda: alice.set_assistant(conversation_id, "mention"),
        "a question again": lambda: alice.ask_again(conversation_id, None),
        "an invitation with history": lambda: alice.invite(conversation_id, CHARLIE, "member", HISTORY),
    }[what]()
    await settle(100)
    stored = room(server, conversation_id)
    assert stored["epoch"] == 1
    assert stored["meta"]["epoch"] == 1
    assert [stream["epoch"] for stream in server.state.streams.values() if stream["epoch"] == 0] == []
    view = await (await fresh_tab(bob)).open_conversation(conversation_id)
    assert codes(view) == set()


@pytest.mark.parametrize("code", ["forbidden", "not-found"])
async def test_a_key_that_an_invitation_gave_away_which_nobody_sees_seals_nothing_more(
    alice, bob, charlie, server, code
):
    """The server has the grant for Charlie, and says that it took nothing: the two could read on unseen."""
    conversation_id = await begin(alice)
    await bring_in(alice, bob, conversation_id)
    refuse(server, "/roster", ProblemError(403, code), times=1)
    assert await refused(alice.invite(conversation_id, CHARLIE, "member", HISTORY)) == code
    await alice.say("Without Charlie", conversation_id)
    await alice.say("And on", conversation_id)
    assert epochs(server, conversation_id) == [0, 0, 1, 1, 1, 1]
    assert codes(await (await fresh_tab(bob)).open_conversation(conversation_id)) == set()


async def test_who_is_invited_again_after_a_refusal_needs_no_new_key(alice, bob, server):
    conversation_id = await begin(alice)
    refuse(server, "/roster", ProblemError(403, "forbidden"), times=1)
    assert await refused(alice.invite(conversation_id, BOB, "member", HISTORY)) == "forbidden"
    await bring_in(alice, bob, conversation_id)
    await alice.say("Together", conversation_id)
    assert epochs(server, conversation_id) == [0, 0, 0, 0]


async def test_readers_begin_no_key(alice, bob, charlie, server):
    conversation_id = await begin(alice)
    await bring_in(alice, bob, conversation_id, role="reader")
    await bring_in(alice, charlie, conversation_id)
    await charlie.leave(conversation_id)
    await bob.until(lambda: conversation_of(bob, conversation_id).roster.needs_rotation)
    assert await refused(bob.send(conversation_id, "Hello", None)) == "not-writable"
    assert room(server, conversation_id)["epoch"] == 0


async def test_a_rotation_carries_keys_title_and_settings_over(alice, bob, charlie, server):
    conversation_id = await company(alice, bob, charlie)
    await alice.rename(conversation_id, "Kept")
    await alice.set_assistant(conversation_id, "mention")
    await alice.remove_member(conversation_id, user_id_of(charlie))
    tab = await fresh_tab(bob)
    view = await tab.open_conversation(conversation_id)
    assert (view["title"], view["assistant"], view["epoch"]) == ("Kept", "mention", 1)
    assert room(server, conversation_id)["meta"]["meta_version"] == 4
    sent = server.asked("POST", ROSTER)[-1].body
    assert {grant["user_id"] for grant in sent["grants"]} == {user_id_of(alice), user_id_of(bob)}
    assert sent["previous"] is not None


# --- At the same moment ---


async def test_two_who_rotate_at_once_end_with_one_key(alice, bob, charlie, server):
    conversation_id = await exposed(alice, bob, charlie)
    await asyncio.gather(alice.send(conversation_id, "From Alice", None), bob.send(conversation_id, "From Bob", None))
    await settle(400)
    assert room(server, conversation_id)["epoch"] == 1
    assert [tab.alarms for tab in (alice, bob)] == [[], []]
    for tab in (alice, bob):
        view = await (await fresh_tab(tab)).open_conversation(conversation_id)
        assert {"From Alice", "From Bob"} <= set(texts(view))
        assert codes(view) == set()


async def test_two_tabs_of_one_person_rotate_once(alice, other_tab, bob, charlie, server):
    conversation_id = await company(alice, bob, charlie)
    await other_tab.list_conversations()
    await charlie.leave(conversation_id)
    for tab in (alice, other_tab):
        await tab.until(lambda tab=tab: conversation_of(tab, conversation_id).roster.needs_rotation)
    await asyncio.gather(
        alice.rename(conversation_id, "One"), other_tab.send(conversation_id, "Two", None), return_exceptions=True
    )
    await settle(300)
    assert room(server, conversation_id)["epoch"] == 1
    rotations = [sent for sent in server.asked("POST", ROSTER) if sent.body["previous"] is not None]
    assert len(rotations) <= 2
    assert (alice.alarms, other_tab.alarms) == ([], [])


async def test_a_message_that_crosses_a_removal_is_sealed_again_under_the_same_id(alice, bob, charlie, server):
    """Bob writes while Alice removes Charlie: the server refuses the old key, and nothing of what he wrote is lost."""
    conversation_id = await company(alice, bob, charlie)
    server.drop_sockets()
    bob.platform.socket.is_dead = True
    await alice.clock.advance(1)
    await alice.online()
    await alice.remove_member(conversation_id, user_id_of(charlie))
    assert conversation_of(bob, conversation_id).epoch == 0
    sent = await bob.send(conversation_id, "Crossing", None)
    posted = [each.body for each in server.asked("POST", MESSAGES) if each.body["message_id"] == sent["message_id"]]
    assert [body["epoch"] for body in posted] == [0, 1]
    assert posted[0]["envelope"] != posted[1]["envelope"]
    view = await alice.open_conversation(conversation_id)
    assert "Crossing" in texts(view)
    assert codes(view) == set()


async def test_a_prompt_that_crosses_a_removal_is_sealed_again(alice, bob, charlie, server):
    conversation_id = await company(alice, bob, charlie)
    connection = next(each for each in server.connections if server._user_of(each) == user_id_of(bob))
    server.infer_refusals = ["epoch-conflict"]
    sent = await bob.send(conversation_id, "Question", None)
    await alice.remove_member(conversation_id, user_id_of(charlie))
    await bob.until(lambda: bob.is_saved(sent["reply_id"]), "saved")
    asked = [each for each in connection.sent if each["type"] == "infer"]
    assert len({each["stream_env"] for each in asked}) == len(asked) >= 2
    assert {each["stream_id"] for each in asked} == {sent["reply_id"]}


async def test_a_title_written_meanwhile_is_carried_into_the_new_epoch(alice, bob, charlie, server):
    conversation_id = await company(alice, bob, charlie)
    server.drop_sockets()
    alice.platform.socket.is_dead = True
    await bob.clock.advance(1)
    await bob.rename(conversation_id, "Bob's title")
    await alice.remove_member(conversation_id, user_id_of(charlie))
    assert conversation_of(alice, conversation_id).meta.title == "Bob's title"
    view = await (await fresh_tab(bob)).open_conversation(conversation_id)
    assert (view["title"], codes(view)) == ("Bob's title", set())


async def test_a_server_that_always_names_another_change_is_given_up(alice, bob, charlie, server):
    conversation_id = await exposed(alice, bob, charlie)

    refuse(server, "/roster", ProblemError(409, "roster-conflict"))
    before = len(server.asked("GET", ROOM))
    assert await refused(alice.send(conversation_id, "Hello", None)) == "not-sent"
    assert len(server.asked("GET", ROOM)) - before == 6
    assert await refused(alice.rename(conversation_id, "Hello")) == "members-busy"


# --- Losses: the request, the answer, the tab ---


def refuse(server, pattern, error, times=10**9):
    """Requests end before the server has done anything."""
    handle, ended = server.handle, []

    async def deaf(jar, method, path, query, body, **headers):
        if method == "POST" and path.endswith(pattern) and len(ended) < times:
            ended.append(path)
            raise error
        return await handle(jar, method, path, query, body, **headers)

    server.handle = deaf


def lose_request(server, pattern, times):
    refuse(server, pattern, NetworkError(), times)


def lose_answer(server, pattern, times):
    def lose(_):
        raise NetworkError

    server.lie("POST", f"{ROOM}{pattern}", lose, times=times)


LOSSES = {"the request": lose_request, "the answer": lose_answer}
DEEDS = {
    "invite": lambda alice, id_: alice.invite(id_, CHARLIE, "member", HISTORY),
    "invite without history": lambda alice, id_: alice.invite(id_, CHARLIE, "member", NO_HISTORY),
    "remove": lambda alice, id_: alice.remove_member(id_, _id_of(alice, id_, BOB)),
    "change a role": lambda alice, id_: alice.change_role(id_, _id_of(alice, id_, BOB), "reader"),
}
OUTCOMES = {
    "invite": lambda state: (len(state.members), state.epoch) == (3, 0),
    "invite without history": lambda state: (len(state.members), state.epoch) == (3, 1),
    "remove": lambda state: (len(state.members), state.epoch) == (1, 1),
    "change a role": lambda state: sorted(member.role for member in state.members.values()) == ["owner", "reader"],
}


def _id_of(tab, conversation_id: str, login: str) -> str:
    contacts = tab.keys.parts.keyring.content.contacts
    return next(str(user_id) for user_id, contact in contacts.items() if contact.login == login)


@pytest.mark.parametrize("lost", LOSSES)
@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("times", [1, 4])
async def test_a_change_whose_request_or_answer_is_lost_is_made_once(alice, bob, deed, lost, times):
    """Once: it is sent again by itself. Four times: the person is told, and does it again."""
    server, clock = alice.server, alice.clock
    conversation_id = await begin(alice)
    await bring_in(alice, bob, conversation_id)
    LOSSES[lost](server, "/roster", times)
    before = room(server, conversation_id)["roster"][-1]
    working = asyncio.ensure_future(DEEDS[deed](alice, conversation_id))
    for _ in range(6):
        await clock.advance(1)
    outcome = (await asyncio.gather(working, return_exceptions=True))[0]
    if times == 4:
        assert getattr(outcome, "problem_code", None) == "network"
        again = await asyncio.gather(DEEDS[deed](alice, conversation_id), return_exceptions=True)
        assert getattr(again[0], "problem_code", "done") in {"done", "already-member", "not-member"}
    else:
        assert "members" in outcome
    await alice.until(lambda: OUTCOMES[deed](conversation_of(alice, conversation_id).roster), deed)
    roster = room(server, conversation_id)["roster"]
    assert roster.index(before) == len(roster) - 2, "one entry was added, no more"
    view = await (await fresh_tab(alice)).open_conversation(conversation_id)
    assert codes(view) == set()


@pytest.mark.parametrize("lost", LOSSES)
async def test_leaving_whose_request_or_answer_is_lost_is_done_once(alice, bob, lost):
    server, clock = alice.server, alice.clock
    conversation_id = await begin(alice)
    await bring_in(alice, bob, conversation_id)
    LOSSES[lost](server, "/roster", 1)
    leaving = asyncio.ensure_future(bob.leave(conversation_id))
    await clock.advance(2)
    await leaving
    assert await bob.list_conversations() == []
    assert len(room(server, conversation_id)["roster"]) == 4


@pytest.mark.parametrize("lost", LOSSES)
async def test_an_acceptance_whose_request_or_answer_is_lost_is_done_once(alice, bob, lost):
    server, clock = alice.server, alice.clock
    conversation_id = await begin(alice)
    await alice.invite(conversation_id, BOB, "member", HISTORY)
    await bob.until(lambda: conversation_of(bob, conversation_id) is not None)
    LOSSES[lost](server, "/roster", 1)
    accepting = asyncio.ensure_future(bob.accept_invitation(conversation_id))
    await clock.advance(2)
    await accepting
    assert (await bob.open_conversation(conversation_id))["role"] == "member"
    assert len(room(server, conversation_id)["roster"]) == 3


@pytest.mark.parametrize("lost", LOSSES)
async def test_a_message_survives_a_rotation_that_is_lost_and_keeps_its_id(alice, bob, charlie, lost):
    server, clock = alice.server, alice.clock
    conversation_id = await exposed(alice, bob, charlie)
    LOSSES[lost](server, "/roster", 4)
    sending = asyncio.ensure_future(alice.send(conversation_id, "Patience", None))
    for _ in range(6):
        await clock.advance(1)
    assert await refused(sending) == "not-sent"
    draft = next(iter(alice.keys.chat._writer._unsent.values()))
    sent = await alice.send(conversation_id, "Patience", None)
    assert sent["message_id"] == str(draft.message_id)
    assert room(server, conversation_id)["epoch"] == 1
    assert texts(await bob.open_conversation(conversation_id)).count("Patience") == 1


@pytest.mark.parametrize("is_heard", [False, True])
@pytest.mark.parametrize("deed", [*DEEDS, "send"])
async def test_a_tab_that_is_closed_in_the_middle_leaves_all_of_it_or_nothing(alice, bob, charlie, deed, is_heard):
    """The next tab goes on from what the server has; nothing half-made is anywhere."""
    server = alice.server
    conversation_id = await begin(alice)
    await bring_in(alice, bob, conversation_id)
    if deed == "send":
        await bring_in(alice, charlie, conversation_id)
        await charlie.leave(conversation_id)
        await alice.until(lambda: conversation_of(alice, conversation_id).roster.needs_rotation)
    await alice.clock.advance(3)
    stop = asyncio.Event()
    _hold(server, stop, is_heard=is_heard)
    do = DEEDS.get(deed) or (lambda tab, id_: tab.send(id_, "Half", None))
    working = asyncio.ensure_future(do(alice, conversation_id))
    await alice.until(stop.is_set, "posted")
    await alice.close()
    working.cancel()
    server.be_honest()
    tab = alice.profile.open_tab()
    await tab.boot()
    await tab.list_conversations()
    view = await tab.open_conversation(conversation_id)
    assert codes(view) == set()
    done = OUTCOMES.get(deed) or (lambda state: state.epoch == 1)
    assert done(conversation_of(tab, conversation_id).roster) is is_heard
    await tab.say("Goes on", conversation_id)
    assert codes(await tab.open_conversation(conversation_id)) == set()


def _hold(server, stop: asyncio.Event, *, is_heard: bool) -> None:
    """Lets no answer of the roster come back; its request is heard or not."""
    handle = server.handle

    async def held(jar, method, path, query, body, **headers):
        if method == "POST" and path.endswith("/roster") and not stop.is_set():
            if is_heard:
                await handle(jar, method, path, query, body, **headers)
            stop.set()
            await asyncio.Event().wait()
        return await handle(jar, method, path, query, body, **headers)

    server.handle = held


# --- Messages of several people and epochs ---


async def two_epochs(alice, bob, charlie) -> str:
    """Messages of three people over two epochs; Charlie was removed."""
    conversation_id = await company(alice, bob, charlie)
    for tab, text in ((bob, "Bob"), (charlie, "Charlie"), (alice, "Alice")):
        await tab.say(text, conversation_id)
        await settle(200)
    await alice.remove_member(conversation_id, user_id_of(charlie))
    for tab, text in ((bob, "Bob again"), (alice, "Alice again")):
        await tab.say(text, conversation_id)
        await settle(200)
    return conversation_id


async def test_what_somebody_wrote_before_they_went_stays_theirs(alice, bob, charlie):
    conversation_id = await two_epochs(alice, bob, charlie)
    for tab in (alice, bob):
        view = await (await fresh_tab(tab)).open_conversation(conversation_id)
        assert codes(view) == set()
        (message,) = [each for each in view["messages"] if each["text"] == "Charlie"]
        assert (message["author"]["name"], message["mark"]) == (CHARLIE, None)


async def test_what_somebody_wrote_before_they_became_a_reader_stays(alice, bob):
    conversation_id = await begin(alice)
    await bring_in(alice, bob, conversation_id)
    await bob.say("As a member", conversation_id)
    await alice.change_role(conversation_id, user_id_of(bob), "reader")
    view = await (await fresh_tab(alice)).open_conversation(conversation_id)
    assert "As a member" in texts(view)
    assert codes(view) == set()


def _drop(at):
    return lambda messages: messages[:at] + messages[at + 1 :]


def _swap(one, two):
    def rewrite(messages):
        messages[one], messages[two] = messages[two], messages[one]
        return messages

    return rewrite


REORDERINGS = {
    **{f"number {at} left out": _drop(at) for at in range(12)},
    "two people's exchanged": _swap(2, 4),
    "one moved over the rotation": _swap(7, 8),
    "moved into the epoch before": _swap(6, 10),
    "one repeated": lambda messages: [*messages, messages[2]],
    "the end left out": lambda messages: messages[:-3],
}


@pytest.mark.parametrize("what", REORDERINGS)
async def test_among_several_people_whatever_is_left_out_or_moved_shows(alice, bob, charlie, server, what):
    conversation_id = await two_epochs(alice, bob, charlie)
    left = REORDERINGS[what](copy.deepcopy(room(server, conversation_id)["messages"]))
    room(server, conversation_id)["messages"] = [each | {"position": at} for at, each in enumerate(left, 1)]
    tab = await fresh_tab(alice)
    view = await tab.open_conversation(conversation_id)
    assert codes(view), what
    shown = [message["id"] for message in view["messages"]]
    assert len(shown) == len(set(shown))
    assert await refused(tab.send(conversation_id, "More", None)) == "not-writable"


FIELDS = {
    "message_id": lambda alice, bob: str(uuid4()),
    "prev_hash": lambda alice, bob: lambda text: flip(text, 4),
    "sender_id": lambda alice, bob: user_id_of(alice),
    "epoch": lambda alice, bob: 1,
    "seq": lambda alice, bob: 3,
    "created_ms": lambda alice, bob: 5,
    "signature": lambda alice, bob: lambda text: flip(text, 4),
}


@pytest.mark.parametrize("name", FIELDS)
async def test_no_field_of_anothers_message_can_be_changed(alice, bob, charlie, server, name):
    conversation_id = await two_epochs(alice, bob, charlie)
    messages = room(server, conversation_id)["messages"]
    at = next(at for at, each in enumerate(messages) if each["sender_id"] == user_id_of(bob))
    messages[at] = changed(name, FIELDS[name](alice, bob))(messages[at])
    view = await (await fresh_tab(alice)).open_conversation(conversation_id)
    assert "message-refused" in codes(view)
    assert view["messages"][at]["text"] is None


async def test_a_message_of_another_that_comes_twice_is_shown_once(alice, bob, charlie, server):
    """Over the list and over notices, in any order: three people, and each message one time."""
    conversation_id = await two_epochs(alice, bob, charlie)
    tab = await fresh_tab(alice)
    await tab.open_conversation(conversation_id)
    stored = room(server, conversation_id)["messages"]
    server.lie("GET", MESSAGES, lambda answer: answer | {"messages": [*copy.deepcopy(stored[:3]), *answer["messages"]]})
    await bob.send(conversation_id, "News", None)
    await tab.until(lambda: len(stored) > 10 and tab.told("message"), "told")
    await settle(100)
    shown = [event["message"]["text"] for event in tab.told("message")]
    assert not {"First", "Bob", "Charlie"} & set(shown)
    server.be_honest()
    view = await tab.open_conversation(conversation_id)
    ids = [message["id"] for message in view["messages"]]
    assert len(ids) == len(set(ids)) == len(stored)


async def refuses_message(tab, conversation_id: str, code: str, text: str) -> None:
    tab.server.notify("messages", conversation_id)
    await tab.until(lambda: code in conversation_of(tab, conversation_id).alarms, code)
    view = await (await fresh_tab(tab)).open_conversation(conversation_id)
    assert text not in texts(view)
    assert await refused(tab.send(conversation_id, "More", None)) == "not-writable"


async def test_a_member_cannot_write_in_anothers_name(alice, bob, charlie, server):
    conversation_id = await company(alice, bob, charlie)
    await charlie.open_conversation(conversation_id)
    forgery = Forgery.known(server, alice, conversation_id)
    forgery.write("Forged", Someone.of(alice), signer=Someone.of(bob))
    await refuses_message(charlie, conversation_id, "message-refused", "Forged")


@pytest.mark.parametrize("who", ["a reader", "an invited person", "a stranger"])
async def test_who_may_not_write_writes_nothing_whatever_the_server_stores(alice, bob, charlie, server, who):
    conversation_id = await begin(alice)
    await alice.open_conversation(conversation_id)
    if who == "a reader":
        await bring_in(alice, bob, conversation_id, role="reader")
    elif who == "an invited person":
        await alice.invite(conversation_id, BOB, "member", HISTORY)
    Forgery.known(server, alice, conversation_id).write("Forged", Someone.of(bob))
    await refuses_message(alice, conversation_id, "message-refused", "Forged")


@pytest.mark.parametrize("who", ["a reader", "an invited person", "a stranger", "somebody removed", "another's name"])
async def test_who_may_not_set_them_sets_neither_title_nor_mode(alice, bob, charlie, server, who):
    conversation_id = await begin(alice)
    await settle(100)
    await alice.set_assistant(conversation_id, "mention")
    if who == "a reader":
        await bring_in(alice, bob, conversation_id, role="reader")
    elif who == "an invited person":
        await alice.invite(conversation_id, BOB, "member", HISTORY)
    elif who in {"somebody removed", "another's name"}:
        await bring_in(alice, bob, conversation_id)
    forgery = Forgery.known(server, alice, conversation_id)
    if who == "somebody removed":
        await alice.remove_member(conversation_id, user_id_of(bob))
    author = Someone.of(alice) if who == "another's name" else Someone.of(bob)
    forgery.set_meta(b'{"assistant":"always","title":"Forged"}', author, signer=Someone.of(bob), epoch=0)
    forgery.tell("meta")
    await alice.until(lambda: "title-refused" in conversation_of(alice, conversation_id).alarms)
    known = conversation_of(alice, conversation_id)
    assert (known.meta.assistant, known.meta.title) == ("mention", "First")
    assert await refused(alice.send(conversation_id, "Between us", None)) == "not-writable"


async def test_settings_that_go_back_are_refused(alice, bob, server):
    conversation_id = await begin(alice)
    await bring_in(alice, bob, conversation_id)
    before = copy.deepcopy(room(server, conversation_id)["meta"])
    await alice.set_assistant(conversation_id, "mention")
    await bob.until(lambda: conversation_of(bob, conversation_id).meta.assistant == "mention")
    room(server, conversation_id)["meta"] = before
    server.notify("meta", conversation_id)
    await bob.until(lambda: "title-refused" in conversation_of(bob, conversation_id).alarms)
    assert await refused(bob.send(conversation_id, "Between us", None)) == "not-writable"


# --- Late messages (A23) ---


async def test_a_message_under_the_old_key_after_the_rotation_is_refused(alice, bob, charlie, server):
    """Charlie was removed and still has the old key; the server stores what he writes all the same."""
    conversation_id = await company(alice, bob, charlie)
    await alice.open_conversation(conversation_id)
    removed = Someone.of(charlie)
    forgery = Forgery.known(server, alice, conversation_id)
    await alice.remove_member(conversation_id, user_id_of(charlie))
    forgery.write("Late", removed, epoch=0)
    server.notify("messages", conversation_id)
    await alice.until(lambda: "message-late" in conversation_of(alice, conversation_id).alarms)
    assert "Late" not in repr(alice.told("message"))
    assert await refused(alice.send(conversation_id, "More", None)) == "not-writable"


async def test_a_message_under_the_old_key_behind_one_of_the_new_is_refused_on_a_fresh_device(
    alice, bob, charlie, server, second_device
):
    conversation_id = await company(alice, bob, charlie)
    removed = Someone.of(charlie)
    forgery = Forgery.known(server, alice, conversation_id)
    await alice.remove_member(conversation_id, user_id_of(charlie))
    await alice.say("New key", conversation_id)
    forgery.write("Late", removed, epoch=0)
    view = await second_device.open_conversation(conversation_id)
    assert "message-late" in codes(view)
    assert texts(view)[-1] is None
    assert view["messages"][-1]["mark"]["code"] == "message-late"


async def test_messages_from_before_a_rotation_that_come_with_it_are_no_alarm(alice, bob, charlie, server):
    """Bob was away: he hears of the rotation first, and then of what was written before it."""
    conversation_id = await company(alice, bob, charlie)
    await bob.open_conversation(conversation_id)
    server.drop_sockets()
    bob.platform.socket.is_dead = True
    await alice.clock.advance(1)
    await alice.online()
    await charlie.clock.advance(1)
    await alice.say("Before", conversation_id)
    await alice.remove_member(conversation_id, user_id_of(charlie))
    await alice.say("After", conversation_id)
    await bob.keys.chat.library.fetch(UUID(conversation_id))
    await bob.keys.chat.catch_up(conversation_of(bob, conversation_id))
    view = await bob.open_conversation(conversation_id)
    assert texts(view)[-4::2] == ["Before", "After"]
    assert codes(view) == set()


async def _removes_charlie(alice, bob, charlie, conversation_id):
    await bob.remove_member(conversation_id, user_id_of(charlie))
    return bob


async def _accepts(alice, bob, charlie, conversation_id):
    await bob.remove_member(conversation_id, user_id_of(charlie))
    await bob.invite(conversation_id, CHARLIE, "member", HISTORY)
    await charlie.accept_invitation(conversation_id)
    return charlie


async def _becomes_a_member(alice, bob, charlie, conversation_id):
    await bob.remove_member(conversation_id, user_id_of(charlie))
    await bring_in(bob, charlie, conversation_id, role="reader")
    await bob.change_role(conversation_id, user_id_of(charlie), "member")
    return charlie


@pytest.mark.parametrize("change", [_removes_charlie, _accepts, _becomes_a_member])
async def test_a_message_that_comes_before_the_change_that_explains_it_is_no_alarm(alice, bob, charlie, server, change):
    """Notices and answers overtake each other: here none of the list of members comes at all."""
    conversation_id = await company(alice, bob, charlie)
    await alice.change_role(conversation_id, user_id_of(bob), "owner")
    await alice.set_assistant(conversation_id, "mention")
    await settle(100)
    await alice.open_conversation(conversation_id)
    _deliver_no_news_of_members_to(server, alice)
    writer = await change(alice, bob, charlie, conversation_id)
    await writer.keys.chat.library.fetch(UUID(conversation_id))
    await writer.send(conversation_id, "News", None)
    await alice.until(lambda: "News" in [event["message"]["text"] for event in alice.told("message")], "shown")
    assert codes(await alice.open_conversation(conversation_id)) == set()
    assert alice.alarms == []


def _deliver_no_news_of_members_to(server, tab) -> None:
    (connection,) = [each for each in server.connections if each.session_id == tab.keys.session_id]
    deliver = connection.deliver
    connection.deliver = lambda message: None if message.get("what") in {"roster", "meta"} else deliver(message)


async def test_with_every_key_they_had_the_removed_open_nothing_that_follows(alice, bob, charlie, server):
    """From the bytes that the server keeps, and with all that was ever granted to them."""
    conversation_id = await company(alice, bob, charlie)
    await bob.say("With Charlie", conversation_id)
    await alice.remove_member(conversation_id, user_id_of(charlie))
    await bob.say("Without Charlie", conversation_id)
    known = {tab: Knowledge(Someone.of(tab)) for tab in (bob, charlie)}
    for each in known.values():
        each.learn(server, conversation_id)
    stored = room(server, conversation_id)["messages"]
    assert [each["epoch"] for each in stored] == [0, 0, 0, 0, 1, 1]
    opened = {tab: [each.can_open(conversation_id, message) for message in stored] for tab, each in known.items()}
    assert opened == {bob: [True] * 6, charlie: [True] * 4 + [False] * 2}


# --- An alarm that was none ---


async def test_an_honest_answer_after_a_damaged_newest_message_is_no_alarm(alice, server):
    conversation_id = await begin(alice)
    await alice.say("Second", conversation_id)
    honest = copy.deepcopy(room(server, conversation_id)["messages"])
    room(server, conversation_id)["messages"][-1]["envelope"] = flip(honest[-1]["envelope"], -1)
    tab = await fresh_tab(alice)
    assert codes(await tab.open_conversation(conversation_id)) == {"message-refused"}
    room(server, conversation_id)["messages"] = honest
    view = await tab.open_conversation(conversation_id)
    assert (codes(view), view["writable"]) == (set(), True)
    assert texts(view)[-1] == "Hello, world."
    await tab.say("Third", conversation_id)


async def test_a_newest_message_that_was_seen_must_still_be_there_after_a_damaged_one(alice, server):
    conversation_id = await begin(alice)
    await alice.say("Second", conversation_id)
    tab = await fresh_tab(alice)
    await tab.open_conversation(conversation_id)
    messages = room(server, conversation_id)["messages"]
    room(server, conversation_id)["messages"] = [*messages[:-1], messages[-1] | {"message_id": str(uuid4())}]
    assert "message-refused" in codes(await tab.open_conversation(conversation_id))
    room(server, conversation_id)["messages"] = messages[:-2]
    assert "history-rollback" in codes(await tab.open_conversation(conversation_id))
