"""Times of other products: seconds, milliseconds, ISO 8601, missing or silly. What comes out never runs backwards."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from balon_client.imports.limits import CLOCK_LEEWAY_MS, EARLIEST_MS

_LONGEST_TEXT: Final = 40
# Seconds, milliseconds, microseconds and nanoseconds since 1970: now they have 10, 13, 16 and 19 digits.
_SECONDS_END: Final = 10**11
_SCALES: Final = ((10**14, 1), (10**17, 10**3), (10**20, 10**6))


def parse_time(value: object) -> int | None:
    """Milliseconds since 1970, whatever unit or form; None where it is no time."""
    if type(value) is str:
        return _parse_iso(value)
    if type(value) is int or type(value) is float:
        return _scale(value)
    return None


def _scale(number: float) -> int | None:
    if 0 < number < _SECONDS_END:
        return int(number * 1000)
    return next((int(number // units) for end, units in _SCALES if 0 < number < end), None)


def _parse_iso(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text) if len(text) <= _LONGEST_TEXT else None
        if moment is None:
            return None
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return int(aware.timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def fill_times(times: Sequence[int | None], *, created_ms: int | None, now_ms: int) -> list[int]:
    """Gives every message a time.

    Args:
        times: What the export says of each message, in order.
        created_ms: What it says of the conversation.
        now_ms: Now; a time after it, give or take a day, is none.

    Returns:
        A time for each: its own where it has one, never before the one before; the messages ahead of the first time
        get the conversation's, where that is earlier, or that first time.
    """
    sane = [each if is_sane(each, now_ms) else None for each in times]
    first = next((each for each in sane if each is not None), None)
    begin = created_ms if created_ms is not None and is_sane(created_ms, now_ms) else None
    known = [each for each in (begin, first) if each is not None]
    latest, filled = min(known, default=now_ms), []
    for each in sane:
        latest = max(latest, each if each is not None else latest)
        filled.append(latest)
    return filled


def is_sane(at_ms: int | None, now_ms: int) -> bool:
    """Whether something can have happened then."""
    return at_ms is not None and EARLIEST_MS <= at_ms <= now_ms + CLOCK_LEEWAY_MS
