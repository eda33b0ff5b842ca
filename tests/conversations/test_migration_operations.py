"""What operators do and see: the report, and a change of the schema while the release before goes on."""

from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from conversations import migration
from tests.accounts.legacy import Newcomer
from tests.browsers import Browser
from tests.keys import now_ms, uuid7
from tests.moving import Mover, give_texts

BEFORE = [("accounts", "0004_spent_recovery_kits"), ("conversations", "0002_epoch_position")]


def report() -> dict[str, int]:
    output = StringIO()
    call_command("migration_report", stdout=output)
    return {name: int(count) for name, count in (line.rsplit(": ") for line in output.getvalue().splitlines())}


@pytest.mark.django_db
def test_the_report_counts_and_tells_nothing_else(
    alice: Browser, bob: Browser, charlie: Browser, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(migration, "PURGED_AT_ONCE", 2)
    assert set(report().values()) == {0}
    dora = Newcomer().move_in().browser
    people = (alice, bob, charlie, dora)
    for person in people:
        give_texts(person, 2, 2)
    mover = Mover(bob).take()
    mover.begin(mover.ids[0])
    mover.stage(mover.ids[0])
    mover.verify(mover.ids[0], 1, 1)
    last = Mover(charlie).take().move()
    last.post("finish")
    assert report() == {
        "accounts before their first sign-in": 1,
        "accounts that have not begun": 1,
        "accounts that are moving": 1,
        "accounts that are finishing": 1,
        "accounts that have finished": 0,
        "conversations in plaintext": 7,
        "messages in plaintext": 14,
        "of these plain": 10,
        "of these staged": 1,
        "of these verified": 3,
        "messages deleted": 2,
    }
    last.repeat("finish", "finished")
    assert (report()["accounts that have finished"], report()["messages deleted"]) == (1, 4)


# --- The schema ---


def columns_of(model: Any) -> list[tuple[str, Any]]:
    return [(field.column, field) for field in model._meta.local_concrete_fields]


@pytest.fixture
def schema() -> Iterator[MigrationExecutor]:
    """The database at any release; it ends as it began."""
    yield MigrationExecutor(connection)
    migrate_to_newest()


def migrate_to_newest() -> None:
    """All migrations that there are."""
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


@pytest.mark.django_db(transaction=True)
def test_the_release_before_reads_and_writes_while_and_after_the_schema_changes(
    schema: MigrationExecutor, alice: Browser
):
    """Its statements name the columns that it knows, so they are made of its own models."""
    room = alice.create_conversation()
    alice.send_messages(room, 1)
    schema.migrate(BEFORE)
    release = MigrationExecutor(connection).loader.project_state(BEFORE).apps
    models = {name: release.get_model("conversations", name) for name in ("Conversation", "Message", "Meta", "Stream")}
    models["User"] = release.get_model("accounts", "User")
    statements = [written_by_the_release_before(models, position, alice) for position in (2, 3)]
    statements[0]()
    migrate_to_newest()
    statements[1]()
    for model in models.values():
        assert list(model._base_manager.values_list(*(field.attname for _, field in columns_of(model)))) is not None
    assert models["Message"]._base_manager.count() == 3
    models["Message"]._base_manager.filter(conversation_id=room).delete()
    models["Conversation"]._base_manager.filter(pk=room).delete()


def written_by_the_release_before(models: dict[str, Any], position: int, person: Browser) -> Any:
    def write() -> None:
        place = models["Conversation"]._base_manager.create(id=uuid7(), created_ms=1, updated_ms=1)
        models["User"]._base_manager.create(login=f"person-{position}@example.org", password="!", created_ms=now_ms())
        models["Message"]._base_manager.create(
            conversation=place,
            position=position,
            message_id=uuid7(),
            sender_id=person.keys.user_id,
            epoch=0,
            seq=position,
            prev_hash=bytes(32),
            created_ms=1,
            envelope=b"sealed",
            envelope_hash=bytes(32),
            signature=bytes(64),
        )

    return write
