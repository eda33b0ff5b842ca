"""Deleting an account while its person, or others, still write: locks are taken in one order, so nobody waits in a circle.

What is shown is how PostgreSQL locks rows; on SQLite a transaction is one lock, and there is no order to keep.
"""

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, connections

from accounts.models import DeletionRequest, User
from conversations import deletion, selectors
from conversations.models import Message
from keystore.clock import now_ms
from keystore.models import Grant, Membership
from tests.accounts.changing import all_at_once
from tests.browsers import Browser, signed_up
from tests.rosters import Room

pytestmark = pytest.mark.django_db(transaction=True)
ON_POSTGRES = settings.DATABASES["default"]["ENGINE"].endswith("postgresql")
PATIENCE_S = 20


def make_due(person: Browser) -> None:
    DeletionRequest.objects.create(user_id=person.keys.user_id, delete_after_ms=now_ms() - 1)


def somebody_waits() -> bool:
    """Whether a transaction waits for another one's lock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def delete(person: Browser, outcomes: list[Any]) -> None:
    try:
        outcomes.append(deletion.delete_account(person.keys.user_id))
    except Exception as error:  # noqa: BLE001 - a deadlock is an OperationalError of the driver's
        outcomes.append(error)
    finally:
        connections.close_all()


@pytest.mark.skipif(not ON_POSTGRES, reason="SQLite has one lock for all")
def test_a_message_on_its_way_and_the_deletion_of_its_sender(
    alice: Browser, bob: Browser, monkeypatch: pytest.MonkeyPatch
):
    room = Room(alice)
    room.admit(alice, bob)
    make_due(alice)
    outcomes: list[Any] = []
    deleting = threading.Event()
    real_lock, real_role = deletion.lock_due_account, selectors.require_role

    def lock_account(user_id: Any) -> Any:
        locked = real_lock(user_id)
        deleting.set()
        return locked

    def require_role(**who: Any) -> Any:
        """The message has its conversation locked; now the deletion begins, as far as it gets."""
        thread.start()
        wait_for(lambda: deleting.is_set() or somebody_waits())
        return real_role(**who)

    thread = threading.Thread(target=delete, args=(alice, outcomes))
    monkeypatch.setattr(deletion, "lock_due_account", lock_account)
    monkeypatch.setattr(selectors, "require_role", require_role)
    answer = alice.post(f"{room.path}/messages", alice.keys.message(room.id, 1))
    thread.join(timeout=PATIENCE_S)
    assert (answer.status_code, outcomes) == (201, [True])
    assert Message.objects.count() == 1


@pytest.mark.parametrize("round_", range(3))
def test_everyone_writes_while_two_accounts_are_deleted(alice: Browser, bob: Browser, charlie: Browser, round_: int):
    dave = signed_up("dave@example.org")
    rooms = [Room(alice), Room(bob)]
    for room, owner, other in ((rooms[0], alice, bob), (rooms[1], bob, alice)):
        room.admit(owner, other)
        room.admit(owner, charlie)
    for person in (alice, bob):
        make_due(person)
    outcomes: list[Any] = []
    deeds = [partial(delete, person, outcomes) for person in (alice, bob)]
    deeds += [
        partial(person.post, f"{room.path}/messages", person.keys.message(room.id, 1))
        for room in rooms
        for person in (alice, bob, charlie)
    ]
    deeds += [
        partial(charlie.post, f"{one.path}/roster", one.draft("invite", charlie, who, role="member"))
        for who in (alice, bob, dave)
        for one in (Room(charlie),)
    ]
    answers = all_at_once(deeds[round_:] + deeds[:round_])
    assert outcomes == [True, True]
    assert len(answers) == len(deeds)
    assert {answer.status_code for answer in answers if answer is not None} <= {201, 400, 401, 404}
    gone = {alice.keys.user_id, bob.keys.user_id}
    for model in (Membership, Grant):
        assert not model.objects.filter(user_id__in=gone).exists()
    assert not User.objects.filter(pk__in=gone, is_active=True).exists()
