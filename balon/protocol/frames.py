"""Sealed requests and the frames of a reply (docs/protocol.md section 9)."""

from dataclasses import dataclass
from uuid import UUID

from balon.protocol.encoding import encode_u32
from balon.protocol.envelope import pad, unpad
from balon.protocol.errors import EnvelopeError, FrameError
from balon.protocol.types import Ciphertext, Plaintext

HPKE_SUITE = "DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM"
KEY_ID_SIZE = 8
ENC_SIZE = 32
RESPONSE_NONCE_SIZE = 32
REPLY_SECRET_SIZE = 32
FRAME_BLOCK = 64
FRAME_OVERHEAD = 16
"""The GCM tag behind each padded frame."""
MAX_FRAME_SIZE = 1 << 20
_ENVELOPED = KEY_ID_SIZE + 16 + 16
_MIN_REQUEST_SIZE = _ENVELOPED + ENC_SIZE + 16


@dataclass(frozen=True, slots=True)
class SealedRequest:
    """A prompt as it crosses the web tier: who opens it, what it belongs to, and HPKE's output."""

    key_id: bytes
    conversation_id: UUID
    stream_id: UUID
    enc: bytes
    ciphertext: Ciphertext

    def serialize(self) -> bytes:
        """key_id (8) || conversation_id (16) || stream_id (16) || enc (32) || ciphertext."""
        return self.key_id + self.conversation_id.bytes + self.stream_id.bytes + self.enc + self.ciphertext

    @property
    def sealed(self) -> bytes:
        """Enc || ciphertext: what the gateway's signature of the reply covers."""
        return self.enc + self.ciphertext

    @classmethod
    def parse(cls, wire: bytes) -> "SealedRequest":
        """Takes a request on the wire apart.

        Raises:
            FrameError: Too short to be one.
        """
        if len(wire) < _MIN_REQUEST_SIZE:
            raise FrameError("The sealed request is too short.")
        return cls(
            key_id=wire[:8],
            conversation_id=UUID(bytes=wire[8:24]),
            stream_id=UUID(bytes=wire[24:40]),
            enc=wire[40:72],
            ciphertext=Ciphertext(wire[72:]),
        )


def encode_frame_nonce(index: int) -> bytes:
    """The AES-GCM nonce of a frame: its index as 12 bytes, big endian."""
    return index.to_bytes(12, "big")


def pad_frame(frame: bytes) -> Plaintext:
    """Pads a frame's JSON to a multiple of 64 bytes, since sizes of tokens tell topics."""
    return pad(frame, FRAME_BLOCK)


def unpad_frame(padded: bytes) -> Plaintext:
    """Takes the padding of `pad_frame` off.

    Raises:
        FrameError: No valid padding.
    """
    try:
        return unpad(padded, FRAME_BLOCK)
    except EnvelopeError as error:
        raise FrameError(str(error)) from error


def serialize_frame(frame: Ciphertext) -> bytes:
    """LP(frame), as the gateway sends it."""
    return encode_u32(len(frame)) + frame


class ReplyReader:
    """Splits the gateway's body into response_nonce (32 bytes) and frames, however the network cuts it."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._has_nonce = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """Takes the next bytes of the body.

        Returns:
            What is complete now, in order: first the nonce, then each frame without its length.

        Raises:
            FrameError: A frame is empty or longer than 1 MiB.
        """
        self._buffer += chunk
        parts: list[bytes] = []
        while (part := self._take()) is not None:
            parts.append(part)
        return parts

    @property
    def at_boundary(self) -> bool:
        """Whether no part is half read: false at the end of the body means that it was cut."""
        return self._has_nonce and not self._buffer

    def _take(self) -> bytes | None:
        start, size = (4, self._frame_size()) if self._has_nonce else (0, RESPONSE_NONCE_SIZE)
        if size is None or len(self._buffer) < start + size:
            return None
        part = bytes(self._buffer[start : start + size])
        del self._buffer[: start + size]
        self._has_nonce = True
        return part

    def _frame_size(self) -> int | None:
        if len(self._buffer) < 4:
            return None
        size = int.from_bytes(self._buffer[:4], "big")
        if not FRAME_OVERHEAD < size <= MAX_FRAME_SIZE:
            raise FrameError("A frame has an impossible length.")
        return size
