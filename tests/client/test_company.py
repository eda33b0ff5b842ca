"""The assistant among several people: who asks it, what it hears, who follows and saves (A49 to A52, A54)."""

import asyncio
from uuid import UUID

import pytest

from balon_client.errors import NetworkError
from balon_client.messages import Draft
from balon_client.payloads import Payload
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
from tests.client.conftest import ALICE, BOB
from tests.client.doubles.platform import settle
from tests.client.tab import refused
from tests.client.test_replies import forge

HISTORY = True
MESSAGES = f"{ROOM}/messages"
DELTAS = tuple(f"w{number} " for number in range(6))
WHOLE = "".join(DELTAS)


@pytest.fixture(autouse=True)
def _words(server):
    server.gateway.deltas = DELTAS


async def pair(alice, bob, *, role="member") -> str:
    conversation_id = await begin(alice)
    await bring_in(alice, bob, conversation_id, role=role)
    await settle(100)
    return conversation_id


def of(view, text: str) -> dict:
    (found,) = [message for message in view["messages"] if message["text"] == text]
    return found


def connection_of(tab):
    (found,) = [each for each in tab.server.connections if each.session_id == tab.keys.session_id]
    return found


def meet_at(server, path: str, count: int) -> None:
    """Lets posts to a path wait for each other until so many have come."""
    handle, arrived, all_there = server.handle, [], asyncio.Event()

    async def together(jar, method, path_, query, body, **headers):
        if method == "POST" and path_.endswith(path) and not all_there.is_set():
            arrived.append(path_)
            if len(arrived) == count:
                all_there.set()
            await all_there.wait()
        return await handle(jar, method, path_, query, body, **headers)

    server.handle = together


def has_saved(tab, message_id: str) -> bool:
    shown = [event["message"] for event in tab.told("message")]
    return any(message["id"] == message_id and message["state"] == "saved" for message in shown)


# --- Who hears what ---


async def test_without_a_mention_nothing_goes_to_the_gateway(alice, bob, server):
    conversation_id = await pair(alice, bob)
    await alice.set_assistant(conversation_id, "mention")
    await bob.until(lambda: conversation_of(bob, conversation_id).meta.assistant == "mention")
    asked = len(server.gateway.prompts)
    sent = await bob.send(conversation_id, "Between us", "no such model")
    assert sent["reply_id"] is None
    await settle(100)
    assert len(server.gateway.prompts) == asked
    assert [each for each in connection_of(bob).sent if each["type"] == "infer"] == []
    view = await alice.open_conversation(conversation_id)
    message = of(view, "Between us")
    assert (message["sealed_for_model"], message["model"], message["author"]["name"]) == (False, None, BOB)
    assert view["assistant"] == "mention"


async def test_what_is_written_behind_a_choice_waits_for_it(alice, bob, server):
    conversation_id = await pair(alice, bob)
    asked = len(server.gateway.prompts)
    server.gate = asyncio.Event()
    choices = [asyncio.ensure_future(alice.set_assistant(conversation_id, mode)) for mode in ("always", "mention")]
    sent = asyncio.ensure_future(alice.send(conversation_id, "Between us", None))
    await settle(100)
    server.gate.set()
    await asyncio.gather(*choices)
    assert (await sent)["reply_id"] is None
    assert len(server.gateway.prompts) == asked


async def test_the_last_of_several_choices_holds(alice, bob):
    conversation_id = await pair(alice, bob)
    modes = ("mention", "always", "mention", "always")
    await asyncio.gather(*(alice.set_assistant(conversation_id, mode) for mode in modes))
    assert conversation_of(alice, conversation_id).meta.assistant == "always"


async def test_what_is_written_behind_a_choice_that_fails_is_not_sent(alice, bob, server):
    conversation_id = await pair(alice, bob)
    stored = len(server.state.conversations[conversation_id]["messages"])
    server.lie("PUT", f"{ROOM}/meta", lambda _: _unreachable())
    results = await asyncio.gather(
        refused(alice.set_assistant(conversation_id, "mention")),
        refused(alice.send(conversation_id, "Between us", None)),
    )
    assert results == ["network", "network"]
    assert len(server.state.conversations[conversation_id]["messages"]) == stored


def _unreachable():
    raise NetworkError


async def test_a_mention_asks_with_what_was_meant_for_it_alone(alice, bob, server):
    conversation_id = await pair(alice, bob)
    await alice.set_assistant(conversation_id, "mention")
    await bob.until(lambda: conversation_of(bob, conversation_id).meta.assistant == "mention")
    await bob.send(conversation_id, "Between us", None)
    await settle(100)
    sent = await alice.say("@assistant and now?", conversation_id)
    assert server.gateway.prompts[-1] == [
        ("user", "First"),
        ("assistant", WHOLE),
        ("user", "@assistant and now?"),
    ]
    assert sent["reply_id"] is not None
    await settle(100)
    await bob.say("@assistant me too", conversation_id)
    assert server.gateway.prompts[-1][0] == ("user", f"{ALICE} wrote:\n> First")
    assert server.gateway.prompts[-1][-1] == ("user", f"{BOB} wrote:\n> @assistant me too")
    assert "Between us" not in repr(server.gateway.prompts)


async def test_asking_again_asks_about_what_was_meant_for_it(alice, bob, server):
    conversation_id = await pair(alice, bob)
    await alice.set_assistant(conversation_id, "mention")
    await bob.until(lambda: conversation_of(bob, conversation_id).meta.assistant == "mention")
    await bob.send(conversation_id, "Between us", None)
    await settle(100)
    again = await alice.ask_again(conversation_id, None)
    await alice.until(lambda: alice.is_saved(again["reply_id"]))
    assert server.gateway.prompts[-1] == [("user", "First")]


async def test_a_gateway_in_doubt_keeps_people_from_it_and_not_from_each_other(alice, bob, server):
    conversation_id = await pair(alice, bob)
    await alice.set_assistant(conversation_id, "mention")
    tab = await fresh_tab(alice)
    server.lie("GET", "/api/v1/inference/config", lambda _: None)
    assert (await tab.send(conversation_id, "Between us", None))["reply_id"] is None
    assert await refused(tab.send(conversation_id, "@assistant hello", None)) == "server-answer-refused"


async def test_people_write_on_while_a_reply_comes(alice, bob, server):
    conversation_id = await pair(alice, bob)
    await alice.set_assistant(conversation_id, "mention")
    await bob.until(lambda: conversation_of(bob, conversation_id).meta.assistant == "mention")
    server.hold_frames_after = 2
    sent = await alice.send(conversation_id, "@assistant count", None)
    await bob.open_conversation(conversation_id)
    assert await refused(bob.send(conversation_id, "@assistant me too", None)) == "reply-running"
    await bob.send(conversation_id, "Between us", None)
    server.release()
    await alice.until(lambda: alice.is_saved(sent["reply_id"]))
    view = await alice.open_conversation(conversation_id)
    assert texts(view)[-3:] == ["@assistant count", "Between us", WHOLE]
    assert codes(view) == set()


async def test_the_mode_is_told_and_needs_a_known_word(alice, bob):
    conversation_id = await pair(alice, bob)
    await bob.open_conversation(conversation_id)
    for mode in ("sometimes", None, 7, ""):
        assert await refused(alice.set_assistant(conversation_id, mode)) == "invalid-settings"
    await alice.set_assistant(conversation_id, "mention")
    await bob.until(lambda: bob.told("conversation") and bob.told("conversation")[-1]["assistant"] == "mention")
    await alice.rename(conversation_id, "Title stays apart")
    await bob.until(lambda: bob.told("conversation")[-1]["title"] == "Title stays apart")
    assert bob.told("conversation")[-1]["assistant"] == "mention"


# --- Following and saving ---


async def test_everyone_follows_a_reply_live(alice, bob, charlie, server):
    conversation_id = await pair(alice, bob)
    await bring_in(alice, charlie, conversation_id, role="reader")
    for tab in (bob, charlie):
        await tab.open_conversation(conversation_id)
    server.hold_frames_after = 2
    sent = await alice.send(conversation_id, "Count", None)
    for tab in (bob, charlie):
        await tab.until(lambda tab=tab: tab.told("reply"), "follows")
    server.release()
    await alice.until(lambda: alice.is_saved(sent["reply_id"]))
    for tab in (bob, charlie):
        await tab.until(lambda tab=tab: has_saved(tab, sent["reply_id"]), "saved")
        whole = "".join(e["text"] for e in tab.told("reply") if e["message_id"] == sent["reply_id"])
        assert WHOLE.startswith(whole)
        assert of(await tab.open_conversation(conversation_id), "Count")["author"]["name"] == ALICE


async def test_who_comes_late_catches_up(alice, bob, server):
    conversation_id = await begin(alice)
    server.hold_frames_after = 3
    sent = await alice.send(conversation_id, "Count", None)
    await alice.until(lambda: alice.told("reply"))
    await bring_in(alice, bob, conversation_id)
    view = await bob.open_conversation(conversation_id)
    assert view["messages"][-1]["state"] == "streaming"
    await bob.until(lambda: bob.told("reply"))
    server.release()
    await alice.until(lambda: alice.is_saved(sent["reply_id"]))
    await settle(200)
    assert texts(await bob.open_conversation(conversation_id))[-1] == WHOLE
    assert codes(await bob.open_conversation(conversation_id)) == set()


async def test_where_the_asker_is_gone_another_member_saves_it_once(alice, bob, charlie, server, clock):
    conversation_id = await pair(alice, bob)
    await bring_in(alice, charlie, conversation_id)
    for tab in (bob, charlie):
        await tab.open_conversation(conversation_id)
    server.hold_frames_after = 3
    sent = await alice.send(conversation_id, "Count", None)
    for tab in (bob, charlie):
        await tab.until(lambda tab=tab: tab.keys.chat.streams.running_in(UUID(conversation_id)))
    await alice.close()
    server.release()
    await settle(200)
    assert not bob.is_saved(sent["reply_id"])
    await clock.advance(10)
    await bob.until(lambda: bob.is_saved(sent["reply_id"]))
    await settle(300)
    stored = [each for each in room(server, conversation_id)["messages"] if each["message_id"] == sent["reply_id"]]
    assert len(stored) == 1
    for tab in (bob, charlie):
        reply = (await tab.open_conversation(conversation_id))["messages"][-1]
        assert (reply["mark"], reply["author"]["name"], reply["state"]) == (None, "Assistant", "saved")
        assert tab.alarms == []


async def test_two_who_save_at_once_save_once(alice, bob, charlie, server, clock):
    conversation_id = await pair(alice, bob)
    await bring_in(alice, charlie, conversation_id)
    for tab in (bob, charlie):
        await tab.open_conversation(conversation_id)
        tab.keys.chat.streams._patience_s = lambda _: 1.0
    server.hold_frames_after = 3
    sent = await alice.send(conversation_id, "Count", None)
    for tab in (bob, charlie):
        await tab.until(lambda tab=tab: tab.keys.chat.streams.running_in(UUID(conversation_id)))
    await alice.close()
    meet_at(server, "/messages", 2)
    server.release()
    await settle(200)
    await clock.advance(2)
    await settle(400)
    posted = [each for each in server.asked("POST", MESSAGES) if each.body["message_id"] == sent["reply_id"]]
    assert len(posted) == 2, "both tried"
    assert [tab.alarms for tab in (bob, charlie)] == [[], []]
    assert len([m for m in room(server, conversation_id)["messages"] if m["message_id"] == sent["reply_id"]]) == 1


async def test_readers_save_nothing(alice, bob, server, clock):
    conversation_id = await pair(alice, bob, role="reader")
    await bob.open_conversation(conversation_id)
    server.hold_frames_after = 3
    sent = await alice.send(conversation_id, "Count", None)
    await bob.until(lambda: bob.told("reply"))
    await alice.close()
    server.release()
    for _ in range(4):
        await clock.advance(60)
    bobs = bob.keys.session_id
    assert [each for each in server.asked("POST", MESSAGES) if each.session_id == bobs] == []
    assert not bob.is_saved(sent["reply_id"])
    assert bob.alarms == []


async def test_a_reply_of_an_older_key_ends_as_stopped_and_is_saved_under_the_new_one(alice, bob, server, clock):
    conversation_id = await pair(alice, bob)
    await alice.open_conversation(conversation_id)
    server.hold_frames_after = 3
    sent = await alice.send(conversation_id, "Count", None)
    await alice.until(lambda: alice.told("reply"))
    await alice.remove_member(conversation_id, user_id_of(bob))
    await clock.advance(10)
    await alice.until(lambda: alice.is_saved(sent["reply_id"]), "saved")
    (stored,) = [m for m in room(server, conversation_id)["messages"] if m["message_id"] == sent["reply_id"]]
    assert stored["epoch"] == 1
    reply = (await alice.open_conversation(conversation_id))["messages"][-1]
    assert (reply["finish"], reply["mark"], reply["text"]) == ("stopped", None, "".join(DELTAS[:3]))


async def test_what_a_removed_member_asked_is_saved_by_who_stays(alice, bob, server, clock):
    conversation_id = await pair(alice, bob)
    await alice.open_conversation(conversation_id)
    server.hold_frames_after = 3
    sent = await bob.send(conversation_id, "Count", None)
    await alice.until(lambda: alice.keys.chat.streams.running_in(UUID(conversation_id)))
    await alice.remove_member(conversation_id, user_id_of(bob))
    await clock.advance(10)
    await alice.until(lambda: alice.is_saved(sent["reply_id"]), "saved")
    view = await alice.open_conversation(conversation_id)
    assert (view["messages"][-1]["finish"], codes(view)) == ("stopped", set())
    assert bob.alarms == []


# --- Members who forge ---


@pytest.mark.parametrize("finish", ["stop", "interrupted"])
async def test_a_member_who_makes_up_a_reply_is_seen_through(alice, bob, server, finish):
    conversation_id = await pair(alice, bob)
    payload = Payload(role="assistant", text="I am the assistant", finish=finish, model="fake-model")
    await forge(bob, conversation_id, payload)
    await settle(100)
    view = await (await fresh_tab(alice)).open_conversation(conversation_id)
    message = of(view, "I am the assistant")
    assert message["mark"]["code"] in {"unconfirmed", "interrupted"}
    await alice.say("And?", conversation_id)
    assert "I am the assistant" not in repr(server.gateway.prompts)


async def test_a_member_who_takes_a_replys_place_is_marked_and_harms_nobody_else(alice, bob, server):
    """Whoever saves first wins, and only what the gateway signed is the assistant's."""
    conversation_id = await pair(alice, bob)
    server.hold_frames_after = 3
    sent = await alice.send(conversation_id, "Count", None)
    await alice.until(lambda: alice.told("reply"))
    chat = bob.keys.chat
    history = await chat._histories.of(conversation_of(bob, conversation_id))
    await history.load_newer()
    draft = Draft(UUID(sent["reply_id"]), bob.clock.now_ms(), Payload(role="assistant", text="Mine", finish="stop"))
    await chat._chat.sender.post(conversation_of(bob, conversation_id), history, draft)
    server.release()
    await settle(300)
    view = await (await fresh_tab(alice)).open_conversation(conversation_id)
    assert of(view, "Mine")["mark"]["code"] == "unconfirmed"
    assert codes(view) == set()


# --- Unread ---


async def test_what_came_since_it_was_read_is_counted(alice, bob, server):
    conversation_id = await pair(alice, bob)
    assert (await item_of(bob, conversation_id))["unread"] == 0
    await alice.say("Second", conversation_id)
    await bob.until(lambda: bob.told("conversations")[-1]["conversations"][0]["unread"] == 2, "counted")
    await bob.open_conversation(conversation_id)
    assert (await item_of(bob, conversation_id))["unread"] == 2
    await bob.mark_read(conversation_id)
    assert (await item_of(bob, conversation_id))["unread"] == 0
    tab = await fresh_tab(bob)
    assert (await item_of(tab, conversation_id))["unread"] == 0
    await bob.say("My own", conversation_id)
    assert (await item_of(bob, conversation_id))["unread"] <= 1, "what one writes oneself was read"


async def test_a_conversation_of_before_there_were_marks_is_not_all_unread(alice, server):
    conversation_id = await begin(alice)
    seen = alice.keys.parts.keyring.content.conversations[UUID(conversation_id)]
    seen.read = None
    assert (await item_of(alice, conversation_id))["unread"] == 0


# --- Presence ---


def present(tab) -> list:
    told = tab.told("presence")
    return [(each["name"], each["state"]) for each in told[-1]["people"]] if told else []


async def test_presence_is_told_to_the_others_and_fades(alice, bob, clock):
    conversation_id = await pair(alice, bob)
    await alice.open_conversation(conversation_id)
    await bob.presence(conversation_id, "here")
    await alice.until(lambda: present(alice) == [(BOB, "here")])
    await bob.presence(conversation_id, "typing")
    await alice.until(lambda: present(alice) == [(BOB, "typing")])
    await clock.advance(7)
    await alice.until(lambda: present(alice) == [(BOB, "here")])
    await clock.advance(40)
    await alice.until(lambda: present(alice) == [])
    await bob.presence(conversation_id, "here")
    await alice.until(lambda: present(alice) == [(BOB, "here")])
    await bob.presence(conversation_id, "away")
    await alice.until(lambda: present(alice) == [])
    assert bob.told("presence") == []


async def test_presence_is_told_on_only_so_often(alice, bob, clock):
    conversation_id = await pair(alice, bob)
    connection = connection_of(bob)

    def told():
        return [each["state"] for each in connection.sent if each["type"] == "presence"]

    await bob.presence(conversation_id, "away")
    assert told() == [], "who was not there does not go"
    for _ in range(3):
        await bob.presence(conversation_id, "here")
    assert told() == ["here"]
    for _ in range(3):
        await bob.presence(conversation_id, "typing")
    await clock.advance(2)
    await bob.presence(conversation_id, "typing")
    assert told() == ["here", "typing", "typing"]
    await bob.presence(conversation_id, "away")
    await bob.presence(conversation_id, "away")
    assert told()[-1] == "away"
    assert len(told()) == 4
    for state in ("busy", None, 7):
        assert await refused(bob.presence(conversation_id, state)) == "invalid-settings"


async def test_nobody_is_told_where_nobody_else_is(alice, server):
    conversation_id = await begin(alice)
    await alice.presence(conversation_id, "here")
    assert [each for each in server.connections[0].sent if each["type"] == "presence"] == []


@pytest.mark.parametrize(
    "message",
    [
        {"user_id": "00000000-0000-4000-8000-000000000001", "state": "here"},
        {"state": "here"},
        {"user_id": 7, "state": "here"},
        {"user_id": "own", "state": "here"},
        {"user_id": "bob", "state": "<b>"},
        {"user_id": "bob", "state": "here", "conversation_id": "00000000-0000-4000-8000-000000000001"},
    ],
)
async def test_presence_of_nobody_is_not_shown(alice, bob, server, message):
    conversation_id = await pair(alice, bob)
    await alice.open_conversation(conversation_id)
    names = {"own": user_id_of(alice), "bob": user_id_of(bob)}
    user_id = names.get(message.get("user_id"), message.get("user_id"))
    connection_of(alice).deliver(
        {"type": "presence", "conversation_id": conversation_id, **message, "user_id": user_id}
    )
    await asyncio.sleep(0)
    await settle(50)
    assert present(alice) == []
    assert alice.alarms == []


async def test_presence_of_a_conversation_that_is_not_open_is_not_shown(alice, bob):
    conversation_id = await pair(alice, bob)
    await alice.close_conversation()
    await bob.presence(conversation_id, "here")
    await settle(50)
    assert alice.told("presence") == []
