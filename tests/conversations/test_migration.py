"""From plaintext to ciphertext, row by row: what each call does, that it may be repeated, and what it refuses (A40)."""

import hashlib
import random
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, connection, models, transaction
from django.test.utils import CaptureQueriesContext

from balon.protocol.encoding import decode_b64u, encode_b64u
from balon.protocol.envelope import Kind
from conversations import migration, migration_selectors
from conversations.deletion import delete_account
from conversations.errors import MigrationOpenError
from conversations.legacy_loading import load_legacy
from conversations.models import (
    Conversation,
    HeldConversation,
    LegacyConversation,
    LegacyHolder,
    LegacyMessage,
    Message,
    Meta,
    Migration,
    MigrationRow,
)
from conversations.streams import StreamDraft, begin_stream
from tests.accounts.rotating import everything, rotation_body, send_rotation, with_new_keys
from tests.accounts.test_deletion import ask, make_due
from tests.browsers import Browser, signed_up
from tests.keys import envelope, uuid7
from tests.legacy_texts import make_conversation, to_file
from tests.moving import Mover, give_texts
from tests.rosters import Room

pytestmark = pytest.mark.django_db


@pytest.fixture
def mover(alice: Browser) -> Mover:
    """Alice with three conversations of before, and the lease."""
    give_texts(alice, 3, 1, 5)
    return Mover(alice).take()


def legacy_rows() -> list[list[tuple[Any, ...]]]:
    """The tables of texts, as they are."""
    return [
        list(model.objects.order_by("pk").values_list()) for model in (LegacyHolder, LegacyConversation, LegacyMessage)
    ]


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def totals(state: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(state[name] for name in ("state", "conversations", "messages", "staged", "verified", "purged"))


# --- Reading ---


def test_an_account_without_texts_has_nothing_to_move(alice: Browser):
    mover = Mover(alice)
    assert mover.get() == {
        "state": "none", "conversations": 0, "messages": 0, "staged": 0, "verified": 0, "purged": 0, "lease": None,
    }  # fmt: skip
    assert mover.get("/conversations") == {"conversations": [], "has_more": False}
    assert code(alice.post("migration/lease", {"tab": mover.tab})) == (404, "not-found")
    mover.lease = encode_b64u(bytes(32))
    for path in ("finish", "rollback"):
        assert code(mover.post(path)) == (404, "not-found")
    assert mover.post("lease/release").status_code == 204
    assert not Migration.objects.exists()


def test_texts_come_in_order_and_in_pages(alice: Browser, monkeypatch: pytest.MonkeyPatch):
    give_texts(alice, *[1] * 4, 7)
    mover = Mover(alice)
    monkeypatch.setattr(migration_selectors, "CONVERSATIONS_AT_ONCE", 2)
    assert mover.ids == sorted(str(row.pk) for row in LegacyConversation.objects.all())
    long = LegacyConversation.objects.get(legacy_id="c4")
    stored = list(LegacyMessage.objects.filter(conversation=long).order_by("number"))
    page = mover.get(f"/conversations/{long.pk}/messages", limit=3)
    assert page["has_more"] is True
    assert [row["number"] for row in page["messages"]] == [1, 2, 3]
    rest = mover.get(f"/conversations/{long.pk}/messages", after=3, limit=500)
    assert rest["has_more"] is False
    assert page["messages"] + rest["messages"] == [
        {
            "number": row.number, "legacy_id": row.legacy_id, "role": row.role, "text": row.text, "model": row.model,
            "created_ms": row.created_ms, "state": "plain",
        }
        for row in stored
    ]  # fmt: skip


def test_large_texts_make_pages_shorter_and_never_empty(mover: Mover, monkeypatch: pytest.MonkeyPatch):
    LegacyMessage.objects.update(text="x" * 50)
    monkeypatch.setattr(migration_selectors, "MAX_PAGE_CHARACTERS", 99)
    assert [len(mover.texts(legacy)) for legacy in mover.ids] == [
        LegacyMessage.objects.filter(conversation_id=legacy).count() for legacy in mover.ids
    ]
    page = mover.get(f"/conversations/{LegacyConversation.objects.get(legacy_id='c2').pk}/messages")
    assert (len(page["messages"]), page["has_more"]) == (1, True)


def test_charlie_and_visitors_find_nothing(mover: Mover, charlie: Browser):
    (legacy, *_), stranger = mover.ids, Mover(charlie)
    give_texts(charlie, 2)
    stranger.take()
    assert mover.begin(legacy).status_code == 201
    assert charlie.get(f"migration/conversations/{legacy}/messages").status_code == 404
    assert legacy not in stranger.ids
    other = charlie.keys.new_conversation()
    assert code(stranger.post(f"conversations/{legacy}/begin", **other, meta=None)) == (404, "not-found")
    rows = mover.rows(legacy, range(1, 2))
    assert code(stranger.post("batches", legacy_conversation_id=legacy, rows=rows)) == (404, "not-found")
    ids = [rows[0]["message"]["message_id"]]
    assert code(stranger.post("verified", legacy_conversation_id=legacy, message_ids=ids)) == (404, "not-found")
    assert Browser().get("migration").status_code == 401
    assert stranger.repeat("rollback", "ready")[-1]["messages"] == 2
    assert Conversation.objects.count() == 1
    stranger.lease = mover.lease
    assert code(stranger.post("finish")) == (409, "lease-lost")


# --- The whole way ---


def test_moves_row_by_row_and_leaves_nothing_in_plaintext(mover: Mover, alice: Browser):
    texts = {row.text for row in LegacyMessage.objects.all()}
    assert totals(mover.get()) == ("ready", 3, 9, 0, 0, 0)
    for legacy in mover.ids:
        answer = mover.begin(legacy)
        assert answer.status_code == 201, answer.content
        assert answer.json()["meta"]["author_id"] == str(alice.keys.user_id)
        length = len(mover.texts(legacy))
        assert mover.stage(legacy).json() == {"positions": list(range(1, length + 1))}
        assert {row["state"] for row in mover.texts(legacy)} == {"staged"}
        assert mover.verify(legacy).status_code == 204
        assert {row["state"] for row in mover.texts(legacy)} == {"verified"}
        held = alice.get(f"conversations/{mover.conversation(legacy)}/messages").json()
        sent = [mover.message(legacy, number) for number in range(1, length + 1)]
        assert [message["envelope"] for message in held["messages"]] == [message["envelope"] for message in sent]
    assert totals(mover.get()) == ("running", 3, 9, 0, 9, 0)
    assert alice.get("conversations").json()["conversations"] == []
    assert totals(mover.repeat("finish", "finished")[-1]) == ("finished", 3, 9, 0, 0, 9)
    listed = alice.get("conversations").json()["conversations"]
    assert {each["id"] for each in listed} == {mover.conversation(legacy) for legacy in mover._begun}
    assert texts
    assert legacy_rows() == [[], [], []]
    assert (HeldConversation.objects.count(), MigrationRow.objects.count(), Message.objects.count()) == (0, 0, 9)
    room = listed[0]["id"]
    count = Message.objects.filter(conversation_id=room).count()
    alice.send_messages(room, 1, first_seq=count + 1)


def test_every_call_may_be_sent_again(mover: Mover):
    legacy = mover.ids[-1]
    assert [mover.begin(legacy).status_code for _ in range(2)] == [201, 200]
    first = mover.stage(legacy, 1, 1).json()
    assert mover.stage(legacy, 1, 1).json() == first == {"positions": [1]}
    length = len(mover.texts(legacy))
    whole = [mover.stage(legacy).json() for _ in range(2)]
    assert whole == [{"positions": list(range(1, length + 1))}] * 2
    for _ in range(2):
        assert mover.verify(legacy).status_code == 204
        assert totals(mover.get()) == ("running", 3, 9, 0, length, 0)
    assert Message.objects.count() == MigrationRow.objects.count() == length
    for other in mover.ids:
        mover.begin(other)
        mover.stage(other)
        mover.verify(other)
    states = mover.repeat("finish", "finished")
    assert totals(mover.post("finish").json()) == totals(states[-1]) == ("finished", 3, 9, 0, 0, 9)
    late = mover.browser.post("migration/lease", {"tab": mover.tab})
    assert [code(answer) for answer in (mover.post("rollback"), late)] == [(409, "migration-finished")] * 2


# --- What stands, and what is refused ---


def test_what_was_begun_stays_what_it_is(mover: Mover, alice: Browser):
    one, two, *_ = mover.ids
    mover.begin(one)
    other = {**alice.keys.new_conversation(), "meta": None}
    answer = mover.post(f"conversations/{one}/begin", **other)
    assert code(answer) == (409, "migration-conflict")
    assert answer.json()["conversation_id"] == mover.conversation(one)
    assert code(mover.post(f"conversations/{two}/begin", **mover.beginning(one))) == (409, "conflict")
    same_id = {**alice.keys.new_conversation(uuid.UUID(mover.conversation(one))), "meta": None}
    assert code(mover.post(f"conversations/{one}/begin", **same_id)) == (409, "conflict")
    ordinary = alice.keys.new_conversation()
    assert alice.post("conversations", ordinary).status_code == 201
    assert code(mover.post(f"conversations/{two}/begin", **ordinary, meta=None)) == (409, "conflict")
    assert mover.post(f"conversations/{two}/begin", **other).status_code == 201
    assert not Meta.objects.filter(pk=other["conversation_id"]).exists()


def test_title_and_settings_are_the_first_ones_and_signed(mover: Mover, alice: Browser):
    legacy = mover.ids[0]
    body = alice.keys.new_conversation()
    for meta, expected in (
        (alice.keys.meta(body["conversation_id"], 2), (400, "invalid")),
        (alice.keys.meta(uuid7(), 1), (400, "invalid-statement")),
    ):
        answer = mover.post(f"conversations/{legacy}/begin", **body, meta=meta)
        assert answer.status_code == expected[0], answer.content
    assert (Conversation.objects.count(), HeldConversation.objects.count()) == (0, 0)


def test_another_message_for_a_row_is_told_what_stands(mover: Mover):
    legacy = mover.ids[0]
    mover.begin(legacy)
    mover.stage(legacy, 1, 1)
    names, stands = mover.rows(legacy, range(1, 2)), mover.message(legacy, 1)
    room, keys = mover.conversation(legacy), mover.browser.keys
    what_stands = {"position": 1, "legacy_id": names[0]["legacy_id"], "message_id": stands["message_id"]}
    same_id = keys.message(room, 1, message_id=uuid.UUID(stands["message_id"]))
    for message in (keys.message(room, 1), same_id):
        answer = mover.post(
            "batches", legacy_conversation_id=legacy, rows=[{"legacy_id": names[0]["legacy_id"], "message": message}]
        )
        assert code(answer) == (409, "migration-conflict")
        assert {name: answer.json()[name] for name in what_stands} == what_stands
    assert Message.objects.count() == 1


@pytest.fixture
def five(mover: Mover) -> str:
    """The conversation of five messages, begun, with the first two staged."""
    legacy = str(LegacyConversation.objects.get(legacy_id="c2").pk)
    mover.begin(legacy)
    mover.stage(legacy, 1, 2)
    return legacy


Spoil = Callable[[Mover, str, list[dict[str, Any]]], list[dict[str, Any]]]
SPOILED: dict[str, tuple[Spoil, tuple[int, str]]] = {
    "the wrong order": (lambda _mover, _legacy, rows: rows[::-1], (409, "seq-conflict")),
    "a hole": (lambda _mover, _legacy, rows: rows[1:], (409, "seq-conflict")),
    "names exchanged": (
        lambda _mover, _legacy, rows: [{**rows[0], "legacy_id": "m3"}, {**rows[1], "legacy_id": "m2"}],
        (409, "seq-conflict"),
    ),
    "a row that is not there": (lambda _mover, _legacy, rows: [{**rows[0], "legacy_id": "x"}, rows[1]], (404, "not-found")),
    "a row twice": (lambda _mover, _legacy, rows: [rows[0], {**rows[1], "legacy_id": rows[0]["legacy_id"]}], (400, "invalid")),
    "a message twice": (lambda _mover, _legacy, rows: [rows[0], {**rows[1], "message": rows[0]["message"]}], (400, "invalid")),
    "a message of another row": (
        lambda mover, legacy, rows: [{**rows[0], "message": mover.message(legacy, 1)}, rows[1]], (409, "migration-conflict")
    ),
    "another seq": (lambda mover, legacy, rows: [resealed(mover, legacy, rows[0], seq=4)], (409, "seq-conflict")),
    "another chain": (
        lambda mover, legacy, rows: [resealed(mover, legacy, rows[0], prev_hash=bytes(32))], (409, "seq-conflict")
    ),
    "another epoch": (lambda mover, legacy, rows: [resealed(mover, legacy, rows[0], epoch=1)], (409, "epoch-conflict")),
    "a signature of another conversation": (
        lambda mover, _legacy, rows: [{**rows[0], "message": mover.browser.keys.message(uuid7(), 3)}], (400, "invalid")
    ),
    "nothing": (lambda *_: [], (400, "invalid")),
    "too much": (lambda _mover, _legacy, rows: [rows[0]] * 501, (400, "invalid")),
}  # fmt: skip


def resealed(mover: Mover, legacy: str, row: dict[str, Any], **changes: Any) -> dict[str, Any]:
    before = hashlib.sha256(decode_b64u(mover.message(legacy, 2)["envelope"])).digest()
    fields = {"prev_hash": before, "envelope": envelope(Kind.MESSAGE), **changes}
    seq = fields.pop("seq", 3)
    return {**row, "message": mover.browser.keys.message(mover.conversation(legacy), seq, **fields)}


@pytest.mark.parametrize("name", SPOILED)
def test_a_batch_is_stored_as_a_whole_or_not_at_all(mover: Mover, five: str, name: str):
    spoil, expected = SPOILED[name]
    rows = spoil(mover, five, mover.rows(five, range(3, 6)))
    answer = mover.post("batches", legacy_conversation_id=five, rows=rows)
    assert code(answer)[0] == expected[0], answer.content
    assert expected[0] == 400 or code(answer) == expected
    assert Message.objects.count() == MigrationRow.objects.count() == 2
    assert mover.stage(five).json() == {"positions": [1, 2, 3, 4, 5]}


def test_a_batch_may_have_four_mebibytes_and_no_more(mover: Mover, five: str):
    rows, before = (
        mover.rows(five, range(3, 6)),
        hashlib.sha256(decode_b64u(mover.message(five, 2)["envelope"])).digest(),
    )
    for seq, row in enumerate(rows, start=3):
        sealed = envelope(Kind.MESSAGE, 1 << 20)
        row["message"] = mover.browser.keys.message(mover.conversation(five), seq, prev_hash=before, envelope=sealed)
        before = hashlib.sha256(sealed).digest()
    whole = mover.post("batches", legacy_conversation_id=five, rows=rows)
    assert code(whole) == (413, "too-large")
    answer = mover.post("batches", legacy_conversation_id=five, rows=rows[:2])
    assert answer.json() == {"positions": [3, 4]}


def test_what_is_not_begun_takes_nothing(mover: Mover):
    legacy = mover.ids[0]
    rows = [{"legacy_id": "m0", "message": mover.message(legacy, 1)}]
    assert code(mover.post("batches", legacy_conversation_id=legacy, rows=rows)) == (404, "not-found")
    ids = [rows[0]["message"]["message_id"]]
    assert code(mover.post("verified", legacy_conversation_id=legacy, message_ids=ids)) == (404, "not-found")


def test_only_what_is_staged_here_is_verified(mover: Mover, five: str):
    other = next(legacy for legacy in mover.ids if legacy != five)
    mover.begin(other)
    mover.stage(other, 1, 1)
    foreign = mover.message(other, 1)["message_id"]
    for ids in ([foreign], [mover.message(five, 1)["message_id"], str(uuid7())]):
        answer = mover.post("verified", legacy_conversation_id=five, message_ids=ids)
        assert code(answer) == (404, "not-found")
    assert not MigrationRow.objects.filter(is_verified=True).exists()


def test_what_is_verified_is_noted_without_a_look_at_the_whole_account(mover: Mover, five: str):
    with CaptureQueriesContext(connection) as queries:
        assert mover.verify(five, 1, 2).status_code == 204
    assert not [query["sql"] for query in queries if "COUNT(" in query["sql"] or "legacymessage" in query["sql"]]
    assert mover.get()["verified"] == 2


def test_nobody_else_writes_in_a_held_conversation(mover: Mover, five: str, alice: Browser, bob: Browser):
    room, keys = mover.conversation(five), alice.keys
    shared = Room(alice)
    shared.id = room
    refused = [
        alice.post(f"conversations/{room}/messages", keys.message(room, 3)),
        alice.put(f"conversations/{room}/meta", keys.meta(room, 2)),
        alice.post(f"conversations/{room}/roster", shared.draft("rotate", alice)),
        alice.delete(f"conversations/{room}"),
    ]
    assert [code(answer) for answer in refused] == [(409, "migration-open")] * 4
    draft = StreamDraft(uuid.UUID(room), uuid7(), 0, envelope(Kind.STREAM, 64))
    with pytest.raises(MigrationOpenError):
        begin_stream(requester_id=keys.user_id, draft=draft)
    assert alice.get(f"conversations/{room}").status_code == 200


# --- The way back ---


def test_a_rollback_is_byte_for_byte(mover: Mover, alice: Browser):
    before, others = legacy_rows(), alice.create_conversation()
    for steps in range(4):
        for legacy in mover.ids[: steps + 1]:
            mover.begin(legacy)
            mover.stage(legacy)
            mover.verify(legacy, 1, 1)
        assert legacy_rows() == before
        assert totals(mover.repeat("rollback", "ready")[-1]) == ("ready", 3, 9, 0, 0, 0)
        assert legacy_rows() == before
        assert [str(row.pk) for row in Conversation.objects.all()] == [others]
        assert Message.objects.count() == MigrationRow.objects.count() == HeldConversation.objects.count() == 0
    assert mover.post("rollback").json()["state"] == "ready"
    mover.move()
    assert mover.repeat("finish", "finished")[-1]["purged"] == 9


def test_a_rollback_goes_in_pieces(mover: Mover, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(migration, "ROLLED_BACK_AT_ONCE", 3)
    mover.move()
    states = mover.repeat("rollback", "ready")
    assert len(states) == 3
    assert [state["verified"] for state in states] == sorted((state["verified"] for state in states), reverse=True)


def test_after_a_rollback_texts_may_be_added_again_and_before_it_none(mover: Mover, alice: Browser):
    lines: list[Any] = [{"type": "user", "legacy_id": alice.keys.login, "login": alice.keys.login, "password": ""}]
    lines += make_conversation(random.Random(2), "new", 2)

    def load() -> int:
        return load_legacy(to_file(lines), lambda *_: None)["messages loaded"]

    assert load() == 0  # A tab has the lease.
    mover.begin(mover.ids[0])
    mover.post("lease/release")
    assert load() == 0
    mover.take().repeat("rollback", "ready")
    mover.post("lease/release")
    assert load() == 2
    assert totals(mover.get()) == ("ready", 4, 11, 0, 0, 0)


# --- Finish ---


def test_finish_waits_for_every_row(mover: Mover, five: str):
    mover.verify(five, 1, 1)
    answer = mover.post("finish")
    assert code(answer) == (409, "migration-incomplete")
    assert {name: answer.json()[name] for name in ("plain", "staged", "verified")} == {
        "plain": 7,
        "staged": 1,
        "verified": 1,
    }
    mover.move()
    MigrationRow.objects.filter(legacy_message__number=5).update(is_verified=False)
    assert code(mover.post("finish")) == (409, "migration-incomplete")
    assert LegacyMessage.objects.count() == 9


def test_finish_goes_in_pieces_and_there_is_no_way_back(mover: Mover, monkeypatch: pytest.MonkeyPatch, alice: Browser):
    monkeypatch.setattr(migration, "PURGED_AT_ONCE", 2)
    mover.move()
    first = mover.post("finish").json()
    assert totals(first) == ("finishing", 3, 9, 0, 7, 2)
    legacy = mover.ids[-1]
    for answer in (mover.post("rollback"), mover.begin(legacy), mover.verify(legacy, 1, 1)):
        assert code(answer) == (409, "migration-finishing")
    fresh = mover.twin()
    mover.post("lease/release")
    states = fresh.take().repeat("finish", "finished")
    assert [state["purged"] for state in states] == [4, 6, 8, 9]
    assert len(alice.get("conversations").json()["conversations"]) == 3


def test_a_text_that_slips_in_while_it_finishes_is_not_deleted(mover: Mover, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(migration, "PURGED_AT_ONCE", 2)
    mover.move().post("finish")
    slipped = LegacyMessage.objects.order_by("conversation_id").last()
    assert slipped is not None
    slipped.pk, slipped.number, slipped.legacy_id = None, 99, "slipped"
    slipped.save(force_insert=True)
    states = [mover.post("finish").json() for _ in range(6)]
    assert totals(states[-1])[:1] + totals(states[-1])[2:] == ("finishing", 10, 0, 0, 9)
    assert [row.legacy_id for row in LegacyMessage.objects.all()] == ["slipped"]


@transaction.atomic
def insert(row: models.Model) -> None:
    """Stores a row, and looks at its foreign keys as the end of the outermost transaction does."""
    row.save(force_insert=True)
    connection.check_constraints()


def test_after_finish_the_database_refuses_plaintext(mover: Mover, alice: Browser):
    mover.move().repeat("finish", "finished")
    connection.check_constraints()
    row = LegacyConversation(holder_id=alice.keys.user_id, legacy_id="x", title="t", created_ms=1, updated_ms=1)
    with pytest.raises(IntegrityError):
        insert(row)
    orphan = LegacyMessage(conversation=row, number=1, legacy_id="m", role="user", text="plain", created_ms=1)
    with pytest.raises(IntegrityError):
        insert(orphan)


def test_what_is_deleted_is_not_read_first(mover: Mover, bob: Browser):
    """However long texts and messages are, rollback, Finish and the account's deletion hold none in memory."""
    give_texts(bob, 2)
    other = Mover(bob).take().move()
    mover.move()
    ask(bob)
    with CaptureQueriesContext(connection) as queries:
        mover.repeat("rollback", "ready")
        other.post("finish")
    mover.move()
    ask(mover.browser)
    make_due()
    with CaptureQueriesContext(connection) as more:
        assert delete_account(mover.browser.keys.user_id)
    statements = [query["sql"] for query in (*queries, *more)]
    contents = ('"conversations_legacymessage"."text"', '"conversations_message"."envelope"')
    assert not [sql for sql in statements if any(content in sql for content in contents)]
    for table in ("legacymessage", "message", "migrationrow"):
        deletions = [sql for sql in statements if sql.startswith(f'DELETE FROM "conversations_{table}"')]
        assert len(deletions) >= 2, table


def test_while_it_runs_keys_cannot_be_replaced_and_afterwards_they_can(mover: Mover, five: str, alice: Browser):
    fresh, before = with_new_keys(alice.keys), everything()
    for body in (rotation_body(alice, fresh), {}, b"no JSON"):
        assert code(send_rotation(alice, body)) == (409, "migration-open")
    assert everything() == before
    assert mover.stage(five).status_code == 200
    mover.repeat("rollback", "ready")
    assert code(send_rotation(alice, {})) == (400, "invalid")
    mover.move().repeat("finish", "finished")
    assert send_rotation(alice, rotation_body(alice, fresh)).status_code == 200


def test_a_migration_of_somebody_else_keeps_nobody_from_new_keys(five: str, bob: Browser):
    assert send_rotation(bob, rotation_body(bob, with_new_keys(bob.keys))).status_code == 200


def test_counts_for_itself_and_not_as_messages(mover: Mover, five: str, settings: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("accounts.throttles.time.time", lambda: 1_800_000_000.0)
    settings.BALON_LIMIT_WRITES = settings.BALON_LIMIT_ROSTERS = (0, 60)
    settings.BALON_LIMIT_MIGRATION = (2, 60)
    answers = [mover.stage(five).status_code for _ in range(3)]
    assert answers == [200, 200, 429]
    assert mover.get()["staged"] == 5


def test_a_signed_up_account_never_holds_texts():
    signed_up("new@example.org")
    assert not LegacyHolder.objects.exists()
