"""Conversations and their messages against a server that lies (A8 to A13, A15, A18, A54)."""

import asyncio
import copy
from dataclasses import replace
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from balon.protocol.contexts import message_context
from balon.protocol.encoding import decode_b64u, encode_b64u
from balon.protocol.envelope import Kind
from balon.protocol.statements import message_statement, meta_statement
from balon_client.creating import create_conversation
from balon_client.errors import NetworkError, ProblemError
from balon_client.ports import SigningKey
from tests.client.conftest import ALICE
from tests.client.doubles.accounts import public_of
from tests.client.doubles.envelopes import seal_envelope
from tests.client.doubles.platform import settle
from tests.client.lies import changed, flip
from tests.client.tab import refused

CONVERSATION = "/api/v1/conversations/[^/]+"
MESSAGES = f"{CONVERSATION}/messages"
LIST = "/api/v1/conversations"


async def talk(alice, *texts: str) -> str:
    """A conversation with these questions, each answered; gives its id."""
    conversation_id = None
    for text in texts:
        conversation_id = (await alice.say(text, conversation_id))["conversation_id"]
    await settle(100)
    await alice.clock.advance(3)  # The keyring is saved.
    return conversation_id


async def fresh_tab(alices_browser):
    tab = alices_browser.open_tab()
    await tab.boot()
    await tab.list_conversations()
    return tab


def codes(view) -> set[str]:
    return {alarm["code"] for alarm in view["alarms"]}


def texts(view) -> list:
    return [message["text"] for message in view["messages"]]


def messages_of(server) -> list:
    return server.only_conversation["messages"]


async def refuses_to_write(tab, conversation_id, server):
    asked = len(server.asked("POST", MESSAGES))
    assert await refused(tab.send(conversation_id, "More", None)) == "not-writable"
    assert len(server.asked("POST", MESSAGES)) == asked


# --- Honest ---


async def test_what_was_said_is_there_again_in_order(alice, alices_browser, server):
    conversation_id = await talk(alice, "First", "Second")
    tab = await fresh_tab(alices_browser)
    view = await tab.open_conversation(conversation_id)
    assert texts(view) == ["First", "Hello, world.", "Second", "Hello, world."]
    assert [message["author"]["kind"] for message in view["messages"]] == ["you", "assistant"] * 2
    assert all(message["mark"] is None and message["state"] == "saved" for message in view["messages"])
    assert (view["title"], view["writable"], codes(view), view["more"]) == ("First", True, set(), False)
    stored = repr(server.state.conversations)
    assert "First" not in stored
    assert "Hello" not in stored


async def test_a_long_conversation_comes_page_by_page(alice, alices_browser):
    conversation_id = await talk(alice, *(f"Question {number}" for number in range(60)))
    tab = await fresh_tab(alices_browser)
    view = await tab.open_conversation(conversation_id)
    assert (len(view["messages"]), view["more"]) == (50, True)
    older = await tab.older_messages(conversation_id)
    assert (len(older["messages"]), older["more"]) == (50, True)
    oldest = await tab.older_messages(conversation_id)
    assert (len(oldest["messages"]), oldest["more"]) == (20, False)
    questions = [m["text"] for page in (oldest, older, view) for m in page["messages"] if m["author"]["kind"] == "you"]
    assert questions == [f"Question {number}" for number in range(60)]
    assert tab.alarms == []


async def test_two_tabs_and_two_devices_write_behind_each_other(alice, second_device, server):
    conversation_id = await talk(alice, "From the first")
    await second_device.open_conversation(conversation_id)
    await second_device.say("From the second", conversation_id)
    await alice.until(lambda: len(alice.told("message")) >= 4)
    await alice.say("From the first again", conversation_id)
    view = await second_device.open_conversation(conversation_id)
    assert [text for text in texts(view) if text.startswith("From")] == [
        "From the first",
        "From the second",
        "From the first again",
    ]
    assert codes(view) == set()
    assert [message["seq"] for message in messages_of(server)] == [1, 2, 3, 4, 5, 6]


async def test_a_message_that_collides_is_sealed_again_under_the_same_id(alice, second_device, server):
    conversation_id = await talk(alice, "First")
    await second_device.open_conversation(conversation_id)
    server.drop_sockets()
    second_device.platform.socket.is_dead = True
    await alice.until(lambda: server.connections == [])
    await alice.clock.advance(1)
    await alice.online()
    await alice.say("In between", conversation_id)
    await second_device.send(conversation_id, "Behind", None)
    posted = [sent.body for sent in server.asked("POST", MESSAGES)][-2:]
    assert posted[0]["message_id"] == posted[1]["message_id"]
    assert posted[0]["envelope"] != posted[1]["envelope"]
    assert (posted[0]["seq"], posted[1]["seq"]) == (3, 5)


async def test_a_message_whose_answer_was_lost_is_stored_once(alice, server, clock):
    conversation_id = await talk(alice, "First")

    def lose(_):
        raise NetworkError

    server.lie("POST", MESSAGES, lose, times=2)
    sending = asyncio.ensure_future(alice.send(conversation_id, "Second", None))
    await clock.advance(5)
    await sending
    assert len({m["message_id"] for m in messages_of(server)}) == len(messages_of(server))
    assert [m["seq"] for m in messages_of(server)][:3] == [1, 2, 3]


async def test_lists_and_keys_are_asked_for_once_by_callers_at_the_same_time(alices_browser, server):
    tab = alices_browser.open_tab()
    await tab.boot()
    await asyncio.gather(tab.list_conversations(), tab.list_conversations(), tab.models(), tab.models())
    await settle(100)
    assert len(server.asked("GET", LIST)) == 1
    assert len(server.asked("GET", "/api/v1/inference/config")) == 1


async def test_many_hints_in_a_row_are_followed_once_and_once_more(alice, server):
    """What an answer on its way tells may be older than the last hint."""
    conversation_id = await talk(alice, "Busy")
    asked = len(server.asked("GET", MESSAGES))
    for _ in range(30):
        server.notify("messages", conversation_id)
    await settle(300)
    assert len(server.asked("GET", MESSAGES)) - asked == 1
    await alice.clock.advance(1)
    await settle(300)
    assert len(server.asked("GET", MESSAGES)) - asked == 2


async def test_a_shared_request_that_fails_fails_for_all_and_is_asked_again_later(alice, server):
    server.lie("GET", LIST, lambda _: None, times=1)
    refresh = alice.keys.chat.library.refresh
    outcomes = await asyncio.gather(refresh(), refresh(), return_exceptions=True)
    assert {type(outcome).__name__ for outcome in outcomes} == {"AnswerError"}
    await refresh()


async def test_one_caller_that_gives_up_takes_nothing_from_the_others(alice, server):
    refresh = alice.keys.chat.library.refresh
    first, second = asyncio.ensure_future(refresh()), asyncio.ensure_future(refresh())
    await asyncio.sleep(0)
    first.cancel()
    await second
    assert first.cancelled()


async def test_the_conversation_that_was_asked_for_last_is_the_open_one(alice, server):
    one, two = await talk(alice, "One"), await talk(alice, "Two")
    server.gate = asyncio.Event()
    slow = asyncio.ensure_future(alice.open_conversation(one))
    await alice.until(lambda: server.requests[-1].path.startswith(f"{LIST}/{one}"))
    gate, server.gate = server.gate, None
    await alice.open_conversation(two)
    gate.set()
    await slow
    screen = alice.keys.chat._screen
    assert screen.is_open(UUID(two))
    assert not screen.is_open(UUID(one))


@pytest.mark.parametrize("raw", [None, 7, "", "x", "01890000", "{}"])
async def test_an_id_of_another_form_is_not_there(alice, raw):
    assert await refused(alice.open_conversation(raw)) == "conversation-not-found"


@pytest.mark.parametrize("text", [None, "", "   ", 7, "\ud800"])
async def test_nothing_to_send_makes_no_conversation(alice, server, text):
    assert await refused(alice.send(None, text, None)) == "invalid-text"
    assert server.state.conversations == {}


async def test_a_message_too_long_for_the_model_is_not_stored(alice, server):
    assert await refused(alice.send(None, "x" * 100_000, None)) == "too-long"
    assert server.state.conversations == {}


# --- Titles, renaming, deleting ---


async def test_a_title_is_made_of_the_first_words_and_can_be_changed(alice, alices_browser, server):
    conversation_id = await talk(alice, "What is the capital of France and why?")
    assert (await alice.list_conversations())[0]["title"] == "What is the capital of France…"
    await alice.rename(conversation_id, "  Paris \n again ")
    tab = await fresh_tab(alices_browser)
    assert (await tab.list_conversations())[0]["title"] == "Paris again"
    assert "Paris" not in repr(server.state.conversations)


@pytest.mark.parametrize("title", [None, "", " ", "x" * 201, 5, "\udfff"])
async def test_a_title_that_is_none_is_refused(alice, title):
    conversation_id = await talk(alice, "Hello")
    assert await refused(alice.rename(conversation_id, title)) == "invalid-text"


async def test_two_devices_that_rename_at_once_end_with_the_later_title(alice, second_device, server):
    conversation_id = await talk(alice, "Hello")
    await second_device.list_conversations()
    await second_device.until(lambda: second_device.keys.chat.library.get(UUID(conversation_id)) is not None)
    second_device.platform.socket.is_dead = True
    server.drop_sockets()
    await alice.rename(conversation_id, "By the first")
    await second_device.rename(conversation_id, "By the second")
    assert server.only_conversation["meta"]["meta_version"] == 3
    assert len(server.asked("PUT", f"{CONVERSATION}/meta")) == 4, "one was refused and sealed again"
    assert (await second_device.list_conversations())[0]["alarm"] is None


async def test_a_server_that_always_has_another_title_is_refused(alice, server):
    conversation_id = await talk(alice, "Hello")

    def conflict(_):
        raise ProblemError(409, "version-conflict")

    server.lie("PUT", f"{CONVERSATION}/meta", conflict)
    assert await refused(alice.rename(conversation_id, "Title")) == "server-answer-refused"


async def test_an_answer_that_the_own_new_title_has_overtaken_is_no_alarm(alice, server):
    conversation_id = await talk(alice, "Hello")
    stale = copy.deepcopy(server._record(server.only_conversation, server.account_of(ALICE)))
    library = alice.keys.chat.library
    server.gate = asyncio.Event()
    fetching = asyncio.ensure_future(library.fetch(UUID(conversation_id)))
    await settle()
    gate, server.gate = server.gate, None
    await alice.rename(conversation_id, "Newer")
    await settle(100)
    server.lie("GET", CONVERSATION, lambda _: stale, times=1)
    gate.set()
    await fetching
    item = (await alice.list_conversations())[0]
    assert (item["title"], item["alarm"]) == ("Newer", None)


async def test_answers_that_own_titles_overtake_again_and_again_are_no_alarm(alice, server):
    conversation_id = await talk(alice, "Hello")
    library, real = alice.keys.chat.library, alice.keys.chat.library._request

    async def overtaken(requested):
        record = await real(requested)
        library._request = real  # What the rename reads is not overtaken.
        await alice.rename(conversation_id, f"Title {len(server.requests)}")
        await settle(100)
        library._request = overtaken
        return record

    library._request = overtaken
    await library.fetch(UUID(conversation_id))
    library._request = real
    item = (await alice.list_conversations())[0]
    assert (item["title"][:5], item["alarm"]) == ("Title", None)
    await alice.rename(conversation_id, "Last")


async def test_news_from_another_device_on_the_way_of_the_list_leave_nothing_out(alice, second_device, server):
    second_device.platform.socket.is_dead = True
    server.connections[-1].shut(1006)
    conversation_id = (await alice.say("Hello"))["conversation_id"]
    server.gate = asyncio.Event()
    listing = asyncio.ensure_future(second_device.keys.chat.library.refresh())
    await settle()
    gate, server.gate = server.gate, None
    await alice.keys.parts.keyring.save()
    await second_device.keys.parts.keyring.refresh()
    gate.set()
    await listing
    assert [item["id"] for item in await second_device.list_conversations()] == [conversation_id]


async def test_a_deleted_conversation_is_gone_in_every_tab(alice, other_tab, server):
    conversation_id = await talk(alice, "Hello")
    await other_tab.open_conversation(conversation_id)
    await alice.delete_conversation(conversation_id)
    await other_tab.until(lambda: other_tab.told("removed"))
    assert await other_tab.list_conversations() == []
    assert await refused(other_tab.open_conversation(conversation_id)) == "conversation-not-found"
    await alice.delete_conversation(conversation_id)
    assert UUID(conversation_id) not in alice.keys.parts.keyring.content.conversations


TITLE_LIES = {
    "by nobody": changed("signature", encode_b64u(bytes(64))),
    "by a stranger": changed("author_id", "00000000-0000-4000-8000-000000000001"),
    "with other bytes": changed("envelope", lambda text: flip(text, -1)),
    "of another version": changed("meta_version", 9),
    "of another epoch": changed("epoch", 1),
}


@pytest.mark.parametrize("what", TITLE_LIES)
async def test_a_title_that_no_member_set_is_refused(alice, alices_browser, server, what):
    conversation_id = await talk(alice, "Hello")
    server.only_conversation["meta"] = TITLE_LIES[what](server.only_conversation["meta"])
    tab = await fresh_tab(alices_browser)
    (item,) = await tab.list_conversations()
    assert (item["title"], item["alarm"]["code"]) == (None, "title-refused")
    await refuses_to_write(tab, conversation_id, server)


async def test_a_title_signed_with_another_key_under_a_stolen_author_is_refused(alice, alices_browser, server):
    conversation_id = await talk(alice, "Hello")
    meta = server.only_conversation["meta"]
    statement = meta_statement(UUID(conversation_id), 0, meta["meta_version"], decode_b64u(meta["envelope"]))
    meta["signature"] = encode_b64u(Ed25519PrivateKey.generate().sign(statement))
    tab = await fresh_tab(alices_browser)
    assert (await tab.list_conversations())[0]["alarm"]["code"] == "title-refused"


@pytest.mark.parametrize("older", ["version before", "none"])
async def test_an_older_title_than_the_one_seen_is_refused(alice, alices_browser, server, older):
    conversation_id = await talk(alice, "Hello")
    before = copy.deepcopy(server.only_conversation["meta"])
    await alice.rename(conversation_id, "Newer")
    await alice.clock.advance(3)
    server.only_conversation["meta"] = before if older == "version before" else None
    tab = await fresh_tab(alices_browser)
    assert (await tab.list_conversations())[0]["alarm"]["code"] == "title-refused"


# --- Keys and members ---


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("roster.0.subject", None),
        ("roster.0.subject.idk_pub", lambda text: flip(text, 3)),
        ("roster.0.subject.rsa_kid", lambda text: flip(text, 3)),
        ("grants.0.wrapped", lambda text: flip(text, 5)),
        ("grants.0.statement", lambda text: flip(text, -1)),
        ("grants.0.signature", encode_b64u(bytes(64))),
        ("roster.0.signature", encode_b64u(bytes(64))),
        ("roster.0.statement", lambda text: flip(text, -1)),
        ("grants", []),
        ("epoch", 1),
        (
            "meta",
            {
                "meta_version": 1,
                "epoch": 0,
                "author_id": "00000000-0000-4000-8000-000000000001",
                "envelope": "QUJD",
                "signature": encode_b64u(bytes(64)),
            },
        ),
    ],
)
async def test_a_conversation_that_is_swapped_at_its_creation_is_never_written_to(alice, server, name, value):
    server.lie("POST", LIST, changed(name, value))
    await refused(alice.send(None, "A secret", None))
    assert server.asked("POST", MESSAGES) == []


async def test_a_grant_that_is_swapped_between_creation_and_first_read_stops_writing(alice, server, town):
    conversation_id = await talk(alice, "Hello")
    account = alice.keys.parts.account
    generated = await alice.platform.crypto.generate_conversation_key(UUID(conversation_id), 0, [account.recipient])
    server.only_conversation["grants"][0]["wrapped"] = encode_b64u(generated.wrapped[0])
    server.notify("roster", conversation_id)
    await alice.until(lambda: alice.keys.chat.library.get(UUID(conversation_id)).alarms)
    assert alice.keys.chat.library.get(UUID(conversation_id)).key.ck_commit != generated.key.ck_commit
    await refuses_to_write(alice, conversation_id, server)


async def forged_conversation(alice, **changes):
    """A conversation for Alice under a key of the server's, signed with a key of the server's."""
    account = alice.keys.parts.account
    forger = Ed25519PrivateKey.generate()
    seed = forger.private_bytes_raw()
    keys = replace(account.keys, idk=SigningKey(forger, public_of(seed)))
    return await create_conversation(
        alice.platform.crypto,
        replace(account, keys=keys, **changes),
        alice.platform.random.uuid7(),
        alice.clock.now_ms(),
    )


async def test_a_conversation_that_the_server_made_up_is_not_listed_and_not_written_to(alice, server):
    made = await forged_conversation(alice)
    id_ = str(made.id)
    server.state.conversations[id_] = {
        "id": id_,
        "epoch": 0,
        "epoch_position": 0,
        "created_ms": 1,
        "updated_ms": 1,
        **_made_up(alice, made),
        "previous": [],
        "meta": None,
        "messages": [],
    }
    server.notify("created", id_)
    await alice.until(lambda: "conversation-refused" in alice.alarms)
    assert await alice.list_conversations() == []
    assert await refused(alice.send(id_, "Hello", None)) == "conversation-not-found"
    assert server.asked("POST", f"{LIST}/{id_}/messages") == []


async def test_a_key_of_the_servers_in_a_known_conversation_is_refused(alice, alices_browser, server):
    conversation_id = await talk(alice, "Hello")
    made = await forged_conversation(alice)
    server.only_conversation["grants"] = _made_up(alice, made)["grants"]
    tab = await fresh_tab(alices_browser)
    (item,) = await tab.list_conversations()
    assert item["alarm"]["code"] == "conversation-refused"
    await refuses_to_write(tab, conversation_id, server)


async def test_another_roster_than_the_one_seen_is_a_rollback(alice, alices_browser, server):
    conversation_id = await talk(alice, "Hello")
    account = alice.keys.parts.account
    other = await create_conversation(alice.platform.crypto, account, UUID(conversation_id), 5)
    server.only_conversation.update(_made_up(alice, other))
    tab = await fresh_tab(alices_browser)
    assert (await tab.list_conversations())[0]["alarm"]["code"] == "conversation-rollback"
    await refuses_to_write(tab, conversation_id, server)


def _made_up(alice, made) -> dict:
    """Roster and grant of a conversation as the server keeps them."""
    subject = {
        "idk_pub": encode_b64u(made.roster.subject.idk_pub),
        "rsa_kid": encode_b64u(made.roster.subject.rsa_kid),
    }
    grant = _travelling(made.grant) | {"wrapped": encode_b64u(made.wrapped)}
    return {
        "roster": [_travelling(made.roster.signed) | {"subject": subject}],
        "grants": [grant | {"user_id": str(alice.keys.parts.account.user_id), "epoch": 0}],
    }


def _travelling(signed) -> dict:
    return {"statement": encode_b64u(signed.statement), "signature": encode_b64u(signed.signature)}


# --- Messages ---


FIELDS = {
    "sender_id": "00000000-0000-4000-8000-000000000001",
    "created_ms": 5,
    "seq": 7,
    "epoch": 1,
    "prev_hash": encode_b64u(b"x" * 32),
    "message_id": "01890000-0000-7000-8000-000000000001",
    "envelope": lambda text: flip(text, -1),
    "signature": lambda text: flip(text, 3),
}


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("index", [0, 1, 3])
async def test_any_changed_field_of_a_message_is_an_alarm_and_its_text_is_not_shown(
    alice, alices_browser, server, name, index
):
    conversation_id = await talk(alice, "First", "Second")
    messages_of(server)[index] = changed(name, FIELDS[name])(messages_of(server)[index])
    tab = await fresh_tab(alices_browser)
    view = await tab.open_conversation(conversation_id)
    assert "message-refused" in codes(view)
    assert not view["writable"]
    shown = view["messages"][index]
    assert (shown["text"], shown["mark"]["code"]) == (None, "message-refused")
    await refuses_to_write(tab, conversation_id, server)


@pytest.mark.parametrize("at", [0, 3, 4, 5, 6, 7, 8, 24, 56])
async def test_another_header_of_a_message_is_refused(alice, alices_browser, server, at):
    conversation_id = await talk(alice, "First")
    messages_of(server)[0]["envelope"] = flip(messages_of(server)[0]["envelope"], at)
    view = await (await fresh_tab(alices_browser)).open_conversation(conversation_id)
    assert "message-refused" in codes(view)


async def test_a_plaintext_in_place_of_a_message_is_never_shown(alice, alices_browser, server):
    conversation_id = await talk(alice, "First")
    messages_of(server)[0]["envelope"] = encode_b64u(b'{"role":"user","text":"Injected"}')
    view = await (await fresh_tab(alices_browser)).open_conversation(conversation_id)
    assert "Injected" not in repr(view)
    assert "message-refused" in codes(view)


def _drop(index):
    return lambda messages: messages[:index] + messages[index + 1 :]


def _swap(one, two):
    def rewrite(messages):
        messages[one], messages[two] = messages[two], messages[one]
        return messages

    return rewrite


def _numbered(messages):
    return [message | {"position": position} for position, message in enumerate(messages, 1)]


REORDERINGS = {
    "the first left out": _drop(0),
    "one left out": _drop(2),
    "two exchanged": _swap(1, 2),
    "questions exchanged": _swap(0, 2),
    "one repeated": lambda messages: [*messages, messages[1]],
    "the newest left out": lambda messages: messages[:-1],
    "the last two left out": lambda messages: messages[:-2],
    "all left out": lambda messages: [],
    "backwards": lambda messages: messages[::-1],
}


@pytest.mark.parametrize("renumbered", [True, False])
@pytest.mark.parametrize("what", REORDERINGS)
async def test_whatever_is_left_out_repeated_or_moved_is_an_alarm(alice, alices_browser, server, what, renumbered):
    conversation_id = await talk(alice, "First", "Second", "Third")
    left = REORDERINGS[what](copy.deepcopy(messages_of(server)))
    server.only_conversation["messages"] = _numbered(left) if renumbered else left
    tab = await fresh_tab(alices_browser)
    view = await tab.open_conversation(conversation_id)
    assert codes(view), what
    shown = [message["id"] for message in view["messages"]]
    assert len(shown) == len(set(shown)), "nothing is shown twice"
    await refuses_to_write(tab, conversation_id, server)


async def test_a_message_of_another_conversation_is_refused(alice, alices_browser, server):
    one, two = await talk(alice, "One"), await talk(alice, "Two")
    conversations = server.state.conversations
    conversations[one]["messages"][0] = copy.deepcopy(conversations[two]["messages"][0])
    view = await (await fresh_tab(alices_browser)).open_conversation(one)
    assert "message-refused" in codes(view)
    assert "Two" not in texts(view)


async def test_a_title_in_place_of_a_message_and_a_message_in_place_of_a_title_are_refused(
    alice, alices_browser, server
):
    conversation_id = await talk(alice, "First")
    conversation = server.only_conversation
    title, message = conversation["meta"]["envelope"], conversation["messages"][0]["envelope"]
    conversation["meta"]["envelope"], conversation["messages"][0]["envelope"] = message, title
    tab = await fresh_tab(alices_browser)
    assert (await tab.list_conversations())[0]["alarm"]["code"] == "title-refused"
    assert "message-refused" in codes(await tab.open_conversation(conversation_id))


async def test_a_message_that_comes_twice_live_is_shown_once(alice, server):
    conversation_id = await talk(alice, "First")
    await alice.open_conversation(conversation_id)
    shown = len(alice.told("message"))
    for _ in range(3):
        server.notify("messages", conversation_id)
    await settle(200)
    assert len(alice.told("message")) == shown
    assert alice.alarms == []


async def test_a_tail_that_disappears_while_it_is_open_is_an_alarm(alice, server):
    conversation_id = await talk(alice, "First", "Second")
    await alice.open_conversation(conversation_id)
    del messages_of(server)[2:]
    server.notify("messages", conversation_id)
    await alice.until(lambda: "history-rollback" in alice.alarms)
    await refuses_to_write(alice, conversation_id, server)


async def test_a_message_under_the_right_key_but_another_signature_is_refused(alice, alices_browser, server):
    """Whoever has the conversation's key and is no member cannot write in the name of one (A26)."""
    conversation_id = await talk(alice, "First")
    conversation = alice.keys.chat.library.get(UUID(conversation_id))
    stored = messages_of(server)[0]
    context = message_context(
        conversation_id=conversation.id,
        epoch=0,
        message_id=UUID(stored["message_id"]),
        sender_id=UUID(stored["sender_id"]),
        seq=1,
        prev_hash=decode_b64u(stored["prev_hash"]),
        created_ms=stored["created_ms"],
    )
    plaintext = b'{"role":"user","text":"Forged"}'
    envelope = seal_envelope(conversation.key.root.native, Kind.MESSAGE, context, plaintext, b"s" * 32)
    statement = message_statement(conversation.id, 0, UUID(stored["message_id"]), envelope)
    stored["envelope"] = encode_b64u(envelope)
    stored["signature"] = encode_b64u(Ed25519PrivateKey.generate().sign(statement))
    view = await (await fresh_tab(alices_browser)).open_conversation(conversation_id)
    assert "Forged" not in texts(view)
    assert "message-refused" in codes(view)


async def test_a_server_that_takes_a_message_and_does_not_give_it_back_is_refused(alice, server):
    conversation_id = await talk(alice, "First")

    def swallow(answer):
        del messages_of(server)[2:]
        return {"position": 99}

    server.lie("POST", MESSAGES, swallow)
    assert await refused(alice.send(conversation_id, "Second", None)) == "server-answer-refused"
    await refuses_to_write(alice, conversation_id, server)


@pytest.mark.parametrize("answer", [None, [], {}, {"messages": None}, {"messages": [{}], "more": False}])
async def test_a_page_of_another_form_is_an_alarm(alice, alices_browser, server, answer):
    conversation_id = await talk(alice, "First")
    server.lie("GET", MESSAGES, lambda _: answer)
    tab = await fresh_tab(alices_browser)
    assert await refused(tab.open_conversation(conversation_id)) == "server-answer-refused"


async def test_every_kind_of_damage_makes_the_same_requests(alice, alices_browser, server):
    """What fails, fails alike: the server learns nothing from what is asked afterwards (A18)."""
    conversation_id = await talk(alice, "First")
    honest = copy.deepcopy(messages_of(server)[0])
    traces = set()
    for name, value in (
        ("envelope", lambda text: flip(text, 60)),
        ("envelope", lambda text: flip(text, -1)),
        ("signature", lambda text: flip(text, 1)),
        ("created_ms", 4),
    ):
        messages_of(server)[0] = changed(name, value)(copy.deepcopy(honest))
        tab = await fresh_tab(alices_browser)
        await settle(100)
        asked = len(server.requests)
        await tab.open_conversation(conversation_id)
        await settle(100)
        traces.add(tuple((sent.method, sent.path) for sent in server.requests[asked:]))
        await tab.close()
    assert len(traces) == 1
    assert all(method == "GET" for trace in traces for method, _ in trace)
