"""HTTP around the gateway: routes, limits of the body, problem details, streamed answers."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from inference.errors import BadRequestError, CrossOriginError, RefusedError, TooLargeError
from inference.gateway import Gateway
from inference.logs import AccessLog

MAX_BODY = 1 << 20
_BODY_S = 30.0


def create_app(gateway: Gateway) -> Starlette:
    """Builds the application for one gateway; its lifespan starts and closes the gateway."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.gateway = gateway
        await gateway.start()
        yield
        await gateway.close()

    return Starlette(
        routes=[
            Route("/healthz", get_health),
            Route("/readyz", get_readiness),
            Route("/v1/keys", get_keys),
            Route("/v1/sealed", post_sealed, methods=["POST"]),
            Route("/v1/sealed/{stream_id:uuid}/stop", post_stop, methods=["POST"]),
        ],
        exception_handlers={RefusedError: answer_refusal},
        middleware=[Middleware(AccessLog)],
        lifespan=lifespan,
    )


async def get_health(_request: Request) -> Response:
    """Says that the process lives."""
    return JSONResponse({"status": "ok"})


async def get_readiness(request: Request) -> Response:
    """Says whether the model answers."""
    readiness = _gateway(request).readiness()
    content = {"status": "ready" if readiness.ready else "not-ready", "reason": readiness.reason}
    return JSONResponse(content, status_code=200 if readiness.ready else 503)


async def get_keys(request: Request) -> Response:
    """Answers the signed key config."""
    return JSONResponse(_gateway(request).key_config(), headers={"Cache-Control": "no-store"})


async def post_sealed(request: Request) -> Response:
    """Opens a sealed request and streams the sealed reply."""
    _refuse_browsers(request)
    gateway = _gateway(request)
    reply = gateway.accept(await _read_body(request))
    return SealedResponse(gateway.run(reply))


async def post_stop(request: Request) -> Response:
    """Stops a running reply."""
    _refuse_browsers(request)
    _gateway(request).stop(request.path_params["stream_id"])
    return Response(status_code=204)


async def answer_refusal(_request: Request, error: Exception) -> Response:
    """Turns a refusal into problem details (RFC 9457)."""
    if not isinstance(error, RefusedError):
        raise error
    content = {"type": "about:blank", "title": error.title, "status": error.status, "code": error.code}
    return JSONResponse(content, status_code=error.status, media_type="application/problem+json")


class SealedResponse(Response):
    """Streams a reply, and closes it as soon as the client goes away, so that the model stops."""

    media_type = "application/octet-stream"

    def __init__(self, chunks: AsyncGenerator[bytes, None]) -> None:
        super().__init__(headers={"Cache-Control": "no-store"})
        del self.headers["content-length"]
        self._chunks = chunks

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Sends until the reply ends or the client is gone, whichever comes first."""
        sender = asyncio.create_task(self._send_all(send))
        watcher = asyncio.create_task(_wait_for_disconnect(receive))
        try:
            await asyncio.wait({sender, watcher}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sender.cancel()
            watcher.cancel()
            await asyncio.wait({sender, watcher})
        if not sender.cancelled() and (error := sender.exception()):
            raise error

    async def _send_all(self, send: Send) -> None:
        async with contextlib.aclosing(self._chunks) as chunks:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            async for chunk in chunks:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _read_body(request: Request) -> bytes:
    """Reads the body up to the limit, and not for ever."""
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY:
                    raise TooLargeError
    except (TimeoutError, ClientDisconnect):
        raise BadRequestError from None
    return bytes(body)


def _refuse_browsers(request: Request) -> None:
    """Browsers name the page's origin with every POST; the web tier does not."""
    if "origin" in request.headers:
        raise CrossOriginError


def _gateway(request: Request) -> Gateway:
    gateway: Gateway = request.app.state.gateway
    return gateway
