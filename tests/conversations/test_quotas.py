"""How often one person may write: counted for each kind of write, and high enough for people."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.browsers import Browser
from tests.keystore.test_keyring import keyring
from tests.rosters import Room

pytestmark = pytest.mark.django_db

Write = Callable[[Browser, Room, int], Any]
WRITES: dict[str, tuple[str, Write]] = {
    "messages": (
        "BALON_LIMIT_WRITES",
        lambda one, room, number: one.post(f"{room.path}/messages", one.keys.message(room.id, number)),
    ),
    "titles": (
        "BALON_LIMIT_WRITES",
        lambda one, room, number: one.put(f"{room.path}/meta", one.keys.meta(room.id, number)),
    ),
    "keyrings": ("BALON_LIMIT_WRITES", lambda one, _room, number: one.put("keys/keyring", keyring(number + 1))),
    "conversations": (
        "BALON_LIMIT_ROSTERS",
        lambda one, _room, _number: one.post("conversations", one.keys.new_conversation()),
    ),
    "rosters": ("BALON_LIMIT_ROSTERS", lambda one, room, _number: room.post(one, room.draft("rotate", one))),
}


@pytest.fixture(autouse=True)
def _whole_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counters begin anew with each window; here none begins in the middle of a test."""
    monkeypatch.setattr("accounts.throttles.time.time", lambda: 1_800_000_000.0)


@pytest.mark.parametrize("kind", WRITES)
def test_counts_for_a_person(alice: Browser, bob: Browser, settings: Any, kind: str):
    setting, write = WRITES[kind]
    rooms = {person: Room(person) for person in (alice, bob)}
    setattr(settings, setting, (2, 60))
    answers = [write(alice, rooms[alice], number) for number in (1, 2, 3)]
    assert [answer.status_code for answer in answers] in ([201, 201, 429], [200, 200, 429])
    assert answers[2].json()["code"] == "throttled"
    assert 0 < int(answers[2].headers["Retry-After"]) <= 60
    assert write(bob, rooms[bob], 1).status_code in {200, 201}


def test_kinds_count_apart_and_reading_does_not_count(alice: Browser, settings: Any):
    room = Room(alice)
    settings.BALON_LIMIT_WRITES = (1, 60)
    for kind in ("messages", "titles", "keyrings"):
        assert WRITES[kind][1](alice, room, 1).status_code in {200, 201}
    for path in (room.path, f"{room.path}/messages", "keys/keyring", "conversations"):
        assert alice.get(path).status_code == 200


def test_a_refused_write_counts_too(alice: Browser, settings: Any):
    room = Room(alice)
    settings.BALON_LIMIT_WRITES = (1, 60)
    answers = [alice.post(f"{room.path}/messages", alice.keys.message(room.id, seq)) for seq in (9, 1)]
    assert [answer.status_code for answer in answers] == [409, 429]


def test_a_visitor_is_told_to_sign_in(settings: Any):
    settings.BALON_LIMIT_WRITES = (1, 60)
    assert [Browser().put("keys/keyring", keyring(2)).status_code for _ in range(3)] == [401] * 3


def test_ten_messages_a_second_for_a_minute_pass(settings: Any):
    count, window_s = settings.BALON_LIMIT_WRITES
    assert count / window_s >= 10
    assert count >= 600
