"""A change of the login name: another name over the same keys, and nothing left under the old one."""

import json
import uuid
from typing import Any

import pytest

from accounts.decoys import derive_decoy
from accounts.models import User
from balon.protocol.encoding import encode_b64u
from keystore.models import KeyBundle
from tests.accounts.changing import CHANGES, ask, can_sign_in, header, snapshot
from tests.browsers import Browser, signed_up
from tests.keys import Keys, known_spki, public_bytes, signed
from tests.people import admit

pytestmark = pytest.mark.django_db
RENAME = CHANGES["login"]


def rename(browser: Browser, body: dict[str, Any]) -> Any:
    raw = json.dumps(body).encode()
    return browser.post(RENAME.path, raw, **header(browser.keys.prove(browser.prelogin(), RENAME.action, raw)))


def test_the_bundle_states_the_new_name_and_the_same_keys(alice: Browser, bob: Browser, charlie: Browser):
    room = alice.create_conversation()
    admit(bob, room)
    renamed = alice.keys.with_new_password(login="alice.b@example.org")
    assert ask(alice, RENAME, renamed).status_code == 200
    place = f"keys/users/{alice.keys.user_id}"
    for person in (alice, bob):
        assert person.get(place).json()["login"] == "alice.b@example.org"
    assert charlie.get(place).status_code == 404
    bundle = KeyBundle.objects.get(pk=alice.keys.user_id)
    assert (bundle.bundle_seq, bundle.idk_pub) == (2, public_bytes(alice.keys.idk))
    assert alice.fetch_session()["login"] == "alice.b@example.org"


def test_the_old_name_is_free_and_tells_nothing(alice: Browser):
    before = alice.prelogin()
    renamed = alice.keys.with_new_password(login="alice.b@example.org")
    assert ask(alice, RENAME, renamed).status_code == 200
    visitor = Browser()
    first, second = (visitor.prelogin("alice@example.org") for _ in range(2))
    assert list(first) == list(before)
    assert first["user_id"] == second["user_id"] == str(derive_decoy("alice@example.org").user_id)
    assert first["user_id"] != before["user_id"]
    assert first["salt"] == second["salt"] != before["salt"]
    successor = signed_up("alice@example.org")
    assert can_sign_in(successor.keys)
    assert can_sign_in(renamed)
    assert not can_sign_in(alice.keys)


def test_one_comes_back_to_the_old_name(alice: Browser):
    for version, login in ((1, "alice.b@example.org"), (2, "alice@example.org")):
        renamed = alice.keys.with_new_password(login=login)
        assert ask(alice, RENAME, renamed, account_version=version).status_code == 200
        alice.keys = renamed
    assert can_sign_in(alice.keys)
    assert KeyBundle.objects.get().bundle_seq == 3


@pytest.mark.parametrize("taken", ["bob@example.org", "operator"])
def test_refuses_a_taken_name(alice: Browser, bob: Browser, taken: str):
    User.objects.create_superuser(login="operator", password="a long operator's password")
    before = snapshot()
    answer = ask(alice, RENAME, alice.keys.with_new_password(login=taken))
    assert (answer.status_code, answer.json()["code"]) == (409, "login-taken")
    assert snapshot() == before
    assert can_sign_in(alice.keys)
    assert can_sign_in(bob.keys)


def test_a_challenge_for_the_old_name_is_worth_nothing_afterwards(alice: Browser):
    challenge = alice.prelogin()
    renamed = alice.keys.with_new_password(login="alice.b@example.org")
    ask(alice, RENAME, renamed)
    assert Browser(renamed).post("accounts/login", renamed.prove(challenge)).status_code == 401


def other_identity(keys: Keys) -> dict[str, Any]:
    other = Keys(keys.login, user_id=keys.user_id)
    return signed(other.idk, other.bundle(bundle_seq=2).serialize())


def other_rsa_key(keys: Keys) -> dict[str, Any]:
    import hashlib

    spki = known_spki()[:-10] + bytes(10)
    bundle = keys.bundle(bundle_seq=2, spki=spki, rsa_kid=hashlib.sha256(spki).digest())
    return signed(keys.idk, bundle.serialize())


LIES: dict[str, Any] = {
    "the old name": lambda keys: keys.rename_body(login="alice@example.org"),
    "another name than asked for": lambda keys: keys.rename_body(login="mallory@example.org"),
    "another user": lambda keys: keys.rename_body(user_id=uuid.uuid4()),
    "the same number": lambda keys: keys.rename_body(bundle_seq=1),
    "a number left out": lambda keys: keys.rename_body(bundle_seq=3),
    "number 0": lambda keys: keys.rename_body(bundle_seq=0),
    "the largest number": lambda keys: keys.rename_body(bundle_seq=2**64 - 1),
    "a swapped key id": lambda keys: keys.rename_body(rsa_kid=bytes(32)),
    "another identity": lambda keys: {**keys.rename_body(), "bundle": other_identity(keys)},
    "another encryption key": lambda keys: {**keys.rename_body(), "bundle": other_rsa_key(keys)},
    "a signature of nobody": lambda keys: {
        **keys.rename_body(),
        "bundle": {**keys.rename_body()["bundle"], "signature": encode_b64u(bytes(64))},
    },
    "no statement": lambda keys: {**keys.rename_body(), "bundle": None},
}


@pytest.mark.parametrize("lie", LIES)
def test_refuses_a_bundle_of(alice: Browser, lie: str):
    before = snapshot()
    answer = rename(alice, LIES[lie](alice.keys.with_new_password(login="alice.b@example.org")))
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid"), answer.content
    assert snapshot() == before


@pytest.mark.parametrize(
    "login", ["alice@example.org", "Alice.b@example.org", " alice.b", "al", "a b c", "\u0430lice", "x" * 255]
)
def test_refuses_as_a_login_name(alice: Browser, login: str):
    before = snapshot()
    answer = rename(alice, alice.keys.with_new_password(login=login).rename_body())
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid"), answer.content
    assert snapshot() == before


def test_refuses_a_name_whose_made_up_account_is_the_real_one():
    user_id = derive_decoy("dave.d@example.org").user_id
    dave = Browser(Keys("dave@example.org", user_id=user_id))
    assert dave.sign_up().status_code == 201
    answer = ask(dave, RENAME, dave.keys.with_new_password(login="dave.d@example.org"))
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
