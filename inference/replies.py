"""One reply: from an opened request to its last sealed frame."""

import contextlib
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass

import structlog

from balon.protocol.frames import SealedRequest
from inference.backends.base import Delta, ModelBackend, Prompt
from inference.errors import ReplyError
from inference.identity import Identity
from inference.pacing import Pace, PacedText
from inference.prompts import OpenedRequest
from inference.sealing import FrameSealer, ReplySigner
from inference.turnstile import Turnstile

_log = structlog.get_logger("inference.reply")


@dataclass(frozen=True)
class Workshop:
    """What every reply needs."""

    identity: Identity
    backend: ModelBackend
    turnstile: Turnstile
    pace: Pace


class Reply:
    """Seals what the model says, frame by frame; every way to end is a signed final frame."""

    def __init__(self, workshop: Workshop, request: SealedRequest, opened: OpenedRequest) -> None:
        self.stream_id = request.stream_id
        self._sealer = FrameSealer(request, opened.reply_secret)
        self._signer = ReplySigner(workshop.identity, request)
        self._text = PacedText(_generate(workshop, opened.prompt), workshop.pace)
        self._started = time.monotonic()
        self._first_s: float | None = None
        self._frames = 0
        self._ending = "abandoned"

    def stop(self) -> None:
        """Stops the model; the reply ends with what came so far."""
        self._text.stop()

    def interrupt(self) -> None:
        """Stops the model because the gateway ends; the reply says `interrupted`."""
        self._text.fail(ReplyError("interrupted"))

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """Yields the response nonce, then each frame behind its length. Closing it stops the model."""
        try:
            yield self._sealer.response_nonce
            try:
                async with contextlib.aclosing(self._text.batches()) as batches:
                    async for text in batches:
                        yield self._seal(text)
                name, reason = "finish", str(self._text.ending)
            except ReplyError as error:
                name, reason = "error", str(error.code)
            except Exception:  # noqa: BLE001 - the outermost edge of a reply: it still ends with a frame
                name, reason = "error", "internal"
                _log.exception("fault")
            yield self._sealer.seal_frame(self._signer.sign_ending(name, reason), final=True)
            self._ending = reason
        finally:
            self._report()

    def _seal(self, text: str) -> bytes:
        if text and self._first_s is None:
            self._first_s = time.monotonic() - self._started
        self._frames += 1
        self._signer.add(text)
        return self._sealer.seal_frame({"delta": text})

    def _report(self) -> None:
        """Writes the one line that stays of a reply: how it ended and how long it took."""
        _log.info(
            "reply",
            stream_id=str(self.stream_id),
            ending=self._ending,
            frames=self._frames,
            first_ms=None if self._first_s is None else round(self._first_s * 1000),
            duration_ms=round((time.monotonic() - self._started) * 1000),
        )


async def _generate(workshop: Workshop, prompt: Prompt) -> AsyncGenerator[Delta, None]:
    async with workshop.turnstile.turn(), contextlib.aclosing(workshop.backend.generate(prompt)) as deltas:
        async for delta in deltas:
            yield delta
