"""The envelope, the one form of every symmetric ciphertext (docs/protocol.md section 3).

```
off  len
0    3    "BLN"
3    1    version 0x01
4    1    suite   0x01  HKDF-SHA256, AES-256-GCM, 32-byte key commitment
5    1    kind
6    2    flags   0x0000
8    16   kid     = HKDF(K, "", ctx("kid"), 16)
24   32   salt    random for each encryption
56   32   commit
88   n    AES-256-GCM ciphertext, then its 16-byte tag
```
"""

import enum
import hashlib
from dataclasses import dataclass

from balon.protocol.encoding import encode_context
from balon.protocol.errors import EnvelopeError
from balon.protocol.types import Ciphertext, Envelope, KeyID, Plaintext

MAGIC = b"BLN"
VERSION = 1
SUITE = 1
FLAGS = bytes(2)
HEADER_SIZE = 56
"""Bytes up to and with the salt: what the associated data covers besides commitment and context."""
PREFIX_SIZE = 88
TAG_SIZE = 16
MIN_SIZE = PREFIX_SIZE + TAG_SIZE
SALT_SIZE = 32
PADDING_BLOCK = 256
KEY_ID_INFO = encode_context("kid")


class Kind(enum.IntEnum):
    """What an envelope holds (docs/protocol.md section 10)."""

    MEK = 0x01
    RSA = 0x02
    IDK = 0x03
    MESSAGE = 0x04
    META = 0x05
    ATTACHMENT = 0x06
    RECOVERY = 0x07
    KEYRING = 0x08
    PREV = 0x09
    LEGACY = 0x0A
    STREAM = 0x0B


PADDED_KINDS = frozenset({Kind.MESSAGE, Kind.META, Kind.LEGACY, Kind.KEYRING})


@dataclass(frozen=True, slots=True)
class EnvelopeParts:
    """An envelope taken apart: `header` 56 bytes, `kid` 16, `salt` 32, `commit` 32, `ciphertext` with its tag."""

    header: bytes
    kid: KeyID
    salt: bytes
    commit: bytes
    ciphertext: Ciphertext


def serialize_header(kind: Kind, kid: KeyID, salt: bytes) -> bytes:
    """Lays out the first 56 bytes of an envelope."""
    return MAGIC + bytes((VERSION, SUITE, kind)) + FLAGS + kid + salt


def serialize_envelope(header: bytes, commit: bytes, ciphertext: Ciphertext) -> Envelope:
    """Joins header (56 bytes), commitment (32) and ciphertext with tag."""
    return Envelope(header + commit + ciphertext)


def parse_envelope(kind: Kind, envelope: bytes) -> EnvelopeParts:
    """Takes an envelope apart after checking its length and fixed header bytes against the kind that is expected.

    Raises:
        EnvelopeError: Too short, or another magic, version, suite, kind or flags.
    """
    if len(envelope) < MIN_SIZE:
        raise EnvelopeError("The envelope is too short.")
    if envelope[:8] != MAGIC + bytes((VERSION, SUITE, kind)) + FLAGS:
        raise EnvelopeError("The envelope's header is not the expected one.")
    return EnvelopeParts(
        header=envelope[:HEADER_SIZE],
        kid=KeyID(envelope[8:24]),
        salt=envelope[24:HEADER_SIZE],
        commit=envelope[HEADER_SIZE:PREFIX_SIZE],
        ciphertext=Ciphertext(envelope[PREFIX_SIZE:]),
    )


def encode_iv_commit_info(kind: Kind, context: bytes) -> bytes:
    """The HKDF info for nonce and commitment: 44 bytes, 12 of nonce, then 32 of commitment."""
    return encode_context("env/ivc", SUITE, int(kind), hashlib.sha256(context).digest())


def encode_content_key_info(kind: Kind) -> bytes:
    """The HKDF info for the AES-256-GCM key of one envelope."""
    return encode_context("env/key", SUITE, int(kind))


def encode_aad(header: bytes, commit: bytes, context: bytes) -> bytes:
    """The associated data: header (56 bytes), commitment (32) and the caller's context."""
    return encode_context("env/aad", header, commit, context)


def pad(plaintext: bytes, block: int = PADDING_BLOCK) -> Plaintext:
    """Pads to a multiple of `block` bytes: 0x80, then zeros (ISO/IEC 7816-4). Adds 1 to `block` bytes."""
    return Plaintext(plaintext + b"\x80" + bytes(-(len(plaintext) + 1) % block))


def unpad(padded: bytes, block: int = PADDING_BLOCK) -> Plaintext:
    """Takes the padding of `pad` off.

    Raises:
        EnvelopeError: The length is no multiple of `block`, or the last block holds no valid padding.
    """
    plaintext, marker, zeros = padded.rpartition(b"\x80")
    if not marker or len(padded) % block or zeros.strip(b"\x00") or len(zeros) >= block:
        raise EnvelopeError("The padding is not valid.")
    return Plaintext(plaintext)
