"""Title and settings: sealed, signed, one version after the other."""

from typing import Any

import pytest

from balon.protocol.encoding import encode_b64u
from balon.protocol.envelope import Kind
from conversations.models import Conversation, Meta
from tests.browsers import Browser
from tests.keys import Keys, envelope
from tests.people import admit

pytestmark = pytest.mark.django_db


@pytest.fixture
def room(alice: Browser) -> str:
    return alice.create_conversation()


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_stores_one_version_after_the_other(alice: Browser, room: str):
    for version in (1, 2):
        body = alice.keys.meta(room, version)
        answer = alice.put(f"conversations/{room}/meta", body)
        assert (answer.status_code, answer.json()) == (200, {**body, "author_id": str(alice.keys.user_id)})
        assert alice.get(f"conversations/{room}").json()["meta"] == answer.json()
    assert Meta.objects.count() == 1


def test_the_same_bytes_again_are_no_conflict(alice: Browser, room: str):
    body = alice.keys.meta(room, 1)
    assert [alice.put(f"conversations/{room}/meta", body).status_code for _ in range(2)] == [200, 200]


@pytest.mark.parametrize("version", [1, 3])
def test_refuses_any_but_the_next_version(alice: Browser, room: str, version: int):
    alice.put(f"conversations/{room}/meta", alice.keys.meta(room, 1))
    assert code(alice.put(f"conversations/{room}/meta", alice.keys.meta(room, version))) == (409, "version-conflict")


def test_refuses_another_epoch(alice: Browser, room: str):
    Conversation.objects.update(epoch=1)
    assert code(alice.put(f"conversations/{room}/meta", alice.keys.meta(room, 1))) == (409, "epoch-conflict")


def test_a_member_writes_and_a_reader_does_not(alice: Browser, bob: Browser, charlie: Browser, room: str):
    admit(bob, room)
    admit(charlie, room, role="reader")
    assert bob.put(f"conversations/{room}/meta", bob.keys.meta(room, 1)).json()["author_id"] == str(bob.keys.user_id)
    assert code(charlie.put(f"conversations/{room}/meta", charlie.keys.meta(room, 2))) == (403, "forbidden")


LIES: dict[str, Any] = {
    "another's signature": lambda room, body: body.update(signature=Keys("thief").meta(room, 1)["signature"]),
    "a signature over another envelope": lambda room, body: body.update(envelope=encode_b64u(envelope(Kind.META))),
    "a message as meta": lambda room, body: body.update(envelope=encode_b64u(envelope(Kind.MESSAGE))),
    "too much inside": lambda room, body: body.update(envelope=encode_b64u(envelope(Kind.META, (1 << 14) + 256))),
    "version 0": lambda room, body: body.update(meta_version=0),
    "a title in plain": lambda room, body: body.update(title="plain"),
}


@pytest.mark.parametrize("lie", LIES)
def test_refuses(alice: Browser, room: str, lie: str):
    body = alice.keys.meta(room, 1)
    LIES[lie](room, body)
    assert code(alice.put(f"conversations/{room}/meta", body)) == (400, "invalid")
    assert not Meta.objects.exists()
