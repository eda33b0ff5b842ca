"""One reply as its sealed frames come in: numbers, final flag, signature (docs/protocol.md section 9; A50, A52)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final
from uuid import UUID

from balon.protocol.contexts import stream_context
from balon.protocol.encoding import decode_b64u
from balon.protocol.envelope import Kind
from balon.protocol.errors import EncodingError
from balon.protocol.frames import ENC_SIZE, REPLY_SECRET_SIZE, RESPONSE_NONCE_SIZE
from balon.protocol.statements import reply_statement
from balon.protocol.types import Ciphertext, Plaintext, PublicKey, Signature
from balon_client.alarms import AnswerError
from balon_client.conversation_records import StreamRecord
from balon_client.conversations import Conversation
from balon_client.errors import DamagedFramesError
from balon_client.payloads import ReplyProof, hash_text
from balon_client.ports import Crypto, OpenedFrame, ReplyKey
from balon_client.wire import Fields, load_json

NONCE_NUMBER: Final = 0
FIRST_FRAME: Final = 1
_FINISHES: Final = frozenset({"stop", "length", "stopped"})
_MAX_DELTA: Final = 1 << 20


class ReplyState(Enum):
    """How far a reply is."""

    STREAMING = "streaming"
    COMPLETE = "complete"
    """The final frame opened, whatever it says."""
    CUT = "cut"
    """No final frame will come, or what came is damaged: the text before it stands."""


@dataclass(frozen=True, slots=True)
class StreamSecrets:
    """What opens a reply: its secret (32 bytes) and the request's `enc`. `request_hash` is known to the asker's tab."""

    reply_secret: bytes = field(repr=False)
    enc: bytes
    request_hash: bytes | None = None


class Reply:
    """The state of one reply. Frames go in as they come; text comes out once it is verified."""

    def __init__(self, conversation_id: UUID, stream_id: UUID, sender_id: UUID, created_ms: int) -> None:
        self.conversation_id = conversation_id
        self.stream_id = stream_id
        self.sender_id = sender_id
        self.created_ms = created_ms
        self.state = ReplyState.STREAMING
        self.finish: str | None = None
        self.error: str | None = None
        self.proof: ReplyProof | None = None
        self.next_number = NONCE_NUMBER
        self._secrets: StreamSecrets | None = None
        self._key: ReplyKey | None = None
        self._parts: list[str] = []

    def begin(self, secrets: StreamSecrets) -> None:
        """Takes the secrets, also those of a request that was sealed again before any frame came."""
        self._secrets = secrets

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self._parts)

    @property
    def has_begun(self) -> bool:
        """Whether anything of the reply has arrived."""
        return self.next_number > NONCE_NUMBER

    @property
    def last_number(self) -> int:
        """The number of the newest frame taken, -1 before the first: from here a subscription goes on."""
        return self.next_number - 1

    async def take(
        self, crypto: Crypto, frames: Sequence[tuple[int, bytes]], gateways: Mapping[bytes, PublicKey]
    ) -> str:
        """Takes numbered frames as the relay gave them; those taken before are passed over.

        Args:
            crypto: The crypto port.
            frames: Numbers and bytes; number 0 is the response nonce.
            gateways: Pinned gateway identities, for the signature in the final frame.

        Returns:
            The text that they add. Damage ends the reply there; the text before it stands.
            When a number was left out, nothing behind it is taken: subscribe again from `last_number`.
        """
        fresh = self._in_order(frames)
        if fresh and self._key is None and not await self._derive_key(crypto, fresh.pop(0)):
            self.cut()
            return ""
        return await self._open(crypto, fresh, gateways) if fresh and self._key else ""

    def cut(self) -> None:
        """No final frame will come."""
        if self.state is ReplyState.STREAMING:
            self.state = ReplyState.CUT
            self.finish = "interrupted"

    def _in_order(self, frames: Sequence[tuple[int, bytes]]) -> list[bytes]:
        fresh: list[bytes] = []
        for number, frame in frames:
            if self.state is not ReplyState.STREAMING or number < self.next_number + len(fresh):
                continue
            if number > self.next_number + len(fresh):
                break
            fresh.append(frame)
        return fresh

    async def _derive_key(self, crypto: Crypto, nonce: bytes) -> bool:
        if self._secrets is None or len(nonce) != RESPONSE_NONCE_SIZE:
            return False
        self._key = await crypto.derive_reply_key(
            self._secrets.reply_secret, enc=self._secrets.enc, response_nonce=nonce, stream_id=self.stream_id
        )
        self.next_number = FIRST_FRAME
        return True

    async def _open(self, crypto: Crypto, frames: Sequence[bytes], gateways: Mapping[bytes, PublicKey]) -> str:
        assert self._key is not None  # noqa: S101 - for the type checker
        damaged = False
        first_index = self.next_number - FIRST_FRAME
        try:
            opened = await crypto.open_frames(
                self._key, self.stream_id, first_index, [Ciphertext(frame) for frame in frames]
            )
        except DamagedFramesError as error:
            opened, damaged = list(error.opened), True
        added = self._read(opened)
        self.next_number += len(opened)
        if opened and opened[-1].final and self.state is ReplyState.STREAMING:
            await self._end(crypto, opened[-1].plaintext, gateways)
        elif damaged:
            self.cut()
        return added

    def _read(self, opened: Sequence[OpenedFrame]) -> str:
        deltas: list[str] = []
        for frame in opened:
            if frame.final:
                break
            delta = _parse_delta(frame.plaintext)
            if delta is None:
                self.cut()
                break
            deltas.append(delta)
        added = "".join(deltas)
        if added:
            self._parts.append(added)
        return added

    async def _end(self, crypto: Crypto, plaintext: Plaintext, gateways: Mapping[bytes, PublicKey]) -> None:
        """Reads the final frame. Without a valid signature of a pinned gateway nobody vouches for the text."""
        ending = _parse_ending(plaintext)
        if ending is None or not await self._verify(crypto, ending, gateways):
            self.cut()
            return
        self.state = ReplyState.COMPLETE
        self.finish, self.error = ending.finish, ending.error

    async def _verify(self, crypto: Crypto, ending: "_Ending", gateways: Mapping[bytes, PublicKey]) -> bool:
        known = self._secrets.request_hash if self._secrets else None
        request_hash = known or ending.request_hash
        identity = gateways.get(ending.gateway_id)
        if identity is None or request_hash is None or ending.request_hash not in {None, request_hash}:
            return False
        text_hash = hash_text(self.text)
        statement = reply_statement(
            gateway_id=ending.gateway_id,
            conversation_id=self.conversation_id,
            stream_id=self.stream_id,
            request_hash=request_hash,
            text_hash=text_hash,
        )
        (verified,) = await crypto.verify_each([(identity, statement, ending.signature)])
        self.proof = ReplyProof(ending.gateway_id, request_hash, text_hash, ending.signature) if verified else None
        return verified is not None


@dataclass(frozen=True, slots=True)
class _Ending:
    finish: str
    error: str | None
    gateway_id: bytes
    request_hash: bytes | None
    signature: Signature


def _parse_delta(plaintext: Plaintext) -> str | None:
    try:
        return Fields(load_json(plaintext), "frame").text("delta", limit=_MAX_DELTA)
    except (AnswerError, ValueError, RecursionError):
        return None


def _parse_ending(plaintext: Plaintext) -> _Ending | None:
    try:
        fields = Fields(load_json(plaintext), "frame")
        error = fields.text("error", limit=64) if fields.has("error") else None
        finish = "error" if error is not None else fields.text("finish", limit=64)
        if finish not in _FINISHES and error is None:
            return None
        return _Ending(
            finish=finish,
            error=error,
            gateway_id=fields.raw("gateway_id", size=32),
            request_hash=fields.raw("request_hash", size=32) if fields.has("request_hash") else None,
            signature=Signature(fields.raw("signature", size=64)),
        )
    except (AnswerError, ValueError, RecursionError):
        return None


async def open_stream(crypto: Crypto, conversation: Conversation, record: StreamRecord) -> StreamSecrets | None:
    """Opens a STREAM record, so that this tab can follow a reply that another asked for; None if it does not open."""
    key = conversation.keys.get(record.epoch)
    if key is None or not conversation.might_write_in(record.epoch, record.sender_id):
        return None
    context = stream_context(conversation.id, record.epoch, record.stream_id, record.sender_id)
    (opened,) = await crypto.open_each(key.root, Kind.STREAM, [(context, record.stream_env)])
    if opened is None or len(opened) != REPLY_SECRET_SIZE + ENC_SIZE:
        return None
    return StreamSecrets(opened[:REPLY_SECRET_SIZE], opened[REPLY_SECRET_SIZE:])


def decode_frame(encoded: str) -> bytes | None:
    """The bytes of a frame from the socket; None when it is not base64url."""
    try:
        return decode_b64u(encoded)
    except EncodingError:
        return None
