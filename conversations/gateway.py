"""The inference gateway as the web tier sees it: sealed bytes in, sealed bytes out, a signed key config."""

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import httpx
import structlog
from django.conf import settings

from conversations.errors import GatewayUnavailableError, RelayRefusedError

logger = structlog.get_logger(__name__)

_STOP_TIMEOUT_S = 2.0
_TIMEOUT = httpx.Timeout(30.0, connect=5.0, read=300.0, pool=None)
_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=16)
_MAX_CONFIG_SIZE = 1 << 20
_REFUSALS = {
    421: ("unknown-key", "The gateway has another key now."),
    409: ("replayed", "The gateway answered this request before."),
    400: ("invalid", "The gateway cannot read the request."),
    413: ("invalid", "The request is too large."),
    503: ("busy", "The gateway is busy."),
}


def create_client(*, timeout: httpx.Timeout = _TIMEOUT) -> httpx.AsyncClient:
    """A client of the gateway that no proxy setting of the environment touches."""
    return httpx.AsyncClient(base_url=settings.BALON_INFERENCE_URL, timeout=timeout, limits=_LIMITS, trust_env=False)


@asynccontextmanager
async def open_reply(client: httpx.AsyncClient, request: bytes) -> AsyncIterator[AsyncIterator[bytes]]:
    """Sends a sealed request and gives the body of the answer as it comes.

    Raises:
        RelayRefusedError: The gateway refuses the request.
        GatewayUnavailableError: It does not answer, or not as a gateway does.
    """
    sent = client.build_request(
        "POST", "/v1/sealed", content=request, headers={"Content-Type": "application/octet-stream"}
    )
    try:
        response = await client.send(sent, stream=True)
    except httpx.HTTPError as error:
        raise GatewayUnavailableError from error
    try:
        _check_accepted(response)
        yield response.aiter_raw()
    finally:
        await response.aclose()


def _check_accepted(response: httpx.Response) -> None:
    if response.status_code in _REFUSALS:
        code, detail = _REFUSALS[response.status_code]
        raise RelayRefusedError(detail, code)
    if response.status_code != httpx.codes.OK:
        raise GatewayUnavailableError


async def ask_to_stop(client: httpx.AsyncClient, stream_id: UUID) -> None:
    """Asks the gateway to stop a reply; its final frame follows. A reply that ended already is no error.

    Raises:
        GatewayUnavailableError: It does not answer.
    """
    try:
        response = await client.post(f"/v1/sealed/{stream_id}/stop")
    except httpx.HTTPError as error:
        raise GatewayUnavailableError from error
    if response.status_code not in {httpx.codes.NO_CONTENT, httpx.codes.NOT_FOUND}:
        raise GatewayUnavailableError


def stop_replies(stream_ids: Iterable[UUID]) -> None:
    """Asks the gateway to stop replies, as far as it answers: each has a final frame of its own or is cut."""
    with httpx.Client(base_url=settings.BALON_INFERENCE_URL, timeout=_STOP_TIMEOUT_S, trust_env=False) as client:
        for stream_id in stream_ids:
            try:
                client.post(f"/v1/sealed/{stream_id}/stop")
            except httpx.HTTPError as error:
                logger.warning("stop-failed", error=type(error).__name__)
                return


def fetch_config() -> dict[str, Any]:
    """The gateway's signed key config, as it is.

    Raises:
        GatewayUnavailableError: It does not answer, or not with a key config.
    """
    try:
        with httpx.Client(base_url=settings.BALON_INFERENCE_URL, timeout=5.0, trust_env=False) as client:
            response = client.get("/v1/keys")
        config = json.loads(response.raise_for_status().content[:_MAX_CONFIG_SIZE])
    except (httpx.HTTPError, ValueError) as error:
        raise GatewayUnavailableError from error
    if not isinstance(config, dict):
        raise GatewayUnavailableError
    return config


def check_ready() -> None:
    """Asks the gateway whether its model answers.

    Raises:
        GatewayUnavailableError: It does not, or the gateway does not.
    """
    try:
        httpx.get(f"{settings.BALON_INFERENCE_URL}/readyz", timeout=3.0, trust_env=False).raise_for_status()
    except httpx.HTTPError as error:
        raise GatewayUnavailableError from error
