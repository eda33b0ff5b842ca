"""A server that lies about a migration: what it injects, repeats, swaps, loses or claims is refused, and shown (A40)."""

import asyncio
import copy

import pytest
import pytest_asyncio

from balon_client.keyring_model import forget_conversation
from tests.client.conftest import ALICE
from tests.client.doubles.platform import settle
from tests.client.fake_migration import legacy_conversation
from tests.client.lies import changed
from tests.client.migrating import MIGRATION, OLD, finish, make_old, move, move_and_finish, reopen, spoken
from tests.client.tab import refused

BATCHES = f"{MIGRATION}/batches"
LIST = f"{MIGRATION}/conversations"
ROWS = f"{MIGRATION}/conversations/[^/]+/messages"
MESSAGES = "/api/v1/conversations/[^/]+/messages"
FJORDS, SKERRIES = OLD[0], OLD[1]


@pytest_asyncio.fixture
async def old(alice):
    """A tab of Alice, who has conversations from before encryption."""
    await make_old(alice)
    return alice


def rows_of(conversation: dict) -> str:
    return f"{MIGRATION}/conversations/{conversation['id']}/messages"


def legacy(server, conversation: dict) -> dict:
    return server.migration_of(server.account_of(ALICE))["conversations"][conversation["id"]]


def stored(server, conversation: dict) -> list:
    return server.state.conversations[legacy(server, conversation)["conversation_id"]]["messages"]


def failures(moved: dict) -> dict:
    return {each["title"]: each["problem"]["code"] for each in moved["failed"]}


# --- After Finish ---


async def check_nothing_is_asked_for(tab, server) -> None:
    before = len(server.requests)
    assert (await tab.migration_status())["state"] == "finished"
    assert await tab.legacy_conversations() == []
    injected = tab.read_legacy_conversation(legacy_conversation("injected")["id"], 0)
    assert await refused(injected) == "migration-over"
    assert await refused(finish(tab, tab.finish_migration())) == "migration-over"
    assert not [sent for sent in server.requests[before:] if sent.path.startswith(MIGRATION)]
    assert "injected" not in repr(await spoken(tab))


async def test_plaintext_that_is_injected_after_finish_is_never_asked_for(old, server):
    await move_and_finish(old)
    server.load_legacy(server.account_of(ALICE), legacy_conversation("injected", "I confess."))
    await check_nothing_is_asked_for(old, server)
    await check_nothing_is_asked_for(await reopen(old), server)


@pytest.mark.parametrize("asked", [MIGRATION, LIST, ROWS])
async def test_plaintext_that_comes_when_it_is_refused_already_is_dropped(old, server, asked):
    """The question was on its way when another device finished: so it may be an honest answer, and is none to show."""
    listed = await old.legacy_conversations()

    def refuse_meanwhile(answer):
        old.keys.parts.keyring.content.no_plaintext = True
        return answer

    server.lie("GET", asked, refuse_meanwhile)
    if asked == ROWS:
        assert await refused(old.read_legacy_conversation(listed[0]["id"], 0)) == "migration-over"
    else:
        assert await old.legacy_conversations() == []
    assert await refused(old.read_legacy_conversation(listed[0]["id"], 0)) == "migration-over"
    assert len(server.asked("GET", asked)) == (1 if asked == ROWS else 2), "no more of it is asked for"
    assert old.alarms == []


async def test_another_device_that_finished_ends_what_goes_on_here(old, server):
    task = asyncio.ensure_future(old.start_migration(1))
    await old.until(lambda: server.asked("POST", BATCHES), "a first batch")
    old.keys.parts.keyring.content.no_plaintext = True
    ended = await finish(old, task)
    assert ended["problem"]["code"] == "migration-over"
    assert ended["state"] == "finishing", "nothing says that the others are readable still"


async def test_a_message_row_of_plaintext_among_encrypted_ones_is_refused(old, server):
    await move_and_finish(old)
    item = next(each for each in await old.list_conversations() if each["title"] == FJORDS["title"])
    tab = await reopen(old)
    server.lie("GET", MESSAGES, changed("messages.-1.envelope", "SSBjb25mZXNzLg"))
    view = await tab.open_conversation(item["id"])
    assert "message-refused" in [each["code"] for each in view["alarms"]]
    assert "confess" not in repr(view)


# --- Rows ---


def repeat_last(answer):
    answer["messages"].append(copy.deepcopy(answer["messages"][-1]))
    return answer


def repeat_identifier(answer):
    answer["messages"][1]["legacy_id"] = answer["messages"][0]["legacy_id"]
    return answer


def leave_out(answer):
    del answer["messages"][1]
    return answer


def leave_out_and_count_anew(answer):
    del answer["messages"][-1]
    return answer


def swap(answer):
    messages = answer["messages"]
    messages[0], messages[1] = messages[1], messages[0]
    return answer


@pytest.mark.parametrize(
    ("lie", "code"),
    [
        (repeat_last, "migration-rows"),
        (repeat_identifier, "migration-rows"),
        (leave_out, "migration-rows"),
        (swap, "migration-rows"),
        (leave_out_and_count_anew, "migration-counts"),
        (changed("has_more", value=True), "migration-counts"),
        (changed("messages.0.role", "root"), "server-answer-refused"),
        (changed("messages.0.text", "\ud800"), "server-answer-refused"),
    ],
)
async def test_rows_that_do_not_fit_are_not_encrypted(old, server, lie, code):
    server.lie("GET", rows_of(FJORDS), lie)
    moved = await move(old)
    assert (failures(moved), moved["state"]) == ({FJORDS["title"]: code}, "paused")
    assert legacy(server, FJORDS)["conversation_id"] is None
    assert await refused(old.read_legacy_conversation(FJORDS["id"], 0)) == code


def name_alike(answer):
    answer["conversations"][0]["legacy_id"] = answer["conversations"][1]["legacy_id"]
    return answer


@pytest.mark.parametrize(
    ("lie", "code"),
    [
        (lambda answer: {**answer, "conversations": answer["conversations"] * 2}, "migration-rows"),
        (lambda answer: {**answer, "conversations": answer["conversations"][::-1]}, "migration-rows"),
        (lambda answer: {**answer, "conversations": [], "has_more": True}, "migration-rows"),
        (lambda answer: {**answer, "conversations": answer["conversations"][1:]}, "migration-counts"),
        (changed("conversations.0.messages", lambda count: count + 1), "migration-counts"),
        (name_alike, "migration-rows"),
    ],
)
async def test_a_list_that_does_not_fit_is_not_begun(old, server, lie, code):
    server.lie("GET", LIST, lie)
    for call in (old.migration_status, old.legacy_conversations, lambda: old.start_migration(None)):
        assert await refused(call()) == code
    assert not server.asked("POST", f"{MIGRATION}.*")


async def test_plaintext_that_changes_between_two_reads_is_not_encrypted(old, server):
    """Texts swapped between conversations are such a change: old texts stay as they are until Finish."""
    await old.legacy_conversations()
    for each in (FJORDS, SKERRIES):
        await old.read_legacy_conversation(each["id"], 0)
    fjords, skerries = legacy(server, FJORDS)["rows"], legacy(server, SKERRIES)["rows"]
    fjords[0]["text"], skerries[0]["text"] = skerries[0]["text"], fjords[0]["text"]
    moved = await move(old)
    assert failures(moved) == dict.fromkeys((FJORDS["title"], SKERRIES["title"]), "migration-changed")
    assert legacy(server, FJORDS)["conversation_id"] is None
    await finish(old, old.roll_back_migration())
    assert (await move(old))["state"] == "verified", "the person has looked, and begins anew"


async def test_plaintext_that_changes_after_it_was_encrypted_is_noticed(old, server):
    task = asyncio.ensure_future(old.start_migration(2))
    await old.until(lambda: server.asked("POST", f"{MIGRATION}/verified"), "first rows are verified")
    await old.pause_migration()
    await task
    begun = next(each for each in OLD if legacy(server, each)["conversation_id"] and each["rows"])
    legacy(server, begun)["rows"][0]["text"] = "I confess."
    moved = await move(await reopen(old))
    assert failures(moved) == {begun["title"]: "migration-changed"}
    assert await refused(finish(old, old.finish_migration())) in {"migration-incomplete", "signed-out"}


# --- What is encrypted ---


async def test_encrypted_messages_that_are_swapped_between_conversations_do_not_open(old, server):
    seen = []

    def swap_with_first(answer):
        """The older conversation is encrypted first: its message comes in the place of the newer one's."""
        seen.extend(answer["messages"][:1])
        if len(answer["messages"]) == len(FJORDS["rows"]):
            answer["messages"][0] |= {name: seen[0][name] for name in ("envelope", "signature")}
        return answer

    server.lie("GET", MESSAGES, swap_with_first)
    moved = await move(old)
    assert failures(moved) == {FJORDS["title"]: "message-refused"}
    assert moved["state"] == "paused"
    assert await refused(finish(old, old.finish_migration())) == "migration-incomplete"


def replay(answer):
    last = answer["messages"][-1]
    answer["messages"].append({**last, "position": last["position"] + 1})
    return answer


def drop_last(answer):
    del answer["messages"][-1:]
    return answer


@pytest.mark.parametrize(
    ("lie", "codes"),
    [
        (drop_last, {"migration-not-stored"}),
        (lambda answer: {**answer, "messages": [], "more": False}, {"migration-not-stored"}),
        (replay, {"history-replay"}),
        (swap, {"history-gap", "history-order"}),
        (changed("messages.0.envelope", lambda envelope: envelope[:-8] + "AAAAAAAA"), {"message-refused"}),
    ],
)
async def test_what_is_not_given_back_counts_as_not_encrypted(old, server, lie, codes):
    server.lie("GET", MESSAGES, lambda answer: lie(answer) if len(answer["messages"]) > 1 else answer)
    moved = await move(old)
    assert moved["failed"]
    assert set(failures(moved).values()) <= codes
    assert (moved["state"], moved["done"] < moved["messages"]) == ("paused", True)


async def test_a_batch_that_the_server_only_claims_to_have_is_not_believed(old, server):
    def forget(answer):
        for each in OLD:
            if legacy(server, each)["conversation_id"]:
                stored(server, each).clear()
        return answer

    server.lie("POST", BATCHES, forget)
    moved = await move(old)
    assert set(failures(moved).values()) == {"migration-not-stored"}
    assert len(moved["failed"]) == 2


async def test_messages_that_are_gone_before_finish_are_noticed_before_anything_is_deleted(old, server):
    await move(old)
    stored(server, FJORDS).pop()
    before = copy.deepcopy(legacy(server, FJORDS)["rows"])
    assert await refused(finish(old, old.finish_migration())) == "migration-not-stored"
    assert legacy(server, FJORDS)["rows"] == before
    assert old.keys.parts.keyring.content.no_plaintext is False


async def test_conversations_that_are_gone_are_noticed_and_can_be_encrypted_anew(old, server):
    """The server was restored from a backup that knows nothing of them."""
    await move(old)
    migration = server.migration_of(server.account_of(ALICE))
    for each in migration["conversations"].values():
        server.state.conversations.pop(each["conversation_id"])
        each["conversation_id"], each["verified"] = None, []
    migration["state"] = "ready"
    moved = await move(old)
    assert set(failures(moved).values()) == {"migration-lost"}
    await finish(old, old.roll_back_migration())
    assert (await move_and_finish(old))["state"] == "finished"


async def test_a_keyring_that_forgot_is_not_believed_over_the_messages(old, server):
    await move(old)
    keyring = old.keys.parts.keyring
    for conversation_id in list(keyring.content.conversations):
        keyring.change(forget_conversation(conversation_id))
    assert (await old.migration_status())["done"] == 0
    written = len(server.asked("POST", BATCHES))
    assert (await move(old))["state"] == "verified"
    assert len(server.asked("POST", BATCHES)) == written, "all of them were found"


async def test_a_conversation_that_the_server_begins_itself_gets_nothing(old, server):
    await old.say("Today's own")
    (other,) = server.state.conversations.values()
    written = len(other["messages"])
    server.lie("POST", f"{MIGRATION}/conversations/.*/begin", lambda _: server._record(other, server.account_of(ALICE)))
    moved = await move(old)
    assert set(failures(moved).values()) == {"server-answer-refused"}
    assert len(other["messages"]) == written
    assert not server.asked("POST", BATCHES)


async def test_another_title_is_noticed(old, server):
    server.lie("POST", f"{MIGRATION}/conversations/.*/begin", changed("meta", value=None))
    assert set(failures(await move(old)).values()) == {"server-answer-refused"}


# --- Claims ---


@pytest.mark.parametrize("claim", ["finishing", "finished"])
async def test_a_claim_that_it_is_over_is_not_believed(old, server, claim):
    server.lie("GET", MIGRATION, changed("state", claim))
    assert await refused(old.migration_status()) == "migration-untrue"
    assert await refused(old.start_migration(None)) == "migration-untrue"
    assert await refused(finish(old, old.finish_migration())) == "migration-untrue"
    assert old.keys.parts.keyring.content.no_plaintext is False


async def test_finish_that_began_without_this_person_is_told_when_they_roll_back(old, server):
    server.migration_of(server.account_of(ALICE))["state"] = "finishing"
    assert await refused(finish(old, old.roll_back_migration())) == "migration-untrue"


@pytest.mark.parametrize("name", ["verified", "staged"])
async def test_progress_that_is_only_claimed_does_not_count(old, server, name):
    server.lie("GET", MIGRATION, changed(name, lambda _: 10))
    for each in range(3):
        server.lie("GET", LIST, changed(f"conversations.{each}.{name}", lambda _: 10))
    status = await old.migration_status()
    assert (status["state"], status["done"]) == ("ready", 0)
    assert await refused(finish(old, old.finish_migration())) == "migration-incomplete"


async def test_fewer_conversations_than_before_are_noticed(old, server):
    """Whoever leaves one out would have it kept in plaintext, or lost."""
    await move(old)
    migration = server.migration_of(server.account_of(ALICE))
    gone = migration["conversations"].pop(SKERRIES["id"])
    migration["total"] = (2, migration["total"][1] - len(gone["rows"]))
    assert await refused(finish(old, old.finish_migration())) == "migration-counts"
    assert await refused((await reopen(old)).migration_status()) == "migration-counts"


async def test_a_finish_that_the_server_denies_or_never_ends_is_told(old, server):
    await move(old)
    server.lie("POST", f"{MIGRATION}/finish", changed("state", "finishing"), times=60)
    server.lie("POST", f"{MIGRATION}/finish", changed("purged", 3), times=60)
    assert await refused(finish(old, old.finish_migration())) == "migration-broken-off"
    assert (await old.migration_status())["state"] == "finishing"
    assert await old.legacy_conversations() == [], "plaintext is refused all the same"
    server.be_honest()
    assert (await finish(old, old.finish_migration()))["state"] == "finished"
    await settle()


async def test_flags_that_the_server_lost_are_set_again(old, server):
    await move(old)
    legacy(server, FJORDS)["verified"] = []
    assert await refused(finish(old, old.finish_migration())) == "migration-incomplete"
    assert (await move(old))["state"] == "verified"
    assert (await finish(old, old.finish_migration()))["state"] == "finished"
