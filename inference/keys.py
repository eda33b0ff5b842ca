"""The gateway's HPKE keys: made in memory, changed hourly, forgotten when they expire (docs/protocol.md section 9)."""

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from balon.protocol.encoding import encode_b64u
from balon.protocol.frames import KEY_ID_SIZE
from balon.protocol.statements import GatewayKey
from balon.protocol.types import PublicKey
from inference.backends.base import Model
from inference.clock import Clock, system_clock_ms
from inference.errors import BusyError, ReplayedError, UnknownKeyError
from inference.identity import Identity

ROTATION_MS = 60 * 60 * 1000
LIFETIME_MS = 110 * 60 * 1000
"""Ten minutes below the two hours that clients allow, so that a clock that is a little slow still accepts the key."""
MAX_REMEMBERED = 1 << 18
"""Requests that one key answers at most; each costs about 100 bytes of memory until the key expires."""


@dataclass(eq=False)
class RequestKey:
    """One X25519 key and the hashes of the requests that it opened."""

    key_id: bytes
    private_key: X25519PrivateKey = field(repr=False)
    created_ms: int
    not_after_ms: int
    answered: set[bytes] = field(default_factory=set, repr=False)

    @property
    def public_key(self) -> PublicKey:
        """The raw public key, 32 bytes."""
        return PublicKey(self.private_key.public_key().public_bytes_raw())

    def check_unanswered(self, request_hash: bytes) -> None:
        """Refuses a request that this key opened before.

        Raises:
            ReplayedError: It did.
        """
        if request_hash in self.answered:
            raise ReplayedError

    def remember(self, request_hash: bytes) -> None:
        """Keeps the hash of a request that opened, so that its replay is refused.

        Raises:
            BusyError: The memory for this key is full.
        """
        if len(self.answered) >= MAX_REMEMBERED:
            raise BusyError
        self.answered.add(request_hash)


class KeyRing:
    """The key that is offered now, and the ones before it that have not expired."""

    def __init__(self, clock: Clock = system_clock_ms) -> None:
        self._clock = clock
        self._keys: dict[bytes, RequestKey] = {}
        self._current = self._generate()

    def current(self) -> RequestKey:
        """The key to offer."""
        self.refresh()
        return self._current

    def find(self, key_id: bytes) -> RequestKey:
        """The key that a request names.

        Raises:
            UnknownKeyError: It never was this process's, or it expired.
        """
        self.refresh()
        key = self._keys.get(key_id)
        if key is None:
            raise UnknownKeyError
        return key

    def refresh(self) -> None:
        """Drops expired keys and makes a new one when the hour is over. Call it from time to time when idle."""
        now = self._clock()
        for key in [key for key in self._keys.values() if now >= key.not_after_ms]:
            del self._keys[key.key_id]
        if now >= self._current.created_ms + ROTATION_MS:
            self._current = self._generate()

    def _generate(self) -> RequestKey:
        now = self._clock()
        key = RequestKey(
            key_id=secrets.token_bytes(KEY_ID_SIZE),
            private_key=X25519PrivateKey.generate(),
            created_ms=now,
            not_after_ms=now + LIFETIME_MS,
        )
        self._keys[key.key_id] = key
        return key


def serialize_models(models: Sequence[Model]) -> bytes:
    """The models on offer as JSON bytes, which are signed and sent as they are."""
    return json.dumps([asdict(model) for model in models], ensure_ascii=False, separators=(",", ":")).encode()


def sign_key_config(identity: Identity, key: RequestKey, models: bytes) -> dict[str, object]:
    """The signed key config that `GET /v1/keys` answers and the web tier relays as it is.

    Args:
        identity: The gateway's identity; clients compare it with the one that they pinned.
        key: The key that requests are to be sealed to.
        models: `serialize_models`.
    """
    statement = GatewayKey(
        gateway_id=identity.gateway_id,
        key_id=key.key_id,
        hpke_pub=key.public_key,
        not_after_ms=key.not_after_ms,
        models_hash=hashlib.sha256(models).digest(),
    ).serialize()
    return {
        "statement": encode_b64u(statement),
        "signature": encode_b64u(identity.sign_statement(statement)),
        "identity": encode_b64u(identity.public_key),
        "key_id": encode_b64u(key.key_id),
        "hpke_pub": encode_b64u(key.public_key),
        "not_after_ms": key.not_after_ms,
        "models": encode_b64u(models),
    }
