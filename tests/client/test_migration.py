"""A migration from plaintext: begun, paused, read meanwhile, rolled back, finished; one tab at a time (A40)."""

import asyncio
import copy

import pytest_asyncio

from balon_client import migration_desk
from balon_client.errors import ProblemError
from balon_client.migration_marks import note_offered, refuse_plaintext
from tests.client.conftest import ALICE
from tests.client.doubles.platform import settle
from tests.client.fake_migration import legacy_conversation
from tests.client.migrating import (
    MESSAGES,
    MIGRATION,
    OLD,
    finish,
    make_old,
    move,
    move_and_finish,
    original,
    plaintext_of,
    reopen,
    spoken,
)
from tests.client.tab import refused
from tests.client.test_export import export

BATCHES = f"{MIGRATION}/batches"


@pytest_asyncio.fixture
async def old(alice):
    """A tab of Alice, who has conversations from before encryption."""
    await make_old(alice)
    return alice


def sizes(server) -> list[int]:
    return [len(sent.body["rows"]) for sent in server.asked("POST", BATCHES)]


async def test_an_account_without_plaintext_asks_for_nothing(alice, server):
    assert (await alice.migration_status())["state"] == "none"
    assert await alice.legacy_conversations() == []
    for call in (alice.start_migration(None), alice.read_legacy_conversation(OLD[0]["id"], 0)):
        assert await refused(call) == "migration-over"
    assert await refused(finish(alice, alice.roll_back_migration())) == "migration-over"
    assert await refused(finish(alice, alice.finish_migration())) == "migration-over"
    assert not [sent for sent in server.requests if sent.path.startswith(MIGRATION) and sent.method == "GET"]


async def test_an_account_from_before_encryption_may_have_none_either(old, server):
    server.state.migrations.clear()
    assert (await old.migration_status())["state"] == "none"


async def test_an_account_that_was_loaded_without_texts_can_refuse_plaintext(old, server):
    server.load_legacy(server.account_of(ALICE))
    status = await old.migration_status()
    assert (status["state"], status["conversations"], status["messages"]) == ("verified", 0, 0)
    assert note_offered(0, 0)(copy.deepcopy(old.keys.parts.keyring.content)), "it is saved that there was an offer"
    assert (await finish(old, old.finish_migration()))["state"] == "finished"
    tab = await reopen(old)
    assert tab.keys.parts.keyring.content.no_plaintext is True
    assert (await tab.migration_status())["state"] == "finished"


async def test_everything_is_encrypted_read_back_and_then_deleted(old, server):
    status = await old.migration_status()
    assert (status["state"], status["conversations"], status["messages"], status["done"]) == ("ready", 3, MESSAGES, 0)
    moved = await move(old)
    assert (moved["state"], moved["done"], moved["failed"], moved["problem"]) == ("verified", MESSAGES, [], None)
    assert await old.list_conversations() == [], "before Finish nobody writes in them"
    done = await finish(old, old.finish_migration())
    assert done["state"] == "finished"
    assert plaintext_of(server) == {}
    assert await spoken(old) == original()
    wire = repr([sent.body for sent in server.requests]) + repr(server.state)
    assert "Kanarie" not in wire
    assert "1600000000003" not in wire, "the server does not learn anew when it was said"
    assert old.alarms == []
    assert await spoken(await reopen(old)) == original()


async def test_what_was_encrypted_is_marked_and_can_be_gone_on_with(old, server):
    await move_and_finish(old)
    item = next(each for each in await old.list_conversations() if each["title"] == "About fjords")
    view = await old.open_conversation(item["id"])
    assert {each["mark"]["code"] for each in view["messages"]} == {"from-plaintext"}
    assert {each["imported"]["source"] for each in view["messages"]} == {"legacy"}
    await old.say("And now?", item["id"])
    assert server.gateway.prompts[-1][-1] == ("user", "And now?")


async def test_after_finish_plaintext_is_refused_for_ever(old, server):
    await move_and_finish(old)
    tab = await reopen(old)
    before = len(server.requests)
    assert (await tab.migration_status())["state"] == "finished"
    assert await tab.legacy_conversations() == []
    assert await refused(tab.start_migration(None)) == "migration-over"
    assert not [sent for sent in server.requests[before:] if sent.path.startswith(MIGRATION)]


async def test_plaintext_is_read_with_its_mark_and_never_goes_into_a_prompt(old, server):
    listed = await old.legacy_conversations()
    assert [each["title"] for each in listed] == ["About fjords", "About skerries", "Kanarie, nothing said"]
    page = await old.read_legacy_conversation(listed[0]["id"], 0)
    assert [each["text"] for each in page["messages"]] == [row["text"] for row in OLD[0]["rows"]]
    assert {each["mark"]["code"] for each in page["messages"]} == {"plaintext"}
    assert (page["last"], page["more"]) == (7, False)
    assert (await old.read_legacy_conversation(listed[0]["id"], 5))["last"] == 7
    await old.say("A question of today")
    assert "Kanarie" not in repr(server.gateway.prompts)
    for wrong in ("x", -1, 8, None):
        assert await refused(old.read_legacy_conversation(listed[0]["id"], wrong)) == "conversation-not-found"


async def test_a_batch_has_as_many_rows_as_were_chosen(old, server):
    await move(old, 3)
    assert sizes(server) == [3, 3, 3, 1]
    for wrong in (0, 501, True, "7", 2.5):
        assert await refused(old.start_migration(wrong)) == "invalid-settings"


async def test_on_automatic_a_batch_follows_what_is_measured(alice, server, clock):
    await make_old(alice, legacy_conversation("long", *map(str, range(600))))
    slow = iter([0.1, 5.0, 5.0])

    def pass_time(answer):
        clock._now_s += next(slow, 0.1)
        return answer

    server.lie("POST", BATCHES, pass_time)
    await move(alice)
    assert sizes(server)[:5] == [50, 75, 15, 3, 4]
    assert max(sizes(server)) > 75


async def test_progress_is_told_in_numbers(alice, server, clock):
    await make_old(alice, legacy_conversation("long", *map(str, range(300))))

    def pass_time(answer):
        clock._now_s += 4
        return answer

    server.lie("POST", BATCHES, pass_time)
    await move(alice, 100)
    told = [event for event in alice.told("progress") if event["task"] == "migration"]
    last = told[-1]
    assert (last["done"], last["total"], last["conversations"]) == (300, 300, 1)
    halfway = next(event for event in told if event["done"] == 200)
    assert (halfway["rate"], halfway["seconds_left"], halfway["batch"]) == (25.0, 4, 100)


async def test_pausing_keeps_what_is_there_and_another_device_goes_on(old, server, second_device):
    task = asyncio.ensure_future(old.start_migration(2))
    await old.until(lambda: len(server.asked("POST", BATCHES)) > 1, "a second batch")
    assert (await old.migration_status())["state"] == "running"
    assert await refused(old.start_migration(2)) == "migration-running"
    assert await refused(old.finish_migration()) == "migration-running"
    await old.pause_migration()
    paused = await task
    assert (paused["state"], paused["paused"]) == ("paused", True)
    assert 0 < paused["done"] < MESSAGES
    await second_device.list_conversations()
    assert (await second_device.migration_status())["state"] == "paused"
    assert (await move(second_device))["done"] == MESSAGES
    assert (await finish(second_device, second_device.finish_migration()))["state"] == "finished"
    assert await spoken(second_device) == original()
    await old.until(lambda: old.keys.parts.keyring.content.no_plaintext, "the other device's keyring")
    assert await refused(old.start_migration(None)) == "migration-over"


async def test_one_tab_works_at_a_time(old, server, other_tab, clock):
    task = asyncio.ensure_future(old.start_migration(1))
    await old.until(lambda: server.asked("POST", BATCHES), "a first batch")
    assert (await other_tab.migration_status())["state"] == "elsewhere"
    assert await refused(other_tab.finish_migration()) == "migration-elsewhere"
    assert await refused(other_tab.roll_back_migration()) == "migration-elsewhere"
    await old.pause_migration()
    await task
    assert (await move(other_tab))["state"] == "verified"


async def test_a_tab_that_lost_its_lease_stops(old, server, other_tab, clock):
    task = asyncio.ensure_future(old.start_migration(1))
    await old.until(lambda: server.asked("POST", BATCHES), "a first batch")
    migration = server.migration_of(server.account_of(ALICE))
    migration["lease"] = {"tab": "another", "lease": "", "session_id": "", "expires_ms": clock.now_ms() + 10**9}
    ended = await finish(old, task)
    assert (ended["state"], ended["problem"]["code"]) == ("elsewhere", "migration-elsewhere")


async def test_the_lease_of_a_tab_that_died_a_moment_ago_is_waited_for(old, server, clock):
    migration = server.migration_of(server.account_of(ALICE))
    migration["lease"] = {"tab": "dead", "lease": "", "session_id": "", "expires_ms": clock.now_ms() + 30_000}
    assert (await old.migration_status())["state"] == "elsewhere"
    assert (await move(old))["state"] == "verified"
    assert 31 in [event["wait_s"] for event in old.told("progress") if event["task"] == "migration"]


async def test_rolling_back_leaves_the_plaintext_as_it_was(old, server):
    before = plaintext_of(server)
    await old.say("Today's own conversation")
    await move(old)
    rolled = await finish(old, old.roll_back_migration())
    assert (rolled["state"], rolled["done"]) == ("ready", 0)
    assert plaintext_of(server) == before
    assert len(server.state.conversations) == 1
    assert (await move_and_finish(await reopen(old)))["state"] == "finished"


async def test_finish_needs_every_row(old, server):
    assert await refused(finish(old, old.finish_migration())) == "migration-incomplete"
    task = asyncio.ensure_future(old.start_migration(1))
    await old.until(lambda: server.asked("POST", BATCHES), "a first batch")
    await old.pause_migration()
    await task
    assert await refused(finish(old, old.finish_migration())) == "migration-incomplete"
    assert old.keys.parts.keyring.content.no_plaintext is False


async def test_nothing_is_purged_before_the_keyring_that_refuses_plaintext_is_saved(old, server, monkeypatch):
    await move(old)
    before = plaintext_of(server)

    def refuse(*_arguments):
        raise ProblemError(400, "invalid", title="Refused.")

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(server, "_put_keyring", refuse)
        for _press in range(2):
            assert await refused(finish(old, old.finish_migration())) == "invalid"
    assert not server.asked("POST", f"{MIGRATION}/finish")
    assert plaintext_of(server) == before
    assert (await finish(old, old.finish_migration()))["state"] == "finished"
    assert (await (await reopen(old)).migration_status())["state"] == "finished"


async def test_what_is_wrong_with_one_conversation_stops_no_other(old, server):
    def refuse(_answer):
        raise ProblemError(400, "invalid", title="Refused.")

    server.lie("POST", f"{MIGRATION}/conversations/{OLD[0]['id']}/begin", refuse, times=1)
    moved = await move(old)
    assert [(each["title"], each["problem"]["title"]) for each in moved["failed"]] == [("About fjords", "Refused.")]
    assert moved["state"] == "paused"
    assert (await move(old))["state"] == "verified"


async def test_more_than_an_account_has_room_for_is_not_begun(old, server, monkeypatch):
    monkeypatch.setattr(migration_desk, "MAX_REMEMBERED", len(OLD) - 1)
    assert await refused(old.start_migration(None)) == "migration-too-large"
    assert not server.asked("POST", f"{MIGRATION}.*")
    assert (await old.migration_status())["state"] == "ready"
    assert len(await old.legacy_conversations()) == len(OLD), "it stays readable"


async def test_what_was_begun_of_more_than_there_is_room_for_can_be_rolled_back(old, server, monkeypatch):
    before = plaintext_of(server)
    task = asyncio.ensure_future(old.start_migration(1))
    await old.until(lambda: server.asked("POST", BATCHES), "a first batch")
    await old.pause_migration()
    await task
    monkeypatch.setattr(migration_desk, "MAX_REMEMBERED", len(OLD) - 1)
    assert await refused(old.start_migration(None)) == "migration-too-large"
    await finish(old, old.roll_back_migration())
    assert plaintext_of(server) == before


async def test_what_the_keyring_remembers_already_needs_no_room(old, server, monkeypatch):
    await move(old)
    server.migration_of(server.account_of(ALICE))["conversations"][OLD[0]["id"]]["verified"] = []
    monkeypatch.setattr(migration_desk, "MAX_REMEMBERED", 1)
    assert (await move_and_finish(old))["state"] == "finished"


async def test_where_others_take_the_room_they_can_be_deleted(old, server, monkeypatch):
    sent = await old.say("Today's own conversation")
    monkeypatch.setattr(migration_desk, "MAX_REMEMBERED", len(OLD))
    assert await refused(old.start_migration(None)) == "migration-full"
    assert not server.asked("POST", f"{MIGRATION}.*")
    await old.delete_conversation(sent["conversation_id"])
    assert (await move_and_finish(old))["state"] == "finished"
    assert await refused(old.start_migration(None)) == "migration-over"


async def test_locking_ends_it_and_it_goes_on_afterwards(old, server):
    task = asyncio.ensure_future(old.start_migration(1))
    await old.until(lambda: server.asked("POST", BATCHES), "a first batch")
    await old.lock()
    assert await refused(task) == "migration-ended"
    sent = len(server.requests)
    await settle(200)
    assert not [each for each in server.requests[sent:] if each.path.startswith(MIGRATION)]


async def test_an_export_meanwhile_does_not_say_that_what_waits_for_finish_is_withheld(old, server):
    await move(old)
    assert (await export(old)).json["not_given"] == []
    server.state.conversations.popitem()
    assert len((await export(old)).json["not_given"]) == 1


async def test_a_device_that_did_not_hear_of_finish_asks_the_keyring_before_it_alarms(old, server, second_device):
    await second_device.list_conversations()
    connections, server.connections = server.connections, []  # no notice reaches anybody
    await move_and_finish(old)
    server.connections = connections
    assert second_device.keys.parts.keyring.content.no_plaintext is False
    assert (await second_device.migration_status())["state"] == "finished"
    assert second_device.keys.parts.keyring.content.no_plaintext is True
    assert second_device.alarms == []


async def unaware_of_finish(server, device, finishing) -> None:
    """Lets one device finish, while no notice of it reaches the other."""
    await device.list_conversations()
    connections, server.connections = server.connections, []
    await finishing
    server.connections = connections
    assert device.keys.parts.keyring.content.no_plaintext is False


async def test_a_survey_while_another_device_finishes_finds_no_lie(old, server, second_device):
    """What the server says of it is from before the purge, what it lists from behind."""
    said = []
    server.lie("GET", MIGRATION, lambda answer: said.append(answer) or answer)
    await move(old)
    await old.migration_status()
    server.be_honest()
    await unaware_of_finish(server, second_device, finish(old, old.finish_migration()))
    server.lie("GET", MIGRATION, lambda _: said[-1], times=1)
    assert (await second_device.migration_status())["state"] == "finished"
    assert second_device.alarms == []


async def test_reading_while_another_device_finishes_finds_no_lie(old, server, second_device):
    """The first messages of the conversation are deleted."""

    async def begin_to_finish() -> None:
        old.keys.parts.keyring.change(refuse_plaintext())
        await old.keys.parts.keyring.save()
        del server.migration_of(server.account_of(ALICE))["conversations"][OLD[0]["id"]]["rows"][:3]

    await second_device.legacy_conversations()
    await unaware_of_finish(server, second_device, begin_to_finish())
    assert await refused(second_device.read_legacy_conversation(OLD[0]["id"], 0)) == "migration-over"
    assert second_device.alarms == []


async def test_what_an_operator_loads_meanwhile_is_no_lie(old, server):
    await old.legacy_conversations()
    migration = server.migration_of(server.account_of(ALICE))

    def load_more(answer):
        more = legacy_conversation("more", "Loaded late.")
        migration["conversations"][more["id"]] = more
        fjords = migration["conversations"][OLD[0]["id"]]["rows"]
        fjords.append(fjords[-1] | {"number": 8, "legacy_id": "fjords-8", "text": "Loaded late as well."})
        migration["total"] = (4, MESSAGES + 2)
        return answer

    server.lie("GET", MIGRATION, load_more, times=1)
    status = await old.migration_status()
    assert (status["state"], status["conversations"], status["messages"]) == ("ready", 4, MESSAGES + 2)
    migration["conversations"][OLD[1]["id"]]["rows"].append(OLD[1]["rows"][-1] | {"number": 4, "legacy_id": "later"})
    migration["total"] = (4, MESSAGES + 3)
    assert (await old.read_legacy_conversation(OLD[1]["id"], 0))["last"] == 4
    assert old.alarms == []


async def test_more_conversations_than_a_page_holds_can_all_be_reached_after_finish(alice, server):
    many = [legacy_conversation(f"c{number}", "a") for number in range(60)]
    await make_old(alice, *many)
    await alice.list_conversations()
    server.connections = []  # no notice tells of each
    await move_and_finish(alice)
    assert len(await alice.list_conversations()) == 50
    assert (await alice.older_conversations()) == {"more": False}
    assert len(await alice.list_conversations()) == 60
