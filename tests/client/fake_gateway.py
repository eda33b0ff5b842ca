"""A gateway in memory: the real one's keys, seals and signatures around a reply that the test writes."""

import os
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from balon.protocol.encoding import encode_b64u
from balon.protocol.frames import SealedRequest
from inference.backends.base import Model
from inference.identity import Identity
from inference.keys import KeyRing, serialize_models, sign_key_config
from inference.prompts import parse_request
from inference.sealing import FrameSealer, ReplySigner, hash_request, open_request

LENGTH_PREFIX = 4
MODEL = "fake-model"


@dataclass
class FakeGateway:
    """Opens requests, seals replies. A test may swap its identity, its keys or the reply."""

    now_ms: object
    identity: Identity = field(default_factory=lambda: Identity(Ed25519PrivateKey.generate()))
    deltas: tuple[str, ...] = ("Hello", ", ", "world.")
    ending: tuple[str, str] = ("finish", "stop")
    models: tuple[Model, ...] = (Model(MODEL, "Fake model", 4096, demonstration=False),)
    prompts: list = field(default_factory=list)
    answering: dict = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.keys = KeyRing(self.now_ms)

    def restart(self) -> None:
        """Forgets every key, as a new process does."""
        self.keys = KeyRing(self.now_ms)

    def config(self) -> dict:
        return sign_key_config(self.identity, self.keys.current(), serialize_models(self.models))

    def answer(self, wire: bytes) -> list[str]:
        """Nonce and frames of a whole reply, as they travel on the socket.

        Raises:
            RefusedError: As the real gateway does.
        """
        request = SealedRequest.parse(wire)
        key = self.keys.find(request.key_id)
        opened = parse_request(open_request(key.private_key, request), max_tokens=100)
        key.check_unanswered(hash_request(request))
        key.remember(hash_request(request))
        self.prompts.append([(message.role, message.content) for message in opened.prompt.messages])
        nonce = os.urandom(32)
        self.answering[str(request.stream_id)] = (request, opened.reply_secret, nonce, self.deltas)
        return self._frames(request, opened.reply_secret, nonce, self.deltas, self.ending)

    def stop(self, stream_id: str, sent: int) -> list[str]:
        """The same reply, ended after the frames that were sent; number 0 is the nonce."""
        request, reply_secret, nonce, deltas = self.answering[stream_id]
        return self._frames(request, reply_secret, nonce, deltas[:sent], ("finish", "stopped"))

    def _frames(self, request, reply_secret, nonce, deltas, ending) -> list[str]:
        sealer, signer = FrameSealer(request, reply_secret, nonce=nonce), ReplySigner(self.identity, request)
        frames = [sealer.response_nonce]
        for delta in deltas:
            signer.add(delta)
            frames.append(sealer.seal_frame({"delta": delta})[LENGTH_PREFIX:])
        frames.append(sealer.seal_frame(signer.sign_ending(*ending), final=True)[LENGTH_PREFIX:])
        return [encode_b64u(frame) for frame in frames]
