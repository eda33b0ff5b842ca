"""How many messages a migration sends at once, and how long it will take: pure functions of what was measured."""

import math
from typing import Final

BATCHES: Final = range(1, 501)
DEFAULT_BATCH: Final = 50
TARGET_S: Final = 1.0
"""How long a batch should take: short enough that a pause, a lock or a crash costs little and chatting stays smooth."""
_PATIENT_S: Final = 3.0
"""Before this, a rate says nothing."""


def adapt_batch(size: int, rows: int, seconds: float) -> int:
    """The size of the next batch.

    It shrinks in proportion to a batch that took too long, and grows by half after a quick one; what takes about as
    long as it should leaves it alone. A batch that was smaller than it might have been says nothing about larger ones.

    Args:
        size: How many rows the batch might have had.
        rows: How many it had.
        seconds: From sealing it until it was read back.

    Returns:
        A size of `BATCHES`.
    """
    if seconds > TARGET_S:
        return max(BATCHES[0], min(size - 1, int(rows * TARGET_S / seconds)))
    if rows >= size and seconds < TARGET_S / 2:
        return min(BATCHES[-1], size + max(1, size // 2))
    return size


def shrink_batch(size: int) -> int:
    """The size after a batch that failed: half."""
    return max(BATCHES[0], size // 2)


def rate_of(rows: int, seconds: float) -> float | None:
    """Rows per second, to a tenth; None while nobody can tell."""
    return round(rows / seconds, 1) if rows > 0 and seconds >= _PATIENT_S else None


def seconds_left(rows: int, rate: float | None) -> int | None:
    """How long the rest takes at a rate; None while nobody can tell."""
    return math.ceil(rows / max(rate, 0.1)) if rate is not None else None
