"""What takes several queries to read is of one moment, whatever is committed between two of them."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, connections

from balon.protocol.roster import RosterOp
from tests.browsers import Browser
from tests.rosters import Room

pytestmark = pytest.mark.django_db(transaction=True)
MORE_QUERIES_THAN_ANY = 40


class Interruption:
    """Lets another process's write come in before one of the queries."""

    def __init__(self, before_query: int, write: Callable[[], Any]) -> None:
        self._left = before_query
        self._write = write
        self.happened = False

    def __call__(self, execute: Callable[..., Any], *query: Any) -> Any:
        """Executes a query."""
        self._left -= 1
        if self._left == 0:
            self.happened = True
            thread = threading.Thread(target=self._run)
            thread.start()
            thread.join(timeout=60)
        return execute(*query)

    def _run(self) -> None:
        try:
            self._write()
        finally:
            connections.close_all()


def post_next(room: Room, person: Browser) -> None:
    """Writes the person's next message."""
    head = person.get(room.path).json()["head"]
    seq = head["position"] + 1 if head else 1
    body = person.keys.message(room.id, seq, epoch=room.state.epoch)
    assert person.post(f"{room.path}/messages", body).status_code == 201


def begin_epoch(room: Room, person: Browser) -> None:
    """Gives the room a new key, a new title and a message under it."""
    room.act(RosterOp.ROTATE, person)
    room.rename(person)
    post_next(room, person)


@pytest.mark.parametrize("path", ["conversations", "conversations/{id}", "conversations/{id}/messages"])
def test_an_answer_is_of_one_moment(alice: Browser, path: str):
    room, elsewhere = Room(alice), Browser(alice.keys)
    assert elsewhere.sign_in().status_code == 200
    begin_epoch(room, elsewhere)
    path = path.format(id=room.id)
    for before_query in range(1, MORE_QUERIES_THAN_ANY):
        before = elsewhere.get(path).json()
        interruption = Interruption(before_query, lambda: begin_epoch(room, elsewhere))
        with connection.execute_wrapper(interruption):
            answer = alice.get(path).json()
        if not interruption.happened:
            break
        assert answer in (before, elsewhere.get(path).json()), before_query
    assert before_query > 3
