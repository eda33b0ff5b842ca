"""Deleting an account: asked for with a proof, cancelled at will, and then nothing of it is left anywhere."""

import json
import uuid
from io import StringIO
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command

from accounts.models import DeletionRequest, LegacySignInRecord, SignInSession, SpentRecoveryKit, User
from accounts.sealing import seal_at_rest
from accounts.selectors import place_of
from balon.protocol.envelope import Kind
from balon.protocol.statements import AuthAction
from conversations.disclosure_tables import TABLES
from conversations.frames import get_frame_log
from conversations.models import Conversation, Message, Stream
from keystore.clock import now_ms
from keystore.models import Grant, Membership, PreviousKey
from tests.accounts import changing
from tests.accounts.changing import CHANGES, open_recovery, recover
from tests.browsers import Browser
from tests.keys import envelope, uuid7
from tests.moving import Mover, give_texts
from tests.people import admit
from tests.traces import marks_of, rows_that_name

pytestmark = pytest.mark.django_db

BODY = json.dumps({"account_version": 1}).encode()
DAY_MS = 24 * 3_600_000
OWNED = {
    "accounts_user", "accounts_signinrecord", "accounts_recoveryrecord", "accounts_challenge", "accounts_signinsession",
    "accounts_deletionrequest", "keystore_keybundle", "keystore_keyring", "keystore_rosterentry", "keystore_membership",
    "keystore_grant", "keystore_previouskey", "conversations_conversation", "conversations_message", "conversations_meta",
    "conversations_stream", "accounts_spentrecoverykit", "accounts_legacysigninrecord", "django_session",
    "django_admin_log", "conversations_legacyholder", "conversations_legacyconversation", "conversations_legacymessage",
    "conversations_heldconversation", "conversations_migrationrow", "conversations_migration",
}  # fmt: skip


def ask(browser: Browser, body: bytes = BODY, **changes: Any) -> Any:
    challenge = browser.prelogin()
    proof = browser.keys.prove(challenge, changes.pop("action", AuthAction.DELETE_ACCOUNT), body, **changes)
    return browser.post("accounts/deletion", body, **{"Balon-Proof": ".".join(proof.values())})


def status(browser: Browser) -> Any:
    return browser.get("accounts/deletion").json()["delete_after_ms"]


def make_due() -> None:
    assert DeletionRequest.objects.update(delete_after_ms=now_ms() - 1)


def run_command() -> str:
    output = StringIO()
    call_command("delete_due_accounts", stdout=output)
    return output.getvalue()


def add_stream(browser: Browser, room: str) -> Stream:
    stream = Stream.objects.create(
        stream_id=uuid7(),
        conversation_id=room,
        epoch=0,
        sender_id=browser.keys.user_id,
        stream_env=envelope(Kind.STREAM, 64),
    )

    async def fill() -> None:
        await get_frame_log().open(stream.pk)
        await get_frame_log().append(stream.pk, [b"a sealed frame"])
        await get_frame_log().close()

    async_to_sync(fill)()
    return stream


def frames_of(stream: Stream) -> list[bytes]:
    async def read() -> list[bytes]:
        frames = await get_frame_log().snapshot(stream.pk)
        await get_frame_log().close()
        return frames

    return async_to_sync(read)()


def add_old_hash(user_id: uuid.UUID) -> None:
    """The record of an old hash, as it is before the first sign-in since."""
    sealed = {
        f"{column}_sealed": seal_at_rest(bytes(32), place=place_of(f"legacy_{column}", user_id))
        for column in ("login_pub", "salt")
    }
    LegacySignInRecord.objects.create(user_id=user_id, iterations=600_000, salt_size=32, **sealed)


def fill(browser: Browser) -> str:
    """A row of the account in every table that can hold one."""
    room = browser.create_conversation()
    browser.send_messages(room, 2)
    browser.put(f"conversations/{room}/meta", browser.keys.meta(room, 1))
    assert Browser(browser.keys).sign_in().status_code == 200
    SpentRecoveryKit.objects.create(
        recovery_id=uuid7(), user_id=browser.keys.user_id, rec_pub=bytes(32), spent_ms=now_ms()
    )
    add_old_hash(browser.keys.user_id)
    give_texts(browser, 1)
    mover = Mover(browser).take()
    assert (mover.begin(mover.ids[0]).status_code, mover.stage(mover.ids[0]).status_code) == (201, 200)
    PreviousKey.objects.create(conversation_id=room, epoch=1, envelope=envelope(Kind.PREV, 32))
    operator = User.objects.create_superuser(login="operator", password="a long operator's password")
    LogEntry.objects.create(
        user=operator,
        content_type=ContentType.objects.get_for_model(User),
        object_id=str(browser.keys.user_id),
        object_repr=f"user {browser.keys.user_id}",
        action_flag=CHANGE,
    )
    return room


def test_is_asked_for_with_a_proof_and_waits_seven_days(alice: Browser):
    assert status(alice) is None
    answer = ask(alice)
    assert answer.status_code == 200
    due_ms = answer.json()["delete_after_ms"]
    assert list(answer.json()) == ["delete_after_ms"]
    assert 0 <= now_ms() + 7 * DAY_MS - due_ms < 60_000
    assert status(alice) == due_ms
    assert alice.get("accounts/self").status_code == 200


def test_the_waiting_period_is_a_setting(alice: Browser, settings: Any):
    settings.BALON_DELETION_DAYS = 30
    assert ask(alice).json()["delete_after_ms"] > now_ms() + 29 * DAY_MS


def test_asking_again_does_not_move_the_day(alice: Browser):
    due_ms = ask(alice).json()["delete_after_ms"]
    DeletionRequest.objects.update(delete_after_ms=due_ms - 5)
    assert ask(alice).json()["delete_after_ms"] == due_ms - 5


def test_is_cancelled_without_a_proof_and_twice(alice: Browser):
    ask(alice)
    for _ in range(2):
        assert alice.delete("accounts/deletion").status_code == 204
    assert status(alice) is None
    assert run_command() == ""
    assert alice.get("accounts/self").status_code == 200


LIES: dict[str, dict[str, Any]] = {
    **{
        f"action {action}": {"action": action}
        for action in AuthAction
        if action not in {AuthAction.DELETE_ACCOUNT, AuthAction.LOGIN}
    },
    "a sign-in": {"action": AuthAction.LOGIN, "body_of_proof": None},
    "another body": {"body_of_proof": b'{"account_version": 2}'},
    "another origin": {"origin": "https://evil.example"},
    "another salt": {"salt": bytes(32)},
    "another challenge": {"challenge": bytes(32)},
}


@pytest.mark.parametrize("lie", LIES)
def test_refuses_a_proof_of(alice: Browser, lie: str):
    changes = dict(LIES[lie])
    if "body_of_proof" in changes:
        changes["body"] = changes.pop("body_of_proof")
        proof = alice.keys.prove(
            alice.prelogin(), changes.pop("action", AuthAction.DELETE_ACCOUNT), changes.pop("body")
        )
        answer = alice.post("accounts/deletion", BODY, **{"Balon-Proof": ".".join(proof.values())})
    else:
        answer = ask(alice, **changes)
    assert (answer.status_code, answer.json()["code"]) == (401, "proof-refused")
    assert not DeletionRequest.objects.exists()


def test_refuses_the_same_proof_again(alice: Browser):
    proof = {"Balon-Proof": ".".join(alice.keys.prove(alice.prelogin(), AuthAction.DELETE_ACCOUNT, BODY).values())}
    assert alice.post("accounts/deletion", BODY, **proof).status_code == 200
    alice.delete("accounts/deletion")
    assert alice.post("accounts/deletion", BODY, **proof).status_code == 401
    assert not DeletionRequest.objects.exists()


def test_refuses_a_request_without_a_proof(alice: Browser):
    assert alice.post("accounts/deletion", BODY).status_code == 401
    assert not DeletionRequest.objects.exists()


def test_bob_cannot_delete_alice_with_her_challenge_nor_his_proof(alice: Browser, bob: Browser):
    for keys, challenge in ((bob.keys, alice.prelogin()), (alice.keys, alice.prelogin())):
        proof = keys.prove(challenge, AuthAction.DELETE_ACCOUNT, BODY)
        assert bob.post("accounts/deletion", BODY, **{"Balon-Proof": ".".join(proof.values())}).status_code == 401
    assert not DeletionRequest.objects.exists()


def test_refuses_another_account_version(alice: Browser):
    answer = ask(alice, json.dumps({"account_version": 2}).encode())
    assert (answer.status_code, answer.json()["code"]) == (409, "version-conflict")


def test_throttles_by_login_name(alice: Browser, settings: Any):
    settings.BALON_LIMIT_LOGIN = (2, 300)
    assert [ask(alice, salt=bytes(32)).status_code for _ in range(3)] == [401, 401, 429]


def test_nothing_is_deleted_before_its_day(alice: Browser):
    ask(alice)
    assert run_command() == ""
    assert alice.get("accounts/self").status_code == 200


# --- What else cancels it, and what does not (docs/decisions/0007) ---


def test_recovery_cancels_what_a_thief_of_the_password_asked_for(alice: Browser):
    ask(alice)
    owner = Browser(alice.keys)
    assert recover(owner, owner.keys.with_new_kit()).status_code == 200
    assert status(owner) is None
    assert run_command() == ""


def test_a_recovery_that_is_refused_cancels_nothing(alice: Browser):
    due_ms = ask(alice).json()["delete_after_ms"]
    stale = Browser(alice.keys)
    assert recover(stale, stale.keys.with_new_kit(), account_version=7).status_code == 409
    assert open_recovery(stale).status_code == 200
    assert status(alice) == due_ms


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_leaves_it_as_it_is(alice: Browser, name: str):
    due_ms = ask(alice).json()["delete_after_ms"]
    change = CHANGES[name]
    assert changing.ask(alice, change, change.renew(alice.keys)).status_code == 200
    assert status(alice) == due_ms


# --- The day ---


def test_every_table_about_people_has_a_row_in_these_tests():
    """A table that is new to the schema must be explained (conversations/disclosure_tables.py), and then filled here."""
    assert {table.model._meta.db_table for table in TABLES} == OWNED


@pytest.mark.django_db(transaction=True)
def test_nothing_is_left_in_any_table_and_bob_has_all_of_his(alice: Browser, bob: Browser):
    room, his = fill(alice), bob.create_conversation()
    bob.send_messages(his, 2)
    stream = add_stream(alice, room)
    ask(alice)
    make_due()
    marks, bobs = marks_of("alice@example.org", alice.keys.user_id), marks_of("bob@example.org", bob.keys.user_id)
    before, bobs_before = rows_that_name(marks), rows_that_name(bobs)
    assert set(before) == OWNED
    assert frames_of(stream) == [b"a sealed frame"]
    assert run_command() == "Deleted accounts: 1\n"
    assert rows_that_name(marks) == {}
    assert rows_that_name(bobs) == bobs_before
    assert frames_of(stream) == []
    assert alice.get("accounts/self").status_code == 401
    assert bob.get(f"conversations/{his}/messages").json()["head"]["position"] == 2


@pytest.mark.django_db(transaction=True)
def test_two_at_once_lose_their_frames_too(alice: Browser, bob: Browser):
    streams = [add_stream(person, person.create_conversation()) for person in (alice, bob)]
    for person in (alice, bob):
        ask(person)
    make_due()
    assert run_command() == "Deleted accounts: 2\n"
    assert [frames_of(stream) for stream in streams] == [[], []]
    assert not User.objects.exists()


def test_the_login_name_answers_as_one_that_nobody_has(alice: Browser):
    from accounts.decoys import derive_decoy

    ask(alice)
    make_due()
    run_command()
    visitor = Browser(alice.keys)
    content = visitor.prelogin()
    assert content["user_id"] == str(derive_decoy("alice@example.org").user_id)
    answer = visitor.post("accounts/login", visitor.keys.prove(content))
    assert (answer.status_code, answer.json()["code"]) == (401, "sign-in-refused")


def test_the_login_name_is_free_again(alice: Browser):
    from tests.keys import Keys

    ask(alice)
    make_due()
    run_command()
    assert Browser(Keys("alice@example.org")).sign_up().status_code == 201


def test_a_suspended_account_goes_on_its_day_as_well(alice: Browser):
    ask(alice)
    make_due()
    User.objects.update(is_active=False)
    assert run_command() == "Deleted accounts: 1\n"


def test_what_others_are_in_stays_theirs(alice: Browser, bob: Browser):
    room, alone = alice.create_conversation(), alice.create_conversation()
    alice.send_messages(room, 2)
    alice.put(f"conversations/{room}/meta", alice.keys.meta(room, 1))
    admit(bob, room)
    before = bob.get(f"conversations/{room}/messages").json()
    ask(alice)
    make_due()
    run_command()
    assert bob.get(f"conversations/{room}/messages").json() == before
    assert not Conversation.objects.filter(pk=alone).exists()
    assert not Membership.objects.filter(user_id=alice.keys.user_id).exists()
    assert not Grant.objects.exists()
    assert bob.get(f"keys/users/{alice.keys.user_id}").status_code == 404
    left = rows_that_name({str(alice.keys.user_id), alice.keys.user_id.hex, "alice@example.org"})
    assert left == {
        "accounts_user": 1, "conversations_message": 2, "conversations_meta": 1, "keystore_rosterentry": 1,
    }  # fmt: skip
    row = User.objects.get(pk=alice.keys.user_id)
    assert (row.login, row.is_active, row.created_ms) == (f"deleted:{row.pk}", False, 0)
    assert Message.objects.count() == 2


def test_the_emptied_row_cannot_sign_in_nor_be_taken(alice: Browser, bob: Browser):
    room = alice.create_conversation()
    alice.send_messages(room, 1)
    admit(bob, room)
    ask(alice)
    make_due()
    run_command()
    answer = bob.post("accounts/prelogin", {"login": f"deleted:{alice.keys.user_id}"})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert SignInSession.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_frames_of_a_stream_that_another_process_deleted_go_with_the_next_request(
    alice: Browser, monkeypatch: pytest.MonkeyPatch
):
    from conversations.frames import memory
    from conversations.streams import expire_streams

    monkeypatch.setattr(memory, "_SETTLED_S", 0)
    room = alice.create_conversation()
    kept, orphan = add_stream(alice, room), add_stream(alice, room)
    get_frame_log().list_old()
    Stream.objects.filter(pk=orphan.pk).delete()
    expire_streams()
    assert frames_of(kept) == [b"a sealed frame"]
    if isinstance(get_frame_log(), memory.MemoryFrameLog):
        assert frames_of(orphan) == []
