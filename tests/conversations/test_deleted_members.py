"""A conversation goes on for the others when somebody's account is deleted, its last owner's too."""

from typing import Any

import pytest

from accounts.models import DeletionRequest, User
from conversations.deletion import delete_account
from conversations.models import Conversation, Message
from keystore.clock import now_ms
from keystore.models import Grant, Membership, PreviousKey, RosterEntry
from tests.browsers import Browser
from tests.rosters import Room

pytestmark = pytest.mark.django_db


@pytest.fixture
def room(alice: Browser, bob: Browser) -> Room:
    """Alice owns, Bob is a member."""
    shared = Room(alice)
    shared.admit(alice, bob)
    return shared


def delete(person: Browser) -> None:
    DeletionRequest.objects.create(user_id=person.keys.user_id, delete_after_ms=now_ms() - 1)
    assert delete_account(person.keys.user_id)


def without(body: dict[str, Any], person: Browser) -> dict[str, Any]:
    """The change with no grant to a person."""
    gone = str(person.keys.user_id)
    return {**body, "grants": [grant for grant in body["grants"] if grant["user_id"] != gone]}


@pytest.mark.parametrize("wrote", [True, False])
def test_the_others_read_and_verify_all_of_it(room: Room, alice: Browser, bob: Browser, wrote: bool):  # noqa: FBT001
    alice.send_messages(room.id, 2 if wrote else 0)
    room.rename(alice)
    before = bob.get(room.path).json(), bob.get(f"{room.path}/messages").json()
    delete(alice)
    assert (bob.get(room.path).json(), bob.get(f"{room.path}/messages").json()) == before
    people = bob.get(f"{room.path}/people").json()["people"]
    assert [person["login"] for person in people] == ["bob@example.org"]
    assert bob.get(f"keys/users/{alice.keys.user_id}").status_code == 404


@pytest.mark.parametrize("wrote", [True, False])
def test_bob_goes_on_writing_without_an_owner(room: Room, alice: Browser, bob: Browser, wrote: bool):  # noqa: FBT001
    alice.send_messages(room.id, 1 if wrote else 0)
    delete(alice)
    body = without(room.draft("rotate", bob), alice)
    assert room.post(bob, body).status_code == 201
    assert bob.post(f"{room.path}/messages", bob.keys.message(room.id, 1, epoch=1)).status_code == 201
    assert list(Grant.objects.filter(epoch=1).values_list("user_id", flat=True)) == [bob.keys.user_id]


def test_a_grant_to_nobody_any_more_is_no_matter(room: Room, alice: Browser, bob: Browser):
    body = room.draft("rotate", bob)
    delete(alice)
    assert len(body["grants"]) == 2
    assert room.post(bob, body).status_code == 201
    assert list(Grant.objects.values_list("user_id", flat=True).distinct()) == [bob.keys.user_id]


def test_a_grant_to_nobody_any_more_replaces_none(room: Room, alice: Browser, bob: Browser):
    body = without(room.draft("rotate", bob), bob)
    delete(alice)
    assert bob.post(f"{room.path}/roster", body).status_code == 400


def test_bob_invites_and_removes_nobody(room: Room, alice: Browser, bob: Browser, charlie: Browser):
    delete(alice)
    for op, target in (("invite", charlie), ("remove", alice)):
        body = room.force(op, bob, target, role="member" if op == "invite" else "")
        answer = bob.post(f"{room.path}/roster", body)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


def test_another_owner_takes_the_deleted_account_off_the_list(room: Room, alice: Browser, bob: Browser):
    room.act("role", alice, bob, role="owner")
    delete(alice)
    room.act("role", bob, alice, role="reader")
    assert room.post(bob, room.draft("remove", bob, alice)).status_code == 201
    assert set(room.state.members) == {bob.keys.user_id}
    room.act("rotate", bob)


def test_the_last_one_who_leaves_takes_the_conversation_along(room: Room, alice: Browser, bob: Browser):
    alice.send_messages(room.id, 1)
    room.post(bob, room.draft("rotate", bob))
    delete(alice)
    assert room.act("leave", bob).status_code == 204
    for model in (Conversation, Message, RosterEntry, Membership, Grant, PreviousKey):
        assert not model.objects.exists()
    assert User.objects.filter(pk=alice.keys.user_id).exists()


def test_a_conversation_that_only_the_invited_are_left_in_goes(alice: Browser, bob: Browser):
    alone = Room(alice)
    alone.act("invite", alice, bob, role="member")
    delete(alice)
    assert bob.get(alone.path).status_code == 404
    assert not Conversation.objects.exists()
    assert not User.objects.filter(pk=alice.keys.user_id).exists()


def test_an_invited_account_that_is_deleted_leaves_the_others(
    room: Room, alice: Browser, bob: Browser, charlie: Browser
):
    room.act("invite", alice, charlie, role="member")
    delete(charlie)
    assert bob.get(room.path).status_code == 200
    room.act("remove", alice, charlie)
    assert set(room.state.members) == {alice.keys.user_id, bob.keys.user_id}
