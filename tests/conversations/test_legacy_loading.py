"""Loading accounts and texts from before encryption: what is taken, left out and told, and that it may be repeated."""

import io
import json
import random
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from conversations import legacy_lines, legacy_loading
from conversations.deletion import delete_account
from conversations.legacy_lines import MAX_TEXT_SIZE, MessageLine, split_message
from conversations.legacy_loading import load_legacy
from conversations.models import FormerHolder, LegacyConversation, LegacyHolder, LegacyMessage, Migration
from tests.accounts.changing import CHANGES
from tests.accounts.changing import ask as ask_for_change
from tests.accounts.legacy import Newcomer
from tests.accounts.test_deletion import ask as ask_for_deletion
from tests.accounts.test_deletion import make_due
from tests.browsers import Browser
from tests.legacy_texts import make_conversation, make_people, to_file
from tests.moving import Mover, give_texts
from tests.traces import marks_of, rows_that_name

pytestmark = pytest.mark.django_db

USER = {"type": "user", "legacy_id": "7", "login": "Dora@Example.org ", "password": "argon2$argon2id$v=19$x"}
TALK = {"type": "conversation", "legacy_id": 12, "title": "Keys", "created_ms": 5, "updated_ms": 9}
FIRST = {"type": "message", "legacy_id": 1, "role": "user", "text": "Where?", "model": None, "created_ms": 5}
SECOND = {"type": "message", "legacy_id": 2, "role": "assistant", "text": "There.", "model": "old", "created_ms": 6}


def load(*lines: Any) -> tuple[dict[str, int], list[tuple[int, str]]]:
    told: list[tuple[int, str]] = []
    counts = load_legacy(to_file(lines), lambda number, reason: told.append((number, reason)))
    return {name: count for name, count in counts.items() if count}, told


def rows() -> list[tuple[Any, ...]]:
    columns = ("conversation__holder__user__login", "conversation__legacy_id", "number", "legacy_id", "role", "text")
    return list(LegacyMessage.objects.order_by("conversation__holder__user__login", "pk").values_list(*columns))


def test_loads_people_conversations_and_messages():
    counts, told = load(USER, TALK, FIRST, SECOND)
    assert told == []
    assert counts == {"users loaded": 1, "conversations loaded": 1, "messages loaded": 2}
    assert rows() == [
        ("dora@example.org", "12", 1, "1", "user", "Where?"),
        ("dora@example.org", "12", 2, "2", "assistant", "There."),
    ]
    user, talk = User.objects.get(), LegacyConversation.objects.get()
    assert (user.password, user.is_operator) == (USER["password"], False)
    assert (talk.title, talk.created_ms, talk.updated_ms) == ("Keys", 5, 9)
    assert list(LegacyMessage.objects.values_list("model", "created_ms")) == [(None, 5), ("old", 6)]


def test_loading_again_changes_nothing_and_adds_what_is_new():
    load(USER, TALK, FIRST)
    before = rows()
    counts, _ = load(USER, TALK, FIRST)
    assert (rows(), counts) == (before, {"users known": 1, "messages known": 1})
    counts, _ = load(USER, TALK, {**FIRST, "text": "Another?"}, SECOND)
    assert counts == {"users known": 1, "messages known with another text": 1, "messages loaded": 1}
    assert rows() == [*before, ("dora@example.org", "12", 2, "2", "assistant", "There.")]


@pytest.mark.parametrize("broken_at", range(1, 12))
def test_goes_on_where_it_broke_off(monkeypatch: pytest.MonkeyPatch, broken_at: int):
    monkeypatch.setattr(legacy_loading, "BATCH", 2)
    lines = list(make_people(3, people=2, conversations=2, messages=5))

    class Broken(io.BytesIO):
        def readline(self, size: int | None = -1, /) -> bytes:
            if self.tell() >= limit:
                raise OSError
            return super().readline(size)

    whole = to_file(lines).getvalue()
    limit = len(whole) * broken_at // 12
    with pytest.raises(OSError, match=r"^$"):
        load_legacy(Broken(whole), lambda *_: None)
    load(*lines)
    expected = [line["text"] for line in lines if line["type"] == "message"]
    assert [row[5] for row in rows()] == expected
    assert [row[2] for row in rows()] == list(numbers(lines))


def numbers(lines: list[dict[str, Any]]) -> Iterator[int]:
    number = 0
    for line in lines:
        number = number + 1 if line["type"] == "message" else 0
        if number:
            yield number


def test_a_login_name_is_one_persons(alice: Browser):
    taken = {**USER, "legacy_id": "8", "login": "alice@example.org"}
    twin = {**USER, "legacy_id": "9", "login": "dora@example.ORG"}
    renamed = {**USER, "login": "dorothea@example.org"}
    for login in ("Übel", "a b c", "x", ""):
        counts, told = load({**USER, "login": login}, TALK, FIRST)
        assert counts == {"lines left out": 1, "messages left out": 1}
        assert told == [(1, "login name outside the rules")]
    counts, told = load(USER, TALK, FIRST, twin, TALK, SECOND, taken, TALK, SECOND, renamed, TALK, SECOND)
    assert told == [
        (4, "login name of another account"),
        (7, "login name of another account"),
        (10, "user known under another login name"),
    ]
    assert counts["users left out"] == counts["messages left out"] == 3
    assert [row[0] for row in rows()] == ["dora@example.org"]


def test_an_old_account_of_the_very_same_hash_is_that_person():
    dora = Newcomer().move_in()
    hashed = User.objects.get().password
    _, told = load({**USER, "password": hashed + "x"}, TALK, FIRST)
    assert told == [(1, "login name of another account")]
    counts, _ = load({**USER, "password": hashed}, TALK, FIRST)
    assert counts["users loaded"] == 1
    assert LegacyHolder.objects.get().user.login == dora.login


@pytest.mark.parametrize("state", [Migration.State.FINISHING, Migration.State.FINISHED])
def test_nothing_comes_back_once_it_is_moved(state: Migration.State):
    load(USER, TALK, FIRST)
    Migration.objects.create(user=User.objects.get(), state=state)
    counts, told = load(USER, TALK, FIRST, SECOND)
    assert told == [(1, "texts of this account are moved now, or were")]
    assert counts == {"users left out": 1, "messages left out": 2}
    assert len(rows()) == 1


def finish(alice: Browser) -> None:
    Mover(alice).take().move().repeat("finish", "finished")


def rename(alice: Browser) -> None:
    change = CHANGES["login"]
    assert ask_for_change(alice, change, change.renew(alice.keys)).status_code == 200


def delete(alice: Browser) -> None:
    ask_for_deletion(alice)
    make_due()
    assert delete_account(alice.keys.user_id)


@pytest.mark.parametrize(
    "steps", [(finish,), (finish, rename), (finish, delete), (delete,)], ids=lambda steps: steps[-1].__name__
)
def test_nothing_comes_back_whatever_becomes_of_the_account(
    alice: Browser, bob: Browser, steps: tuple[Callable[[Browser], None], ...]
):
    give_texts(alice, 1)
    give_texts(bob, 1)
    for step in steps:
        step(alice)
    people, texts = User.objects.count(), rows()
    old = {**USER, "legacy_id": "alice@example.org"}
    for login in ("alice@example.org", "another@example.org", "bob@example.org"):
        counts, told = load({**old, "login": login}, TALK, FIRST)
        assert told == [(1, "texts of this account are moved now, or were")]
        assert counts == {"users left out": 1, "messages left out": 1}
    assert (User.objects.count(), rows()) == (people, texts)
    assert len(texts) == 1
    assert load(USER, TALK, FIRST)[0]["messages loaded"] == 1


def test_who_they_were_is_noted_as_a_keyed_hash_alone(alice: Browser):
    give_texts(alice, 1)
    marks = marks_of(alice.keys.login, alice.keys.user_id)
    finish(alice)
    delete(alice)
    assert len(bytes(FormerHolder.objects.get().tag)) == 32
    assert rows_that_name(marks) == {}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "line is no JSON"),
        (b"[" * 100_000, "line is no JSON"),
        (b"\xff", "line is no JSON"),
        ([], "line of unknown type"),
        ({"type": "picture"}, "line of unknown type"),
        ({**TALK, "created_ms": -1}, "conversation with a member that is missing or cannot be"),
        ({**TALK, "legacy_id": ""}, "conversation with a member that is missing or cannot be"),
        ({**TALK, "legacy_id": "a\0"}, "conversation with a member that is missing or cannot be"),
        ({**TALK, "title": 5}, "conversation with a member that is missing or cannot be"),
        ({**USER, "password": None}, "user with a member that is missing or cannot be"),
    ],
)
def test_what_follows_a_line_that_cannot_be_read_is_nobody_elses(line: Any, reason: str):
    counts, told = load(USER, TALK, FIRST, line, SECOND)
    assert told == [(4, reason)]
    assert (counts["lines left out"], counts["messages left out"]) == (1, 1)
    assert len(rows()) == 1


@pytest.mark.parametrize("change", [{"role": "tool"}, {"text": 5}, {"created_ms": 1.5}, {"model": []}])
def test_a_message_that_cannot_be_read_is_left_out_alone(change: dict[str, Any]):
    counts, told = load(USER, TALK, {**FIRST, **change}, SECOND)
    assert told == [(3, "message with a member that is missing or cannot be")]
    assert counts["messages loaded"] == 1
    assert [row[2:4] for row in rows()] == [(1, "2")]


def test_conversations_without_messages_are_counted():
    counts, _ = load(USER, TALK, {**TALK, "legacy_id": "13"}, FIRST)
    assert (counts["conversations loaded"], counts["conversations without messages"]) == (1, 1)


def test_characters_that_no_text_holds_are_replaced_and_counted():
    counts, _ = load(
        USER, TALK, b'{"type":"message","legacy_id":1,"role":"user","text":"a\\u0000b\\ud83dc","created_ms":1}'
    )
    assert counts["messages with characters replaced"] == 1
    assert rows()[0][5] == "a\ufffdb\ufffdc"


def test_a_text_that_is_too_long_becomes_several():
    text = "é" * (MAX_TEXT_SIZE // 2) + '"' * MAX_TEXT_SIZE + "\x01" * 10
    parts = list(split_message(MessageLine("9", "user", text, None, 1)))
    assert "".join(part.text for part in parts) == text
    assert [part.legacy_id for part in parts] == ["9", *(f"9#{number}" for number in range(2, len(parts) + 1))]
    assert all(len(json.dumps(part.text, ensure_ascii=False).encode()) <= MAX_TEXT_SIZE for part in parts)
    assert len(parts) == 4


def test_memory_is_bounded_by_the_batch(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(legacy_loading, "BATCH", 10)
    sizes: list[int] = []
    store = legacy_loading._store_messages
    monkeypatch.setattr(
        legacy_loading, "_store_messages", lambda row, lines: sizes.append(len(lines)) or store(row, lines)
    )
    load(USER, *make_conversation(random.Random(1), "long", 95))
    assert sizes == [10] * 9 + [5]
    for module in (legacy_lines, legacy_loading):
        monkeypatch.setattr(module, "MAX_LINE_SIZE", 300)
    long = {**FIRST, "legacy_id": "x", "text": "y" * 1000}
    assert load(USER, TALK, long, SECOND)[1] == [(3, "line too long")]


def test_the_command_tells_lines_and_counts_and_no_names(tmp_path: Path):
    path, output, errors = tmp_path / "old.jsonl", StringIO(), StringIO()
    path.write_bytes(to_file([USER, TALK, FIRST, {**USER, "legacy_id": "8"}]).getvalue())
    call_command("load_legacy", str(path), stdout=output, stderr=errors)
    assert errors.getvalue() == "line 4: login name of another account\n"
    assert output.getvalue() == (
        "conversations loaded: 1\nmessages loaded: 1\nusers left out: 1\nusers loaded: 1\n"
        "Next: manage.py adopt_legacy_hashes\n"
    )
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("load_legacy", str(tmp_path / "nothing"))
