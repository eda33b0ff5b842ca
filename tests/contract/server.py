"""A server on loopback that the ports `Http` and `Socket` are held against, and that serves the browser harness."""

import asyncio
import io
import json
import socket
import threading
import zipfile
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from tests.contract.crafted import craft_envelopes

ROOT = Path(__file__).parents[2]
HARNESS = Path(__file__).parent / "harness"
ADAPTERS = ROOT / "static" / "py" / "balon_client" / "adapters"

# The production policy (docs/architecture.md).
CSP = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; connect-src 'self'; "
    "style-src 'self'; img-src 'self' blob: data:; font-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


async def echo(request):
    """What arrived."""
    body = await request.body()
    kept = ("x-csrftoken", "balon-proof", "content-type", "origin", "accept", "cookie")
    headers = {name: request.headers[name] for name in kept if name in request.headers}
    shown = {"method": request.method, "query": str(request.url.query), "headers": headers, "body": body.decode()}
    return JSONResponse(shown, status_code=201 if request.method == "POST" else 200)


async def problem(_request):
    document = {"type": "about:blank", "title": "No.", "status": 409, "detail": "Because.", "code": "seq-conflict"}
    return Response(json.dumps(document), 409, media_type="application/problem+json", headers={"Retry-After": "7"})


async def slow(_request):
    await asyncio.sleep(3)
    return JSONResponse({})


async def echo_socket(websocket):
    await websocket.accept()
    await websocket.send_text("hello")
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return
        command, _, rest = message["text"].partition(" ")
        if command == "close":
            await websocket.send_text("last words")
            await websocket.close(int(rest))
            return
        for number in range(int(rest) if command == "burst" else 1):
            await websocket.send_text(f"{number}" if command == "burst" else message["text"])


async def stuck_socket(websocket):
    await asyncio.sleep(5)
    await websocket.close()


def client_archive(_request=None):
    """The Python of the browser, the checks and their vectors, as one zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for base, folder in ((ROOT, "balon/protocol"), (ROOT / "static/py", "balon_client"), (ROOT, "tests/contract")):
            for path in (base / folder).rglob("*.py"):
                archive.write(path, path.relative_to(base))
        for extra in ("balon/__init__.py", "tests/__init__.py", "tests/protocol/__init__.py", "tests/protocol/kat.py"):
            archive.write(ROOT / extra, extra)
        archive.write(ROOT / "tests/vectors/balon1_kat.json", "tests/vectors/balon1_kat.json")
        archive.writestr("tests/contract/crafted.json", json.dumps(craft_envelopes()))
    return Response(buffer.getvalue(), media_type="application/zip")


def build_application():
    async def archive(request):
        return client_archive(request)

    everything = ["GET", "POST", "PUT", "DELETE"]
    routes = [
        Route("/echo", echo, methods=everything),
        Route("/empty", lambda _: Response(status_code=204), methods=everything),
        Route("/problem", problem, methods=everything),
        Route("/plain-error", lambda _: PlainTextResponse("broken", 502)),
        Route("/html", lambda _: Response("<p>", media_type="text/html")),
        Route("/not-json", lambda _: Response("{", media_type="application/json")),
        Route("/redirect", lambda _: RedirectResponse("/echo")),
        Route("/slow", slow),
        WebSocketRoute("/ws/echo", echo_socket),
        WebSocketRoute("/ws/stuck", stuck_socket),
        Route("/client.zip", archive),
        Mount("/pyodide", StaticFiles(directory=ROOT / "node_modules" / "pyodide")),
        Mount("/adapters", StaticFiles(directory=ADAPTERS)),
        Mount("/harness", StaticFiles(directory=HARNESS, html=True)),
    ]
    return _with_policy(Starlette(routes=routes))


def _with_policy(application):
    async def serve(scope, receive, send):
        async def send_with_policy(message):
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"content-security-policy", CSP.encode())]
                message["headers"].append((b"cache-control", b"no-store"))
            await send(message)

        await application(scope, receive, send_with_policy if scope["type"] == "http" else send)

    return serve


@contextmanager
def running_server():
    """Serves on a free port of loopback; gives the origin."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    config = uvicorn.Config(build_application(), log_level="error", ws="websockets-sansio", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield f"http://localhost:{port}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()
