"""The gateway reproduces the known answers of the protocol (tests/vectors/balon1_kat.json, section "inference")."""

import hashlib
import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from balon.protocol.encoding import decode_b64u, encode_b64u
from balon.protocol.frames import ReplyReader, SealedRequest
from inference.identity import Identity
from inference.keys import RequestKey, sign_key_config
from inference.prompts import parse_request
from inference.sealing import FrameSealer, ReplySigner, open_request

_PATH = Path(__file__).parents[1] / "vectors" / "balon1_kat.json"


@pytest.fixture(scope="module")
def known() -> dict[str, Any]:
    answers: dict[str, Any] = json.loads(_PATH.read_text())["inference"]
    return answers


@pytest.fixture
def request_(known: dict[str, Any]) -> SealedRequest:
    return SealedRequest.parse(bytes.fromhex(known["wire"]))


@pytest.fixture
def known_identity(known: dict[str, Any]) -> Identity:
    return Identity(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(known["gateway_identity_seed"])))


def test_opens_the_known_request(known: dict[str, Any], request_: SealedRequest):
    key = X25519PrivateKey.from_private_bytes(bytes.fromhex(known["gateway_private"]))
    plaintext = open_request(key, request_)
    assert plaintext == bytes.fromhex(known["request"])
    opened = parse_request(plaintext, max_tokens=100)
    assert opened.reply_secret == bytes.fromhex(known["reply_secret"])
    assert [message.content for message in opened.prompt.messages] == ["hello"]
    assert request_.stream_id == UUID(known["stream_id"])


def test_signs_the_known_reply(known: dict[str, Any], request_: SealedRequest, known_identity: Identity):
    signer = ReplySigner(known_identity, request_)
    signer.add("Hel")
    signer.add("lo")
    ending = signer.sign_ending("finish", "stop")
    assert decode_b64u(ending["signature"]).hex() == known["reply_signature"]
    assert decode_b64u(ending["gateway_id"]).hex() == known["gateway_id"]
    assert decode_b64u(ending["request_hash"]) == hashlib.sha256(request_.sealed).digest()


def test_seals_the_known_frames(known: dict[str, Any], request_: SealedRequest):
    nonce = bytes.fromhex(known["response_nonce"])
    sealer = FrameSealer(request_, bytes.fromhex(known["reply_secret"]), nonce=nonce)
    body = sealer.response_nonce + sealer.seal_frame({"delta": "Hel"}) + sealer.seal_frame({"delta": "lo"})
    ending = {
        "finish": "stop",
        "gateway_id": encode_b64u(bytes.fromhex(known["gateway_id"])),
        "signature": encode_b64u(bytes.fromhex(known["reply_signature"])),
    }
    body += sealer.seal_frame(ending, final=True)
    assert [part.hex() for part in ReplyReader().feed(body)] == [known["response_nonce"], *known["frames"]]


def test_signs_the_known_key_config(known: dict[str, Any], known_identity: Identity):
    key = RequestKey(
        key_id=bytes.fromhex(known["key_id"]),
        private_key=X25519PrivateKey.from_private_bytes(bytes.fromhex(known["gateway_private"])),
        created_ms=0,
        not_after_ms=known["not_after_ms"],
    )
    config = sign_key_config(known_identity, key, known["models"].encode())
    in_hex = {name: decode_b64u(value).hex() for name, value in config.items() if isinstance(value, str)}
    assert in_hex == {
        "statement": known["gateway_key_statement"],
        "signature": known["gateway_key_signature"],
        "identity": known["gateway_identity"],
        "key_id": known["key_id"],
        "hpke_pub": known["gateway_public"],
        "models": known["models"].encode().hex(),
    }
    assert known_identity.gateway_id.hex() == known["gateway_id"]
