"""Messages: appended in one gapless order, once each, and read page by page."""

import hashlib
import threading
from typing import Any

import pytest
from django.db import connections

from balon.protocol.encoding import decode_b64u, encode_b64u
from balon.protocol.envelope import Kind
from conversations import selectors
from conversations.models import Conversation, Message, Stream
from tests.browsers import Browser
from tests.keys import Keys, envelope, uuid7
from tests.people import admit

pytestmark = pytest.mark.django_db


@pytest.fixture
def room(alice: Browser) -> str:
    return alice.create_conversation()


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_appends_and_moves_the_head(alice: Browser, room: str):
    bodies = [alice.keys.message(room, seq) for seq in (1, 2)]
    answers = [alice.post(f"conversations/{room}/messages", body) for body in bodies]
    assert [(answer.status_code, answer.json()) for answer in answers] == [
        (201, {"position": 1}),
        (201, {"position": 2}),
    ]
    page = alice.get(f"conversations/{room}/messages").json()
    assert page["messages"] == [
        {**body, "position": position, "sender_id": str(alice.keys.user_id)}
        for position, body in enumerate(bodies, start=1)
    ]
    digest = hashlib.sha256(decode_b64u(bodies[1]["envelope"])).digest()
    assert page["head"] == {"position": 2, "envelope_hash": encode_b64u(digest)}
    assert page["more"] is False
    assert alice.get(f"conversations/{room}").json()["head"] == page["head"]


def test_the_same_bytes_again_succeed_and_store_nothing(alice: Browser, room: str):
    body = alice.keys.message(room, 1)
    answers = [alice.post(f"conversations/{room}/messages", body) for _ in range(2)]
    assert [(answer.status_code, answer.json()["position"]) for answer in answers] == [(201, 1), (200, 1)]
    assert Message.objects.count() == 1


def test_other_bytes_under_the_same_id_are_a_conflict(alice: Browser, room: str):
    body = alice.keys.message(room, 1)
    alice.post(f"conversations/{room}/messages", body)
    again = alice.keys.message(room, 2, message_id=Message.objects.get().message_id)
    assert code(alice.post(f"conversations/{room}/messages", again)) == (409, "message-conflict")


@pytest.mark.parametrize("seq", [1, 3, 2**53 - 1])
def test_refuses_any_but_the_senders_next_seq(alice: Browser, room: str, seq: int):
    alice.send_messages(room, 1)
    assert code(alice.post(f"conversations/{room}/messages", alice.keys.message(room, seq))) == (409, "seq-conflict")
    assert Message.objects.count() == 1


def test_everyone_counts_alone(alice: Browser, bob: Browser, room: str):
    admit(bob, room)
    alice.send_messages(room, 2)
    bob.send_messages(room, 1)
    alice.send_messages(room, 1, first_seq=3)
    messages = bob.get(f"conversations/{room}/messages").json()["messages"]
    assert [(message["position"], message["seq"]) for message in messages] == [(1, 1), (2, 2), (3, 1), (4, 3)]


def test_refuses_another_epoch(alice: Browser, room: str):
    later = alice.keys.message(room, 1, epoch=1)
    assert code(alice.post(f"conversations/{room}/messages", later)) == (409, "epoch-conflict")
    Conversation.objects.update(epoch=1)
    earlier = alice.keys.message(room, 1, epoch=0)
    assert code(alice.post(f"conversations/{room}/messages", earlier)) == (409, "epoch-conflict")
    assert alice.post(f"conversations/{room}/messages", later).status_code == 201


@pytest.mark.django_db(transaction=True)
def test_of_two_tabs_at_once_one_gets_the_seq(alice: Browser, room: str):
    tabs = [Browser(alice.keys) for _ in range(6)]
    for tab in tabs:
        tab.sign_in()
    start, statuses = threading.Barrier(6), []

    def post(tab: Browser) -> None:
        start.wait(timeout=20)
        try:
            statuses.append(tab.post(f"conversations/{room}/messages", tab.keys.message(room, 1)).status_code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=post, args=(tab,)) for tab in tabs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(statuses) == [201] + [409] * 5
    assert Message.objects.get().position == Conversation.objects.get().head_position == 1


def test_a_reader_reads_and_does_not_write(alice: Browser, bob: Browser, room: str):
    admit(bob, room, role="reader")
    alice.send_messages(room, 1)
    assert len(bob.get(f"conversations/{room}/messages").json()["messages"]) == 1
    assert code(bob.post(f"conversations/{room}/messages", bob.keys.message(room, 1))) == (403, "forbidden")


def test_a_reply_is_saved_under_its_streams_id_and_ends_it(alice: Browser, room: str):
    stream_id = uuid7()
    Stream.objects.create(
        stream_id=stream_id,
        conversation_id=room,
        epoch=0,
        sender_id=alice.keys.user_id,
        stream_env=envelope(Kind.STREAM, 64),
    )
    reply = alice.keys.message(room, 1, message_id=stream_id)
    assert alice.post(f"conversations/{room}/messages", reply).status_code == 201
    assert not Stream.objects.exists()


def test_a_message_does_not_end_the_stream_of_another_conversation(alice: Browser, room: str):
    stream_id, other = uuid7(), alice.create_conversation()
    Stream.objects.create(
        stream_id=stream_id, conversation_id=other, epoch=0, sender_id=alice.keys.user_id, stream_env=b"x"
    )
    assert (
        alice.post(f"conversations/{room}/messages", alice.keys.message(room, 1, message_id=stream_id)).status_code
        == 201
    )
    assert Stream.objects.exists()


def _signed_by_a_thief(room: str, body: dict[str, Any]) -> None:
    body["signature"] = Keys("thief").message(room, 1)["signature"]


LIES: dict[str, Any] = {
    "a flipped signature": lambda room, body: body.update(signature=encode_b64u(bytes(64))),
    "another's signature": _signed_by_a_thief,
    "a signature over another envelope": lambda room, body: body.update(envelope=encode_b64u(envelope(Kind.MESSAGE))),
    "a signature over another id": lambda room, body: body.update(message_id=str(uuid7())),
    "an envelope of another kind": lambda room, body: body.update(envelope=encode_b64u(envelope(Kind.META))),
    "an envelope that is none": lambda room, body: body.update(envelope=encode_b64u(bytes(360))),
    "an envelope without padding": lambda room, body: body.update(envelope=encode_b64u(envelope(Kind.MESSAGE, 300))),
    "an envelope cut short": lambda room, body: body.update(envelope=body["envelope"][:-4]),
    "an envelope in standard base64": lambda room, body: body.update(envelope=body["envelope"][:-1] + "+"),
    "a short prev_hash": lambda room, body: body.update(prev_hash=encode_b64u(bytes(31))),
    "seq 0": lambda room, body: body.update(seq=0),
    "seq as text": lambda room, body: body.update(seq="1"),
    "a time before all time": lambda room, body: body.update(created_ms=-1),
    "an id in capitals": lambda room, body: body.update(message_id="A" + body["message_id"][1:]),
    "plaintext beside it": lambda room, body: body.update(text="hello"),
    "no epoch": lambda room, body: body.pop("epoch"),
}


@pytest.mark.parametrize("lie", LIES)
def test_refuses(alice: Browser, room: str, lie: str):
    body = alice.keys.message(room, 1)
    LIES[lie](room, body)
    assert code(alice.post(f"conversations/{room}/messages", body)) == (400, "invalid")
    assert not Message.objects.exists()


def test_refuses_a_message_signed_for_another_conversation(alice: Browser, room: str):
    elsewhere = alice.keys.message(alice.create_conversation(), 1)
    assert code(alice.post(f"conversations/{room}/messages", elsewhere)) == (400, "invalid")


def test_refuses_what_is_too_large_before_it_reads_it(alice: Browser, room: str):
    answer = alice.post(f"conversations/{room}/messages", b'"' + b"A" * (1 << 21) + b'"')
    assert code(answer) == (413, "too-large")
    most = alice.keys.message(room, 1, envelope=envelope(Kind.MESSAGE, 1 << 20))
    assert alice.post(f"conversations/{room}/messages", most).status_code == 201
    more = alice.keys.message(room, 2, envelope=envelope(Kind.MESSAGE, (1 << 20) + 256))
    assert code(alice.post(f"conversations/{room}/messages", more)) == (400, "invalid")


class TestPages:
    @pytest.fixture
    def thread(self, alice: Browser, room: str) -> str:
        alice.send_messages(room, 7)
        return f"conversations/{room}/messages"

    @pytest.mark.parametrize(
        ("query", "positions", "more"),
        [
            ({}, [1, 2, 3, 4, 5, 6, 7], False),
            ({"limit": 3}, [5, 6, 7], True),
            ({"before": 5, "limit": 3}, [2, 3, 4], True),
            ({"before": 2, "limit": 3}, [1], False),
            ({"before": 1}, [], False),
            ({"before": 2**53 - 1, "limit": 2}, [6, 7], True),
            ({"after": 0, "limit": 3}, [1, 2, 3], True),
            ({"after": 4, "limit": 3}, [5, 6, 7], False),
            ({"after": 7}, [], False),
            ({"after": 2**53 - 1}, [], False),
        ],
    )
    def test_brings(self, alice: Browser, thread: str, query: dict[str, int], positions: list[int], more: bool):  # noqa: FBT001
        content = alice.get(thread, **query).json()
        assert [message["position"] for message in content["messages"]] == positions
        assert content["more"] is more
        assert content["head"]["position"] == 7

    @pytest.mark.parametrize(
        "query",
        [
            {"before": 1, "after": 1}, {"before": 0}, {"before": -1}, {"after": -1}, {"after": "x"}, {"limit": 0},
            {"limit": 201}, {"after": 2**63}, {"after": "1.5"}, {"page": 2},
        ],
    )  # fmt: skip
    def test_refuses_the_query(self, alice: Browser, thread: str, query: dict[str, Any]):
        assert code(alice.get(thread, **query)) == (400, "invalid")

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ({}, ([6, 7], True)),
            ({"before": 6}, ([4, 5], True)),
            ({"before": 3}, ([1, 2], False)),
            ({"after": 4}, ([5, 6], True)),
            ({"after": 5}, ([6, 7], False)),
            ({"limit": 1}, ([7], True)),
        ],
    )
    def test_large_messages_make_a_page_short(
        self, alice: Browser, thread: str, monkeypatch: pytest.MonkeyPatch, query: dict[str, int], expected: Any
    ):
        size = len(Message.objects.earliest("position").envelope)
        monkeypatch.setattr(selectors, "MAX_PAGE_BYTES", 2 * size)
        content = alice.get(thread, **query).json()
        assert ([message["position"] for message in content["messages"]], content["more"]) == expected

    def test_a_message_larger_than_a_page_comes_alone(self, alice: Browser, thread: str, monkeypatch: Any):
        monkeypatch.setattr(selectors, "MAX_PAGE_BYTES", 1)
        content = alice.get(thread, after=2).json()
        assert ([message["position"] for message in content["messages"]], content["more"]) == ([3], True)

    def test_takes_as_many_queries_for_many_as_for_one(
        self, alice: Browser, thread: str, django_assert_num_queries: Any
    ):
        with django_assert_num_queries(5):  # Cookie, session, membership, conversation, messages.
            alice.get(thread)

    def test_an_empty_conversation_has_no_head(self, alice: Browser):
        empty = alice.create_conversation()
        assert alice.get(f"conversations/{empty}/messages").json() == {"messages": [], "more": False, "head": None}
