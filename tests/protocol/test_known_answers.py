"""Every known answer of tests/vectors/balon1_kat.json, by the protocol's modules and pyca's primitives."""

import hashlib
from uuid import UUID

import pytest
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_der_private_key

from balon.protocol import contexts, statements
from balon.protocol.encoding import NIL_UUID, ZERO_HASH, encode_context, parse_context
from balon.protocol.envelope import PADDED_KINDS, Kind, pad, unpad
from balon.protocol.fingerprints import fingerprint_pair
from balon.protocol.frames import SealedRequest, encode_frame_nonce, unpad_frame
from balon.protocol.password import encode_password, hash_password_salt, normalize_login
from balon.protocol.recovery import (
    CODE_SIZE,
    RECOVERY_ITERATIONS,
    RecoveryCredential,
    decode_recovery_code,
    encode_recovery_code,
    hash_recovery_salt,
    parse_credential,
    serialize_credential,
)
from balon.protocol.roster import Member, Role, hash_members
from tests.client.doubles.accounts import pbkdf2, public_of, spki_of
from tests.client.doubles.crypto import sha256
from tests.client.doubles.envelopes import derive_commitment, hkdf, open_envelope, seal_envelope
from tests.protocol.kat import ALICE, CONVERSATION, ENVELOPES, KAT, LOGIN, SALT, STREAM, octets
from tests.protocol.places import CREATED_MS, IDK_PUB, MESSAGE, PLACES, RECOVERY, RSA_KID

FIELD_READERS = {"uuid": UUID, "int": int, "str": str, "bytes": bytes.fromhex}
FIELD_TYPES = {"uuid": UUID, "int": int, "str": str, "bytes": bytes}


def sign(seed: bytes, statement: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(seed).sign(statement)


@pytest.mark.parametrize("answer", KAT["encoding"], ids=lambda answer: answer["label"])
def test_contexts_encode_as_known(answer):
    types = answer.get("types", [])
    fields = [FIELD_READERS[kind](text) for kind, text in zip(types, answer["fields"], strict=True)]
    encoded = bytes.fromhex(answer["out"])
    assert encode_context(answer["label"], *fields) == encoded
    again = parse_context(answer["label"], [FIELD_TYPES[kind] for kind in types], encoded)
    assert encode_context(answer["label"], *again) == encoded


def test_the_password_gives_the_known_keys():
    password = KAT["password"]
    assert normalize_login(password["login_raw"]) == LOGIN
    pw_salt = hash_password_salt(LOGIN, SALT)
    master = pbkdf2(encode_password(password["password"]), pw_salt, password["n"])
    seed = hkdf(master, b"", contexts.login_seed_info(ALICE))
    found = pw_salt, master, hkdf(master, b"", contexts.kek_info(ALICE)), seed, public_of(seed)
    names = "pw_salt", "master_secret", "kek", "login_seed", "login_pub"
    assert found == tuple(octets("password", name) for name in names)


@pytest.mark.parametrize(
    ("action", "body", "name"),
    [
        (statements.AuthAction.LOGIN, None, ""),
        (statements.AuthAction.CHANGE_PASSWORD, KAT["login"]["change_password_body"].encode(), "change_password_"),
    ],
)
def test_proofs_are_the_known_ones(action, body, name):
    transcript = statements.AuthTranscript(
        action=action,
        origin=KAT["login"]["origin"],
        login=LOGIN,
        user_id=ALICE,
        challenge_id=UUID(KAT["login"]["challenge_id"]),
        challenge=octets("login", "challenge"),
        client_nonce=octets("login", "client_nonce"),
        kdf="PBKDF2-SHA256",
        iterations=KAT["password"]["n"],
        salt=SALT,
        body=body,
    ).serialize()
    assert transcript == octets("login", f"{name}transcript")
    assert sign(octets("password", "login_seed"), transcript) == octets("login", f"{name}proof")


def test_the_bundle_is_the_known_one():
    pkcs8 = load_der_private_key(octets("identity", "pkcs8"), None)
    spki = spki_of(pkcs8)
    assert (spki, sha256(spki)) == (octets("identity", "spki"), RSA_KID)
    assert public_of(octets("identity", "seed")) == IDK_PUB
    bundle = statements.Bundle(ALICE, LOGIN, IDK_PUB, spki, RSA_KID, 1, KAT["identity"]["created_ms"])
    assert bundle.serialize() == octets("identity", "bundle")
    assert statements.Bundle.parse(octets("identity", "bundle")) == bundle
    assert sign(octets("identity", "seed"), bundle.serialize()) == octets("identity", "signature")


def test_the_recovery_key_is_the_known_one():
    rec_salt = octets("recovery", "rec_salt")
    code = decode_recovery_code(KAT["recovery"]["recovery_code"])
    assert code == octets("recovery", "code_bytes")
    assert len(code) == CODE_SIZE
    assert encode_recovery_code(code) == KAT["recovery"]["recovery_code"]
    root = pbkdf2(code, hash_recovery_salt(ALICE, rec_salt), RECOVERY_ITERATIONS)
    seed = hkdf(root, b"", contexts.recovery_seed_info(ALICE, RECOVERY))
    assert root == octets("recovery", "rk")
    assert (seed, public_of(seed)) == (octets("recovery", "rec_seed"), octets("recovery", "rec_pub"))


def test_the_credential_is_the_known_one():
    envelope = bytes.fromhex(ENVELOPES["recovery"]["envelope"])
    rec_salt = octets("recovery", "rec_salt")
    credential = RecoveryCredential(ALICE, RECOVERY, "PBKDF2-SHA256", RECOVERY_ITERATIONS, rec_salt, envelope, IDK_PUB)
    assert serialize_credential(credential) == KAT["recovery"]["credential"]
    assert parse_credential(KAT["recovery"]["credential"]) == credential


@pytest.mark.parametrize("epoch", [0, 1])
def test_commitments_are_the_known_ones(epoch):
    root, commit = (("ck", "ck_commit"), ("ck_next", "ck_commit_next"))[epoch]
    assert derive_commitment(octets("conversation", root), CONVERSATION, epoch) == octets("conversation", commit)


def test_the_roster_begins_with_the_known_entry():
    members = {ALICE: Member(ALICE, IDK_PUB, RSA_KID, Role.OWNER)}
    assert hash_members(members) == octets("conversation", "members_hash")
    commit = octets("conversation", "ck_commit")
    opening = CONVERSATION, 0, ZERO_HASH, "create", ALICE, NIL_UUID, "owner", 0, commit
    entry = statements.RosterEntry(*opening, hash_members(members), CREATED_MS)
    assert entry.serialize() == octets("conversation", "roster_entry")
    assert statements.RosterEntry.parse(entry.serialize()) == entry
    assert sign(octets("identity", "seed"), entry.serialize()) == octets("conversation", "roster_signature")
    grant = statements.Grant.parse(octets("conversation", "grant"))
    assert grant.roster_hash == entry.hash


def test_the_grant_is_the_known_one():
    wrapped = octets("conversation", "wrapped")
    grant = statements.Grant(
        CONVERSATION,
        0,
        ALICE,
        RSA_KID,
        octets("conversation", "ck_commit"),
        sha256(wrapped),
        ALICE,
        sha256(octets("conversation", "roster_entry")),
    )
    assert contexts.grant_oaep_label(CONVERSATION, 0, ALICE, RSA_KID) == octets("conversation", "grant_label")
    assert grant.serialize() == octets("conversation", "grant")
    assert statements.Grant.parse(grant.serialize()) == grant
    assert sign(octets("identity", "seed"), grant.serialize()) == octets("conversation", "grant_signature")


def test_signatures_of_message_and_meta_are_the_known_ones():
    message = bytes.fromhex(ENVELOPES["message"]["envelope"])
    meta = bytes.fromhex(ENVELOPES["meta"]["envelope"])
    signed = {
        "message": statements.message_statement(CONVERSATION, 0, MESSAGE, message),
        "meta": statements.meta_statement(CONVERSATION, 0, KAT["meta"]["meta_version"], meta),
    }
    for section, statement in signed.items():
        assert statement == octets(section, "signature_input")
        assert sign(octets("identity", "seed"), statement) == octets(section, "signature")
    assert pad(octets("message", "payload")) == octets("message", "padded")


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.kind.name)
def test_every_kind_of_envelope_seals_and_opens_as_known(place):
    answer = ENVELOPES[place.kind.name.lower()]
    root, context, padded, salt, envelope = (
        bytes.fromhex(answer[name]) for name in ("root", "context", "plaintext", "salt", "envelope")
    )
    plaintext = unpad(padded) if place.kind in PADDED_KINDS else padded
    assert (place.kind, place.context) == (answer["kind"], context)
    assert seal_envelope(root, place.kind, place.context, plaintext, salt) == envelope
    assert open_envelope(root, place.kind, place.context, envelope) == plaintext


def test_every_kind_has_a_known_answer():
    assert {place.kind for place in PLACES} == set(Kind)
    assert {answer["kind"] for answer in ENVELOPES.values()} == set(Kind)


def test_the_sealed_request_opens_under_the_known_key():
    request = SealedRequest.parse(octets("inference", "wire"))
    assert request.serialize() == octets("inference", "wire")
    assert (request.enc, request.ciphertext) == (octets("inference", "enc"), octets("inference", "sealed"))
    info = contexts.infer_info(request.key_id, request.conversation_id, request.stream_id)
    assert info == octets("inference", "info")
    private = X25519PrivateKey.from_private_bytes(octets("inference", "gateway_private"))
    assert private.public_key().public_bytes_raw() == octets("inference", "gateway_public")
    suite = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
    assert suite.decrypt(request.sealed, private, info) == octets("inference", "request")


def test_the_frames_open_under_the_known_key():
    salt = octets("inference", "enc") + octets("inference", "response_nonce")
    key = hkdf(octets("inference", "reply_secret"), salt, contexts.reply_info(STREAM))
    assert key == octets("inference", "reply_key")
    frames = [bytes.fromhex(frame) for frame in KAT["inference"]["frames"]]
    for index, frame in enumerate(frames):
        aad = contexts.frame_aad(STREAM, index, final=index == len(frames) - 1)
        assert unpad_frame(AESGCM(key).decrypt(encode_frame_nonce(index), frame, aad)).startswith(b'{"')


def test_the_gateway_signs_the_known_statements():
    known = KAT["inference"]
    gateway_id = sha256(octets("inference", "gateway_identity"))
    assert gateway_id == octets("inference", "gateway_id")
    models_hash = sha256(known["models"].encode())
    key = statements.GatewayKey(
        gateway_id,
        octets("inference", "key_id"),
        octets("inference", "gateway_public"),
        known["not_after_ms"],
        models_hash,
    )
    reply = statements.reply_statement(
        gateway_id=gateway_id,
        conversation_id=CONVERSATION,
        stream_id=STREAM,
        request_hash=sha256(octets("inference", "enc") + octets("inference", "sealed")),
        text_hash=sha256(known["full_reply"].encode()),
    )
    assert statements.GatewayKey.parse(key.serialize()) == key
    seed = octets("inference", "gateway_identity_seed")
    assert public_of(seed) == octets("inference", "gateway_identity")
    for name, statement in (("gateway_key", key.serialize()), ("reply", reply)):
        assert statement == octets("inference", f"{name}_statement")
        assert sign(seed, statement) == octets("inference", f"{name}_signature")


def test_the_legacy_login_key_is_the_known_one():
    known = KAT["legacy"]
    password = KAT["password"]["password"].encode()
    digest = hashlib.pbkdf2_hmac("sha256", password, known["django_salt"].encode(), known["iterations"])
    assert digest == octets("legacy", "hash")
    seed = hkdf(digest, b"", contexts.legacy_login_info(ALICE))
    assert (seed, public_of(seed)) == (octets("legacy", "seed"), octets("legacy", "public"))


def test_the_safety_number_is_the_known_one():
    known = KAT["safety_number"]
    people = [(UUID(known[f"{who}_id"]), octets("safety_number", f"{who}_key")) for who in "ab"]
    assert fingerprint_pair(*people) == fingerprint_pair(*reversed(people)) == known["number"]
