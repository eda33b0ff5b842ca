"""The worker's entry: publish the client's calls to the page (docs/worker.md).

PyScript runs this text once the interpreter is up. The client itself is in the archive that the interpreter module
(static/js/interpreter.js) has put on the path. What crosses to the page is JSON text and byte arrays, nothing else: no
proxies that leak, ``None`` is ``null``, and no traceback ever leaves.
"""

import json
from collections.abc import Awaitable, Callable

import js  # type: ignore[import-not-found] # it exists in the browser alone
from pyodide.ffi import JsProxy, to_js  # type: ignore[import-not-found] # likewise

from balon_client.app import EXPORTS
from balon_client.errors import ClientError

Call = Callable[..., Awaitable[object]]

INTERNAL_PROBLEM = {
    "code": "internal",
    "title": "Something went wrong in this page.",
    "detail": "What was asked for was not done. Reload the page and try again.",
    "action": "reload",
}


def exported(function: Call) -> Call:
    """Wrap a call of the client so that it takes and returns what can cross to the page.

    Byte arrays come in as the ``JsProxy`` of a ``Uint8Array`` and everything else as JSON text. The result is JSON text
    of ``{"ok": value}`` or ``{"problem": {...}}``; bytes, and the proxy of a byte array, go out as a byte array.
    """

    async def call(*arguments: str | JsProxy) -> object:
        try:
            return outgoing(await function(*[json.loads(a) if isinstance(a, str) else a for a in arguments]))
        except ClientError as error:
            return json.dumps({"problem": error.problem})
        except Exception as error:  # noqa: BLE001 - the outermost edge
            return internal_problem(error)

    return call


def outgoing(value: object) -> object:
    """Turn what a call returned into what crosses to the page."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return to_js(value)
    return value if isinstance(value, JsProxy) else json.dumps({"ok": value})


def internal_problem(error: Exception) -> str:
    """Report a mistake in the program: its kind and place to the console, never its text, which may quote a message."""
    trace, place = error.__traceback__, ""
    while trace:
        place, trace = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}", trace.tb_next
    js.console.error(f"balon: {type(error).__name__} at {place}")
    return json.dumps({"problem": INTERNAL_PROBLEM})


async def hello() -> str:
    """Answer the page's first call: the names it may call."""
    return json.dumps({"ok": sorted(EXPORTS)})


globals().update({name: exported(function) for name, function in EXPORTS.items()})
__export__ = ["hello", *EXPORTS]
