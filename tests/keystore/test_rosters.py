"""Rosters are replayed by their rules, and appended to by whoever is first, in whatever layer."""

import threading
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connections, transaction

from balon.protocol import roster, statements
from balon.protocol.encoding import NIL_UUID, decode_b64u
from balon.protocol.roster import Role, hash_members
from keystore import roster_states
from keystore.errors import (
    ForbiddenEntryError,
    InvalidStatementError,
    LastOwnerError,
    RosterConflictError,
    RotationIncompleteError,
    UnknownRosterError,
)
from keystore.grants import GrantDraft, replace_grants, store_grants
from keystore.models import Grant, KeyBundle, Membership, RosterEntry
from keystore.roster_states import get_roster
from keystore.rosters import Step, append_entry
from keystore.signatures import Signed
from tests.browsers import Browser
from tests.keys import Keys, another_spki, public_bytes, uuid7
from tests.rosters import Room

pytestmark = pytest.mark.django_db


@pytest.fixture
def room(alice: Browser) -> Room:
    return Room(alice)


def sign(keys: Keys, entry: statements.RosterEntry) -> Signed:
    statement = entry.serialize()
    return Signed(statement, keys.idk.sign(statement))


def append(room: Room, op: str, actor: Browser, target: Browser | None = None, **changes: Any) -> Step:
    """Appends an entry without what comes with it."""
    for person in (actor, target):
        if person is not None:
            room.people.setdefault(person.keys.user_id, person.keys)
    entry = room.propose(op, actor.keys, target and target.keys, **changes)
    with transaction.atomic():
        step = append_entry(
            conversation_id=entry.conversation_id, actor_id=entry.actor_id, signed=sign(actor.keys, entry)
        )
    room.state = room.follow(entry)
    return step


def roles(room: Room) -> dict[Any, str]:
    return dict(Membership.objects.filter(conversation_id=room.id).values_list("user_id", "role"))


def test_a_stored_roster_replays_to_what_its_writers_saw(room: Room, alice: Browser, bob: Browser, charlie: Browser):
    append(room, "invite", alice, bob, role="member")
    assert roles(room)[bob.keys.user_id] == "invited"
    append(room, "accept", bob)
    append(room, "invite", alice, charlie, role="reader", fresh=True)
    append(room, "role", alice, bob, role="owner")
    append(room, "leave", alice)
    assert get_roster(room.state.conversation_id) == room.state
    roster_states._recent.__init__()  # type: ignore[misc]
    assert get_roster(room.state.conversation_id) == room.state
    assert roles(room) == {bob.keys.user_id: "owner", charlie.keys.user_id: "invited"}
    told = RosterEntry.objects.order_by("seq").values_list("epoch", "exposes", "subject_rsa_kid")
    kid = alice.keys.rsa_kid
    assert list(told) == [
        (0, False, kid), (0, False, kid), (0, False, None), (1, False, kid), (1, False, None), (1, True, None),
    ]  # fmt: skip


def test_there_is_no_roster_of_nothing():
    with pytest.raises(UnknownRosterError):
        get_roster(uuid7())


def test_who_is_off_the_roster_loses_membership_and_grants(room: Room, alice: Browser, bob: Browser):
    step = append(room, "invite", alice, bob, role="member")
    # The room has gone on, and grants are made at an entry: so one of the roster as it was.
    room.state, after = step.before, room.state
    grant = draft_of(room.grant(step.entry, bob.keys.user_id, 0))
    room.state = after
    store_grants([grant], step=step)
    append(room, "remove", alice, bob)
    assert roles(room) == {alice.keys.user_id: "owner"}
    assert Grant.objects.get().user_id == alice.keys.user_id


def draft_of(grant: dict[str, Any]) -> GrantDraft:
    signed = Signed(decode_b64u(grant["statement"]), decode_b64u(grant["signature"]))
    return GrantDraft(UUID(grant["user_id"]), grant["epoch"], signed, decode_b64u(grant["wrapped"]))


def test_a_state_that_was_kept_from_a_transaction_that_failed_is_forgotten(room: Room, alice: Browser, bob: Browser):
    before = get_roster(room.state.conversation_id)
    room.people[bob.keys.user_id] = bob.keys
    entry = room.propose("invite", alice.keys, bob.keys, role="member")
    with transaction.atomic():
        append_entry(conversation_id=entry.conversation_id, actor_id=entry.actor_id, signed=sign(alice.keys, entry))
        assert get_roster(entry.conversation_id).seq == 1
        transaction.set_rollback(True)
    assert get_roster(entry.conversation_id) == before
    append(room, "invite", alice, bob, role="reader")
    assert get_roster(entry.conversation_id).invited_roles == {bob.keys.user_id: Role.READER}


def test_goes_on_from_the_state_that_was_kept(room: Room, alice: Browser, monkeypatch: pytest.MonkeyPatch):
    for _ in range(5):
        append(room, "rotate", alice)
    get_roster(room.state.conversation_id)
    applied, real = [], roster.apply_entry
    monkeypatch.setattr(roster, "apply_entry", lambda *given: applied.append(given[1].seq) or real(*given))
    append(room, "rotate", alice)  # Applied once to be judged here, and once by the room's own client.
    get_roster(room.state.conversation_id)
    assert applied == [6, 6, 6]


def test_a_kept_state_of_another_roster_under_the_same_id_is_not_used(room: Room, alice: Browser):
    append(room, "rotate", alice)
    kept = get_roster(room.state.conversation_id)
    roster_states._recent.keep(replace(kept, head=bytes(32), members={}))
    assert get_roster(room.state.conversation_id) == kept


def rekeyed(person: Browser, **changes: Any) -> Keys:
    """The person with another RSA key, and their bundle on record with it."""
    keys = replace(person.keys, spki=another_spki(), **changes)
    KeyBundle.objects.filter(pk=keys.user_id).update(rsa_kid=keys.rsa_kid, idk_pub=public_bytes(keys.idk))
    return keys


def rotate(keys: Keys, entry: statements.RosterEntry, key: Ed25519PrivateKey, grants: list[GrantDraft]) -> None:
    """What replaces keys in one of a person's conversations."""
    statement = entry.serialize()
    with transaction.atomic():
        step = append_entry(
            conversation_id=entry.conversation_id,
            actor_id=keys.user_id,
            signed=Signed(statement, key.sign(statement)),
        )
        replace_grants(grants, step=step)


@pytest.mark.parametrize("changes", [{}, {"idk": Ed25519PrivateKey.generate()}])
def test_a_person_replaces_their_keys_and_own_grants(room: Room, alice: Browser, changes: dict[str, Any]):
    keys = room.people[alice.keys.user_id] = rekeyed(alice, **changes)
    entry = room.propose("rekey", keys)
    grant = draft_of(room.grant(entry, keys.user_id, 0))
    rotate(keys, entry, alice.keys.idk, [grant])
    assert get_roster(entry.conversation_id).members == {keys.user_id: keys.member(Role.OWNER)}
    assert Grant.objects.get().wrapped == grant.wrapped
    member = Membership.objects.get()
    assert (member.idk_pub, member.rsa_kid) == (public_bytes(keys.idk), keys.rsa_kid)
    assert RosterEntry.objects.get(seq=1).exposes


@pytest.mark.parametrize("case", ["none", "one twice", "another epoch", "to somebody else"])
def test_grants_are_replaced_as_a_whole(room: Room, alice: Browser, bob: Browser, case: str):
    append(room, "invite", alice, bob, role="member")
    keys = room.people[alice.keys.user_id] = rekeyed(alice)
    entry = room.propose("rekey", keys)
    mine, his = (draft_of(room.grant(entry, one.user_id, 0)) for one in (keys, bob.keys))
    drafts = {
        "none": [],
        "one twice": [mine, mine],
        "another epoch": [mine, replace(mine, epoch=1)],
        "to somebody else": [mine, his],
    }
    with pytest.raises(RotationIncompleteError):
        rotate(keys, entry, alice.keys.idk, drafts[case])
    assert Grant.objects.count() == 1
    assert RosterEntry.objects.count() == 2


def test_an_entry_is_judged_by_the_key_that_the_roster_had_before(room: Room, alice: Browser):
    keys = rekeyed(alice, idk=Ed25519PrivateKey.generate())
    room.people[keys.user_id] = keys
    entry = room.propose("rekey", keys)
    with pytest.raises(InvalidStatementError):
        append_entry(conversation_id=entry.conversation_id, actor_id=keys.user_id, signed=sign(keys, entry))


NOBODY = hash_members({})
REFUSED: dict[str, tuple[type[Exception], Any]] = {
    "an entry of another conversation": (InvalidStatementError, lambda e: replace(e, conversation_id=uuid7())),
    "an entry of somebody else": (InvalidStatementError, lambda e: replace(e, actor_id=uuid7())),
    "an entry with other members": (InvalidStatementError, lambda e: replace(e, members_hash=bytes(32))),
    "an entry that skips one": (RosterConflictError, lambda e: replace(e, seq=e.seq + 1)),
    "an entry of the past": (RosterConflictError, lambda e: replace(e, seq=0)),
    "an entry on another branch": (RosterConflictError, lambda e: replace(e, prev_hash=bytes(32))),
    "the invitation of nobody": (InvalidStatementError, lambda e: replace(e, target_id=uuid7())),
    "a second beginning": (InvalidStatementError, lambda e: replace(e, op="create")),
    "the last owner's leaving": (
        LastOwnerError,
        lambda e: replace(e, op="leave", role="", target_id=NIL_UUID, members_hash=NOBODY),
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refuses(room: Room, alice: Browser, bob: Browser, case: str):
    error, change = REFUSED[case]
    room.people[bob.keys.user_id] = bob.keys
    entry = change(room.propose("invite", alice.keys, bob.keys, role="member"))
    with pytest.raises(error):
        append_entry(
            conversation_id=room.state.conversation_id, actor_id=alice.keys.user_id, signed=sign(alice.keys, entry)
        )
    assert RosterEntry.objects.count() == Membership.objects.count() == 1


def test_who_has_no_right_is_forbidden(room: Room, alice: Browser, bob: Browser, charlie: Browser):
    append(room, "invite", alice, bob, role="member")
    append(room, "accept", bob)
    entry = replace(
        room.propose("invite", alice.keys, charlie.keys, role="reader", members_hash=bytes(32)),
        actor_id=bob.keys.user_id,
    )
    with pytest.raises(ForbiddenEntryError):
        append_entry(conversation_id=entry.conversation_id, actor_id=bob.keys.user_id, signed=sign(bob.keys, entry))


def test_a_stranger_is_forbidden(room: Room, charlie: Browser):
    entry = replace(room.propose("rotate", next(iter(room.people.values()))), actor_id=charlie.keys.user_id)
    with pytest.raises(ForbiddenEntryError):
        append_entry(
            conversation_id=entry.conversation_id, actor_id=charlie.keys.user_id, signed=sign(charlie.keys, entry)
        )


@pytest.mark.django_db(transaction=True)
def test_of_six_at_once_one_appends(room: Room, alice: Browser):
    entries = [room.propose("rotate", alice.keys) for _ in range(6)]
    start, outcomes = threading.Barrier(6), []

    def run(entry: statements.RosterEntry) -> None:
        start.wait(timeout=20)
        try:
            with transaction.atomic():
                append_entry(
                    conversation_id=entry.conversation_id, actor_id=entry.actor_id, signed=sign(alice.keys, entry)
                )
            outcomes.append("appended")
        except RosterConflictError:
            outcomes.append("conflict")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(entry,)) for entry in entries]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(outcomes) == ["appended"] + ["conflict"] * 5
    assert get_roster(room.state.conversation_id).seq == RosterEntry.objects.count() - 1 == 1
