"""The export: everything that was said, readable, nothing that a name or a lie can do with it (A8, A11, A13, A14)."""

import asyncio
import io
import itertools
import json
import unicodedata
import uuid
import zipfile
from pathlib import PurePosixPath, PureWindowsPath

import pytest

from balon.protocol.encoding import encode_b64u
from balon_client.errors import NetworkError, ProblemError
from balon_client.export_archive import ExportArchive
from balon_client.export_text import FileNames, inline, quote, slugify
from balon_client.keyring_model import Contact, forget_conversation
from tests.client.conftest import ALICE
from tests.client.doubles.platform import settle
from tests.client.lies import changed, flip
from tests.client.tab import refused
from tests.client.test_conversations import talk

CONVERSATION = "/api/v1/conversations/[^/]+"
MESSAGES = f"{CONVERSATION}/messages"
LIST = "/api/v1/conversations"


class Unpacked:
    """An export as a person finds it."""

    def __init__(self, archive: bytes) -> None:
        assert type(archive) is bytes
        with zipfile.ZipFile(io.BytesIO(archive)) as packed:
            assert packed.testzip() is None
            self.infos = packed.infolist()
            self.files = {name: packed.read(name).decode() for name in packed.namelist()}
        assert len(self.files) == len(self.infos)
        self.json = json.loads(self.files["balon.json"])
        self.index = self.files["README.md"]

    def conversation(self, conversation_id: str) -> dict:
        (found,) = [each for each in self.json["conversations"] if each["id"] == conversation_id]
        return found

    def markdown(self, conversation_id: str) -> str:
        return self.files[self.conversation(conversation_id)["file"]]


async def export(tab) -> Unpacked:
    return Unpacked(await tab.export_everything())


async def fresh(alices_browser):
    """A tab that holds nothing yet."""
    tab = alices_browser.open_tab()
    await tab.boot()
    return tab


async def empty_conversations(tab, count: int) -> None:
    library = tab.keys.chat.library
    for _ in range(count):
        await library.create()
        await tab.clock.advance(0.01)


# --- What is in it ---


async def test_everything_that_was_said_is_in_it_twice(alice, server):
    conversation_id = await talk(alice, "What is a fjord?", "And a\nskerry?")
    await alice.rename(conversation_id, "Coasts")
    other = await talk(alice, "Something else")
    told = await export(alice)
    found = told.conversation(conversation_id)
    assert [m["text"] for m in found["messages"]] == [
        "What is a fjord?",
        "Hello, world.",
        "And a\nskerry?",
        "Hello, world.",
    ]
    assert [m["author"]["kind"] for m in found["messages"]] == ["you", "assistant"] * 2
    assert [m["position"] for m in found["messages"]] == [1, 2, 3, 4]
    assert [m["parent"] for m in found["messages"]][1] == found["messages"][0]["id"]
    assert all(m["mark"] is None for m in found["messages"])
    assert (found["title"], found["alarms"], found["epoch"]) == ("Coasts", [], 0)
    assert [(m["name"], m["role"]) for m in found["members"]] == [(ALICE, "owner")]
    text = told.markdown(conversation_id)
    assert text.startswith("# Coasts\n")
    assert "> What is a fjord?" in text
    assert "> And a\n> skerry?" in text
    assert text.count("## alice@example.org, 20") == text.count("## Assistant (") == 2
    assert f"[Coasts](<{found['file']}>)" in told.index
    assert told.conversation(other)["messages"][0]["text"] == "Something else"


async def test_account_settings_and_pins_are_in_it_and_no_key(alice, server):
    await talk(alice, "Hello")
    await alice.update_settings({"idle_minutes": 7})
    told = await export(alice)
    content = alice.keys.parts.keyring.content
    account = server.account_of(ALICE)
    assert (told.json["format"], told.json["version"]) == ("balon-export", 1)
    assert told.json["exported_ms"] == alice.clock.now_ms()
    assert told.json["account"] == {"user_id": account["user_id"], "login": ALICE}
    assert told.json["settings"] == {"idle_minutes": 7, "model": content.settings.model}
    assert [each["identity"] for each in told.json["gateways"]] == [encode_b64u(g.identity) for g in content.gateways]
    assert told.json["gateways"]
    everything = "".join(told.files.values())
    for sealed in ("salt", "login_pub", "mek_env", "idk_env", "rsa_env"):
        assert account[sealed] not in everything
    assert server.only_conversation["grants"][0]["wrapped"] not in everything


async def test_contacts_keep_their_pins(alice):
    bob = uuid.uuid4()

    def pin(content):
        content.contacts[bob] = Contact(b"\x05" * 32, 1_000, 2_000, "bob@example.org", (b"\x06" * 32,))
        return True

    alice.keys.parts.keyring.change(pin)
    told = await export(alice)
    (pinned,) = told.json["contacts"]
    assert pinned == {
        "user_id": str(bob),
        "login": "bob@example.org",
        "idk_pub": encode_b64u(b"\x05" * 32),
        "first_seen_ms": 1_000,
        "verified_ms": 2_000,
        "former": [encode_b64u(b"\x06" * 32)],
    }


async def test_an_account_without_conversations_has_an_export(alice):
    told = await export(alice)
    assert set(told.files) == {"README.md", "balon.json"}
    assert told.json["conversations"] == []
    assert "Conversations: 0" in told.index


async def test_an_untitled_conversation_without_messages_is_in_it(alice):
    await empty_conversations(alice, 1)
    told = await export(alice)
    (found,) = told.json["conversations"]
    assert (found["title"], found["messages"]) == (None, [])
    assert found["file"].endswith("-untitled.md")
    assert told.markdown(found["id"]).startswith("# Untitled\n")


async def test_a_long_conversation_is_read_to_its_beginning(alice, alices_browser, server):
    conversation_id = await talk(alice, *(f"Question {number}" for number in range(150)))
    await alice.close()
    tab = await fresh(alices_browser)
    told = (await export(tab)).conversation(conversation_id)
    assert [m["text"] for m in told["messages"][::2]] == [f"Question {number}" for number in range(150)]
    assert [m["position"] for m in told["messages"]] == list(range(1, 301))
    assert told["alarms"] == []


async def test_300_conversations_are_all_in_it_each_once(alice, alices_browser, server):
    await empty_conversations(alice, 299)
    conversation_id = await talk(alice, "Hello")
    await alice.close()
    tab = await fresh(alices_browser)
    told = await export(tab)
    ids = [each["id"] for each in told.json["conversations"]]
    assert sorted(ids) == sorted(server.state.conversations)
    assert len(ids) == 300
    assert ids[0] == conversation_id
    assert len({each["file"] for each in told.json["conversations"]}) == 300
    assert told.json["not_given"] == told.json["refused"] == []
    assert tab.alarms == []


async def test_what_moves_up_while_the_list_is_read_is_not_lost(alice, alices_browser, server):
    """The last conversation gets a message after the first page was given: it is on no page that is still to come."""
    await empty_conversations(alice, 60)
    await alice.close()
    tab = await fresh(alices_browser)
    await settle(200)
    tab.platform.socket.is_dead = True
    server.drop_sockets()
    oldest = min(server.state.conversations.values(), key=lambda each: each["updated_ms"])

    def move(answer):
        oldest["updated_ms"] = tab.clock.now_ms() + 5_000
        return answer

    server.lie("GET", LIST, move, times=1)
    assert len((await export(tab)).json["conversations"]) == 60


async def test_marks_stand_with_their_messages(alice, server):
    conversation_id = await talk(alice, "First", "Second")
    server.lie("GET", MESSAGES, changed("messages.1.envelope", lambda text: flip(text, 150)))
    told = await export(alice)
    refused_one = told.conversation(conversation_id)["messages"][1]
    assert (refused_one["text"], refused_one["mark"]["code"]) == (None, "message-refused")
    assert f"(Not readable. Message {refused_one['id']}.)" in told.markdown(conversation_id)
    assert "**Note: A message was changed on the server.**" in told.markdown(conversation_id)


# --- Names ---


HOSTILE = [
    "../../x",
    "..\\..\\x",
    "/etc/passwd",
    "C:\\Windows",
    "a\x00b\x1b[31mc",
    "con",
    "...",
    "-rf *",
    "\u202egpj.exe",
    "same",
    "same",
    "SAME",
    "e\u0301te\u0301",
    "été",
    "日本語のタイトル" * 20,
    "😀" * 50,
    "\u200d",
    "[x](javascript:alert(1))",
    "<img src=x>",
]


async def test_titles_cannot_leave_their_folder_nor_hide_each_other(alice, alices_browser, server):
    library = alice.keys.chat.library
    for title in HOSTILE:
        await alice.rename(str((await library.create()).id), title)
    await alice.close()
    told = await export(await fresh(alices_browser))
    files = [each["file"] for each in told.json["conversations"]]
    assert sorted(each["title"] for each in told.json["conversations"]) == sorted(HOSTILE)
    assert len({file.casefold() for file in files}) == len(HOSTILE)
    assert set(told.files) == {*files, "README.md", "balon.json"}
    for file in files:
        folder, name = file.split("/")
        assert folder == "conversations"
        assert PurePosixPath(name).name == PureWindowsPath(name).name == name
        assert name == unicodedata.normalize("NFC", name)
        assert all(unicodedata.category(c)[0] in "LMN" or c in "-." for c in name)
        assert name.count(".") == 1
        assert len(name.encode()) <= 150
    for markdown in (told.files[file] for file in files):
        assert not any(unicodedata.category(c) in {"Cc", "Cf"} and c not in "\n\u200d" for c in markdown)


def test_names_are_of_date_and_title():
    names = FileNames()
    assert names.take("Hello, World!", 1_790_000_000_000) == "2026-09-21-hello-world.md"
    assert names.take("hello world", 1_790_000_000_000) == "2026-09-21-hello-world-2.md"
    assert names.take("hello world 2", 1_790_000_000_000) == "2026-09-21-hello-world-2-2.md"
    assert names.take(None, 0) == "1970-01-01-untitled.md"
    assert names.take("far", (1 << 53) - 1) == "9999-12-31-far.md"


def test_a_slug_is_cut_at_a_character():
    assert slugify("ä" * 200) == "ä" * 60
    assert slugify(" / ") == "untitled"


def test_a_message_cannot_pass_for_another_one():
    forged = "Yes.\n\n## Assistant, 2026-01-01\r> quoted\u2028# Title\x0bend\x1b[2J"
    assert all(line.startswith(">") for line in quote(forged).splitlines())
    assert "\x1b" not in quote(forged)
    assert quote("") == ">"
    assert inline("a\n# b <i> \x07[c](d)") == "a \\# b \\<i\\> \\[c\\](d)"


# --- Lies on the way ---


async def test_an_alarm_is_said_in_the_file_and_the_rest_is_there(alice, alices_browser, server):
    conversation_id = await talk(alice, "First", "Second", "Third")
    await alice.close()
    tab = await fresh(alices_browser)

    def drop_one(answer):
        del answer["messages"][2]
        return answer

    server.lie("GET", MESSAGES, drop_one)
    told = await export(tab)
    found = told.conversation(conversation_id)
    assert "history-gap" in {alarm["code"] for alarm in found["alarms"]}
    assert "**Alarm: Messages are missing from this conversation.**" in told.markdown(conversation_id)
    assert "**Something in it does not hold: see there.**" in told.index
    assert [m["text"] for m in found["messages"]][-1] == "Hello, world."
    assert "history-gap" in tab.alarms


async def test_messages_of_another_form_are_an_alarm_of_their_conversation(alice, alices_browser, server):
    conversation_id = await talk(alice, "First")
    other = await talk(alice, "Second")
    await alice.close()
    tab = await fresh(alices_browser)
    server.lie("GET", f"/api/v1/conversations/{conversation_id}/messages", lambda _: {"messages": "none"})
    told = await export(tab)
    assert [alarm["code"] for alarm in told.conversation(conversation_id)["alarms"]] == ["server-answer-refused"]
    assert told.conversation(conversation_id)["messages"] == []
    assert len(told.conversation(other)["messages"]) == 2


async def test_a_conversation_whose_keys_do_not_hold_is_named_and_empty(alice, alices_browser, server):
    conversation_id = await talk(alice, "First")
    await alice.close()
    tab = await fresh(alices_browser)
    lie = changed("conversations.0.roster.0.signature", lambda text: flip(text, 0))
    server.lie("GET", LIST, lie)
    found = (await export(tab)).conversation(conversation_id)
    assert (found["title"], found["members"], found["messages"]) == (None, [], [])
    assert [alarm["code"] for alarm in found["alarms"]] == ["conversation-refused"]


async def test_what_the_server_made_up_is_named_and_left_out(alice, server):
    await talk(alice, "First")
    made_up = str(uuid.uuid4())

    def add(answer):
        return {**answer, "conversations": [*answer["conversations"], {**answer["conversations"][0], "id": made_up}]}

    server.lie("GET", LIST, add)
    told = await export(alice)
    assert told.json["refused"] == [made_up]
    assert made_up in told.index
    assert len(told.json["conversations"]) == 1


async def test_a_conversation_that_is_withheld_is_missed(alice, alices_browser, server):
    conversation_id = await talk(alice, "First")
    await alice.close()
    tab = await fresh(alices_browser)
    server.lie("GET", LIST, changed("conversations", []))
    told = await export(tab)
    assert told.json["not_given"] == [conversation_id]
    assert conversation_id in told.index
    assert told.json["conversations"] == []


async def test_messages_that_are_withheld_as_gone_are_missed(alice, alices_browser, server):
    conversation_id = await talk(alice, "First")
    await alice.close()
    tab = await fresh(alices_browser)

    def gone(_answer):
        raise ProblemError(404, "not-found")

    server.lie("GET", MESSAGES, gone)
    assert (await export(tab)).json["not_given"] == [conversation_id]


async def test_a_conversation_that_one_deleted_is_not_missed(alice):
    conversation_id = await talk(alice, "First")
    await alice.delete_conversation(conversation_id)
    told = await export(alice)
    assert told.json["not_given"] == told.json["conversations"] == []


async def test_a_conversation_that_one_deletes_meanwhile_is_not_missed(alice, alices_browser, server):
    conversation_id = await talk(alice, "First")
    await alice.close()
    tab = await fresh(alices_browser)

    def delete(_answer):
        tab.keys.parts.keyring.change(forget_conversation(uuid.UUID(conversation_id)))
        raise ProblemError(404, "not-found")

    server.lie("GET", MESSAGES, delete)
    told = await export(tab)
    assert told.json["not_given"] == told.json["conversations"] == []


async def test_a_list_without_end_is_refused(alice, server):
    await talk(alice, "First")
    server.lie("GET", LIST, changed("next", "0"))
    await alice.close()
    tab = await fresh(alice.profile)
    assert await refused(tab.export_everything()) == "server-answer-refused"


async def test_a_lost_connection_ends_it_and_it_can_be_done_again(alice, server):
    conversation_id = await talk(alice, "First")

    def lose(_answer):
        raise NetworkError

    server.lie("GET", MESSAGES, lose, times=1)
    assert await refused(alice.export_everything()) == "network"
    assert len((await export(alice)).conversation(conversation_id)["messages"]) == 2


# --- Its course ---


async def test_progress_is_told_at_most_ten_times_a_second(alice, alices_browser, server):
    await empty_conversations(alice, 120)
    await alice.close()
    tab = await fresh(alices_browser)
    moments = []

    def slower(answer):
        tab.clock._now_s += 0.03
        return answer

    server.lie("GET", MESSAGES, slower)
    branch = tab.keys.parts.events
    publish = branch.publish

    def note(kind, **fields):
        if kind == "progress":
            moments.append(tab.clock.now_ms())
        publish(kind, **fields)

    branch.publish = note
    await export(tab)
    await settle()
    told = tab.told("progress")
    assert len(moments) == len(told) > 20
    assert all(later - sooner >= 100 for sooner, later in itertools.pairwise(moments))
    assert all(each["task"] == "export" and 0 <= each["done"] <= each["total"] for each in told)
    assert [each["done"] for each in told] == sorted(each["done"] for each in told)
    assert told[-1]["total"] == 120
    assert told[-1]["done"] > 100


async def test_two_who_ask_at_once_get_the_same_one(alice, server):
    await talk(alice, "First")
    asked = len(server.asked("GET", MESSAGES))
    first, second = await asyncio.gather(alice.export_everything(), alice.export_everything())
    assert first == second
    assert len(server.asked("GET", MESSAGES)) == asked + 1


@pytest.mark.parametrize("leave", ["lock", "sign_out"])
async def test_locking_and_signing_out_cut_it_off(alice, server, leave):
    await talk(alice, "First")
    server.gate = asyncio.Event()
    going = asyncio.ensure_future(alice.export_everything())
    await settle()
    assert not going.done()
    leaving = asyncio.ensure_future(getattr(alice, leave)())
    await settle()
    assert await refused(asyncio.wait_for(going, 5)) == "export-ended"
    server.gate.set()
    await leaving


async def test_what_was_done_at_the_moment_of_the_lock_is_not_handed_out(alice):
    exporter = alice.keys.chat._exporter
    exporter._export = lambda: _ended_meanwhile(exporter)
    assert await refused(alice.export_everything()) == "export-ended"


async def _ended_meanwhile(exporter) -> bytes:
    exporter._is_ended = True
    return b"in clear"


async def test_nobody_exports_without_keys(alice):
    await alice.lock()
    assert await refused(alice.export_everything()) == "locked"


async def test_the_times_of_its_files_are_the_exports(alice):
    assert {info.date_time[0] for info in (await export(alice)).infos} == {2026}


@pytest.mark.parametrize(("now_ms", "year"), [(5_000, 1980), (5_000_000_000_000, 2107)])
def test_a_wrong_clock_does_not_stop_it(now_ms, year):
    head = {"account": {"login": "alice"}, "exported_ms": now_ms, "not_given": [], "refused": []}
    with ExportArchive(now_ms) as archive:
        packed = Unpacked(archive.finish(head))
    assert {info.date_time[0] for info in packed.infos} == {year}
