"""Made-up sign-in parameters for login names that nobody has (docs/protocol.md section 5).

They are keyed hashes of the login name, so they stay the same over calls and restarts, and look like real ones.
"""

import hashlib
import hmac
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

from balon.protocol.encoding import encode_context


@dataclass(frozen=True, slots=True)
class Decoy:
    """What an account of this login name might have: user id, 32 bytes of salt, and its place (0 to 1) among all n."""

    user_id: UUID
    salt: bytes
    quantile: float


def derive_decoy(login: str) -> Decoy:
    """The parameters shown for a login name that nobody has."""
    identifier = UUID(bytes=_derive("user-id", login)[:16], version=4)
    quantile = int.from_bytes(_derive("iterations", login)[:6], "big") / 2**48
    return Decoy(user_id=identifier, salt=_derive("salt", login), quantile=quantile)


def hash_login(login: str) -> bytes:
    """A keyed hash that stands for a login name in challenges and counters: 32 bytes."""
    return _derive("login-tag", login)


def _derive(purpose: str, login: str) -> bytes:
    message = encode_context(f"decoy/{purpose}", login)
    return hmac.digest(settings.BALON_DECOY_KEY, message, hashlib.sha256)
