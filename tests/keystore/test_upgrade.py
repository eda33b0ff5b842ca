"""Conversations that were made before rosters carried keys open as before."""

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from keystore import roster_states
from keystore.models import RosterEntry
from tests.browsers import Browser
from tests.rosters import Room

pytestmark = pytest.mark.django_db(transaction=True)


def migrate(name: str) -> None:
    executor = MigrationExecutor(connection)
    executor.migrate([("keystore", name)])


def test_a_conversation_from_before_gets_its_creators_keys(alice: Browser, bob: Browser):
    room = Room(alice)
    before = alice.get(room.path).json()
    try:
        migrate("0001_initial")
    finally:
        migrate(MigrationExecutor(connection).loader.graph.leaf_nodes("keystore")[0][1])
    roster_states._recent.__init__()  # type: ignore[misc]
    assert alice.get(room.path).json() == before
    room.admit(alice, bob)
    assert RosterEntry.objects.count() == 3
