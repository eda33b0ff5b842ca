"""Changes of a roster that meet others, or messages, from a thread each; on PostgreSQL under `BALON_TEST_SERVICES=real`."""

from collections import Counter
from functools import partial
from typing import Any

import pytest

from conversations.models import Conversation, Message, Meta
from keystore.models import Grant, Membership, RosterEntry
from tests.accounts.changing import all_at_once
from tests.browsers import Browser, signed_up
from tests.rosters import Room

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def room(alice: Browser, bob: Browser, charlie: Browser) -> Room:
    """Alice and Charlie own, Bob is a member."""
    shared = Room(alice)
    shared.admit(alice, bob)
    shared.admit(alice, charlie, role="owner")
    return shared


def tabs(person: Browser, count: int) -> list[Browser]:
    """As many browsers of a person, each with a session of its own."""
    browsers = [Browser(person.keys) for _ in range(count)]
    for browser in browsers:
        assert browser.sign_in().status_code == 200
    return browsers


def statuses(answers: list[Any]) -> Counter[Any]:
    return Counter(
        answer.status_code if answer.status_code < 300 else (answer.status_code, answer.json()["code"])
        for answer in answers
    )


def test_of_six_changes_at_once_one_happens(room: Room, alice: Browser, bob: Browser):
    people = [*tabs(alice, 3), *tabs(bob, 3)]
    posts = [partial(one.post, f"{room.path}/roster", room.draft("rotate", one)) for one in people]
    assert statuses(all_at_once(posts)) == {201: 1, (409, "roster-conflict"): 5}
    assert RosterEntry.objects.filter(conversation_id=room.id).count() == room.state.seq + 2
    assert Conversation.objects.get().epoch == 1
    assert Grant.objects.filter(conversation_id=room.id, epoch=1).count() == 3


def test_the_same_change_from_six_tabs_happens_once(room: Room, alice: Browser):
    body = room.draft("rotate", alice)
    posts = [partial(one.post, f"{room.path}/roster", body) for one in tabs(alice, 6)]
    assert statuses(all_at_once(posts)) == {201: 1, 200: 5}


def test_two_owners_who_remove_each_other_leave_one(room: Room, alice: Browser, charlie: Browser):
    posts = [
        partial(one.post, f"{room.path}/roster", room.draft("remove", one, other))
        for one, other in ((alice, charlie), (charlie, alice))
    ]
    outcome = statuses(all_at_once(posts))
    assert outcome[201] == 1
    assert set(outcome) <= {201, (404, "not-found"), (409, "roster-conflict")}
    assert Membership.objects.filter(conversation_id=room.id, role="owner").count() == 1


@pytest.mark.parametrize("round_", range(4))
def test_no_message_of_the_old_epoch_comes_after_the_removal(room: Room, alice: Browser, bob: Browser, round_: int):
    removal = partial(alice.post, f"{room.path}/roster", room.draft("remove", alice, bob))
    senders = [*tabs(bob, 3), *tabs(alice, 2)]
    messages = [partial(one.post, f"{room.path}/messages", one.keys.message(room.id, 1)) for one in senders]
    order = [*messages[:round_], removal, *messages[round_:]]
    outcome = statuses(all_at_once(order))
    assert outcome[201] == 1 + Message.objects.count()
    assert set(outcome) <= {201, (404, "not-found"), (409, "epoch-conflict"), (409, "seq-conflict")}
    conversation = Conversation.objects.get()
    assert conversation.epoch_position == conversation.head_position == Message.objects.count()
    assert not Grant.objects.filter(user_id=bob.keys.user_id).exists()


def test_title_and_epoch_stay_together(room: Room, alice: Browser, bob: Browser):
    room.rename(alice)
    rotation = partial(alice.post, f"{room.path}/roster", room.draft("rotate", alice))
    titles = [partial(one.put, f"{room.path}/meta", one.keys.meta(room.id, 2)) for one in tabs(bob, 3)]
    outcome = statuses(all_at_once([rotation, *titles]))
    assert outcome[200] + outcome[201] == 1
    meta, conversation = Meta.objects.get(), Conversation.objects.get()
    assert (meta.meta_version, meta.epoch) == (2, conversation.epoch)


def test_a_change_meets_the_end_of_the_conversation(room: Room, alice: Browser, charlie: Browser):
    change = partial(alice.post, f"{room.path}/roster", room.draft("rotate", alice))
    outcome = statuses(all_at_once([change, partial(charlie.delete, room.path)]))
    assert set(outcome) <= {204, 201, (404, "not-found")}
    for model in (Conversation, RosterEntry, Membership, Grant):
        assert not model.objects.exists()


def test_one_person_is_invited_into_many_conversations_at_once(alice: Browser, bob: Browser, charlie: Browser):
    dave = signed_up("dave@example.org")
    rooms = [(person, Room(person)) for person in (alice, bob, charlie)]
    posts = [
        partial(person.post, f"{one.path}/roster", one.draft("invite", person, dave, role="member"))
        for person, one in rooms
    ]
    assert statuses(all_at_once(posts)) == {201: 3}
    assert Membership.objects.filter(user_id=dave.keys.user_id).count() == 3
