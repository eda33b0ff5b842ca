"""The back end for any OpenAI-compatible server: vLLM, Ollama, llama.cpp, a hosted service."""

import asyncio
import contextlib
import importlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from inference.backends.base import Delta, Model, Prompt, Readiness
from inference.errors import ReplyError

if TYPE_CHECKING:
    from inference.backends.completions import Completions

_log = structlog.get_logger("inference.backend")


@dataclass(frozen=True)
class Upstream:
    """Where the server is and what is known of it. Models that are empty are asked for."""

    url: str
    api_key: str | None = field(default=None, repr=False)
    models: tuple[Model, ...] = ()
    socket: str | None = None
    silence_s: float = 120.0


@dataclass(frozen=True)
class Patience:
    """How often the server is asked whether it is there, and how long a prompt waits for the first yes."""

    settled_s: float = 60.0
    unsettled_s: float = 1.0
    first_s: float = 20.0


class OpenAIBackend:
    """Serves prompts from one server, and watches whether it answers."""

    def __init__(self, upstream: Upstream, *, patience: Patience | None = None) -> None:
        self._upstream = upstream
        self._patience = patience or Patience()
        self._models = upstream.models
        self._readiness = Readiness(ready=False, reason="starting")
        self._probed = asyncio.Event()
        self._completions: Completions | None = None
        self._watcher: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Starts watching the server."""
        self._watcher = asyncio.create_task(self._watch())

    async def close(self) -> None:
        """Stops watching and closes every connection."""
        if self._watcher is not None:
            self._watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watcher
        if self._completions is not None:
            await self._completions.close()

    def models(self) -> tuple[Model, ...]:
        """The models of the settings, or those that the server named."""
        return self._models

    def readiness(self) -> Readiness:
        """What the last look at the server said."""
        return self._readiness

    async def generate(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
        """Answers a prompt; waits a little for a server that is still starting."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._probed.wait(), self._patience.first_s)
        if self._completions is None or not self._probed.is_set():
            raise ReplyError("model-unavailable")
        async with contextlib.aclosing(self._completions.stream(self._resolve(prompt))) as deltas:
            async for delta in deltas:
                yield delta

    def _resolve(self, prompt: Prompt) -> Prompt:
        """Checks the model; the server itself judges where no list of models is known."""
        if self._models and prompt.model not in {model.id for model in self._models}:
            raise ReplyError("unknown-model")
        return prompt

    async def _watch(self) -> None:
        module = await asyncio.to_thread(importlib.import_module, "inference.backends.completions")
        self._completions = module.Completions(
            url=self._upstream.url,
            api_key=self._upstream.api_key,
            silence_s=self._upstream.silence_s,
            socket=self._upstream.socket,
        )
        while True:
            readiness = await self._probe(self._completions)
            if readiness != self._readiness:
                _log.info("model", ready=readiness.ready, reason=readiness.reason)
            self._readiness = readiness
            if readiness.ready:
                self._probed.set()
            await asyncio.sleep(self._patience.settled_s if readiness.ready else self._patience.unsettled_s)

    async def _probe(self, completions: "Completions") -> Readiness:
        """Asks for the list of models: the one harmless question that every such server knows."""
        from openai import APIStatusError, AuthenticationError, OpenAIError, PermissionDeniedError  # noqa: PLC0415 - loaded late

        try:
            found = await completions.list_models()
        except (AuthenticationError, PermissionDeniedError):
            return Readiness(ready=False, reason="the server refuses the API key")
        except APIStatusError as error:
            known = bool(self._upstream.models) and error.status_code < 500
            return Readiness(ready=known, reason="ok" if known else f"the server answers {error.status_code}")
        except OpenAIError as error:
            return Readiness(ready=False, reason=f"the server cannot be reached ({type(error).__name__})")
        self._models = self._upstream.models or found
        return Readiness(ready=bool(self._models), reason="ok" if self._models else "the server names no model")
