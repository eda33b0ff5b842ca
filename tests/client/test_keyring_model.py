"""The keyring's format, and its changes: monotone, applied again to a newer keyring without harm (section 10)."""

import json
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balon.protocol.encoding import encode_b64u
from balon_client.alarms import KeyringError
from balon_client.keyring_model import Contact, KeyringContent, Mark, Seen, note_read, note_roster, parse_keyring
from balon_client.migration_mark import MigrationMark
from balon_client.migration_marks import note_offered, note_purged, refuse_plaintext
from balon_client.pins import accept_keys, note_login, pin_contact, verify_contact

BOB, ROOM = UUID(int=0xB), UUID(int=0xC)
ONE, TWO, THREE = bytes(32), b"\x02" * 32, b"\x03" * 32

keys = st.sampled_from([ONE, TWO, THREE])
contacts = st.builds(
    Contact,
    keys,
    st.integers(0, 2**50),
    st.none() | st.integers(0, 2**50),
    st.none() | st.text("abc.@", max_size=9),
    st.lists(keys, max_size=3).map(tuple),
)
marks = st.none() | st.builds(Mark, st.integers(0, 99), keys)
contents = st.builds(
    KeyringContent,
    contacts=st.dictionaries(st.uuids(), contacts, max_size=3),
    identities=st.lists(keys, max_size=3),
    conversations=st.dictionaries(
        st.uuids(), st.builds(Seen, marks, marks, st.integers(0, 9), st.none() | st.integers(0, 9)), max_size=3
    ),
    no_plaintext=st.booleans(),
    migration=st.none() | st.builds(MigrationMark, st.integers(0, 9), st.integers(0, 9), st.booleans()),
)


def parse(**changes) -> KeyringContent:
    value = json.loads(KeyringContent(contacts={BOB: Contact(ONE, 1)}).serialize())
    return parse_keyring(json.dumps(value | changes).encode())


@given(contents)
def test_a_keyring_comes_back_as_it_was(content):
    assert parse_keyring(content.serialize()) == content


def test_what_an_older_keyring_does_not_have_counts_as_empty():
    value = json.loads(KeyringContent(contacts={BOB: Contact(ONE, 1)}, conversations={ROOM: Seen()}).serialize())
    del value["identities"]
    for name in ("login", "former"):
        del value["contacts"][str(BOB)][name]
    content = parse_keyring(json.dumps(value).encode())
    assert content.contacts == {BOB: Contact(ONE, 1)}
    assert (content.identities, content.conversations[ROOM].read) == ([], None)


@pytest.mark.parametrize(
    "changes",
    [
        {"identities": [encode_b64u(bytes(31))]},
        {"identities": [7]},
        {"identities": {}},
        {"contacts": {str(BOB): {"idk_pub": encode_b64u(ONE), "first_seen_ms": 1, "former": ["x"]}}},
        {"contacts": {str(BOB): {"idk_pub": encode_b64u(ONE), "first_seen_ms": 1, "login": "x" * 255}}},
        {"conversations": {str(ROOM): {"meta_version": 0, "read": -1}}},
        {"migration": {"conversations": 1, "messages": 2}},
        {"no_plaintext": None},
    ],
)
def test_a_keyring_of_another_form_is_refused(changes):
    with pytest.raises(KeyringError):
        parse(**changes)


def test_marks_of_a_migration_only_rise_and_refusing_plaintext_is_never_taken_back():
    content = KeyringContent(no_plaintext=False)
    assert not note_purged()(content)
    assert note_offered(3, 40)(content)
    assert not note_offered(2, 40)(content), "the most that was ever offered counts"
    assert refuse_plaintext()(content)
    assert not refuse_plaintext()(content)
    assert note_purged()(content)
    assert not note_purged()(content)
    assert (content.no_plaintext, content.migration) == (True, MigrationMark(3, 40, is_purged=True))


def test_a_person_is_pinned_once():
    content = KeyringContent()
    assert pin_contact(BOB, [ONE, TWO, ONE, TWO], 5, "bob")(content)
    assert content.contacts == {BOB: Contact(TWO, 5, None, "bob", (ONE,))}
    assert not pin_contact(BOB, [THREE], 6)(content)
    assert content.contacts[BOB].idk_pub == TWO


def test_an_accepted_key_is_not_verified_and_the_one_before_is_a_former_one():
    content = KeyringContent(contacts={BOB: Contact(ONE, 5, verified_ms=6, login="bob")})
    assert accept_keys(BOB, [ONE, TWO, THREE], 9)(content)
    assert content.contacts[BOB] == Contact(THREE, 5, None, "bob", (ONE, TWO))
    assert not accept_keys(BOB, [ONE, TWO, THREE], 9)(content), "again it changes nothing"
    assert accept_keys(BOB, [ONE], 9)(content), "and back"
    assert content.contacts[BOB] == Contact(ONE, 5, None, "bob", (TWO, THREE))


def test_a_former_key_that_was_invented_is_accepted_only_when_said_so():
    content = KeyringContent(contacts={BOB: Contact(TWO, 5, verified_ms=6)})
    assert accept_keys(BOB, [ONE, TWO], 9)(content)
    assert content.contacts[BOB] == Contact(TWO, 5, None, None, (ONE,))


def test_only_the_key_that_was_compared_is_verified():
    content = KeyringContent(contacts={BOB: Contact(ONE, 5)})
    assert not verify_contact(BOB, TWO, 7)(content)
    assert verify_contact(BOB, ONE, 7)(content)
    assert not verify_contact(BOB, ONE, 8)(content)
    assert content.contacts[BOB].verified_ms == 7
    assert verify_contact(BOB, ONE, None)(content)
    assert content.contacts[BOB].verified_ms is None
    assert not verify_contact(ROOM, ONE, 7)(content)


def test_a_login_name_counts_under_the_pinned_key_alone():
    content = KeyringContent(contacts={BOB: Contact(ONE, 5)})
    assert not note_login(BOB, TWO, "mallory")(content)
    assert note_login(BOB, ONE, "bob")(content)
    assert content.contacts[BOB].login == "bob"


def test_what_was_read_only_rises():
    content = KeyringContent()
    assert note_read(ROOM, 0)(content)
    assert note_read(ROOM, 7)(content)
    assert not note_read(ROOM, 3)(content)
    assert content.conversations[ROOM].read == 7


changes = st.sampled_from(
    [
        pin_contact(BOB, [ONE], 1),
        pin_contact(BOB, [TWO], 1),
        note_read(ROOM, 4),
        note_roster(ROOM, Mark(3, ONE)),
        accept_keys(BOB, [ONE, TWO], 1),
        note_login(BOB, ONE, "bob"),
    ]
)


@given(contents, st.lists(changes, max_size=5))
def test_a_change_that_is_applied_again_changes_nothing(content, chosen):
    for change in chosen:
        change(content)
        assert not change(content)
