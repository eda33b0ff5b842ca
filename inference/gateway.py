"""The gateway itself: keys, running replies, and the model behind them. No HTTP here."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from uuid import UUID

from balon.protocol.errors import FrameError
from balon.protocol.frames import SealedRequest
from inference.backends.base import ModelBackend, Readiness
from inference.clock import Clock, system_clock_ms
from inference.errors import BadRequestError, UnknownStreamError
from inference.identity import Identity
from inference.keys import KeyRing, serialize_models, sign_key_config
from inference.pacing import Pace
from inference.prompts import parse_request
from inference.replies import Reply, Workshop
from inference.sealing import hash_request, open_request
from inference.settings import Limits
from inference.turnstile import Turnstile

_REFRESH_S = 60.0


class Gateway:
    """Answers sealed requests."""

    def __init__(
        self,
        identity: Identity,
        backend: ModelBackend,
        *,
        limits: Limits | None = None,
        clock: Clock = system_clock_ms,
    ) -> None:
        self._limits = limits or Limits()
        self._identity = identity
        self._backend = backend
        self._keys = KeyRing(clock)
        self._running: dict[UUID, set[Reply]] = {}
        self._refresher: asyncio.Task[None] | None = None
        self._workshop = Workshop(
            identity=identity,
            backend=backend,
            turnstile=Turnstile(
                running=self._limits.max_streams,
                waiting=self._limits.max_waiting,
                waiting_s=self._limits.waiting_s,
            ),
            pace=Pace(total_s=self._limits.reply_s),
        )

    async def start(self) -> None:
        """Starts the model in the background, and the clearing away of expired keys."""
        await self._backend.start()
        self._refresher = asyncio.create_task(self._refresh())

    async def close(self) -> None:
        """Ends running replies and the model."""
        self.interrupt_all()
        if self._refresher is not None:
            self._refresher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._refresher
        await self._backend.close()

    def key_config(self) -> dict[str, object]:
        """The signed key and models that `GET /v1/keys` answers."""
        return sign_key_config(self._identity, self._keys.current(), serialize_models(self._backend.models()))

    def readiness(self) -> Readiness:
        """Whether the model answers."""
        return self._backend.readiness()

    def accept(self, wire: bytes) -> Reply:
        """Opens a sealed request; the reply that comes back is to be read through `run`.

        Raises:
            RefusedError: The request is malformed, sealed to another key, or was answered before.
        """
        try:
            request = SealedRequest.parse(wire)
        except FrameError:
            raise BadRequestError from None
        key = self._keys.find(request.key_id)
        request_hash = hash_request(request)
        key.check_unanswered(request_hash)
        opened = parse_request(open_request(key.private_key, request), max_tokens=self._limits.max_tokens)
        key.remember(request_hash)
        return Reply(self._workshop, request, opened)

    async def run(self, reply: Reply) -> AsyncGenerator[bytes, None]:
        """Streams a reply, and lists it as running until it ended or the reader went away."""
        self._running.setdefault(reply.stream_id, set()).add(reply)
        try:
            async with contextlib.aclosing(reply.stream()) as chunks:
                async for chunk in chunks:
                    yield chunk
        finally:
            self._forget(reply)

    def stop(self, stream_id: UUID) -> None:
        """Stops the model of a running reply; its stream then ends with the final frame `stopped`.

        Raises:
            UnknownStreamError: No reply of this id is running.
        """
        replies = self._running.get(stream_id)
        if not replies:
            raise UnknownStreamError
        for reply in replies:
            reply.stop()

    def interrupt_all(self) -> None:
        """Lets every running reply end with the final frame `interrupted`."""
        for replies in self._running.values():
            for reply in replies:
                reply.interrupt()

    def _forget(self, reply: Reply) -> None:
        replies = self._running[reply.stream_id]
        replies.discard(reply)
        if not replies:
            del self._running[reply.stream_id]

    async def _refresh(self) -> None:
        while True:
            await asyncio.sleep(_REFRESH_S)
            self._keys.refresh()
