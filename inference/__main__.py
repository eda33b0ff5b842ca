"""`python -m inference`: runs the gateway until it is told to end."""

import asyncio
import ctypes
import os
import resource
import socket
import sys

import structlog
import uvicorn

from inference.app import create_app
from inference.backends.choice import create_backend
from inference.errors import GatewayError
from inference.gateway import Gateway
from inference.identity import load_identity
from inference.logs import configure_logs
from inference.settings import Settings, read_settings

_PR_SET_DUMPABLE = 4
_GRACE_S = 3


class GatewayServer(uvicorn.Server):
    """Uvicorn that lets running replies end with a sealed final frame before it closes their connections."""

    def __init__(self, config: uvicorn.Config, gateway: Gateway) -> None:
        super().__init__(config)
        self._gateway = gateway

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ends running replies, then the server."""
        self._gateway.interrupt_all()
        await super().shutdown(sockets)


def main() -> int:
    """Reads the settings, loads the identity and serves. Returns the exit code."""
    harden_process()
    try:
        settings = read_settings(os.environ)
        configure_logs(settings.log_level)
        identity = load_identity(settings.state)
        gateway = Gateway(identity, create_backend(settings), limits=settings.limits)
    except GatewayError as error:
        print(f"The gateway cannot start. {error}", file=sys.stderr)  # noqa: T201 - for the person at the terminal
        return 2
    drop_openai_environment()
    structlog.get_logger("inference").info(
        "starting", gateway_id=identity.gateway_id.hex(), upstream=bool(settings.upstream_url)
    )
    asyncio.run(GatewayServer(build_config(settings, gateway), gateway).serve())
    return 0


def build_config(settings: Settings, gateway: Gateway) -> uvicorn.Config:
    """Uvicorn's settings: no access log of its own, no header that names it, no trust in proxy headers."""
    return uvicorn.Config(
        create_app(gateway),
        host=settings.host,
        port=settings.port,
        uds=None if settings.socket is None else str(settings.socket),
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        ws="none",
        timeout_graceful_shutdown=_GRACE_S,
    )


def harden_process() -> None:
    """Keeps keys and prompts out of core dumps, and debuggers of the same user out of this process (Linux)."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def drop_openai_environment() -> None:
    """Takes the `openai` package's own variables away: they could add credentials, headers or logs of prompts."""
    for name in [name for name in os.environ if name.startswith("OPENAI_")]:
        del os.environ[name]


if __name__ == "__main__":
    sys.exit(main())
