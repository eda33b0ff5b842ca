"""What the sealed relay is compared with: a relay that passes the model's chunks on to a WebSocket, and keeps nothing.

Run: ``python -m scripts.bench.bare_relay UPSTREAM PORT``.
"""

import json
import sys

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket


def create_app(upstream: str) -> Starlette:
    """Builds the relay: one prompt and its reply for each socket."""
    client = httpx.AsyncClient(trust_env=False, timeout=120, limits=httpx.Limits(max_connections=None))

    async def ready(_: Request) -> PlainTextResponse:
        return PlainTextResponse("ok")

    async def relay(socket: WebSocket) -> None:
        await socket.accept()
        prompt = await socket.receive_json()
        async with client.stream("POST", f"{upstream}/chat/completions", json=prompt) as response:
            async for line in response.aiter_lines():
                if line.startswith("data: {"):
                    delta = json.loads(line[6:])["choices"][0]["delta"]
                    await socket.send_json(delta)
        await socket.close()

    return Starlette(routes=[Route("/ready", ready), WebSocketRoute("/", relay)])


def main() -> None:
    """Serves until it is ended."""
    upstream, port = sys.argv[1:]
    uvicorn.run(create_app(upstream), port=int(port), log_level="critical", ws_per_message_deflate=False)


if __name__ == "__main__":
    main()
