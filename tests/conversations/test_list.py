"""The list of conversations: one's own, newest activity first, page by page."""

from typing import Any

import pytest

from balon.protocol.encoding import encode_b64u
from conversations import selectors
from conversations.models import Conversation
from tests.browsers import Browser
from tests.people import admit
from tests.rosters import Room

pytestmark = pytest.mark.django_db


def ids(answer: Any) -> list[str]:
    return [record["id"] for record in answer.json()["conversations"]]


def test_newest_activity_comes_first(alice: Browser):
    made = [alice.create_conversation() for _ in range(3)]
    for number, conversation_id in enumerate(made):
        Conversation.objects.filter(pk=conversation_id).update(updated_ms=1000 + number)
    assert ids(alice.get("conversations")) == made[::-1]
    alice.send_messages(made[0], 1)
    assert ids(alice.get("conversations")) == [made[0], made[2], made[1]]


def test_everyone_sees_their_own(alice: Browser, bob: Browser, charlie: Browser):
    shared, alone = alice.create_conversation(), alice.create_conversation()
    admit(bob, shared)
    assert set(ids(alice.get("conversations"))) == {shared, alone}
    assert ids(bob.get("conversations")) == [shared]
    assert alice.get("conversations").json()["next"] is None
    assert charlie.get("conversations").json() == {"conversations": [], "next": None}


def test_bob_gets_no_grants_but_his_own(alice: Browser, bob: Browser):
    shared = alice.create_conversation()
    admit(bob, shared)
    assert bob.get(f"conversations/{shared}").json()["grants"] == []
    assert len(alice.get(f"conversations/{shared}").json()["grants"]) == 1


def test_pages_follow_without_gap_or_repetition(alice: Browser):
    made = [alice.create_conversation() for _ in range(7)]
    Conversation.objects.filter(pk__in=made[:4]).update(updated_ms=5)  # Equal times are told apart by id.
    seen, cursor, sizes = [], None, []
    while True:
        answer = alice.get("conversations", limit=3, **({"cursor": cursor} if cursor else {}))
        seen += ids(answer)
        sizes.append(len(ids(answer)))
        if (cursor := answer.json()["next"]) is None:
            break
    assert sizes == [3, 3, 1]
    assert sorted(seen) == sorted(made)


@pytest.mark.parametrize(("most", "sizes"), [(5, [2, 2, 1]), (4, [2, 2, 1]), (3, [1, 2, 2]), (1, [1, 1, 1, 1, 1])])
def test_long_rosters_make_a_page_short(alice: Browser, bob: Browser, monkeypatch: Any, most: int, sizes: list[int]):
    rooms = [Room(alice) for _ in range(5)]
    rooms[4].act("invite", alice, bob, role="member")
    rooms[4].act("rotate", alice)
    for number, room in enumerate(rooms):
        Conversation.objects.filter(pk=room.id).update(updated_ms=1000 + number)
    monkeypatch.setattr(selectors, "MAX_LIST_ENTRIES", most)
    seen, cursor, found = [], None, []
    while not found or cursor is not None:
        answer = alice.get("conversations", limit=2, **({"cursor": cursor} if cursor else {}))
        found.append(len(ids(answer)))
        seen += ids(answer)
        cursor = answer.json()["next"]
    assert (seen, found) == ([room.id for room in rooms[::-1]], sizes)


def test_an_exact_page_has_no_next(alice: Browser):
    alice.create_conversation()
    assert alice.get("conversations", limit=1).json()["next"] is None


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"}, {"limit": "201"}, {"limit": "x"}, {"limit": "-1"}, {"cursor": "!"}, {"cursor": "AAAA"},
        {"cursor": encode_b64u(b"\xff" * 24)}, {"cursor": "A" * 65}, {"offset": "1"},
    ],
)  # fmt: skip
def test_refuses_the_query(alice: Browser, query: dict[str, str]):
    answer = alice.get("conversations", **query)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_takes_as_many_queries_for_fifty_as_for_one(alice: Browser, django_assert_max_num_queries: Any):
    for _ in range(10):
        conversation_id = alice.create_conversation()
        alice.put(f"conversations/{conversation_id}/meta", alice.keys.meta(conversation_id, 1))
    with django_assert_max_num_queries(10):  # Cookie and session, then eight for the list.
        assert len(ids(alice.get("conversations"))) == 10
