"""An import: written as any other conversation, once, whatever breaks off and whoever lies (A8, A9, A13, A52)."""

import asyncio
from dataclasses import replace
from uuid import UUID

import pytest

from balon_client import import_writing
from balon_client.conversation_records import MessageRecord
from balon_client.errors import NetworkError, ProblemError
from balon_client.keyring_model import forget_conversation
from balon_client.messages import _proof_item, reply_mark
from balon_client.payloads import Origin
from tests.client.conftest import ALICE, BOB
from tests.client.doubles.platform import settle
from tests.client.imports.exports import START_S, ChatGPT, encode
from tests.client.tab import refused

CREATE = "/api/v1/conversations"
HISTORY = True
MESSAGES = "/api/v1/conversations/[^/]+/messages"


def chat(name: str, *turns: str, title: str | None = None, at_s: float = 0) -> dict:
    made = ChatGPT(title or f"About {name}", name)
    for place, text in enumerate(turns or ("What is a fjord?", "A drowned valley.")):
        (made.reply if place % 2 else made.ask)(text, create_time=START_S + at_s + place)
    return made.build()


def export(*chats: dict) -> bytes:
    return encode(list(chats) or [chat("one")])


async def choose(tab, raw: bytes) -> list[str]:
    return [each["id"] for each in (await tab.preview_import(raw))["conversations"]]


async def bring(tab, raw: bytes) -> dict:
    """Looks at a file and imports all of it; time passes as it is waited for."""
    return await finish(tab, tab.begin_import(await choose(tab, raw)))


async def finish(tab, call) -> dict:
    task = asyncio.ensure_future(call)
    for _ in range(200):
        await settle(40)
        if task.done():
            break
        await tab.clock.advance(5)
    return await task


async def spoken(tab, conversation_id: str) -> list:
    view = await tab.open_conversation(conversation_id)
    assert view["alarms"] == []
    return [(each["author"]["kind"], each["text"]) for each in view["messages"]]


async def reload(tab, *, after_s: int = 3):
    """The tab is gone, and another one of the same browser begins."""
    await tab.clock.advance(after_s)
    await tab.close()
    fresh = tab.profile.open_tab()
    await fresh.boot()
    await fresh.list_conversations()
    return fresh


def stored(server) -> list[int]:
    return sorted(len(each["messages"]) for each in server.state.conversations.values())


# --- The preview ---


async def test_a_file_is_looked_at_and_nothing_of_it_is_sent(alice, server):
    before = len(server.requests)
    seen = await alice.preview_import(export(chat("one"), {"mapping": {}, "title": "Empty"}))
    (item,) = seen["conversations"]
    assert seen["source"] == "chatgpt"
    assert seen["problem"] is None
    assert (item["title"], item["messages"], item["state"], item["left_out"]) == ("About one", 2, "new", {})
    assert (item["created_ms"], item["updated_ms"]) == (START_S * 1000, (START_S + 1) * 1000)
    assert [(each["number"], each["problem"]["code"]) for each in seen["refused"]] == [(2, "import-conversation-empty")]
    sent = {(each.method, each.path) for each in server.requests[before:] if each.method != "GET"}
    assert sent == {("PUT", "/api/v1/keys/keyring")}, "the key of its identifiers, sealed"


async def test_what_breaks_off_is_shown_as_far_as_it_goes(alice):
    seen = await alice.preview_import(export(chat("one"), chat("two"))[:-40])
    assert [each["title"] for each in seen["conversations"]] == ["About one"]
    assert seen["problem"]["code"] == "import-damaged"


async def test_no_file_no_choice_and_no_export_are_said(alice):
    assert await refused(alice.begin_import([])) == "import-no-file"
    assert await refused(alice.preview_import(b"a letter")) == "import-unknown"
    assert await refused(alice.preview_import("a name")) == "file-gone"
    await alice.preview_import(export())
    assert await refused(alice.begin_import("all")) == "invalid-settings"


# --- What is made ---


async def test_imported_conversations_are_read_as_any_other(alice, alices_browser, server, clock):
    older, newer = chat("older", at_s=-9000), chat("newer", "Kanarie-7F3", "Kanarie-Q8w", at_s=9000)
    result = await bring(alice, export(newer, older))
    assert [each["title"] for each in result["imported"]] == ["About older", "About newer"], "the oldest comes first"
    assert (result["failed"], result["stopped"], result["problem"]) == ([], False, None)
    tab = await reload(alice)
    assert {each["title"] for each in await tab.list_conversations()} == {"About newer", "About older"}
    view = await tab.open_conversation(result["imported"][1]["id"])
    question, reply = view["messages"]
    assert (question["author"]["kind"], question["text"], question["mark"]) == ("you", "Kanarie-7F3", None)
    assert (reply["author"]["kind"], reply["text"], reply["mark"]["code"]) == ("assistant", "Kanarie-Q8w", "imported")
    assert reply["imported"] == {"source": "chatgpt", "created_ms": (START_S + 9001) * 1000}
    assert reply["created_ms"] == clock.now_ms() or reply["created_ms"] > question["imported"]["created_ms"]
    assert (view["alarms"], view["writable"]) == ([], True)
    wire = repr([sent.body for sent in server.requests]) + repr(server.state)
    assert "Kanarie" not in wire
    assert str(START_S + 9001) not in wire, "the server does not learn when it was said"
    assert tab.alarms == []


async def test_an_imported_reply_never_counts_as_confirmed(alice, server, alices_browser):
    """Nobody gets a gateway's word for a time that a file claims, not even with a true signature of the gateway."""
    (made,) = (await bring(alice, export()))["imported"]
    sent = await alice.say("And a skerry?", made["id"])
    await settle(100)
    history = alice.keys.chat._histories.get(UUID(made["id"]))
    reply = history.get(UUID(sent["reply_id"]))
    assert reply.mark is None
    forged = replace(reply.payload, imported=Origin("chatgpt", 1))
    record = MessageRecord(3, reply.id, reply.sender_id, 0, 1, bytes(32), 0, b"", b"")
    gateways = {each.gateway_id: each.identity for each in alice.keys.parts.keyring.content.gateways}
    assert _proof_item(UUID(made["id"]), record, reply.payload, gateways) is not None
    assert _proof_item(UUID(made["id"]), record, forged, gateways) is None
    assert reply_mark(forged, confirmed=True).code == "imported"


async def test_a_conversation_goes_on_with_what_was_imported(alice, server):
    result = await bring(alice, export())
    await alice.open_conversation(result["imported"][0]["id"])
    await alice.say("And a skerry?", result["imported"][0]["id"])
    assert [text for _, text in server.gateway.prompts[-1]] == [
        "What is a fjord?",
        "A drowned valley.",
        "And a skerry?",
    ]
    assert stored(server) == [4]


async def test_what_is_said_to_be_imported_is_so_for_a_tab_that_begins_at_once(alice):
    raw = export()
    await bring(alice, raw)
    tab = await reload(alice, after_s=0)
    assert [each["state"] for each in (await tab.preview_import(raw))["conversations"]] == ["imported"]


async def test_the_same_file_makes_nothing_twice(alice, server):
    raw = export(chat("one"), chat("two"))
    await bring(alice, raw)
    tab = await reload(alice)
    seen = await tab.preview_import(raw)
    assert [each["state"] for each in seen["conversations"]] == ["imported", "imported"]
    created = len(server.asked("POST", ".*"))
    assert len((await bring(tab, raw))["imported"]) == 2
    assert len(server.asked("POST", ".*")) == created, "nothing was written again"
    assert stored(server) == [2, 2]


async def test_a_newer_file_adds_what_is_new(alice, server):
    await bring(alice, export(chat("one", "a", "b")))
    later = export(chat("one", "a", "b", "c", "d"))
    assert [each["state"] for each in (await alice.preview_import(later))["conversations"]] == ["partly"]
    result = await bring(alice, later)
    assert await spoken(alice, result["imported"][0]["id"]) == [
        ("you", "a"),
        ("assistant", "b"),
        ("you", "c"),
        ("assistant", "d"),
    ]


async def test_a_deleted_conversation_may_be_imported_again(alice, server):
    (made,) = (await bring(alice, export()))["imported"]
    await alice.delete_conversation(made["id"])
    assert [each["state"] for each in (await alice.preview_import(export()))["conversations"]] == ["new"]
    assert len((await bring(alice, export()))["imported"]) == 1
    assert len(await spoken(await reload(alice), made["id"])) == 2


# --- Breaking off ---


@pytest.mark.parametrize("at", range(4))
async def test_whatever_is_lost_on_the_way_it_is_there_once_in_the_end(alice, server, at):
    """The tab dies at the n-th write, which the server did or did not get; the next one goes on."""
    raw = export(chat("one", "a", "b", "c"))
    ids = await choose(alice, raw)
    task = asyncio.ensure_future(alice.begin_import(ids))
    await alice.until(lambda: len(server.asked("POST", f"{CREATE}|{MESSAGES}")) > at, "so many writes")
    await alice.close()
    await asyncio.gather(task, return_exceptions=True)
    tab = alice.profile.open_tab()
    await tab.boot()
    result = await bring(tab, raw)
    assert (len(result["imported"]), result["failed"]) == (1, [])
    assert [text for _, text in await spoken(tab, ids[0])] == ["a", "b", "c"]
    assert stored(server) == [3]


async def test_stopping_keeps_what_is_there_and_going_on_adds_the_rest(alice, server):
    raw = export(chat("one", "a", "b", "c"))
    ids = await choose(alice, raw)
    task = asyncio.ensure_future(alice.begin_import(ids))
    await alice.until(lambda: server.asked("POST", MESSAGES), "a first message")
    assert await refused(alice.begin_import(ids)) == "import-running"
    await alice.stop_import()
    assert (await task)["stopped"] is True
    assert 0 < stored(server)[0] < 3
    assert [each["state"] for each in (await alice.preview_import(raw))["conversations"]] == ["partly"]
    await bring(alice, raw)
    assert stored(server) == [3]


async def test_locking_ends_it(alice, server):
    ids = await choose(alice, export(chat("one", *"abcdef")))
    task = asyncio.ensure_future(alice.begin_import(ids))
    await alice.until(lambda: server.asked("POST", MESSAGES), "a first message")
    await alice.lock()
    assert await refused(task) == "import-ended"
    written = stored(server)
    await settle(200)
    assert stored(server) == written


async def test_the_servers_limit_is_waited_for_and_told(alice, server):
    def limit(_answer):
        raise ProblemError(429, "throttled", retry_after_s=40)

    server.lie("POST", MESSAGES, limit, times=2)
    result = await bring(alice, export())
    assert (len(result["imported"]), stored(server)) == (1, [2])
    waits = [event["wait_s"] for event in alice.told("progress") if event["task"] == "import"]
    assert 40 in waits
    assert waits[waits.index(40) + 1] == 0


async def test_a_server_that_takes_nothing_ends_it_with_a_reason(alice, server):
    ids = await choose(alice, export(chat("one"), chat("two")))
    server.offline = True
    result = await finish(alice, alice.begin_import(ids))
    assert (result["imported"], result["problem"]["code"]) == ([], "import-broken-off")


async def test_a_lost_connection_is_waited_for(alice, server):
    def lose(_answer):
        raise NetworkError

    server.lie("POST", CREATE, lose, times=1)  # the server made it, and its answer was lost
    result = await bring(alice, export())
    assert (len(result["imported"]), stored(server)) == (1, [2]), result


async def test_what_is_wrong_with_one_stops_no_other(alice, server):
    def refuse(_answer):
        raise ProblemError(400, "invalid", title="Refused.")

    server.lie("POST", CREATE, refuse, times=1)
    result = await bring(alice, export(chat("one"), chat("two", at_s=60)))
    assert [each["title"] for each in result["failed"]] == ["About one"]
    assert [each["title"] for each in result["imported"]] == ["About two"]


# --- Lies, and others ---


async def test_a_conversation_that_was_continued_here_is_left_as_it_is(alice, server):
    (made,) = (await bring(alice, export(chat("one", "a", "b"))))["imported"]
    await alice.open_conversation(made["id"])
    await alice.say("Something else", made["id"])
    result = await bring(alice, export(chat("one", "a", "b", "c")))
    assert [each["problem"]["code"] for each in result["failed"]] == ["import-changed"]
    assert stored(server) == [4]


async def test_nothing_is_put_where_somebody_else_reads(alice, server):
    (made,) = (await bring(alice, export(chat("one", "a", "b"))))["imported"]
    await alice.invite(made["id"], BOB, "member", HISTORY)
    result = await bring(alice, export(chat("one", "a", "b", "c")))
    assert [each["problem"]["code"] for each in result["failed"]] == ["import-shared"]
    assert stored(server) == [2]


async def test_the_server_cannot_have_it_written_into_a_conversation_of_its_own(alice, server):
    """It says that the conversation is there already, and gives another one under its identifier (A8, A9)."""
    await bring(alice, export(chat("other", "x", "y")))
    other = next(iter(server.state.conversations.values()))
    written = len(other["messages"])

    def conflict(_answer):
        raise ProblemError(409, "conflict")

    def give_other(_answer):
        return {**server._record(other, server.account_of(ALICE)), "id": ids[0]}

    ids = await choose(alice, export(chat("one")))
    server.lie("POST", CREATE, conflict)
    server.lie("GET", f"{CREATE}/{ids[0]}", give_other)
    result = await bring(alice, export(chat("one")))
    assert result["imported"] == []
    assert len(result["failed"]) == 1
    assert len(other["messages"]) == written


async def test_a_server_that_forgets_what_it_took_is_noticed(alice, server):
    (made,) = (await bring(alice, export(chat("one", "a", "b"))))["imported"]
    tab = await reload(alice)
    server.state.conversations[made["id"]]["messages"].pop()
    result = await bring(tab, export(chat("one", "a", "b", "c")))
    assert result["imported"] == []
    assert len(result["failed"]) == 1
    assert stored(server) == [1]


async def test_another_device_finds_the_same_identifiers(alice, server):
    """The key of identifiers is in the keyring, and the first one that is saved counts."""
    ids = await choose(alice, export())
    keyring = alice.keys.parts.keyring
    assert keyring.unsaved == ()
    tab = await reload(alice)
    assert await choose(tab, export()) == ids
    assert server.account_of(ALICE)["user_id"] not in ids


async def test_a_full_keyring_ends_it_before_it_is_too_large(alice, server, monkeypatch):
    monkeypatch.setattr(import_writing, "MAX_REMEMBERED", 1)
    result = await bring(alice, export(chat("one"), chat("two", at_s=60)))
    assert [each["title"] for each in result["imported"]] == ["About one"]
    assert result["problem"]["code"] == "import-full"


async def test_a_keyring_that_forgot_is_not_believed_over_the_messages(alice, server):
    """Without the keyring's word the messages themselves are found again, by their identifiers."""
    raw = export()
    (made,) = (await bring(alice, raw))["imported"]
    keyring = alice.keys.parts.keyring
    keyring.change(forget_conversation(next(iter(keyring.content.conversations))))
    assert len((await bring(alice, raw))["imported"]) == 1
    assert len(await spoken(alice, made["id"])) == 2
    assert stored(server) == [2]
