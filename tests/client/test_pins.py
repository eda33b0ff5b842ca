"""Whose keys: pins, changed keys, identities that a server invents (docs/protocol.md section 7; A6, A22)."""

from uuid import UUID

import pytest

from balon.protocol.encoding import encode_b64u
from balon.protocol.roster import Role, RosterOp
from balon_client.errors import NetworkError
from tests.client.company import (
    ROOM,
    begin,
    bring_in,
    codes,
    conversation_of,
    fresh_tab,
    invite,
    item_of,
    room,
    user_id_of,
)
from tests.client.conftest import ALICE, BOB, SPARE
from tests.client.forging import Forgery, Someone, move_in
from tests.client.tab import refused

HISTORY = YES = True
ROSTER = f"{ROOM}/roster"
MESSAGES = f"{ROOM}/messages"


def contact_of(tab, other):
    return tab.keys.parts.keyring.content.contacts[UUID(user_id_of(other))]


async def number_of(tab, conversation_id: str, user_id: str) -> str:
    members = (await tab.members(conversation_id))["members"]
    return next(member["safety_number"] for member in members if member["user_id"] == user_id)


def rekey(server, tab, conversation_id: str, who: Someone, fresh: Someone) -> Forgery:
    """What a rotation of somebody's keys with a new identity does to a conversation, and to their bundle."""
    forgery = Forgery.known(server, tab, conversation_id)
    forgery.add(RosterOp.REKEY, who, subject=fresh)
    forgery.grant(fresh, grantor=fresh)
    move_in(server, fresh, replaces=fresh.login)
    return forgery


# --- First use ---


async def test_people_are_pinned_on_first_use_with_their_names(alice, bob, charlie):
    conversation_id = await begin(alice)
    await bring_in(alice, bob, conversation_id)
    await bring_in(alice, charlie, conversation_id)
    pinned = bob.keys.parts.keyring.content.contacts
    assert {contact.login for contact in pinned.values()} == {ALICE, "charlie@example.org"}
    assert contact_of(bob, alice).idk_pub == alice.keys.parts.account.bundle.idk_pub
    assert all(contact.verified_ms is None and contact.former == () for contact in pinned.values())


async def test_an_invitation_that_waits_pins_nobody(alice, bob):
    conversation_id = await begin(alice)
    await invite(alice, bob, conversation_id)
    await bob.clock.advance(3)
    assert bob.keys.parts.keyring.content.contacts == {}
    await bob.accept_invitation(conversation_id)
    assert contact_of(bob, alice).login == ALICE


async def test_a_pin_is_saved_for_good_before_anything_is_granted(alice, bob, server):
    conversation_id = await begin(alice)

    def lose(_answer):
        raise NetworkError

    server.lie("PUT", ".*/keys/keyring", lose)
    assert await refused(alice.invite(conversation_id, BOB, "member", HISTORY)) == "network"
    assert server.asked("POST", ROSTER) == []


# --- A key that changed ---


async def test_a_contacts_new_identity_stops_the_conversation_until_it_is_accepted(alice, bob, server, rsa_keys):
    conversation_id = await begin(alice)
    await bring_in(alice, bob, conversation_id)
    await alice.open_conversation(conversation_id)
    await alice.verify_member(user_id_of(bob), YES, await number_of(alice, conversation_id, user_id_of(bob)))
    old = Someone.of(bob)
    fresh = old.renewed(rsa_keys[SPARE])
    rekey(server, alice, conversation_id, old, fresh).tell()
    await alice.until(lambda: alice.told("conversation")[-1]["alarms"])
    told = alice.told("conversation")[-1]
    assert ([alarm["code"] for alarm in told["alarms"]], told["writable"]) == (["key-changed"], False)
    assert BOB in told["alarms"][0]["title"]
    posted = len(server.asked("POST", MESSAGES))
    assert await refused(alice.send(conversation_id, "Hello?", None)) == "key-changed"
    assert await refused(alice.rename(conversation_id, "Title")) == "key-changed"
    assert await refused(alice.invite(conversation_id, "charlie@example.org", "member", HISTORY)) == "key-changed"
    assert await refused(alice.change_role(conversation_id, user_id_of(bob), "owner")) == "key-changed"
    member = (await alice.members(conversation_id))["members"][1]
    assert (member["key_changed"], member["verified"]) == (True, False)
    assert await refused(alice.verify_member(member["user_id"], YES, member["safety_number"])) == "key-changed"
    assert len(server.asked("POST", MESSAGES)) == posted
    assert server.asked("PUT", f"{ROOM}/meta")[-1].body["meta_version"] == 1
    assert await refused(alice.accept_key(member["user_id"], "1")) == "key-changed"
    await alice.accept_key(member["user_id"], member["safety_number"])
    assert conversation_of(alice, conversation_id).alarms == {}
    contact = contact_of(alice, bob)
    assert (contact.idk_pub, contact.former, contact.verified_ms) == (fresh.idk_pub, (old.idk_pub,), None)
    await alice.say("Hello, new Bob", conversation_id)
    assert room(server, conversation_id)["epoch"] == 1, "the key that was replaced opens nothing of it"
    assert (await (await fresh_tab(alice)).open_conversation(conversation_id))["alarms"] == []


async def test_an_accepted_key_counts_on_other_devices_and_for_other_conversations(
    alice, bob, second_device, server, rsa_keys
):
    one, two = await begin(alice, "One"), await begin(alice, "Two")
    for conversation_id in (one, two):
        await bring_in(alice, bob, conversation_id)
    await second_device.until(lambda: conversation_of(second_device, two) is not None)
    await alice.clock.advance(3)
    old = Someone.of(bob)
    fresh = old.renewed(rsa_keys[SPARE])
    forgeries = [rekey(server, alice, conversation_id, old, fresh) for conversation_id in (one, two)]
    for forgery in forgeries:
        forgery.tell()
    tabs = (alice, second_device)
    for tab in tabs:
        for conversation_id in (one, two):
            known = conversation_of(tab, conversation_id)
            await tab.until(lambda known=known: "key-changed" in known.alarms)
    await alice.accept_key(user_id_of(bob), await number_of(alice, one, user_id_of(bob)))
    for tab in tabs:
        for conversation_id in (one, two):
            known = conversation_of(tab, conversation_id)
            await tab.until(lambda known=known: known.alarms == {})


async def test_an_encryption_key_alone_is_no_other_identity(alice, bob, server, rsa_keys):
    conversation_id = await begin(alice)
    await bring_in(alice, bob, conversation_id)
    old = Someone.of(bob)
    fresh = Someone(old.user_id, old.login, old.idk, rsa_keys["charlie@example.org"])
    rekey(server, alice, conversation_id, old, fresh).tell()
    await alice.until(lambda: conversation_of(alice, conversation_id).roster.needs_rotation)
    await alice.say("Hello", conversation_id)
    assert room(server, conversation_id)["epoch"] == 1
    assert alice.alarms == []


async def test_a_server_that_hides_that_a_key_was_replaced_is_noticed(alice, bob, server, rsa_keys):
    """Bob's old identity may be in the wrong hands: one conversation where it lives on is one too many."""
    one, two = await begin(alice, "One"), await begin(alice, "Two")
    for conversation_id in (one, two):
        await bring_in(alice, bob, conversation_id)
    old = Someone.of(bob)
    fresh = old.renewed(rsa_keys[SPARE])
    rekey(server, alice, one, old, fresh).tell()
    await alice.until(lambda: "key-changed" in conversation_of(alice, one).alarms)
    await alice.accept_key(user_id_of(bob), await number_of(alice, one, user_id_of(bob)))
    assert conversation_of(alice, one).alarms == {}
    await alice.until(lambda: "key-changed" in conversation_of(alice, two).alarms)
    assert await refused(alice.send(two, "Hello", None)) == "key-changed"
    rekey(server, alice, two, old, fresh).tell()
    await alice.until(lambda: conversation_of(alice, two).roster.seq == 3)
    await alice.open_conversation(two)
    assert conversation_of(alice, two).alarms == {}


async def test_an_invitation_of_a_contact_with_another_key_cannot_be_accepted(alice, bob, server):
    conversation_id = await begin(alice)
    await bring_in(alice, bob, conversation_id)
    fake = Someone.of(bob).with_other_identity()
    forgery = Forgery.begin(server, fake)
    forgery.add(RosterOp.INVITE, fake, Someone.of(alice), role=Role.MEMBER)
    forgery.grant(Someone.of(alice), grantor=fake)
    forgery.tell("created")
    await alice.until(lambda: conversation_of(alice, str(forgery.id)) is not None)
    item = await item_of(alice, str(forgery.id))
    assert (item["alarm"]["code"], item["invitation"]["by"]["verified"]) == ("key-changed", False)
    assert await refused(alice.accept_invitation(str(forgery.id))) == "key-changed"
    assert server.asked("POST", f"/api/v1/conversations/{forgery.id}/roster") == []
    await alice.decline_invitation(str(forgery.id))
    assert str(forgery.id) not in [each["id"] for each in await alice.list_conversations()]


async def test_an_identity_that_is_invented_for_a_contacts_past_is_a_changed_key(alice, bob, server):
    """Bob's true key stands at the end, and what was done before that was done by somebody else."""
    conversation_id = await begin(alice)
    await bring_in(alice, bob, conversation_id)
    true = Someone.of(bob)
    fake = true.with_other_identity()
    other_rsa = Someone(fake.user_id, fake.login, fake.idk, Someone.of(alice).rsa)
    forgery = Forgery.begin(server, other_rsa)
    forgery.add(RosterOp.REKEY, other_rsa, subject=true)
    forgery.add(RosterOp.INVITE, true, Someone.of(alice), role=Role.MEMBER, signer=true)
    forgery.grant(Someone.of(alice), grantor=true)
    forgery.tell("created")
    await alice.until(lambda: conversation_of(alice, str(forgery.id)) is not None)
    assert (await item_of(alice, str(forgery.id)))["alarm"]["code"] == "key-changed"


@pytest.mark.parametrize("formerly", [False, True])
async def test_an_identity_that_is_invented_for_oneself_is_refused(alice, bob, server, rsa_keys, formerly):
    true = Someone.of(alice)
    invented = Someone(true.user_id, true.login, true.with_other_identity().idk, rsa_keys[BOB])
    if formerly:
        alice.keys.parts.keyring.content.identities.append(invented.idk_pub)
    forgery = Forgery.begin(server, invented)
    forgery.add(RosterOp.REKEY, invented, subject=true)
    forgery.grant(true, grantor=true)
    forgery.tell("created")
    if formerly:
        await alice.until(lambda: conversation_of(alice, str(forgery.id)) is not None)
        assert (await item_of(alice, str(forgery.id)))["alarm"] is None
    else:
        await alice.until(lambda: "conversation-refused" in alice.alarms)
        assert await alice.list_conversations() == []


async def test_a_former_key_of_ones_own_on_the_newest_state_is_refused(alice, server, rsa_keys):
    true = Someone.of(alice)
    former = Someone(true.user_id, true.login, true.with_other_identity().idk, true.rsa)
    alice.keys.parts.keyring.content.identities.append(former.idk_pub)
    forgery = Forgery.begin(server, former)
    forgery.grant(former, grantor=former)
    forgery.tell("created")
    await alice.until(lambda: "conversation-refused" in alice.alarms)


# --- Looking people up ---


async def test_a_contact_found_with_another_key_is_not_invited_until_that_is_accepted(alice, bob, server):
    conversation_id = await begin(alice)
    await bring_in(alice, bob, conversation_id)
    await alice.remove_member(conversation_id, user_id_of(bob))
    fresh = Someone.of(bob).with_other_identity()
    move_in(server, fresh, replaces=BOB)
    assert await refused(alice.invite(conversation_id, BOB, "member", HISTORY)) == "key-changed"
    found = await alice.find_person(BOB)
    assert (found["key_changed"], found["verified"]) == (True, False)
    await alice.accept_key(found["user_id"], found["safety_number"])
    await alice.invite(conversation_id, BOB, "member", HISTORY)
    assert contact_of(alice, bob).idk_pub == fresh.idk_pub


LOOKUP_LIES = {
    "another key for encryption": lambda bob, rsa: bob.bundle(spki=b"\x30" * 550, rsa_kid=b"k" * 32),
    "signed by another": lambda bob, rsa: bob.with_other_identity().bundle(idk_pub=bob.idk_pub),
    "of another person": lambda bob, rsa: bob.bundle(user_id=UUID(int=7)),
    "of another name": lambda bob, rsa: bob.bundle(login="mallory@example.org"),
    "of a name that is none": lambda bob, rsa: bob.bundle(login="Bob@Example.org"),
    "no bundle": lambda bob, rsa: {"statement": "QUJD", "signature": encode_b64u(bytes(64))},
}


@pytest.mark.parametrize("what", LOOKUP_LIES)
async def test_a_bundle_that_does_not_hold_invites_nobody(alice, bob, server, rsa_keys, what):
    conversation_id = await begin(alice)
    bundle = LOOKUP_LIES[what](Someone.of(bob), rsa_keys)
    server.lie("POST", ".*/keys/lookup", lambda answer: answer | {"bundle": bundle})
    assert await refused(alice.find_person(BOB)) == "person-keys-refused"
    assert await refused(alice.invite(conversation_id, BOB, "member", HISTORY)) == "person-keys-refused"
    assert server.asked("POST", ROSTER) == []


async def test_a_key_that_was_exchanged_before_people_met_shows_in_their_safety_numbers(alice, bob, server, rsa_keys):
    """First use trusts what the server gives: only the digits that two people read to each other tell."""
    own = (await bob.find_person(ALICE))["safety_number"]
    assert (await alice.find_person(BOB))["safety_number"] == own
    false = Someone(Someone.of(bob).user_id, BOB, Someone.of(bob).with_other_identity().idk, rsa_keys[SPARE])
    move_in(server, false, replaces=BOB)
    found = await alice.find_person(BOB)
    assert found["safety_number"] != own
    conversation_id = await begin(alice)
    await alice.invite(conversation_id, BOB, "member", HISTORY)
    assert await refused(alice.verify_member(user_id_of(bob), YES, own)) == "key-changed"
    member = (await alice.members(conversation_id))["members"][1]
    assert (member["verified"], member["safety_number"]) == (False, found["safety_number"])


async def test_another_person_of_the_same_name_than_asked_for_is_refused(alice, bob, server, rsa_keys):
    conversation_id = await begin(alice)
    mallory = Someone.new("mallory@example.org", rsa_keys["charlie@example.org"])
    move_in(server, mallory)
    swapped = server._person(server.account_of(mallory.login))
    server.lie("POST", ".*/keys/lookup", lambda _: swapped)
    assert await refused(alice.invite(conversation_id, BOB, "member", HISTORY)) == "person-keys-refused"


async def test_somebody_else_under_the_name_of_a_contact_is_refused(alice, bob, server, rsa_keys):
    conversation_id = await begin(alice)
    await bring_in(alice, bob, conversation_id)
    other = await begin(alice, "Other")
    double = Someone.new(BOB, rsa_keys["charlie@example.org"])
    answer = {"user_id": str(double.user_id), "login": BOB, "bundle": double.bundle()}
    server.lie("POST", ".*/keys/lookup", lambda _: answer)
    assert await refused(alice.invite(other, BOB, "member", HISTORY)) == "name-of-another"
    assert server.asked("POST", f"/api/v1/conversations/{other}/roster") == []


async def test_a_name_that_a_contact_gave_up_may_be_somebody_elses(alice, bob, server, rsa_keys):
    conversation_id = await begin(alice)
    await bring_in(alice, bob, conversation_id)
    renamed = Someone(Someone.of(bob).user_id, "robert@example.org", Someone.of(bob).idk, Someone.of(bob).rsa)
    move_in(server, renamed, replaces=BOB)
    second = Someone.new(BOB, rsa_keys["charlie@example.org"])
    move_in(server, second)
    found = await alice.find_person(BOB)
    assert (found["user_id"], found["name"]) == (str(second.user_id), BOB)
    names = [member["name"] for member in (await alice.members(conversation_id))["members"]]
    assert names == [ALICE, "robert@example.org"]


async def test_an_older_bundle_with_a_key_that_was_replaced_is_refused(alice, bob, server, rsa_keys):
    one, two = await begin(alice, "One"), await begin(alice, "Two")
    await bring_in(alice, bob, one)
    old = Someone.of(bob)
    fresh = Someone(old.user_id, old.login, old.idk, rsa_keys["charlie@example.org"])
    rekey(server, alice, one, old, fresh).tell()
    await alice.until(lambda: conversation_of(alice, one).roster.needs_rotation)
    server.lie("POST", ".*/keys/lookup", lambda answer: answer | {"bundle": old.bundle()})
    assert await refused(alice.invite(two, BOB, "member", HISTORY)) == "person-keys-refused"
    assert server.asked("POST", f"/api/v1/conversations/{two}/roster") == []


# --- Rotation: to whom a new key goes (A6) ---


PEOPLE_LIES = {
    "the key for encryption exchanged": lambda bob, other: bob.bundle(spki=b"\x30" * 550),
    "another key under the true signature": lambda bob, other: Someone(bob.user_id, bob.login, bob.idk, other).bundle(),
    "signed by another identity": lambda bob, other: Someone(
        bob.user_id, bob.login, bob.with_other_identity().idk, other
    ).bundle(),
    "another identity stated": lambda bob, other: bob.with_other_identity().bundle(),
}


@pytest.mark.parametrize("what", PEOPLE_LIES)
async def test_no_key_is_wrapped_for_another_key_than_the_rosters(alice, bob, charlie, server, what):
    conversation_id = await begin(alice)
    await bring_in(alice, bob, conversation_id)
    await bring_in(alice, charlie, conversation_id)
    bundle = PEOPLE_LIES[what](Someone.of(bob), Someone.of(charlie).rsa)
    bob_id = user_id_of(bob)

    def rewrite(answer):
        for person in answer["people"]:
            if person["user_id"] == bob_id:
                person["bundle"] = bundle
        return answer

    server.lie("GET", f"{ROOM}/people", rewrite)
    posted = len(server.asked("POST", ROSTER))
    assert await refused(alice.remove_member(conversation_id, user_id_of(charlie))) == "person-keys-refused"
    assert len(server.asked("POST", ROSTER)) == posted
    await charlie.leave(conversation_id)
    await alice.until(lambda: conversation_of(alice, conversation_id).roster.needs_rotation)
    said = len(server.asked("POST", MESSAGES))
    assert await refused(alice.send(conversation_id, "Secret", None)) == "person-keys-refused"
    assert len(server.asked("POST", MESSAGES)) == said
    assert len(server.asked("POST", ROSTER)) == posted + 1, "only Charlie's own entry"


async def test_a_deleted_account_gets_no_key_and_keeps_nobody_from_writing(alice, bob, charlie, server):
    conversation_id = await begin(alice)
    await bring_in(alice, bob, conversation_id)
    await bring_in(alice, charlie, conversation_id)
    del server.state.accounts[BOB]
    await charlie.leave(conversation_id)
    await alice.until(lambda: conversation_of(alice, conversation_id).roster.needs_rotation)
    await alice.say("Still here", conversation_id)
    granted = [each["user_id"] for each in room(server, conversation_id)["grants"] if each["epoch"] == 1]
    assert granted == [user_id_of(alice)]
    view = await alice.open_conversation(conversation_id)
    assert codes(view) == set()
