"""rotate-keys: everything of an account and of all its conversations, at once or not at all (A30)."""

import json
import os
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from accounts.models import Challenge, DeletionRequest, RecoveryRecord, SignInSession, SpentRecoveryKit, User
from balon.protocol.encoding import decode_b64u, encode_b64u
from balon.protocol.roster import Role, RosterOp
from balon.protocol.statements import AuthAction
from keystore.models import Grant, KeyBundle, Membership, RosterEntry
from tests.accounts.changing import CHANGES, ask, begin_recovery, can_sign_in, header, open_recovery, recover
from tests.accounts.rotating import (
    begin_epoch,
    conversations_of,
    everything,
    grant_to,
    invite,
    next_entry,
    record_of,
    rekey,
    rotation_body,
    send_rotation,
    state_of,
    with_new_keys,
)
from tests.browsers import Browser
from tests.keys import Keys, public_bytes, signed

pytestmark = pytest.mark.django_db


@pytest.fixture(params=[False, True], ids=["same identity", "new identity"])
def fresh(request: Any, alice: Browser) -> Keys:
    """Alice's next keys."""
    return with_new_keys(alice.keys, identity=request.param)


@pytest.fixture
def room(alice: Browser, bob: Browser) -> str:
    """A conversation of Alice and Bob in its second epoch, beside one of Alice alone."""
    alice.create_conversation()
    conversation_id = alice.create_conversation()
    invite(alice, bob, conversation_id)
    begin_epoch(bob, [alice], conversation_id)
    return conversation_id


def refused(answer: Any, code: str, status: int = 400) -> bool:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.content
    assert answer.headers["Content-Type"] == "application/problem+json"
    return True


# --- What it replaces ---


def test_replaces_every_key_and_answers_with_the_new_records(alice: Browser, fresh: Keys):
    before = alice.get("accounts/self").json()
    body = rotation_body(alice, fresh)
    answer = send_rotation(alice, body)
    assert answer.status_code == 200, answer.content
    content = answer.json()
    assert content["account_version"] == 2
    for name in ("user_id", "session_id", "login", "expires_at_ms"):
        assert content[name] == before[name]
    names = ("kdf", "n", "salt", "mek_ver", "mek_env", "idk_env", "rsa_env", "bundle", "keyring")
    assert content["records"] == {name: body[name] for name in names} | {"recovery_id": str(fresh.recovery_id)}
    assert alice.get("accounts/self").json()["records"] == content["records"]
    bundle = KeyBundle.objects.get()
    assert (bundle.bundle_seq, bundle.idk_pub, bundle.rsa_kid) == (2, public_bytes(fresh.idk), fresh.rsa_kid)


def test_the_new_password_signs_in_and_the_old_one_does_not(alice: Browser, fresh: Keys):
    assert send_rotation(alice, rotation_body(alice, fresh)).status_code == 200
    assert can_sign_in(fresh)
    assert not can_sign_in(alice.keys)


def test_the_old_kit_is_spent_and_the_new_one_works(alice: Browser, fresh: Keys):
    old = alice.keys
    assert send_rotation(alice, rotation_body(alice, fresh)).status_code == 200
    assert refused(open_recovery(Browser(old)), "recovery-used", 401)
    assert open_recovery(Browser(fresh)).status_code == 200
    assert SpentRecoveryKit.objects.get().recovery_id == old.recovery_id
    assert RecoveryRecord.objects.get().recovery_id == fresh.recovery_id


def test_gives_every_conversation_an_entry_and_exactly_the_grants_it_had(
    alice: Browser, bob: Browser, room: str, fresh: Keys
):
    before = {record["id"]: record for record in conversations_of(alice)}
    body = rotation_body(alice, fresh)
    assert send_rotation(alice, body).status_code == 200
    for part in body["conversations"]:
        record = record_of(alice, part["conversation_id"])
        subject = {"idk_pub": encode_b64u(public_bytes(fresh.idk)), "rsa_kid": encode_b64u(fresh.rsa_kid)}
        assert record["roster"] == [*before[record["id"]]["roster"], {**part["entry"], "subject": subject}]
        assert record["grants"] == [{k: v for k, v in grant.items() if k != "epoch"} for grant in part["grants"]]
        state = state_of(record)
        assert state.needs_rotation
        assert state.members[alice.keys.user_id].rsa_kid == fresh.rsa_kid
    assert [len(part["grants"]) for part in body["conversations"] if part["conversation_id"] == room] == [2]
    rows = Membership.objects.filter(user_id=alice.keys.user_id)
    assert {(row.idk_pub, row.rsa_kid) for row in rows} == {(public_bytes(fresh.idk), fresh.rsa_kid)}


def test_leaves_everything_of_the_others_as_it_is(alice: Browser, bob: Browser, room: str, fresh: Keys):
    bobs = list(Grant.objects.filter(user_id=bob.keys.user_id).order_by("pk").values())
    records = bob.get("accounts/self").json()["records"]
    assert send_rotation(alice, rotation_body(alice, fresh)).status_code == 200
    assert list(Grant.objects.filter(user_id=bob.keys.user_id).order_by("pk").values()) == bobs
    assert bob.get("accounts/self").json()["records"] == records
    assert len(bobs) == 2
    assert state_of(record_of(bob, room)).members[bob.keys.user_id].rsa_kid == bob.keys.rsa_kid


def test_what_follows_is_judged_by_the_new_keys(alice: Browser, bob: Browser, room: str, fresh: Keys):
    old = alice.keys
    send_rotation(alice, rotation_body(alice, fresh))
    assert (
        alice.get(f"keys/users/{old.user_id}").json()["bundle"] == bob.get(f"keys/users/{old.user_id}").json()["bundle"]
    )
    alice.keys = fresh
    begin_epoch(alice, [bob], room)
    assert state_of(record_of(bob, room)).needs_rotation is False
    invited = alice.create_conversation()
    invite(alice, bob, invited)


def test_who_is_only_invited_gets_new_keys_there_too(alice: Browser, bob: Browser, fresh: Keys):
    conversation_id = bob.create_conversation()
    invite(bob, alice, conversation_id, accepts=False)
    body = rotation_body(alice, fresh)
    assert [part["conversation_id"] for part in body["conversations"]] == [conversation_id]
    assert send_rotation(alice, body).status_code == 200
    member = state_of(record_of(alice, conversation_id)).members[fresh.user_id]
    assert (member.role, member.rsa_kid) == (Role.INVITED, fresh.rsa_kid)


def test_a_second_rotation_follows_the_first(alice: Browser, bob: Browser, room: str):
    for version in (1, 2, 3):
        fresh = with_new_keys(alice.keys, identity=version == 2)
        answer = send_rotation(alice, rotation_body(alice, fresh, version))
        assert answer.status_code == 200, answer.content
        alice.keys = fresh
    assert User.objects.get(pk=alice.keys.user_id).account_version == 4


def test_recovery_goes_on_from_rotated_keys(alice: Browser, fresh: Keys):
    send_rotation(alice, rotation_body(alice, fresh))
    renewed = fresh.with_new_kit()
    assert recover(Browser(fresh), renewed, account_version=2).status_code == 200
    assert can_sign_in(renewed)


def test_cancels_a_deletion_that_a_thief_may_have_asked_for(alice: Browser, bob: Browser, fresh: Keys):
    for person in (alice, bob):
        DeletionRequest.objects.create(user_id=person.keys.user_id, delete_after_ms=1)
    assert refused(send_rotation(alice, rotation_body(alice, fresh, mek_ver=9)), "invalid")
    assert DeletionRequest.objects.count() == 2
    assert send_rotation(alice, rotation_body(alice, fresh)).status_code == 200
    assert DeletionRequest.objects.get().pk == bob.keys.user_id


def test_an_epoch_that_opens_to_nobody_may_be_given_up(alice: Browser, bob: Browser, room: str, fresh: Keys):
    body = rotation_body(alice, fresh)
    part = next(each for each in body["conversations"] if each["conversation_id"] == room)
    lost = part["grants"].pop(0)
    part["lost"] = [lost["epoch"]]
    assert send_rotation(alice, body).status_code == 200
    assert len(record_of(alice, room)["grants"]) == 1
    assert len(record_of(bob, room)["grants"]) == 2


# --- Sessions and notices ---


def test_the_asking_session_goes_on_and_the_others_end(alice: Browser, bob: Browser, fresh: Keys):
    elsewhere = Browser(alice.keys)
    elsewhere.sign_in()
    pending, of_recovery, of_bob = elsewhere.prelogin(), begin_recovery(alice), bob.prelogin()
    assert send_rotation(alice, rotation_body(alice, fresh)).status_code == 200
    assert alice.fetch_session()["account_version"] == 2
    assert elsewhere.fetch_session()["state"] == "none"
    assert bob.fetch_session()["state"] == "active"
    assert SignInSession.objects.filter(user_id=alice.keys.user_id).count() == 1
    spent = {str(pk) for pk in Challenge.objects.exclude(spent_ms=None).values_list("pk", flat=True)}
    assert {pending["challenge_id"], of_recovery["challenge_id"]} <= spent
    assert of_bob["challenge_id"] not in spent


def test_tells_the_other_members_of_every_conversation_and_not_oneself(
    alice: Browser, bob: Browser, room: str, fresh: Keys, monkeypatch: Any
):
    told: list[tuple[Any, ...]] = []
    monkeypatch.setattr("accounts.rotation.notify_on_commit", lambda *notice: told.append(notice))
    monkeypatch.setattr("keystore.services.notify_on_commit", lambda *notice: told.append(notice))
    assert send_rotation(alice, rotation_body(alice, fresh)).status_code == 200
    assert [notice for notice in told if notice[0]] == [({bob.keys.user_id}, "roster", UUID(room))]


# --- What is refused, without any change ---


def _without_a_conversation(body: dict[str, Any], alice: Browser, fresh: Keys) -> None:
    body["conversations"].pop()


def _without_any_conversation(body: dict[str, Any], alice: Browser, fresh: Keys) -> None:
    body["conversations"] = []


def _with_a_conversation_of_nobody(body: dict[str, Any], alice: Browser, fresh: Keys) -> None:
    body["conversations"].append(body["conversations"][0] | {"conversation_id": str(UUID(int=7))})


def _without_a_grant(body: dict[str, Any], alice: Browser, fresh: Keys) -> None:
    _longest(body)["grants"].pop()


def _with_a_grant_twice(body: dict[str, Any], alice: Browser, fresh: Keys) -> None:
    grants = _longest(body)["grants"]
    grants.append(grants[0])


def _with_a_grant_given_up_and_made(body: dict[str, Any], alice: Browser, fresh: Keys) -> None:
    _longest(body)["lost"] = [0]


def _with_an_epoch_given_up_that_there_was_not(body: dict[str, Any], alice: Browser, fresh: Keys) -> None:
    _longest(body)["lost"] = [5]


def _longest(body: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = max(body["conversations"], key=lambda part: len(part["grants"]))
    return found


INCOMPLETE = [
    _without_a_conversation, _without_any_conversation, _with_a_conversation_of_nobody, _without_a_grant,
    _with_a_grant_twice, _with_a_grant_given_up_and_made, _with_an_epoch_given_up_that_there_was_not,
]  # fmt: skip


@pytest.mark.parametrize("leave", INCOMPLETE, ids=lambda leave: leave.__name__.strip("_"))
@pytest.mark.usefixtures("room")
def test_anything_but_all_of_it_changes_nothing(alice: Browser, fresh: Keys, leave: Any):
    body = rotation_body(alice, fresh)
    leave(body, alice, fresh)
    before = everything()
    assert refused(send_rotation(alice, body), "rotation-incomplete")
    assert everything() == before
    assert can_sign_in(alice.keys)


def test_a_conversation_twice_is_no_body(alice: Browser, room: str, fresh: Keys):
    body = rotation_body(alice, fresh)
    body["conversations"].append(body["conversations"][0])
    assert refused(send_rotation(alice, body), "invalid")


def test_a_roster_that_went_on_is_a_conflict(alice: Browser, bob: Browser, room: str, fresh: Keys):
    body = rotation_body(alice, fresh)
    begin_epoch(bob, [alice], room)
    before = everything()
    assert refused(send_rotation(alice, body), "roster-conflict", 409)
    assert everything() == before
    assert send_rotation(alice, rotation_body(alice, fresh)).status_code == 200


def test_somebody_who_was_let_in_meanwhile_must_be_covered(alice: Browser, bob: Browser, fresh: Keys):
    body = rotation_body(alice, fresh)
    conversation_id = bob.create_conversation()
    invite(bob, alice, conversation_id)
    assert refused(send_rotation(alice, body), "rotation-incomplete")


def _other_entry(op: RosterOp, **changes: Any) -> Any:
    def alter(body: dict[str, Any], record: dict[str, Any], old: Keys, fresh: Keys) -> None:
        entry = next_entry(state_of(record), old, op, **changes)
        body["entry"] = signed(old.idk, entry.serialize())

    return alter


def _other_keys(body: dict[str, Any], record: dict[str, Any], old: Keys, fresh: Keys) -> None:
    body.update(rekey(record, old, with_new_keys(fresh)))


def _new_signature(body: dict[str, Any], record: dict[str, Any], old: Keys, fresh: Keys) -> None:
    stranger = Ed25519PrivateKey.generate()
    body["entry"] = signed(stranger, decode_b64u(body["entry"]["statement"]))


def _grant(**changes: Any) -> Any:
    def alter(body: dict[str, Any], record: dict[str, Any], old: Keys, fresh: Keys) -> None:
        member = replace(state_of(record).members[old.user_id], idk_pub=public_bytes(fresh.idk), rsa_kid=fresh.rsa_kid)
        entry = next_entry(state_of(record), old, RosterOp.REKEY, member)
        body["entry"] = signed(old.idk, entry.serialize())
        body["grants"] = [grant_to(entry, fresh, changes.get("grantor", fresh), **changes.get("fields", {}))]

    return alter


INVALID = {
    "another operation": _other_entry(RosterOp.ROTATE, epoch=1, ck_commit=bytes(range(32))),
    "other keys than the bundle's": _other_keys,
    "a stranger's signature": _new_signature,
    "a grant to the old key": _grant(fields={"rsa_kid": bytes(32)}),
    "a grant of another key": _grant(fields={"ck_commit": bytes(32)}),
    "a grant at another entry": _grant(fields={"roster_hash": bytes(32)}),
    "a grant to somebody else": _grant(fields={"recipient_id": UUID(int=9)}),
    "a grant of other bytes": _grant(fields={"wrapped_hash": bytes(32)}),
    "a grant signed by somebody else": _grant(grantor=Keys("nobody@example.org")),
}


@pytest.mark.parametrize("name", INVALID)
def test_a_statement_that_does_not_stand_changes_nothing(alice: Browser, fresh: Keys, name: str):
    alice.create_conversation()
    body = rotation_body(alice, fresh)
    [record] = conversations_of(alice)
    INVALID[name](body["conversations"][0], record, alice.keys, fresh)
    before = everything()
    answer = send_rotation(alice, body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid"), answer.content
    assert everything() == before


def test_the_old_identity_signs_entries_and_the_new_one_grants(alice: Browser):
    """A thief of the new keys alone cannot rekey, nor grant with the old ones alone."""
    alice.create_conversation()
    fresh = with_new_keys(alice.keys, identity=True)
    [record] = conversations_of(alice)
    for swapped in ("entry", "grants"):
        body = rotation_body(alice, fresh)
        [part] = body["conversations"]
        if swapped == "entry":
            part["entry"] = signed(fresh.idk, decode_b64u(part["entry"]["statement"]))
        else:
            [grant] = part["grants"]
            part["grants"] = [{**grant, **signed(alice.keys.idk, decode_b64u(grant["statement"]))}]
        assert refused(send_rotation(alice, body), "invalid")
    assert send_rotation(alice, rotation_body(alice, fresh)).status_code == 200
    assert record["grants"]


BUNDLES: dict[str, Any] = {
    "the same encryption key": lambda keys, fresh: {"spki": keys.spki, "rsa_kid": keys.rsa_kid},
    "another login name": lambda keys, fresh: {"login": "mallory@example.org"},
    "another user": lambda keys, fresh: {"user_id": UUID(int=1)},
    "a key id that is not the key's": lambda keys, fresh: {"rsa_kid": bytes(32)},
    "an identity that did not sign it": lambda keys, fresh: {"idk_pub": os.urandom(32)},
}


@pytest.mark.parametrize("name", BUNDLES)
def test_refuses_a_bundle_with(alice: Browser, fresh: Keys, name: str):
    bundle = fresh.bundle(bundle_seq=2, **BUNDLES[name](alice.keys, fresh))
    before = everything()
    answer = send_rotation(alice, rotation_body(alice, fresh, bundle=signed(fresh.idk, bundle.serialize())))
    assert refused(answer, "invalid")
    assert everything() == before


@pytest.mark.parametrize(
    "change",
    [
        {"account_version": 2},
        {"keyring": 1},
        {"keyring": 3},
        {"bundle": 1},
        {"bundle": 3},
    ],
    ids=str,
)
def test_other_versions_are_a_conflict(alice: Browser, fresh: Keys, change: dict[str, int]):
    body = rotation_body(alice, fresh)
    if "account_version" in change:
        body |= change
    if "keyring" in change:
        body["keyring"]["version"] = change["keyring"]
    if "bundle" in change:
        body["bundle"] = signed(fresh.idk, fresh.bundle(bundle_seq=change["bundle"]).serialize())
    before = everything()
    assert refused(send_rotation(alice, body), "version-conflict", 409)
    assert everything() == before


BODIES: dict[str, Any] = {
    "the same master key": {"mek_ver": 1},
    "a master key further on": {"mek_ver": 3},
    "too few iterations": {"n": 599_999},
    "another algorithm": {"kdf": "none"},
    "a constant salt": {"salt": encode_b64u(bytes(32))},
    "a weak login key": {"login_pub": encode_b64u(bytes(32))},
    "a member too many": {"recovery_key": "of the organisation"},
    "no conversations": {"conversations": None},
}


@pytest.mark.parametrize("name", BODIES)
def test_refuses_a_body_with(alice: Browser, fresh: Keys, name: str):
    before = everything()
    assert refused(send_rotation(alice, rotation_body(alice, fresh, **BODIES[name])), "invalid")
    assert everything() == before


@pytest.mark.parametrize("whose", ["the same kit", "another's kit"])
def test_refuses_a_kit_that_is_not_new(alice: Browser, bob: Browser, fresh: Keys, whose: str):
    taken = alice.keys if whose == "the same kit" else bob.keys
    recovery = {"recovery_id": str(taken.recovery_id), "rec_pub": encode_b64u(public_bytes(fresh.recovery_key))}
    before = everything()
    assert refused(send_rotation(alice, rotation_body(alice, fresh, recovery=recovery)), "invalid")
    assert everything() == before


# --- The proof ---


def test_the_proof_is_of_this_action_over_this_body(alice: Browser, fresh: Keys):
    before, raw = everything(), json.dumps(rotation_body(alice, fresh)).encode()
    for wrong in (
        {"action": AuthAction.CHANGE_PASSWORD},
        {"action": AuthAction.RECOVER},
        {"body": raw + b" "},
        {"login": "bob@example.org"},
        {"salt": fresh.salt},
    ):
        assert refused(send_rotation(alice, raw, **wrong), "proof-refused", 401)
    with_new_login_key = replace(alice.keys, login_key=fresh.login_key)
    proof = with_new_login_key.prove(alice.prelogin(), AuthAction.ROTATE_KEYS, raw)
    assert refused(alice.post("accounts/keys", raw, **header(proof)), "proof-refused", 401)
    assert everything() == before


def test_a_proof_counts_once(alice: Browser, fresh: Keys):
    raw = json.dumps(rotation_body(alice, fresh)).encode()
    proof = header(alice.keys.prove(alice.prelogin(), AuthAction.ROTATE_KEYS, raw))
    assert alice.post("accounts/keys", raw, **proof).status_code == 200
    assert refused(alice.post("accounts/keys", raw, **proof), "proof-refused", 401)


def test_a_change_of_the_password_ends_a_rotation_on_its_way(alice: Browser, fresh: Keys):
    raw = json.dumps(rotation_body(alice, fresh)).encode()
    proof = header(alice.keys.prove(alice.prelogin(), AuthAction.ROTATE_KEYS, raw))
    renewed = alice.keys.with_new_password()
    assert ask(alice, CHANGES["password"], renewed).status_code == 200
    assert refused(alice.post("accounts/keys", raw, **proof), "proof-refused", 401)


def test_nobody_rotates_without_a_session_or_a_proof(alice: Browser, fresh: Keys):
    body = rotation_body(alice, fresh)
    assert refused(alice.post("accounts/keys", body), "proof-refused", 401)
    assert refused(send_rotation(Browser(alice.keys), body), "not-signed-in", 401)


def test_bob_cannot_rotate_alices_keys_or_conversations(alice: Browser, bob: Browser, room: str, fresh: Keys):
    body = rotation_body(alice, fresh)
    before = everything()
    answer = send_rotation(bob, body)
    assert answer.status_code == 400, answer.content
    mine = rotation_body(bob, with_new_keys(bob.keys))
    mine["conversations"] = body["conversations"]
    assert refused(send_rotation(bob, mine), "rotation-incomplete")
    assert everything() == before


# --- Limits ---


def test_is_throttled(alice: Browser, fresh: Keys, settings: Any):
    settings.BALON_LIMIT_ROTATION = (2, 3600)
    for _ in range(2):
        assert send_rotation(alice, b"{}").status_code in {400, 401}
    answer = send_rotation(alice, rotation_body(alice, fresh))
    assert refused(answer, "throttled", 429)
    assert answer.headers["Retry-After"]


def test_takes_a_large_body_here_and_nowhere_else(alice: Browser, fresh: Keys, settings: Any):
    padding = b" " * settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    raw = json.dumps(rotation_body(alice, fresh)).encode() + padding
    proof = header(alice.keys.prove(alice.prelogin(), AuthAction.CHANGE_PASSWORD, raw))
    assert refused(alice.post("accounts/password", raw, **proof), "too-large", 413)
    assert send_rotation(alice, raw).status_code == 200


def test_refuses_a_body_beyond_its_limit(alice: Browser, fresh: Keys):
    raw = json.dumps(rotation_body(alice, fresh)).encode()
    raw += b" " * ((32 << 20) + 1 - len(raw))
    assert refused(send_rotation(alice, raw), "too-large", 413)
    assert send_rotation(alice, raw[:-1]).status_code == 200


def test_every_row_of_the_rosters_is_there(alice: Browser, room: str, fresh: Keys):
    before = RosterEntry.objects.count()
    send_rotation(alice, rotation_body(alice, fresh))
    assert RosterEntry.objects.count() == before + 2
    assert RosterEntry.objects.filter(exposes=True).count() == 2
