"""Keeps sign-in records encrypted at rest under the installation keys (docs/protocol.md section 5).

The one module of the web tier that may import a cipher. What it seals is not the users' plaintext: it is what a stolen
database alone would let a thief guess passwords against. The first key seals, every key opens, so keys rotate.
"""

from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

from accounts.errors import InstallationKeyError
from balon.protocol.encoding import parse_prefixed, serialize_prefixed
from balon.protocol.errors import EncodingError


def seal_at_rest(value: bytes, *, place: bytes) -> bytes:
    """Seals a value for one place (column and row), so that values cannot be swapped between rows unnoticed."""
    return _fernet(tuple(settings.BALON_INSTALLATION_KEYS)).encrypt(serialize_prefixed(place, value))


def open_at_rest(token: bytes, *, place: bytes) -> bytes:
    """Opens what `seal_at_rest` sealed for the same place.

    Raises:
        InstallationKeyError: No installation key fits, or the token was sealed for another place.
    """
    try:
        found, value = parse_prefixed(_fernet(tuple(settings.BALON_INSTALLATION_KEYS)).decrypt(token))
    except (InvalidToken, EncodingError, ValueError) as error:
        raise InstallationKeyError("A record at rest does not open under the installation keys.") from error
    if found != place:
        raise InstallationKeyError("A record at rest was moved.")
    return value


@lru_cache(maxsize=4)
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])
