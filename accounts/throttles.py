"""Counters that slow guessing down: atomic on every cache back end, since each attempt is one increment."""

import hashlib
import time
from dataclasses import dataclass

from django.core.cache import cache
from rest_framework.exceptions import Throttled


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` attempts in each window of `window_s` seconds."""

    count: int
    window_s: int


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
