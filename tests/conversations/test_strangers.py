"""Charlie, with an account and an id that he should not know, meets nothing; nor does a visitor (threat A43)."""

import uuid
from typing import Any

import pytest

from balon.protocol.envelope import Kind
from conversations.models import Conversation, Message, Meta, Stream
from tests.browsers import Browser
from tests.keys import Keys, envelope, uuid7
from tests.people import admit, dismiss

pytestmark = pytest.mark.django_db

REQUESTS: dict[str, Any] = {
    "read": lambda person, room: person.get(f"conversations/{room}"),
    "delete": lambda person, room: person.delete(f"conversations/{room}"),
    "messages": lambda person, room: person.get(f"conversations/{room}/messages"),
    "older messages": lambda person, room: person.get(f"conversations/{room}/messages", before=2),
    "send": lambda person, room: person.post(f"conversations/{room}/messages", person.keys.message(room, 1)),
    "meta": lambda person, room: person.put(f"conversations/{room}/meta", person.keys.meta(room, 2)),
    "streams": lambda person, room: person.get(f"conversations/{room}/streams"),
}


@pytest.fixture
def room(alice: Browser) -> str:
    conversation_id = alice.create_conversation()
    alice.send_messages(conversation_id, 1)
    alice.put(f"conversations/{conversation_id}/meta", alice.keys.meta(conversation_id, 1))
    Stream.objects.create(
        stream_id=uuid7(),
        conversation_id=conversation_id,
        epoch=0,
        sender_id=alice.keys.user_id,
        stream_env=envelope(Kind.STREAM, 64),
    )
    return conversation_id


@pytest.mark.parametrize("request_name", REQUESTS)
def test_charlie_gets_404_as_for_nothing(charlie: Browser, room: str, request_name: str):
    charlie.create_conversation()
    real, made_up = (REQUESTS[request_name](charlie, place) for place in (room, str(uuid.uuid4())))
    assert real.status_code == made_up.status_code == 404
    assert real.content == made_up.content
    assert (Message.objects.count(), Stream.objects.count(), Meta.objects.get().meta_version) == (1, 1, 1)
    assert Conversation.objects.filter(pk=room).exists()


@pytest.mark.parametrize("request_name", REQUESTS)
def test_a_visitor_gets_401(room: str, request_name: str):
    answer = REQUESTS[request_name](Browser(Keys("nobody@example.org")), room)
    assert (answer.status_code, answer.json()["code"]) == (401, "not-signed-in")


@pytest.mark.parametrize("request_name", REQUESTS)
def test_bob_gets_404_once_he_is_out(bob: Browser, room: str, request_name: str):
    admit(bob, room)
    assert bob.get(f"conversations/{room}").status_code == 200
    dismiss(bob, room)
    assert REQUESTS[request_name](bob, room).status_code == 404


def test_bob_as_a_member_may_not_delete(bob: Browser, room: str):
    admit(bob, room)
    answer = bob.delete(f"conversations/{room}")
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert Conversation.objects.filter(pk=room).exists()


def test_streams_show_to_members(alice: Browser, bob: Browser, room: str):
    admit(bob, room)
    stream = Stream.objects.get()
    expected = {
        "stream_id": str(stream.pk), "epoch": 0, "sender_id": str(alice.keys.user_id), "ended": False,
        "created_ms": stream.created_ms,
    }  # fmt: skip
    for person in (alice, bob):
        (found,) = person.get(f"conversations/{room}/streams").json()["streams"]
        assert {name: value for name, value in found.items() if name != "stream_env"} == expected


def test_streams_of_yesterday_do_not_show(alice: Browser, room: str):
    Stream.objects.update(created_ms=Stream.objects.get().created_ms - 86_400_001)
    assert alice.get(f"conversations/{room}/streams").json() == {"streams": []}


@pytest.mark.parametrize("state", ["complete", "cut"])
def test_a_stream_that_is_over_says_so(alice: Browser, room: str, state: str):
    Stream.objects.update(state=state)
    assert alice.get(f"conversations/{room}/streams").json()["streams"][0]["ended"] is True
