"""Changes of who is in a conversation: each comes with exactly what it needs, or nothing changes (A22, A23, A25, A30)."""

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from balon.protocol import statements
from balon.protocol.encoding import NIL_UUID, decode_b64u, encode_b64u
from balon.protocol.envelope import Kind
from balon.protocol.roster import MAX_MEMBERS, Member, Role, hash_members
from conversations import rosters
from conversations.models import Conversation, Message, Meta
from keystore.models import Grant, KeyBundle, Membership, PreviousKey, RosterEntry
from tests.browsers import Browser, signed_up
from tests.keys import Keys, another_spki, envelope, signed, uuid7
from tests.rosters import Room

pytestmark = pytest.mark.django_db


@pytest.fixture
def room(alice: Browser) -> Room:
    return Room(alice)


@pytest.fixture
def pair(room: Room, alice: Browser, bob: Browser) -> Room:
    """Alice owns, Bob is a member."""
    room.admit(alice, bob)
    return room


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def told(person: Browser, room: Room) -> dict[str, Any]:
    content: dict[str, Any] = person.get(room.path).json()
    return content


def epochs(person: Browser, room: Room) -> list[int]:
    """The epochs that the server gives this person grants of."""
    parsed = [statements.Grant.parse(decode_b64u(grant["statement"])) for grant in told(person, room)["grants"]]
    assert {grant.recipient_id for grant in parsed} <= {person.keys.user_id}
    return [grant.epoch for grant in parsed]


def snapshot() -> list[Any]:
    """Every row that a change of the roster may change."""
    models = (Conversation, RosterEntry, Membership, Grant, PreviousKey, Meta)
    return [list(model.objects.order_by("pk").values()) for model in models]


class TestInvite:
    def test_bob_is_invited_and_accepts(self, room: Room, alice: Browser, bob: Browser):
        answer = room.act("invite", alice, bob, role="member")
        assert (answer.status_code, answer.json()) == (201, told(alice, room))
        record = told(bob, room)
        assert record["roster"] == answer.json()["roster"]
        assert record["roster"][1]["subject"]["rsa_kid"] == encode_b64u(bob.keys.rsa_kid)
        assert epochs(bob, room) == [0]
        assert room.act("accept", bob).status_code == 201
        roles = dict(Membership.objects.values_list("user_id", "role"))
        assert roles == {alice.keys.user_id: "owner", bob.keys.user_id: "member"}
        bob.send_messages(room.id, 1)

    def test_with_history_brings_grants_of_earlier_epochs(self, room: Room, alice: Browser, bob: Browser):
        for _ in range(3):
            room.act("rotate", alice)
        room.act("invite", alice, bob, role="reader", history=(0, 2))
        assert epochs(bob, room) == [0, 2, 3]
        assert epochs(alice, room) == [0, 1, 2, 3]

    def test_without_history_begins_an_epoch_that_hands_nothing_on(self, pair: Room, alice: Browser, charlie: Browser):
        pair.rename(alice)
        alice.send_messages(pair.id, 3)
        pair.act("invite", alice, charlie, role="member", fresh=True)
        assert epochs(charlie, pair) == [1]
        assert not PreviousKey.objects.exists()
        record = told(alice, pair)
        assert (record["epoch"], record["epoch_position"]) == (1, 3)
        assert (record["meta"]["meta_version"], record["meta"]["epoch"]) == (2, 1)

    def test_who_is_invited_sees_neither_head_nor_former_keys(self, pair: Room, alice: Browser, charlie: Browser):
        alice.send_messages(pair.id, 1)
        pair.act("rotate", alice)
        pair.act("invite", alice, charlie, role="member")
        record = told(charlie, pair)
        assert (record["head"], record["previous"]) == (None, [])
        assert told(alice, pair)["previous"] != []
        pair.act("accept", charlie)
        record = told(charlie, pair)
        assert record["head"]["position"] == 1
        assert [key["epoch"] for key in record["previous"]] == [1]

    def test_the_list_shows_an_invitation_as_such(self, pair: Room, alice: Browser, charlie: Browser):
        alice.send_messages(pair.id, 1)
        pair.act("invite", alice, charlie, role="member")
        (record,) = charlie.get("conversations").json()["conversations"]
        assert record == told(charlie, pair)

    def test_decline_takes_the_invitation_away(self, room: Room, alice: Browser, bob: Browser):
        room.act("invite", alice, bob, role="member")
        assert room.act("decline", bob).status_code == 204
        assert bob.get(room.path).status_code == 404
        assert not Grant.objects.filter(user_id=bob.keys.user_id).exists()

    def test_who_declined_can_be_invited_again(self, room: Room, alice: Browser, bob: Browser):
        room.act("invite", alice, bob, role="member")
        room.act("decline", bob)
        room.act("rotate", alice)
        room.admit(alice, bob, role="reader")
        assert Membership.objects.get(user_id=bob.keys.user_id).role == "reader"

    def test_keys_that_are_not_the_ones_on_record_are_refused(self, room: Room, alice: Browser, bob: Browser):
        draft = room.draft("invite", alice, bob, role="member")
        KeyBundle.objects.filter(pk=bob.keys.user_id).update(rsa_kid=os.urandom(32))
        assert code(room.post(alice, draft)) == (400, "invalid")

    def test_nobody_without_an_account_is_invited(self, room: Room, alice: Browser):
        ghost = Browser(Keys("ghost@example.org"))
        assert code(room.post(alice, room.draft("invite", alice, ghost, role="member"))) == (400, "invalid")


class TestRemove:
    def test_begins_an_epoch_for_who_stays(self, pair: Room, alice: Browser, bob: Browser, charlie: Browser):
        pair.admit(alice, charlie, role="reader")
        pair.rename(bob)
        draft = pair.draft("remove", alice, bob)
        answer = pair.post(alice, draft)
        assert answer.status_code == 201
        record = told(charlie, pair)
        assert (record["epoch"], epochs(charlie, pair), epochs(alice, pair)) == (1, [0, 1], [0, 1])
        assert record["previous"] == [{"epoch": 1, "envelope": draft["previous"]}]
        assert record["meta"] == {**draft["meta"], "author_id": str(alice.keys.user_id)}

    def test_leaves_bob_nothing(self, pair: Room, alice: Browser, bob: Browser):
        alice.send_messages(pair.id, 1)
        pair.act("remove", alice, bob)
        assert bob.get(pair.path).status_code == 404
        assert bob.get(f"{pair.path}/messages").status_code == 404
        assert bob.get("conversations").json()["conversations"] == []
        assert not Grant.objects.filter(user_id=bob.keys.user_id).exists()
        for epoch in (0, 1):
            message = bob.keys.message(pair.id, 1, epoch=epoch)
            assert bob.post(f"{pair.path}/messages", message).status_code == 404

    def test_a_message_of_the_epoch_before_is_a_conflict(self, pair: Room, alice: Browser, bob: Browser):
        late = alice.keys.message(pair.id, 1)
        pair.act("remove", alice, bob)
        assert code(alice.post(f"{pair.path}/messages", late)) == (409, "epoch-conflict")
        assert code(alice.put(f"{pair.path}/meta", alice.keys.meta(pair.id, 1))) == (409, "epoch-conflict")
        again = alice.keys.message(pair.id, 1, epoch=1)
        assert alice.post(f"{pair.path}/messages", again).status_code == 201

    def test_takes_an_invitation_back(self, room: Room, alice: Browser, bob: Browser):
        room.act("invite", alice, bob, role="member")
        room.act("remove", alice, bob)
        assert bob.get(room.path).status_code == 404


class TestLeave:
    def test_bob_leaves(self, pair: Room, alice: Browser, bob: Browser):
        assert pair.act("leave", bob).status_code == 204
        assert bob.get(pair.path).status_code == 404
        assert told(alice, pair)["epoch"] == 0
        assert not Grant.objects.filter(user_id=bob.keys.user_id).exists()

    @pytest.mark.parametrize("op", ["leave", "decline"])
    def test_nothing_is_stored_under_the_key_afterwards(self, room: Room, alice: Browser, bob: Browser, op: str):
        room.act("invite", alice, bob, role="member")
        if op == "leave":
            room.act("accept", bob)
        room.act(op, bob)
        assert code(alice.post(f"{room.path}/messages", alice.keys.message(room.id, 1))) == (409, "epoch-conflict")
        assert code(alice.put(f"{room.path}/meta", alice.keys.meta(room.id, 1))) == (409, "epoch-conflict")
        room.act("rotate", alice)
        assert alice.post(f"{room.path}/messages", alice.keys.message(room.id, 1, epoch=1)).status_code == 201

    def test_the_last_owner_stays(self, pair: Room, alice: Browser):
        members = {key: value for key, value in pair.state.members.items() if key != alice.keys.user_id}
        entry = pair.propose("leave", alice.keys, members_hash=hash_members(members))
        body = {"entry": signed(alice.keys.idk, entry.serialize()), "grants": [], "previous": None, "meta": None}
        assert code(alice.post(f"{pair.path}/roster", body)) == (400, "last-owner")

    def test_alice_leaves_once_bob_owns_it_too(self, pair: Room, alice: Browser, bob: Browser):
        pair.act("role", alice, bob, role="owner")
        pair.act("leave", alice)
        assert bob.delete(pair.path).status_code == 204


class TestAgain:
    @pytest.mark.parametrize("op", ["invite", "rotate"])
    def test_the_same_entry_is_no_conflict(self, room: Room, alice: Browser, bob: Browser, op: str):
        draft = room.draft(
            op, alice, *([bob] if op == "invite" else []), **({"role": "member"} if op == "invite" else {})
        )
        first = room.post(alice, draft)
        before = snapshot()
        second = alice.post(f"{room.path}/roster", draft)
        assert (first.status_code, second.status_code) == (201, 200)
        assert second.json() == first.json()
        assert snapshot() == before

    @pytest.mark.parametrize("op", ["leave", "decline"])
    def test_who_is_out_is_told_so_again(self, room: Room, alice: Browser, bob: Browser, op: str):
        room.act("invite", alice, bob, role="member")
        if op == "leave":
            room.act("accept", bob)
        draft = room.draft(op, bob)
        assert room.post(bob, draft).status_code == 204
        assert bob.post(f"{room.path}/roster", draft).status_code == 204

    def test_another_entry_at_the_same_place_is_a_conflict(self, pair: Room, alice: Browser, bob: Browser):
        drafts = [pair.draft("rotate", person) for person in (alice, bob)]
        assert pair.post(alice, drafts[0]).status_code == 201
        before = snapshot()
        assert code(pair.post(bob, drafts[1])) == (409, "roster-conflict")
        assert snapshot() == before

    def test_somebody_elses_entry_is_not_ones_own(self, pair: Room, alice: Browser, bob: Browser, charlie: Browser):
        draft = pair.draft("rotate", alice)
        pair.post(alice, draft)
        assert code(bob.post(f"{pair.path}/roster", draft)) == (400, "invalid")
        assert charlie.post(f"{pair.path}/roster", draft).status_code == 404


ALLOWED: dict[str, set[str]] = {
    "invite": {"owner"},
    "remove": {"owner"},
    "role": {"owner"},
    "rotate": {"owner", "member"},
    "leave": {"owner", "member", "reader"},
    "accept": {"invited"},
    "decline": {"invited"},
}


@pytest.mark.parametrize("role", ["owner", "member", "reader", "invited"])
@pytest.mark.parametrize("op", ALLOWED)
def test_everyone_may_what_their_role_allows(pair: Room, alice: Browser, bob: Browser, op: str, role: str):
    dave, erin = signed_up("dave@example.org"), signed_up("erin@example.org")
    pair.act("invite", alice, dave, role="member" if role == "invited" else role)
    if role != "invited":
        pair.act("accept", dave)
    before = snapshot()
    target = {"invite": erin, "remove": bob, "role": bob}.get(op)
    body = pair.force(op, dave, target, role="reader" if op in {"invite", "role"} else "")
    answer = dave.post(f"{pair.path}/roster", body)
    if role in ALLOWED[op]:
        assert answer.status_code in {201, 204}, answer.content
    elif (role, op) == ("invited", "leave"):
        assert code(answer) == (400, "invalid")
    else:
        assert code(answer) == (403, "forbidden")
        assert snapshot() == before


def resigned(part: dict[str, Any], key: Any) -> dict[str, Any]:
    return {**part, **signed(key, decode_b64u(part["statement"]))}


def entry_of(body: dict[str, Any]) -> statements.RosterEntry:
    return statements.RosterEntry.parse(decode_b64u(body["entry"]["statement"]))


def alter(room: Room, body: dict[str, Any], keys: Keys, **changes: Any) -> None:
    """Alters the entry after everything else was made, and signs it again."""
    body["entry"] = signed(keys.idk, replace(entry_of(body), **changes).serialize())


def regrant(room: Room, body: dict[str, Any], **changes: Any) -> None:
    """Alters the statement of the last grant, and signs it again."""
    grant = body["grants"][-1]
    fresh = room.grant(entry_of(body), recipient_of(grant), grant["epoch"], **changes)
    body["grants"][-1] = {**fresh, "user_id": grant["user_id"]}


def recipient_of(grant: dict[str, Any]) -> Any:
    return statements.Grant.parse(decode_b64u(grant["statement"])).recipient_id


def somebody_else(room: Room, body: dict[str, Any]) -> str:
    named = recipient_of(body["grants"][-1])
    return next(str(user_id) for user_id in room.follow(entry_of(body)).members if user_id != named)


Lie = Callable[[Room, dict[str, Any], Browser, Browser], Any]
LIES: dict[str, Lie] = {
    # The entry.
    "an entry signed by somebody else": lambda r, b, a, o: b.update(entry=resigned(b["entry"], o.keys.idk)),
    "an entry that somebody else acts in": lambda r, b, a, o: alter(r, b, a.keys, actor_id=o.keys.user_id),
    "an entry of another conversation": lambda r, b, a, o: alter(r, b, a.keys, conversation_id=uuid7()),
    "an entry with a ghost": lambda r, b, a, o: alter(
        r,
        b,
        a.keys,
        members_hash=hash_members(
            {**r.follow(entry_of(b)).members, NIL_UUID: Member(NIL_UUID, bytes(32), bytes(32), Role.READER)}
        ),
    ),
    "an entry that creates": lambda r, b, a, o: alter(r, b, a.keys, op="create"),
    "an entry that does nothing known": lambda r, b, a, o: alter(r, b, a.keys, op="promote"),
    "an entry two epochs on": lambda r, b, a, o: alter(r, b, a.keys, epoch=entry_of(b).epoch + 1),
    "an entry with the old key": lambda r, b, a, o: alter(r, b, a.keys, ck_commit=r.state.ck_commits[0]),
    "the grant as entry": lambda r, b, a, o: b.update(
        entry={name: b["grants"][0][name] for name in ("statement", "signature")}
    ),
    # The grants: which there are.
    "a grant missing": lambda r, b, a, o: b["grants"].pop(),
    "one's own grant missing": lambda r, b, a, o: b["grants"].pop(0),
    "no grants": lambda r, b, a, o: b.update(grants=[]),
    "a grant twice": lambda r, b, a, o: b["grants"].append(b["grants"][-1]),
    "a second grant to the same": lambda r, b, a, o: b["grants"].append(
        r.grant(entry_of(b), recipient_of(b["grants"][-1]), b["grants"][-1]["epoch"])
    ),
    "a grant to a stranger": lambda r, b, a, o: b["grants"].append({**b["grants"][-1], "user_id": str(uuid7())}),
    "a grant under another's name": lambda r, b, a, o: b["grants"][-1].update(user_id=somebody_else(r, b)),
    "a grant of the epoch before": lambda r, b, a, o: b["grants"].append(
        r.grant(entry_of(b), recipient_of(b["grants"][-1]), 0)
    ),
    "a grant of an epoch to come": lambda r, b, a, o: b["grants"][-1].update(epoch=9),
    # The grants: what they say.
    "a grant signed by somebody else": lambda r, b, a, o: b["grants"].append(resigned(b["grants"].pop(), o.keys.idk)),
    "a grant of another conversation": lambda r, b, a, o: regrant(r, b, conversation_id=uuid7()),
    "a grant that says another epoch": lambda r, b, a, o: regrant(r, b, epoch=0),
    "a grant that says another recipient": lambda r, b, a, o: regrant(r, b, recipient_id=uuid7()),
    "a grant under another key": lambda r, b, a, o: regrant(r, b, rsa_kid=os.urandom(32)),
    "a grant of another commitment": lambda r, b, a, o: regrant(r, b, ck_commit=os.urandom(32)),
    "a grant of other bytes": lambda r, b, a, o: regrant(r, b, wrapped_hash=os.urandom(32)),
    "other bytes than granted": lambda r, b, a, o: b["grants"][-1].update(wrapped=encode_b64u(os.urandom(512))),
    "a grant by somebody else": lambda r, b, a, o: regrant(r, b, grantor_id=o.keys.user_id),
    "a grant at the entry before": lambda r, b, a, o: regrant(r, b, roster_hash=r.state.head),
    "the entry as grant": lambda r, b, a, o: b["grants"][-1].update(b["entry"]),
    "a short wrapped key": lambda r, b, a, o: b["grants"][-1].update(wrapped=encode_b64u(bytes(511))),
    "a long wrapped key": lambda r, b, a, o: b["grants"][-1].update(wrapped=encode_b64u(bytes(513))),
    # What else there is.
    "an unknown member": lambda r, b, a, o: b.update(note="plain"),
    "a grant with an unknown member": lambda r, b, a, o: b["grants"][-1].update(key="plain"),
    "no entry": lambda r, b, a, o: b.pop("entry"),
    "no word of previous": lambda r, b, a, o: b.pop("previous"),
    "no word of meta": lambda r, b, a, o: b.pop("meta"),
    "null grants": lambda r, b, a, o: b.update(grants=None),
    "more grants than there may be": lambda r, b, a, o: b.update(grants=(b["grants"] * 1001)[:1001]),
}
META_LIES: dict[str, Lie] = {
    "meta of another epoch": lambda r, b, a, o: b.update(meta=a.keys.meta(r.id, 2, epoch=0)),
    "meta signed by somebody else": lambda r, b, a, o: b.update(meta=o.keys.meta(r.id, 2, epoch=1)),
    "meta in plain": lambda r, b, a, o: b["meta"].update(title="plain"),
    "a message as meta": lambda r, b, a, o: b["meta"].update(envelope=encode_b64u(envelope(Kind.MESSAGE))),
}
PREVIOUS_LIES: dict[str, Lie] = {
    "no previous key": lambda r, b, a, o: b.update(previous=None),
    "an envelope of another kind as previous": lambda r, b, a, o: b.update(
        previous=encode_b64u(envelope(Kind.STREAM, 32))
    ),
    "a previous key that is longer": lambda r, b, a, o: b.update(previous=encode_b64u(envelope(Kind.PREV, 33))),
    "a previous key that is shorter": lambda r, b, a, o: b.update(previous=encode_b64u(envelope(Kind.PREV, 31))),
}


def judge(
    room: Room, people: tuple[Browser, Browser], make: Callable[[], dict[str, Any]], lies: dict[str, Lie]
) -> None:
    """Posts the change once with each lie: all are refused, and none leaves a trace. Then as it should be."""
    actor, other = people
    before, passed = snapshot(), {}
    for name, lie in lies.items():
        body = make()
        lie(room, body, actor, other)
        answer = actor.post(f"{room.path}/roster", body)
        if answer.status_code != 400 or answer.json()["code"] != "invalid" or snapshot() != before:
            passed[name] = answer.content
    assert passed == {}
    assert room.post(actor, make()).status_code in {201, 204}


def test_a_removal_comes_with_exactly_what_it_needs(pair: Room, alice: Browser, bob: Browser, charlie: Browser):
    pair.admit(alice, charlie)
    pair.rename(alice)
    lies = {**LIES, **META_LIES, **PREVIOUS_LIES}
    judge(pair, (alice, charlie), lambda: pair.draft("remove", alice, bob), lies)


def test_a_rotation_comes_with_exactly_what_it_needs(pair: Room, alice: Browser, bob: Browser):
    pair.rename(alice)
    judge(pair, (bob, alice), lambda: pair.draft("rotate", bob), {**LIES, **META_LIES, **PREVIOUS_LIES})


def test_an_invitation_without_history_comes_with_exactly_what_it_needs(
    pair: Room, alice: Browser, bob: Browser, charlie: Browser
):
    pair.rename(alice)
    lies = {**LIES, **META_LIES, "a previous key": BARE_LIES["a previous key"]}
    judge(pair, (alice, bob), lambda: pair.draft("invite", alice, charlie, role="member", fresh=True), lies)


def test_an_invitation_with_history_comes_with_exactly_what_it_needs(
    pair: Room, alice: Browser, bob: Browser, charlie: Browser
):
    pair.rename(alice)
    pair.act("rotate", alice)
    make = lambda: pair.draft("invite", alice, charlie, role="member", history=(0,))  # noqa: E731
    judge(pair, (alice, bob), make, INVITE_LIES)


INVITE_LIES: dict[str, Lie] = {
    **{
        name: lie
        for name, lie in LIES.items()
        if name not in {"a grant of the epoch before", "an entry with the old key"} and "missing" not in name
    },
    "no grant of the current epoch": lambda r, b, a, o: b["grants"].pop(),
    "a grant of the current epoch to somebody else": lambda r, b, a, o: b["grants"].append(
        r.grant(entry_of(b), o.keys.user_id, 1)
    ),
    "meta": lambda r, b, a, o: b.update(meta=a.keys.meta(r.id, 3, epoch=1)),
    "a previous key": lambda r, b, a, o: b.update(previous=encode_b64u(envelope(Kind.PREV, 32))),
}
BARE_LIES: dict[str, Lie] = {
    "a grant": lambda r, b, a, o: b["grants"].append(
        {**r.draft("rotate", o)["grants"][0], "user_id": str(o.keys.user_id), "epoch": 0}
    ),
    "a previous key": lambda r, b, a, o: b.update(previous=encode_b64u(envelope(Kind.PREV, 32))),
    "meta": lambda r, b, a, o: b.update(meta=a.keys.meta(r.id, 2)),
}


@pytest.mark.parametrize("op", ["accept", "decline", "leave", "role"])
def test_other_changes_come_alone(pair: Room, alice: Browser, bob: Browser, charlie: Browser, op: str):
    pair.rename(alice)
    pair.act("invite", alice, charlie, role="member")
    people = {"leave": (bob, alice), "role": (alice, bob)}.get(op, (charlie, alice))
    target, role = (bob, "reader") if op == "role" else (None, "")
    judge(pair, people, lambda: pair.draft(op, people[0], target, role=role), BARE_LIES)


def test_a_rightful_grant_where_none_belongs_is_refused(pair: Room, alice: Browser, bob: Browser):
    body = pair.draft("role", alice, bob, role="reader")
    body["grants"].append(pair.grant(entry_of(body), bob.keys.user_id, 0))
    assert code(alice.post(f"{pair.path}/roster", body)) == (400, "invalid")


def test_keys_are_not_replaced_here(pair: Room, bob: Browser):
    keys = pair.people[bob.keys.user_id] = replace(bob.keys, spki=another_spki())
    KeyBundle.objects.filter(pk=keys.user_id).update(rsa_kid=keys.rsa_kid)
    body = pair.body(pair.propose("rekey", keys))
    before = snapshot()
    assert code(bob.post(f"{pair.path}/roster", body)) == (400, "invalid")
    assert snapshot() == before


@pytest.mark.parametrize("version", [None, 1, 3])
def test_meta_of_another_version_is_a_conflict(pair: Room, alice: Browser, bob: Browser, version: int | None):
    pair.rename(alice)
    body = pair.draft("rotate", bob)
    body["meta"] = None if version is None else bob.keys.meta(pair.id, version, epoch=1)
    before = snapshot()
    assert code(bob.post(f"{pair.path}/roster", body)) == (409, "version-conflict")
    assert snapshot() == before


def test_meta_where_there_is_none_is_refused(pair: Room, alice: Browser):
    body = pair.draft("rotate", alice)
    body["meta"] = alice.keys.meta(pair.id, 1, epoch=1)
    assert code(alice.post(f"{pair.path}/roster", body)) == (400, "invalid")


@pytest.mark.parametrize("seq", [0, 1, 2, 4, 2**53, 2**64 - 1])
def test_an_entry_that_does_not_follow_is_a_conflict(pair: Room, alice: Browser, seq: int):
    assert pair.state.seq == 2
    body = pair.draft("rotate", alice)
    alter(pair, body, alice.keys, seq=seq)
    assert code(alice.post(f"{pair.path}/roster", body)) == (409, "roster-conflict")


def test_an_entry_on_another_branch_is_a_conflict(pair: Room, alice: Browser):
    body = pair.draft("rotate", alice)
    alter(pair, body, alice.keys, prev_hash=os.urandom(32))
    assert code(alice.post(f"{pair.path}/roster", body)) == (409, "roster-conflict")


def test_no_more_people_than_fit(room: Room, alice: Browser, monkeypatch: pytest.MonkeyPatch, bob: Browser):
    draft = room.draft("invite", alice, bob, role="member")
    monkeypatch.setattr("balon.protocol.roster.MAX_MEMBERS", 1)
    assert MAX_MEMBERS == 200
    assert code(alice.post(f"{room.path}/roster", draft)) == (400, "room-full")


def test_a_long_roster_grows_slowly(pair: Room, alice: Browser, bob: Browser, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rosters, "LONG_ROSTER", pair.state.seq + 1)
    monkeypatch.setattr(rosters, "LONG_ROSTER_LIMIT", rosters.Limit(count=1, window_s=10**6))
    pair.act("rotate", alice)
    before = snapshot()
    for person in (alice, bob):
        assert code(pair.post(person, pair.draft("rotate", person))) == (429, "throttled")
    assert snapshot() == before
    assert Room(alice).act("rotate", alice).status_code == 201
    pair.act("remove", alice, bob)


def queries_of(request: Callable[[], Any]) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert request().status_code in {200, 201}
    return len(queries)


def test_takes_as_many_queries_for_many_people_as_for_few(pair: Room, alice: Browser):
    requests = {
        "rotate": lambda: pair.act("rotate", alice),
        "invite": lambda: pair.act("invite", alice, signed_up(f"{uuid7()}@example.org"), role="reader", fresh=True),
        "people": lambda: alice.get(f"{pair.path}/people"),
        "record": lambda: alice.get(pair.path),
        "list": lambda: alice.get("conversations"),
        "message": lambda: alice.post(
            f"{pair.path}/messages",
            alice.keys.message(pair.id, 1 + Message.objects.count(), epoch=pair.state.epoch),
        ),
    }
    few = {name: queries_of(request) for name, request in requests.items()}
    for number in range(5):
        pair.admit(alice, signed_up(f"guest{number}@example.org"))
    assert {name: queries_of(request) for name, request in requests.items()} == few


def test_charlie_gets_404_as_for_nothing(pair: Room, charlie: Browser):
    body = Room(charlie).draft("rotate", charlie)
    answers = [charlie.post(f"conversations/{place}/roster", body) for place in (pair.id, uuid7())]
    malformed = [
        charlie.post(f"conversations/{place}/roster", {**body, "entry": {**body["entry"], "statement": "A" * 100}})
        for place in (pair.id, uuid7())
    ]
    assert {answer.status_code for answer in answers + malformed} == {404}
    assert len({answer.content for answer in answers + malformed}) == 1


def test_a_visitor_gets_401(pair: Room, alice: Browser):
    assert Browser().post(f"{pair.path}/roster", pair.draft("rotate", alice)).status_code == 401
