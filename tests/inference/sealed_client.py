"""What a browser does with the gateway, in CPython: seals requests, opens frames, checks signatures.

Written from docs/protocol.md section 9 with nothing of `inference`, so that both sides are checked against each other.
"""

import hashlib
import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hpke
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from balon.protocol.contexts import frame_aad, infer_info, reply_info
from balon.protocol.encoding import decode_b64u, encode_b64u
from balon.protocol.frames import ReplyReader, SealedRequest, encode_frame_nonce, unpad_frame
from balon.protocol.statements import GatewayKey, reply_statement
from balon.protocol.types import Ciphertext

_SUITE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


def check_config(config: dict[str, Any]) -> GatewayKey:
    """Verifies a key config as a client does."""
    identity = decode_b64u(config["identity"])
    statement = decode_b64u(config["statement"])
    Ed25519PublicKey.from_public_bytes(identity).verify(decode_b64u(config["signature"]), statement)
    key = GatewayKey.parse(statement)
    assert key.gateway_id == hashlib.sha256(identity).digest()
    assert key.key_id == decode_b64u(config["key_id"])
    assert key.hpke_pub == decode_b64u(config["hpke_pub"])
    assert key.not_after_ms == config["not_after_ms"]
    assert key.models_hash == hashlib.sha256(decode_b64u(config["models"])).digest()
    return key


@dataclass
class SealedPrompt:
    """One request and what opens its reply."""

    request: SealedRequest
    reply_secret: bytes
    identity: bytes
    parts: list[bytes] = field(default_factory=list)
    arrived_s: list[float] = field(default_factory=list)

    @property
    def wire(self) -> bytes:
        return self.request.serialize()

    def open(self, parts: list[bytes]) -> tuple[str, dict[str, str]]:
        """Opens nonce and frames; returns the text and the content of the final frame, whose signature it checks."""
        contents = self.open_frames(parts)
        assert contents, "no frame arrived"
        text = "".join(content["delta"] for content in contents[:-1])
        self.check_signature(contents[-1], text)
        return text, contents[-1]

    def open_frames(self, parts: list[bytes]) -> list[dict[str, str]]:
        nonce, *frames = parts
        aead = self.derive_key(nonce)
        last = len(frames) - 1
        return [self.open_frame(aead, index, frame, final=index == last) for index, frame in enumerate(frames)]

    def derive_key(self, nonce: bytes) -> AESGCM:
        info = reply_info(self.request.stream_id)
        return AESGCM(HKDF(hashes.SHA256(), 32, self.request.enc + nonce, info).derive(self.reply_secret))

    def open_frame(self, aead: AESGCM, index: int, frame: bytes, *, final: bool) -> dict[str, str]:
        aad = frame_aad(self.request.stream_id, index, final=final)
        content: dict[str, str] = json.loads(unpad_frame(aead.decrypt(encode_frame_nonce(index), frame, aad)))
        return content

    def opener(self) -> "FrameOpener":
        """Opens frames as they arrive."""
        return FrameOpener(self)

    def check_signature(self, final: dict[str, str], text: str) -> None:
        statement = reply_statement(
            gateway_id=hashlib.sha256(self.identity).digest(),
            conversation_id=self.request.conversation_id,
            stream_id=self.request.stream_id,
            request_hash=hashlib.sha256(self.request.sealed).digest(),
            text_hash=hashlib.sha256(text.encode()).digest(),
        )
        Ed25519PublicKey.from_public_bytes(self.identity).verify(decode_b64u(final["signature"]), statement)
        assert decode_b64u(final["request_hash"]) == hashlib.sha256(self.request.sealed).digest()
        assert decode_b64u(final["gateway_id"]) == hashlib.sha256(self.identity).digest()


class FrameOpener:
    """Opens each frame as soon as it is there; whether it is the last one shows only in that it opens as such."""

    def __init__(self, prompt: SealedPrompt) -> None:
        self._prompt = prompt
        self._reader = ReplyReader()
        self._aead: AESGCM | None = None
        self._index = 0

    def feed(self, chunk: bytes) -> list[dict[str, str]]:
        contents = []
        for part in self._reader.feed(chunk):
            contents += self.take(part)
        return contents

    def take(self, part: bytes) -> list[dict[str, str]]:
        """Takes the nonce or one frame; gives the frame's content."""
        if self._aead is None:
            self._aead = self._prompt.derive_key(part)
            return []
        return [self._open(self._aead, part)]

    def _open(self, aead: AESGCM, frame: bytes) -> dict[str, str]:
        try:
            content = self._prompt.open_frame(aead, self._index, frame, final=False)
        except InvalidTag:
            content = self._prompt.open_frame(aead, self._index, frame, final=True)
        self._index += 1
        return content


def seal_prompt(
    config: dict[str, Any], text: str = "hello", *, place: tuple[UUID, UUID] | None = None, **changes: Any
) -> SealedPrompt:
    """Seals a prompt under a key config; `changes` replace parts of the JSON inside."""
    reply_secret = os.urandom(32)
    content = {
        "model": json.loads(decode_b64u(config["models"]))[0]["id"],
        "messages": [{"role": "user", "content": text}],
        "options": {},
        "reply_secret": encode_b64u(reply_secret),
    } | changes
    return seal_bytes(config, json.dumps(content).encode(), reply_secret, place=place)


def seal_bytes(
    config: dict[str, Any],
    plaintext: bytes,
    reply_secret: bytes = bytes(32),
    *,
    place: tuple[UUID, UUID] | None = None,
) -> SealedPrompt:
    """Seals whatever bytes under a key config; `place` is conversation and stream."""
    key_id = decode_b64u(config["key_id"])
    conversation_id, stream_id = place or (uuid4(), uuid4())
    public_key = X25519PublicKey.from_public_bytes(decode_b64u(config["hpke_pub"]))
    sealed = _SUITE.encrypt(plaintext, public_key, infer_info(key_id, conversation_id, stream_id))
    request = SealedRequest(key_id, conversation_id, stream_id, sealed[:32], Ciphertext(sealed[32:]))
    return SealedPrompt(request, reply_secret, decode_b64u(config["identity"]))


class SealedClient:
    """Speaks HTTP to a gateway that runs."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def config(self) -> dict[str, Any]:
        config: dict[str, Any] = (await self.http.get("/v1/keys")).raise_for_status().json()
        return config

    async def ask(self, text: str = "hello", **changes: Any) -> tuple[str, dict[str, str]]:
        """Seals, sends, reads to the end, opens."""
        prompt = seal_prompt(await self.config(), text, **changes)
        return prompt.open([part async for part in self.stream(prompt)])

    async def stream(self, prompt: SealedPrompt) -> AsyncIterator[bytes]:
        """Sends a sealed prompt and yields nonce and frames as they arrive."""
        reader = ReplyReader()
        async with self.http.stream("POST", "/v1/sealed", content=prompt.wire) as response:
            assert response.status_code == 200, await response.aread()
            async for chunk in response.aiter_raw():
                for part in reader.feed(chunk):
                    yield part
        assert reader.at_boundary

    async def stop(self, stream_id: UUID) -> int:
        return (await self.http.post(f"/v1/sealed/{stream_id}/stop")).status_code
