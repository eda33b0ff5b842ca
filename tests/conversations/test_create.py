"""A conversation begins with a signed roster entry and a grant that follows from it, or not at all."""

import os
import uuid
from typing import Any

import pytest

from balon.protocol import statements
from balon.protocol.encoding import encode_b64u, parse_uuid
from conversations.models import Conversation
from keystore.models import Grant, KeyBundle, Membership, RosterEntry
from tests.browsers import Browser
from tests.keys import Keys, public_bytes, signed

pytestmark = pytest.mark.django_db

RECORD = {
    "id", "epoch", "epoch_position", "created_ms", "updated_ms", "head", "roster", "grants", "previous", "meta",
}  # fmt: skip


def test_creates_roster_membership_and_grant(alice: Browser):
    body = alice.keys.new_conversation()
    answer = alice.post("conversations", body)
    assert answer.status_code == 201
    content = answer.json()
    assert set(content) == RECORD
    assert (content["id"], content["epoch"], content["head"], content["meta"]) == (
        body["conversation_id"],
        0,
        None,
        None,
    )
    subject = {"idk_pub": encode_b64u(public_bytes(alice.keys.idk)), "rsa_kid": encode_b64u(alice.keys.rsa_kid)}
    assert content["roster"] == [{**body["roster"], "subject": subject}]
    assert (content["epoch_position"], content["previous"]) == (0, [])
    assert content["grants"] == [body["grant"]]
    assert alice.get(f"conversations/{body['conversation_id']}").json() == content
    assert Membership.objects.get().role == "owner"


def test_the_same_again_is_no_conflict(alice: Browser):
    body = alice.keys.new_conversation()
    assert [alice.post("conversations", body).status_code for _ in range(2)] == [201, 200]
    assert Conversation.objects.count() == 1


def test_refuses_an_id_that_stands_for_something_else(alice: Browser):
    conversation_id = parse_uuid(alice.create_conversation())
    answer = alice.post("conversations", alice.keys.new_conversation(conversation_id))
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert RosterEntry.objects.count() == 1


def test_charlie_cannot_take_the_id_of_another(alice: Browser, charlie: Browser):
    conversation_id = alice.create_conversation()
    answer = charlie.post("conversations", charlie.keys.new_conversation(parse_uuid(conversation_id)))
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert charlie.get(f"conversations/{conversation_id}").status_code == 404


def _entry(**changes: Any) -> Any:
    return lambda keys, body: body.update(keys.new_conversation(parse_uuid(body["conversation_id"]), **changes))


def _grant(**changes: Any) -> Any:
    def lie(keys: Keys, body: dict[str, Any]) -> None:
        from balon.protocol.encoding import decode_b64u

        entry = statements.RosterEntry.parse(decode_b64u(body["roster"]["statement"]))
        body["grant"] = keys.grant(entry, **changes)

    return lie


def _resign(part: str) -> Any:
    def lie(keys: Keys, body: dict[str, Any]) -> None:
        from balon.protocol.encoding import decode_b64u

        body[part].update(signed(Keys("thief").idk, decode_b64u(body[part]["statement"])))

    return lie


LIES: dict[str, Any] = {
    "an entry of seq 1": _entry(seq=1),
    "an entry with a past": _entry(prev_hash=os.urandom(32)),
    "an entry that invites": _entry(op="invite"),
    "an entry of another actor": _entry(actor_id=uuid.UUID(int=7)),
    "an entry with a target": _entry(target_id=uuid.UUID(int=7)),
    "an entry of epoch 1": _entry(epoch=1),
    "an entry of other members": _entry(members_hash=os.urandom(32)),
    "an entry of another conversation": lambda keys, body: body.update(conversation_id=str(uuid.UUID(int=7 << 64))),
    "an entry signed by someone else": _resign("roster"),
    "a grant signed by someone else": _resign("grant"),
    "a grant of another epoch": _grant(epoch=1),
    "a grant to someone else": _grant(recipient_id=uuid.UUID(int=7)),
    "a grant by someone else": _grant(grantor_id=uuid.UUID(int=7)),
    "a grant under another key": _grant(rsa_kid=os.urandom(32)),
    "a grant of another commitment": _grant(ck_commit=os.urandom(32)),
    "a grant of other bytes": _grant(wrapped_hash=os.urandom(32)),
    "a grant of another roster": _grant(roster_hash=os.urandom(32)),
    "the entry as grant": lambda keys, body: body["grant"].update(body["roster"]),
    "the grant as entry": lambda keys, body: body.update(
        roster={name: body["grant"][name] for name in ("statement", "signature")}
    ),
    "no grant": lambda keys, body: body.pop("grant"),
    "a null roster": lambda keys, body: body.update(roster=None),
    "a short wrapped key": lambda keys, body: body["grant"].update(wrapped=encode_b64u(bytes(511))),
    "an unknown member": lambda keys, body: body.update(title="plain"),
    "a statement beyond all size": lambda keys, body: body["roster"].update(statement="A" * 100_000),
}


@pytest.mark.parametrize("lie", LIES)
def test_refuses(alice: Browser, lie: str):
    body = alice.keys.new_conversation()
    LIES[lie](alice.keys, body)
    answer = alice.post("conversations", body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid"), answer.content
    for model in (Conversation, RosterEntry, Membership, Grant):
        assert not model.objects.exists()


def test_judges_by_the_key_on_record_and_not_by_that_of_the_request(alice: Browser):
    KeyBundle.objects.update(idk_pub=public_bytes(Keys("thief").idk))
    assert alice.post("conversations", alice.keys.new_conversation()).status_code == 400


def test_a_visitor_gets_401():
    assert Browser().post("conversations", Keys("nobody").new_conversation()).status_code == 401


class TestDelete:
    def test_alice_deletes_everything(self, alice: Browser):
        conversation_id = alice.create_conversation()
        alice.send_messages(conversation_id, 2)
        alice.put(f"conversations/{conversation_id}/meta", alice.keys.meta(conversation_id, 1))
        assert alice.delete(f"conversations/{conversation_id}").status_code == 204
        assert alice.get(f"conversations/{conversation_id}").status_code == 404
        assert alice.delete(f"conversations/{conversation_id}").status_code == 404
        for model in (Conversation, RosterEntry, Membership, Grant):
            assert not model.objects.exists()

    def test_leaves_other_conversations_alone(self, alice: Browser):
        kept, gone = alice.create_conversation(), alice.create_conversation()
        alice.send_messages(kept, 1)
        alice.delete(f"conversations/{gone}")
        content = alice.get(f"conversations/{kept}").json()
        assert (len(content["roster"]), len(content["grants"]), content["head"]["position"]) == (1, 1, 1)
