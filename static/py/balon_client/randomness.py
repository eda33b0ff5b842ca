"""Random bytes and identifiers, on whatever generator the platform has."""

from collections.abc import Callable
from uuid import UUID

from balon_client.errors import RandomnessError
from balon_client.ports import Clock

_CHECKED_SIZE = 16
_TAIL_BITS = 74
_RAND_B_BITS = 62


class CheckedRandom:
    """The port `Random` over a generator of bytes, which is given up when it repeats itself (A21)."""

    def __init__(self, source: Callable[[int], bytes], clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._previous = b""
        self._ms = -1
        self._tail = 0

    def generate_bytes(self, size: int) -> bytes:
        """Random bytes.

        Raises:
            RandomnessError: The same 16 or more bytes as the time before.
        """
        drawn = self._source(size)
        if size >= _CHECKED_SIZE:
            if drawn[:_CHECKED_SIZE] == self._previous:
                raise RandomnessError
            self._previous = drawn[:_CHECKED_SIZE]
        return drawn

    def uuid4(self) -> UUID:
        """A random identifier (RFC 9562 section 5.4)."""
        return UUID(bytes=self.generate_bytes(16), version=4)

    def uuid7(self) -> UUID:
        """A time-ordered identifier (RFC 9562 section 5.7); within a millisecond the random part counts up."""
        self._advance(self._clock.now_ms())
        rand_a, rand_b = self._tail >> _RAND_B_BITS, self._tail & ((1 << _RAND_B_BITS) - 1)
        return UUID(int=self._ms << 80 | 0x7 << 76 | rand_a << 64 | 0b10 << 62 | rand_b)

    def _advance(self, now_ms: int) -> None:
        if now_ms <= self._ms and self._tail + 1 < 1 << _TAIL_BITS:
            self._tail += 1
            return
        self._ms = max(now_ms, self._ms + 1)
        self._tail = int.from_bytes(self.generate_bytes(16), "big") >> (128 - _TAIL_BITS)
