"""A gateway over HTTP on loopback, in the test's own event loop."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import uvicorn

from inference.__main__ import GatewayServer
from inference.app import create_app
from inference.backends.base import ModelBackend
from inference.backends.openai import OpenAIBackend, Patience, Upstream
from inference.gateway import Gateway
from inference.identity import Identity, load_identity
from inference.settings import Limits
from tests.fakes.openai_server import FakeOpenAIServer, Script
from tests.inference.doubles import until
from tests.inference.sealed_client import SealedClient


@dataclass
class RunningGateway:
    """A gateway that listens, and a client for it."""

    gateway: Gateway
    server: GatewayServer
    client: SealedClient
    url: str


Serve = Callable[..., AbstractAsyncContextManager[RunningGateway]]


@pytest.fixture(scope="session")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return load_identity(Path(tmp_path_factory.mktemp("gateway")))


@contextlib.asynccontextmanager
async def serve_gateway(identity: Identity, backend: ModelBackend, **options: object) -> AsyncIterator[RunningGateway]:
    """Runs a gateway on a free port until the block ends."""
    gateway = Gateway(identity, backend, **options)
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        create_app(gateway), access_log=False, log_config=None, ws="none", timeout_graceful_shutdown=2
    )
    server = GatewayServer(config, gateway)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as http:
        await until(lambda: server.started or serving.done())
        try:
            yield RunningGateway(gateway, server, SealedClient(http), url)
        finally:
            server.should_exit = True
            await serving
            listener.close()


@pytest.fixture
def serve(identity: Identity) -> Serve:
    """Runs a gateway with a given back end."""

    def serve(backend: ModelBackend, **options: object) -> AbstractAsyncContextManager[RunningGateway]:
        return serve_gateway(identity, backend, **options)

    return serve


@pytest.fixture
async def upstream() -> AsyncIterator[FakeOpenAIServer]:
    """A fake OpenAI-compatible server; set its script."""
    async with FakeOpenAIServer(Script()) as server:
        yield server


@pytest.fixture
async def relayed(serve: Serve, upstream: FakeOpenAIServer) -> AsyncIterator[RunningGateway]:
    """A gateway in front of the fake server, with short patience."""
    backend = OpenAIBackend(
        Upstream(url=upstream.url, api_key="sk-canary-api-key", silence_s=20.0),
        patience=Patience(settled_s=0.2, unsettled_s=0.05, first_s=5.0),
    )
    async with serve(backend, limits=Limits(max_tokens=500)) as running:
        await until(lambda: backend.readiness().ready)
        yield running
