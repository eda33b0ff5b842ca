"""Turns the model's tokens into batches, one for each frame, so that neither rhythm nor size tells much.

The first token goes out at once, later ones wait until 40 ms have passed since the frame before (docs/protocol.md
section 9).
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Literal

from inference.backends.base import Delta
from inference.errors import ReplyError

Ending = Literal["stop", "length", "stopped"]

_HIGH_SURROGATES = ("\ud800", "\udbff")


@dataclass(frozen=True)
class Pace:
    """How batches are cut."""

    window_s: float = 0.04
    """The longest that a token waits for others."""

    keepalive_s: float = 15.0
    """After this much silence an empty batch goes out, so that nobody on the way takes the stream for dead."""

    max_batch: int = 16_384
    """Characters in one batch, so that a frame stays far below the limit of its length."""

    max_text: int = 1 << 19
    """Characters in one reply; a reply that is longer ends there with `length`."""

    total_s: float = 1800.0
    """How long one reply may take in all."""


class PacedText:
    """Runs a model in a task of its own and hands its text out in batches."""

    def __init__(self, source: AsyncGenerator[Delta, None], pace: Pace) -> None:
        self._source = source
        self._pace = pace
        self._pending = ""
        self._length = 0
        self._ending: Ending | None = None
        self._error: BaseException | None = None
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def stop(self) -> None:
        """Stops the model; the batches end with what came so far and the ending `stopped`."""
        if self._ending is None:
            self._ending = "stopped"
            self._cancel()

    def fail(self, error: ReplyError) -> None:
        """Stops the model; the batches end with what came so far and then raise the error."""
        if self._ending is None and self._error is None:
            self._error = error
            self._cancel()

    def _cancel(self) -> None:
        self._news.set()
        if self._task is not None:
            self._task.cancel()

    @property
    def ending(self) -> Ending:
        """Why the text ended; ask only once the batches ended without an error."""
        if self._ending is None:
            raise RuntimeError("The text has not ended.")
        return self._ending

    async def batches(self) -> AsyncGenerator[str, None]:
        """Yields text in batches, empty ones as signs of life. Closing it stops the model and waits until it stopped.

        Raises:
            ReplyError: The model failed; the batches before it stand.
        """
        self._task = asyncio.create_task(self._collect())
        self._task.add_done_callback(lambda _: self._news.set())
        if self._ending is not None or self._error is not None:
            self._task.cancel()
        try:
            async for text in self._paced(self._task):
                yield text
        finally:
            self._task.cancel()
            await asyncio.wait({self._task})
        if self._error is not None and self._ending is None:
            raise self._error

    async def _paced(self, task: asyncio.Task[None]) -> AsyncGenerator[str, None]:
        due = 0.0
        while not (task.done() and not self._pending):
            if not await self._has_news():
                yield ""
                continue
            if (delay := due - time.monotonic()) > 0:
                await asyncio.wait({task}, timeout=delay)
            if text := self._take(last=task.done()):
                due = time.monotonic() + self._pace.window_s
                yield text

    async def _has_news(self) -> bool:
        """Waits until there is text or an end; False after a long silence."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), self._pace.keepalive_s)
        return self._news.is_set()

    def _take(self, *, last: bool) -> str:
        """Cuts the next batch off what is pending; half of a character waits for its other half."""
        size = min(len(self._pending), self._pace.max_batch)
        if size and _is_high_surrogate(self._pending[size - 1]) and not (last and size == len(self._pending)):
            size -= 1
        text, self._pending = self._pending[:size], self._pending[size:]
        if not last and (not self._pending or size == 0):
            self._news.clear()
        return _repair(text)

    async def _collect(self) -> None:
        """Reads the model until it ends, fails, is stopped, or the reply grows too long."""
        try:
            async with asyncio.timeout(self._pace.total_s), contextlib.aclosing(self._source) as deltas:
                async for delta in deltas:
                    self._add(delta)
                    if self._ending is not None:
                        return
            self._error = self._error or ReplyError("interrupted")
        except TimeoutError:
            self._error = ReplyError("model-timeout")
        except Exception as error:  # noqa: BLE001 - handed to whoever reads the batches
            self._error = error

    def _add(self, delta: Delta) -> None:
        room = self._pace.max_text - self._length
        text = delta.text[:room]
        self._length += len(text)
        self._pending += text
        if text:
            self._news.set()
        if delta.finish is not None:
            self._ending = delta.finish
        elif self._length >= self._pace.max_text:
            self._ending = "length"


def _is_high_surrogate(character: str) -> bool:
    return _HIGH_SURROGATES[0] <= character <= _HIGH_SURROGATES[1]


def _repair(text: str) -> str:
    """Joins halves of characters that a server sent in two chunks, and replaces halves that stay alone."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
