"""Counters that slow guessing down: atomic on every cache back end, since each attempt is one increment."""

import hashlib
import time
from dataclasses import dataclass
from ipaddress import IPv6Network, ip_address
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.cache import cache
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from keystore.requesters import requester_id_of

if TYPE_CHECKING:
    from rest_framework.views import APIView  # which imports this module, by its name in the settings

_QUOTAS = {
    "message": "BALON_LIMIT_WRITES",
    "meta": "BALON_LIMIT_WRITES",
    "keyring": "BALON_LIMIT_WRITES",
    "conversation": "BALON_LIMIT_ROSTERS",
    "roster": "BALON_LIMIT_ROSTERS",
    "migration": "BALON_LIMIT_MIGRATION",
}
"""What people do again and again, each counted for itself, and the setting that says how often they may."""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` attempts in each window of `window_s` seconds."""

    count: int
    window_s: int


def place_of_address(address: str) -> str:
    """What counts as one place: an IPv4 address, or the 64-bit network of an IPv6 one.

    Whoever has one IPv6 address has the other 2^64 of its network too (RFC 6177).

    Args:
        address: As the server gives it; whatever is none is its own place.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return str(parsed)
    return str(parsed.ipv4_mapped or IPv6Network((int(parsed) >> 64 << 64, 64)))


def count_attempt(scope: str, identity: bytes, limit: Limit) -> None:
    """Counts one attempt of an identity.

    Args:
        scope: What is attempted.
        identity: Who attempts; only a hash of it reaches the cache.
        limit: How often they may.

    Raises:
        Throttled: It was one too many; `wait` says for how many seconds to stay away.
    """
    now = time.time()
    window = int(now // limit.window_s)
    key = f"throttle.{scope}.{window}.{hashlib.sha256(identity).hexdigest()}"
    if _increment(key, limit.window_s) > limit.count:
        raise Throttled(wait=(window + 1) * limit.window_s - now)


def _increment(key: str, lifetime_s: int) -> int:
    cache.add(key, 0, timeout=lifetime_s)
    try:
        return cache.incr(key)
    except ValueError:  # It expired between the two calls, so the next window has begun.
        return 1


class PersonThrottle(BaseThrottle):
    """Counts writes of signed-in people: a view names what it counts for a method in its `quotas`.

    It is set for all views (balon/settings.py), so that views of lower layers need not know who counts.
    """

    def allow_request(self, request: Request, view: "APIView") -> bool:
        """Counts the request, if it is one that counts.

        Raises:
            Throttled: It was one too many.
        """
        scope = getattr(view, "quotas", {}).get(request.method)
        if scope is not None:
            count_attempt(scope, requester_id_of(request).bytes, Limit(*getattr(settings, _QUOTAS[scope])))
        return True
