"""How far something long has come, for the page (docs/worker.md)."""

from typing import Final

from balon_client.parts import Parts

_TELL_MS: Final = 100


class Progress:
    """Tells the page at most ten times a second; the end is told by the call itself."""

    def __init__(self, parts: Parts, task: str) -> None:
        self._parts = parts
        self._task = task
        self._told_ms: int | None = None

    def tell(self, done: int, total: int, **more: float | None) -> None:
        """Publishes `progress`, unless it did a moment ago."""
        now_ms = self._parts.now_ms()
        if self._told_ms is None or not 0 <= now_ms - self._told_ms < _TELL_MS:
            self._told_ms = now_ms
            self._parts.events.publish("progress", task=self._task, done=done, total=total, **more)
