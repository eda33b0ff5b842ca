"""Public keys show to oneself and to people one shares a conversation with; to nobody else."""

import uuid

import pytest

from tests.browsers import Browser
from tests.people import admit

pytestmark = pytest.mark.django_db


def test_alice_gets_her_own(alice: Browser):
    answer = alice.get(f"keys/users/{alice.keys.user_id}")
    assert answer.status_code == 200
    content = answer.json()
    assert set(content) == {"user_id", "login", "bundle"}
    assert (content["user_id"], content["login"]) == (str(alice.keys.user_id), "alice@example.org")
    assert set(content["bundle"]) == {"statement", "signature"}


def test_bob_gets_those_of_a_conversation_he_is_in(alice: Browser, bob: Browser):
    admit(bob, alice.create_conversation())
    assert bob.get(f"keys/users/{alice.keys.user_id}").json()["login"] == "alice@example.org"
    assert alice.get(f"keys/users/{bob.keys.user_id}").json()["login"] == "bob@example.org"


def test_charlie_gets_404_as_for_nobody(alice: Browser, charlie: Browser):
    alice.create_conversation()
    charlie.create_conversation()
    known, unknown = (charlie.get(f"keys/users/{user}") for user in (alice.keys.user_id, uuid.uuid4()))
    assert known.status_code == unknown.status_code == 404
    assert known.content == unknown.content
    assert known.json()["code"] == "not-found"


def test_a_visitor_gets_401(alice: Browser):
    assert Browser().get(f"keys/users/{alice.keys.user_id}").status_code == 401
