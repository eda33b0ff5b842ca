"""Signed statements: strict parsing, one label each, no signature passes for another (section 10; A27, A42)."""

import hashlib
from dataclasses import fields, replace
from itertools import permutations
from uuid import UUID

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from balon.protocol.encoding import encode_context, parse_prefixed, serialize_prefixed
from balon.protocol.errors import StatementError
from balon.protocol.statements import (
    AuthAction,
    AuthTranscript,
    Bundle,
    GatewayKey,
    Grant,
    RosterEntry,
    message_statement,
    meta_statement,
    reply_statement,
)
from tests.protocol.kat import ALICE, CONVERSATION, LOGIN, SALT, STREAM, octets

TRAVELLING = {
    "bundle": (Bundle, octets("identity", "bundle")),
    "grant": (Grant, octets("conversation", "grant")),
    "roster": (RosterEntry, octets("conversation", "roster_entry")),
    "gateway-key": (GatewayKey, octets("inference", "gateway_key_statement")),
}
REBUILT = {
    "auth": octets("login", "transcript"),
    "msg-sig": octets("message", "signature_input"),
    "meta-sig": octets("meta", "signature_input"),
    "reply-sig": octets("inference", "reply_statement"),
}
STATEMENTS = {name: statement for name, (_, statement) in TRAVELLING.items()} | REBUILT
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def transcript(**changes) -> AuthTranscript:
    made = AuthTranscript(
        action=AuthAction.CHANGE_PASSWORD,
        origin="https://balon.example",
        login=LOGIN,
        user_id=ALICE,
        challenge_id=STREAM,
        challenge=bytes(32),
        client_nonce=bytes(32),
        kdf="PBKDF2-SHA256",
        iterations=600_000,
        salt=SALT,
        body=b"{}",
    )
    return replace(made, **changes)


def relabelled(statement: bytes, label: str) -> bytes:
    return serialize_prefixed(f"balon/v1/{label}".encode(), *parse_prefixed(statement)[1:])


def test_there_are_eight_labels():
    assert {parse_prefixed(statement)[0] for statement in STATEMENTS.values()} == {
        f"balon/v1/{name}".encode() for name in STATEMENTS
    }
    assert len(STATEMENTS) == 8


@pytest.mark.parametrize(("signed", "wanted"), permutations(STATEMENTS, 2))
def test_no_signature_of_one_label_passes_for_another(signed, wanted):
    """Neither as it is nor with the label changed, nor with its fields under the other label."""
    signature = KEY.sign(STATEMENTS[signed])
    KEY.public_key().verify(signature, STATEMENTS[signed])
    for statement in (STATEMENTS[wanted], relabelled(STATEMENTS[signed], wanted)):
        with pytest.raises(InvalidSignature):
            KEY.public_key().verify(signature, statement)


@pytest.mark.parametrize("wanted", TRAVELLING)
@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement_parses_as_its_own_label_only(name, wanted):
    kind = TRAVELLING[wanted][0]
    if name == wanted:
        assert kind.parse(STATEMENTS[name]).serialize() == STATEMENTS[name]
        return
    with pytest.raises(StatementError, match=f"no {wanted} statement"):
        kind.parse(STATEMENTS[name])
    with pytest.raises(StatementError):
        kind.parse(relabelled(STATEMENTS[name], wanted))


@pytest.mark.parametrize("name", TRAVELLING)
def test_every_truncation_and_extension_is_refused(name):
    kind, statement = TRAVELLING[name]
    for changed in [statement[:size] for size in range(len(statement))] + [statement + b"\x00"]:
        with pytest.raises(StatementError):
            kind.parse(changed)


@pytest.mark.parametrize("name", TRAVELLING)
def test_fields_may_neither_lack_nor_repeat(name):
    kind, statement = TRAVELLING[name]
    parts = parse_prefixed(statement)
    for index in range(1, len(parts)):
        for changed in (parts[:index] + parts[index + 1 :], parts[:index] + parts[index - 1 :]):
            with pytest.raises(StatementError, match=r"fields|no .* statement"):
                kind.parse(serialize_prefixed(*changed))


@pytest.mark.parametrize(
    ("name", "field", "size"),
    [(name, field, size) for name, (kind, _) in TRAVELLING.items() for field, size in kind.SIZES.items()],
)
def test_a_field_of_another_size_is_refused(name, field, size):
    kind, statement = TRAVELLING[name]
    index = 1 + [each.name for each in fields(kind)].index(field)
    for changed_size in (0, size - 1, size + 1):
        parts = parse_prefixed(statement)
        parts[index] = bytes(changed_size)
        with pytest.raises(StatementError, match=f"{field} of a {name} statement has {size} bytes"):
            kind.parse(serialize_prefixed(*parts))


@pytest.mark.parametrize("name", TRAVELLING)
def test_every_field_of_bytes_has_a_size(name):
    kind = TRAVELLING[name][0]
    unsized = [
        field.name
        for field, type_ in zip(fields(kind), kind.TYPES, strict=True)
        if type_ is bytes and field.name not in kind.SIZES
    ]
    assert unsized == []


def test_a_bundle_whose_key_id_is_not_the_hash_of_its_key_is_refused():
    bundle = Bundle.parse(STATEMENTS["bundle"])
    other = replace(bundle, rsa_kid=bytes(32))
    with pytest.raises(StatementError, match="not the hash"):
        Bundle.parse(other.serialize())


def test_text_in_another_normal_form_is_refused():
    bundle = Bundle.parse(STATEMENTS["bundle"])
    parts = parse_prefixed(bundle.serialize())
    parts[2] = "e\u0301".encode()
    with pytest.raises(StatementError, match="NFC"):
        Bundle.parse(serialize_prefixed(*parts))


@given(st.sampled_from(sorted(TRAVELLING)), st.data())
def test_whatever_parses_is_the_one_encoding_of_what_it_says(name, data):
    """Replaces, cuts and inserts bytes anywhere: an error of its own kind, or a statement that serializes to the same bytes."""
    kind, statement = TRAVELLING[name]
    start = data.draw(st.integers(0, len(statement)))
    end = data.draw(st.integers(start, min(len(statement), start + 40)))
    candidate = statement[:start] + data.draw(st.binary(max_size=40)) + statement[end:]
    try:
        parsed = kind.parse(candidate)
    except StatementError:
        return
    assert parsed.serialize() == candidate


@given(st.sampled_from(sorted(TRAVELLING)), st.binary(max_size=400), st.booleans())
def test_noise_is_refused_with_the_error_of_statements(name, noise, labelled):
    kind, _ = TRAVELLING[name]
    prefix = encode_context(name) if labelled else b""
    with pytest.raises(StatementError):
        kind.parse(prefix + noise)


CHANGES = {
    "action": AuthAction.EXPORT,
    "origin": "https://balon.example.org",
    "login": "bob@example.org",
    "user_id": UUID(int=1),
    "challenge_id": UUID(int=2),
    "challenge": bytes(31) + b"\x01",
    "client_nonce": bytes(31) + b"\x01",
    "kdf": "PBKDF2-SHA512",
    "iterations": 600_001,
    "salt": SALT[::-1],
    "body": b"{} ",
}


def test_a_proof_covers_every_field():
    assert set(CHANGES) == {each.name for each in fields(AuthTranscript)}
    made = {transcript(**{name: value}).serialize() for name, value in CHANGES.items()}
    assert len(made | {transcript().serialize()}) == len(CHANGES) + 1


def test_a_proof_for_one_action_is_none_for_another():
    """The same values throughout; only login covers no body."""
    made = {
        transcript(action=action, body=None if action is AuthAction.LOGIN else b"{}").serialize()
        for action in AuthAction
    }
    assert len(made) == len(AuthAction) == 10


@pytest.mark.parametrize("action", AuthAction)
def test_every_action_but_login_needs_the_body_it_covers(action):
    wrong = b"{}" if action is AuthAction.LOGIN else None
    with pytest.raises(StatementError, match="covers the body"):
        transcript(action=action, body=wrong).serialize()


def test_a_body_may_be_empty_but_not_absent():
    empty = parse_prefixed(transcript(body=b"").serialize())[-1]
    assert empty == hashlib.sha256(b"").digest()


def test_a_signature_of_a_message_covers_place_and_envelope():
    given_ = (CONVERSATION, 0, STREAM, b"envelope")
    others = [
        (STREAM, 0, STREAM, b"envelope"),
        (CONVERSATION, 1, STREAM, b"envelope"),
        (CONVERSATION, 0, ALICE, b"envelope"),
        (CONVERSATION, 0, STREAM, b"Envelope"),
    ]
    assert message_statement(*given_) not in {message_statement(*other) for other in others}
    assert len({message_statement(*other) for other in others}) == len(others)


def test_a_signature_of_meta_covers_place_version_and_envelope():
    others = [
        (CONVERSATION, 0, 1, b"m"),
        (ALICE, 0, 1, b"m"),
        (CONVERSATION, 1, 1, b"m"),
        (CONVERSATION, 0, 2, b"m"),
        (CONVERSATION, 0, 1, b"n"),
    ]
    assert len({meta_statement(*other) for other in others}) == len(others)


def test_a_signature_of_a_reply_covers_all_that_it_names():
    made = {
        "gateway_id": bytes(32),
        "conversation_id": CONVERSATION,
        "stream_id": STREAM,
        "request_hash": bytes(32),
        "text_hash": bytes(32),
    }
    others = [
        made | {name: STREAM if name == "conversation_id" else ALICE if name == "stream_id" else b"\x01" * 32}
        for name in made
    ]
    assert len({reply_statement(**other) for other in [made, *others]}) == len(made) + 1
