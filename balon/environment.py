"""Typed readers of settings that fail loudly and name the setting."""

import hashlib
import hmac
import re
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

_FERNET_KEY = re.compile(r"[A-Za-z0-9_-]{43}=\Z")
_DAYS = re.compile(r"[0-9]{1,3}\Z")
_LIMIT = re.compile(r"([1-9][0-9]{0,8})/([1-9][0-9]{0,5})\Z")


def read_origin(text: str) -> str:
    """Reads an origin as browsers write it (RFC 6454 section 6.2): the scheme, the host, a port if not usual."""
    parts = urlsplit(text)
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    canonical = f"{parts.scheme}://{host}" + ("" if parts.port in {None, usual} else f":{parts.port}")
    if usual is None or not parts.hostname or text != canonical:
        raise ImproperlyConfigured(f"BALON_ORIGIN must look like https://balon.example, without a path; not {text!r}.")
    return text


def read_fernet_keys(keys: list[str]) -> list[str]:
    """Reads the installation keys: Fernet keys, the newest first."""
    if not keys or not all(_FERNET_KEY.match(key) for key in keys):
        raise ImproperlyConfigured("BALON_INSTALLATION_KEYS must be Fernet keys, newest first, between commas.")
    return keys


def read_limit(text: str) -> tuple[int, int]:
    """Reads a limit: attempts, then the seconds in which they may happen."""
    match = _LIMIT.match(text)
    if match is None:
        raise ImproperlyConfigured(f"A limit must look like 30/300 (attempts/seconds); not {text!r}.")
    return int(match[1]), int(match[2])


def read_days(text: str) -> int:
    """Reads a number of days, 0 to 365."""
    if not _DAYS.match(text) or int(text) > 365:
        raise ImproperlyConfigured(f"A number of days is 0 to 365; not {text!r}.")
    return int(text)


def derive_key(secret: str, purpose: str) -> bytes:
    """A key of its own for one purpose: 32 bytes of HMAC-SHA256."""
    return hmac.digest(secret.encode(), f"balon/{purpose}".encode(), hashlib.sha256)
