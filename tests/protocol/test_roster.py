"""The roster's rules (docs/protocol.md section 7): Alice owns, Bob is a member, Carol reads, Dave is invited, Charlie is a stranger."""

import hashlib
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balon.protocol.encoding import NIL_UUID, ZERO_HASH, encode_context
from balon.protocol.errors import (
    ForbiddenEntryError,
    LastOwnerError,
    OutdatedEntryError,
    RosterError,
    RosterFullError,
)
from balon.protocol.roster import (
    Member,
    Role,
    RosterState,
    apply_entry,
    complete_entry,
    create_roster,
    hash_members,
)
from balon.protocol.statements import RosterEntry

CONVERSATION = UUID("018f0000-0000-7000-8000-0000000000c1")


def member(number: int, role: Role) -> Member:
    return Member(UUID(int=number), bytes([number]) * 32, bytes([number + 100]) * 32, role)


ALICE, BOB, CAROL = member(1, Role.OWNER), member(2, Role.INVITED), member(3, Role.INVITED)
DAVE, CHARLIE = member(4, Role.INVITED), member(5, Role.INVITED)


def key(epoch: int) -> bytes:
    return hashlib.sha256(f"commit {epoch}".encode()).digest()


def begin() -> RosterState:
    entry = RosterEntry(
        CONVERSATION,
        0,
        ZERO_HASH,
        "create",
        ALICE.user_id,
        NIL_UUID,
        "owner",
        0,
        key(0),
        hash_members({ALICE.user_id: ALICE}),
        1,
    )
    return create_roster(entry, ALICE)


def propose(state, op, actor, *, target=NIL_UUID, role="", members, rotate=False, **changes):
    """An entry as an honest client would write it."""
    epoch = state.epoch + rotate
    entry = RosterEntry(
        CONVERSATION,
        state.seq + 1,
        state.head,
        op,
        actor.user_id,
        target,
        role,
        epoch,
        key(epoch),
        hash_members(members),
        2,
    )
    return replace(entry, **changes)


def invite(state, actor, whom, role, *, rotate=False, **changes):
    members = {**state.members, whom.user_id: whom}
    return propose(state, "invite", actor, target=whom.user_id, role=role, members=members, rotate=rotate, **changes)


def accept(state, whom):
    members = {**state.members, whom.user_id: replace(whom, role=state.invited_roles.get(whom.user_id, Role.MEMBER))}
    return propose(state, "accept", whom, members=members)


def remove(state, actor, whom, **changes):
    members = {key: value for key, value in state.members.items() if key != whom.user_id}
    return propose(state, "remove", actor, target=whom.user_id, members=members, rotate=True, **changes)


@pytest.fixture
def group() -> RosterState:
    state = begin()
    for whom, role in ((BOB, "member"), (CAROL, "reader")):
        state = apply_entry(state, invite(state, ALICE, whom, role), whom)
        state = apply_entry(state, accept(state, whom))
    return apply_entry(state, invite(state, ALICE, DAVE, "member"), DAVE)


def test_a_group_forms(group):
    roles = {each.user_id: each.role for each in group.members.values()}
    assert roles == {
        ALICE.user_id: Role.OWNER,
        BOB.user_id: Role.MEMBER,
        CAROL.user_id: Role.READER,
        DAVE.user_id: Role.INVITED,
    }
    assert group.epoch == 0
    assert not group.needs_rotation


def test_a_removal_begins_an_epoch(group):
    after = apply_entry(group, remove(group, ALICE, BOB))
    assert after.epoch == 1
    assert BOB.user_id not in after.members
    assert not after.needs_rotation


def test_who_leaves_or_declines_makes_a_rotation_necessary(group):
    without_bob = {key: value for key, value in group.members.items() if key != BOB.user_id}
    left = apply_entry(group, propose(group, "leave", group.members[BOB.user_id], members=without_bob))
    assert left.needs_rotation
    rotated = apply_entry(left, propose(left, "rotate", ALICE, members=left.members, rotate=True))
    assert not rotated.needs_rotation
    without_dave = {key: value for key, value in rotated.members.items() if key != DAVE.user_id}
    declined = apply_entry(rotated, propose(rotated, "decline", DAVE, members=without_dave))
    assert declined.needs_rotation


def rekey(state, whom, **keys):
    rekeyed = replace(state.members[whom.user_id], **keys)
    return propose(state, "rekey", whom, members={**state.members, whom.user_id: rekeyed}), rekeyed


@pytest.mark.parametrize("keys", [{"rsa_kid": bytes(32)}, {"rsa_kid": bytes(32), "idk_pub": bytes(32)}])
def test_rekey_changes_the_actors_keys_and_exposes_the_epoch(group, keys):
    entry, rekeyed = rekey(group, CAROL, **keys)
    after = apply_entry(group, entry, rekeyed)
    assert after.members[CAROL.user_id] == rekeyed
    assert after.needs_rotation
    rotated = apply_entry(after, propose(after, "rotate", ALICE, members=after.members, rotate=True))
    assert not rotated.needs_rotation


@pytest.mark.parametrize("keys", [{}, {"idk_pub": bytes(32)}, {"rsa_kid": bytes(32), "role": Role.OWNER}])
def test_rekey_brings_another_encryption_key_and_no_role(group, keys):
    with pytest.raises(RosterError):
        apply_entry(group, *rekey(group, CAROL, **keys))


def test_rekey_is_for_oneself(group):
    rekeyed = replace(group.members[CAROL.user_id], rsa_kid=bytes(32))
    entry = propose(group, "rekey", ALICE, members={**group.members, CAROL.user_id: rekeyed})
    with pytest.raises(RosterError):
        apply_entry(group, entry, rekeyed)


def test_an_entry_is_completed_to_what_it_leads_to(group):
    entry = remove(group, ALICE, BOB)
    assert complete_entry(group, replace(entry, members_hash=ZERO_HASH)) == entry
    with pytest.raises(RosterError):
        complete_entry(group, replace(entry, actor_id=BOB.user_id))


def test_an_uninvited_history_begins_an_epoch(group):
    after = apply_entry(group, invite(group, ALICE, CHARLIE, "reader", rotate=True), CHARLIE)
    assert after.epoch == 1


REFUSED = {
    "a member invites": lambda g: (invite(g, BOB, CHARLIE, "member"), CHARLIE),
    "a reader rotates": lambda g: (propose(g, "rotate", CAROL, members=g.members, rotate=True), None),
    "the invited rotates": lambda g: (propose(g, "rotate", DAVE, members=g.members, rotate=True), None),
    "a member removes": lambda g: (remove(g, BOB, CAROL), None),
    "a stranger accepts": lambda g: (propose(g, "accept", CHARLIE, members=g.members), None),
    "a member accepts again": lambda g: (accept(g, BOB), None),
    "an owner removes themselves": lambda g: (remove(g, ALICE, ALICE), None),
    "a removal keeps the key": lambda g: (remove(g, ALICE, BOB, epoch=g.epoch, ck_commit=key(g.epoch)), None),
    "a rotation keeps the key": lambda g: (
        propose(g, "rotate", ALICE, members=g.members, rotate=True, ck_commit=key(0)),
        None,
    ),
    "a rotation skips an epoch": lambda g: (
        propose(g, "rotate", ALICE, members=g.members, rotate=True, epoch=g.epoch + 2),
        None,
    ),
    "an acceptance changes the key": lambda g: (replace(accept(g, DAVE), epoch=1, ck_commit=key(1)), None),
    "another conversation": lambda g: (replace(accept(g, DAVE), conversation_id=NIL_UUID), None),
    "a gap": lambda g: (replace(accept(g, DAVE), seq=g.seq + 2), None),
    "a fork": lambda g: (replace(accept(g, DAVE), prev_hash=ZERO_HASH), None),
    "a ghost in the members": lambda g: (
        replace(accept(g, DAVE), members_hash=hash_members({**g.members, CHARLIE.user_id: CHARLIE})),
        None,
    ),
    "an invitation as invited": lambda g: (invite(g, ALICE, CHARLIE, "invited"), CHARLIE),
    "an invitation of a member": lambda g: (invite(g, ALICE, BOB, "reader"), BOB),
    "an invitation without keys": lambda g: (invite(g, ALICE, CHARLIE, "member"), None),
    "an invitation with other keys": lambda g: (
        invite(g, ALICE, CHARLIE, "member"),
        replace(CHARLIE, idk_pub=bytes(32)),
    ),
    "a second beginning": lambda g: (propose(g, "create", ALICE, members=g.members), None),
    "an unknown deed": lambda g: (propose(g, "promote", ALICE, members=g.members), None),
    "a target where none is": lambda g: (
        propose(g, "rotate", ALICE, target=BOB.user_id, members=g.members, rotate=True),
        None,
    ),
    "a role where none is": lambda g: (propose(g, "rotate", ALICE, role="owner", members=g.members, rotate=True), None),
    "the invited gets another role": lambda g: (
        propose(
            g,
            "role",
            ALICE,
            target=DAVE.user_id,
            role="owner",
            members={**g.members, DAVE.user_id: replace(DAVE, role=Role.OWNER)},
        ),
        None,
    ),
    "the last owner steps down": lambda g: (
        propose(
            g,
            "role",
            ALICE,
            target=ALICE.user_id,
            role="member",
            members={**g.members, ALICE.user_id: replace(ALICE, role=Role.MEMBER)},
        ),
        None,
    ),
    "the last owner leaves": lambda g: (
        propose(g, "leave", ALICE, members={key: value for key, value in g.members.items() if key != ALICE.user_id}),
        None,
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses(group, name):
    entry, subject = REFUSED[name](group)
    with pytest.raises(RosterError):
        apply_entry(group, entry, subject)


REASONS = {
    ForbiddenEntryError: (
        "a member invites", "a reader rotates", "the invited rotates", "a member removes", "a stranger accepts",
        "a member accepts again",
    ),
    OutdatedEntryError: ("a gap", "a fork"),
    LastOwnerError: ("the last owner steps down", "the last owner leaves"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_tells_why_it_refuses(group, name):
    entry, subject = REFUSED[name](group)
    reason = next((reason for reason, names in REASONS.items() if name in names), RosterError)
    with pytest.raises(reason) as refused:
        apply_entry(group, entry, subject)
    assert refused.type is reason


def test_refuses_more_people_than_fit():
    people = [Member(UUID(int=number), bytes(32), number.to_bytes(32, "big"), Role.INVITED) for number in range(2, 202)]
    state = begin()
    for whom in people[:199]:
        state = apply_entry(state, invite(state, ALICE, whom, "reader"), whom)
    entry = invite(state, ALICE, people[199], "reader")
    with pytest.raises(RosterFullError, match="200"):
        apply_entry(state, entry, people[199])
    with pytest.raises(RosterFullError):
        complete_entry(state, entry, people[199])


def test_members_are_hashed_in_the_order_of_their_ids():
    """By the bytes of the id, whatever order they came in (docs/protocol.md section 7)."""
    members = [ALICE, replace(BOB, user_id=UUID("ff000000-0000-4000-8000-000000000000")), CAROL]
    encoded = b"".join(
        encode_context("member", one.user_id, one.idk_pub, one.rsa_kid, str(one.role))
        for one in sorted(members, key=lambda one: one.user_id.bytes)
    )
    for order in (members, members[::-1]):
        assert hash_members({one.user_id: one for one in order}) == hashlib.sha256(encoded).digest()


@given(
    st.lists(st.sampled_from(["invite", "accept", "remove", "leave", "rotate"]), max_size=25),
    st.randoms(use_true_random=False),
)
def test_any_history_keeps_an_owner_and_never_reuses_a_key(deeds, chance):
    people = [member(number, Role.INVITED) for number in range(2, 7)]
    state = begin()
    for deed in deeds:
        whom = chance.choice(people)
        entries = {
            "invite": (invite(state, ALICE, whom, "member"), whom),
            "accept": (accept(state, whom), None),
            "remove": (remove(state, ALICE, whom), None),
            "leave": (
                propose(
                    state,
                    "leave",
                    whom,
                    members={key: value for key, value in state.members.items() if key != whom.user_id},
                ),
                None,
            ),
            "rotate": (propose(state, "rotate", ALICE, members=state.members, rotate=True), None),
        }
        before = state
        try:
            state = apply_entry(state, *entries[deed])
        except RosterError:
            assert state is before
            continue
        assert ALICE.user_id in state.owners
        assert len(set(state.ck_commits.values())) == state.epoch + 1
        assert not state.exposed & set(state.members) or deed in {"invite", "accept"}
