"""Speaks to an OpenAI-compatible server through the `openai` package.

Importing that package takes about a second, so only `OpenAIBackend` imports this module, and in a thread.
"""

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx2
import openai
from openai import AsyncOpenAI, AsyncStream

from inference.backends.base import Delta, Finish, Model, Prompt
from inference.errors import ReplyError

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionChunk

_TOO_LONG_CODES = frozenset({"context_length_exceeded", "exceed_context_size_error", "string_above_max_length"})
_TOO_LONG_PHRASES = (
    "context length",
    "context size",
    "context window",
    "maximum context",
    "too many tokens",
    "too long",
)
_CONTEXT_FIELDS = ("max_model_len", "context_length", "context_window")
_CONNECT_S = 10.0


class Completions:
    """One server, its models and its streamed chat completions."""

    def __init__(self, *, url: str, api_key: str | None, silence_s: float, socket: str | None = None) -> None:
        """Prepares a client; nothing is sent yet.

        Args:
            url: The base of the API, usually ending in `/v1`.
            api_key: Sent as a bearer token; None where the server wants none.
            silence_s: How long the server may send nothing before `model-timeout`.
            socket: Path of a Unix socket on which the server listens, instead of the host in `url`.
        """
        timeout = httpx2.Timeout(silence_s, connect=_CONNECT_S)
        self._max_tokens_name = "max_tokens"
        self._client = AsyncOpenAI(
            base_url=url,
            api_key=api_key or "none",
            timeout=timeout,
            max_retries=1,
            http_client=_build_http_client(url, socket, timeout),
        )

    async def close(self) -> None:
        """Closes every connection."""
        await self._client.close()

    async def list_models(self) -> tuple[Model, ...]:
        """Asks the server which models it has.

        Raises:
            openai.OpenAIError: The server cannot be reached or refuses.
        """
        page = await self._client.with_options(max_retries=0).models.list(timeout=_CONNECT_S)
        return tuple(_read_model(entry.to_dict()) for entry in page.data)

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
        """Answers a prompt piece by piece; closing the generator closes the connection, which stops the server.

        Raises:
            ReplyError: The server cannot be reached, refuses, falls silent or breaks off.
        """
        started = finished = False
        try:
            stream = await self._create(prompt)
            async with stream:
                async for chunk in stream:
                    delta = _read_chunk(chunk)
                    if delta is None:
                        continue
                    started = started or bool(delta.text)
                    finished = finished or delta.finish is not None
                    yield delta
        except (openai.OpenAIError, httpx2.HTTPError, ValueError) as error:
            raise ReplyError(_classify(error, started=started)) from None
        if not finished:
            raise ReplyError("interrupted" if started else "model-unavailable")

    async def _create(self, prompt: Prompt) -> "AsyncStream[ChatCompletionChunk]":
        """Opens the stream; a server that knows only the newer name of the token limit is asked again with that."""
        try:
            return await self._request(prompt)
        except openai.BadRequestError as error:
            if error.param != "max_tokens" or self._max_tokens_name != "max_tokens":
                raise
            self._max_tokens_name = "max_completion_tokens"
        return await self._request(prompt)

    async def _request(self, prompt: Prompt) -> "AsyncStream[ChatCompletionChunk]":
        arguments: dict[str, Any] = {
            "model": prompt.model,
            "messages": [{"role": message.role, "content": message.content} for message in prompt.messages],
            "stream": True,
        }
        if prompt.max_tokens is not None:
            arguments[self._max_tokens_name] = prompt.max_tokens
        if prompt.temperature is not None:
            arguments["temperature"] = prompt.temperature
        stream: AsyncStream[ChatCompletionChunk] = await self._client.chat.completions.create(**arguments)
        return stream


def _build_http_client(url: str, socket: str | None, timeout: httpx2.Timeout) -> httpx2.AsyncClient:
    """A client that follows no redirect, since a redirect would carry the prompt to another server.

    Proxies of the environment count, except for a server on this machine.
    """
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=20)
    if socket is not None:
        transport = httpx2.AsyncHTTPTransport(uds=socket, limits=limits)
        return httpx2.AsyncClient(transport=transport, timeout=timeout, trust_env=False)
    local = urlsplit(url).hostname in {"127.0.0.1", "::1", "localhost"}
    return httpx2.AsyncClient(limits=limits, timeout=timeout, trust_env=not local)


def _read_model(entry: dict[str, Any]) -> Model:
    """Reads one entry of `/models`; servers tell the context's size in different fields, or not at all."""
    meta = entry.get("meta")
    sizes = [entry.get(name) for name in _CONTEXT_FIELDS] + [meta.get("n_ctx") if isinstance(meta, dict) else None]
    context_tokens = next((size for size in sizes if isinstance(size, int) and size > 0), 0)
    name = entry.get("name")
    return Model(id=entry["id"], name=name if isinstance(name, str) else entry["id"], context_tokens=context_tokens)


def _read_chunk(chunk: "ChatCompletionChunk") -> Delta | None:
    if not chunk.choices:
        return None
    choice = chunk.choices[0]
    if choice.finish_reason == "content_filter":
        raise ReplyError("filtered")
    finish: Finish | None = None
    if choice.finish_reason is not None:
        finish = "length" if choice.finish_reason == "length" else "stop"
    text = (choice.delta.content or "") if choice.delta else ""
    return Delta(text, finish) if text or finish else None


def _classify(error: Exception, *, started: bool) -> Any:
    """Turns an error of the client into a code; its message is dropped, since servers quote prompts in theirs."""
    if isinstance(error, (openai.APITimeoutError, httpx2.TimeoutException)):
        return "model-timeout"
    if isinstance(error, openai.APIError) and _says_too_long(error):
        return "too-long"
    if isinstance(error, openai.RateLimitError):
        return "busy"
    return "interrupted" if started else "model-unavailable"


def _says_too_long(error: openai.APIError) -> bool:
    status = getattr(error, "status_code", None)
    if status == 413 or error.code in _TOO_LONG_CODES or error.type in _TOO_LONG_CODES:
        return True
    return status == 400 and any(phrase in error.message.lower() for phrase in _TOO_LONG_PHRASES)
