"""The one module that touches JavaScript. Proxies of its objects are let go by Python's reference counting.

The worker registers `browser.mjs` as the Python module `balon_browser` before this is imported
(`pyodide.registerJsModule("balon_browser", await import(url))`): Python has no import of its own that the
Content-Security-Policy allows.
"""

from collections.abc import Awaitable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import balon_browser  # type: ignore[import-not-found]
import js  # type: ignore[import-not-found]
from pyodide.ffi import JsException, to_js  # type: ignore[import-not-found]

from balon.protocol.encoding import parse_prefixed, serialize_prefixed
from balon_client.errors import (
    ClientError,
    DecryptionError,
    FileGoneError,
    KeyPairError,
    RandomnessError,
    UnsupportedBrowserError,
)

js_crypto = balon_browser.webcrypto
js_storage = balon_browser.storage
js_network = balon_browser.network
js_files = balon_browser.files

_REFUSALS: dict[str, type[ClientError]] = {
    "decryption-failed": DecryptionError,
    "key-pair-mismatch": KeyPairError,
    "randomness-failed": RandomnessError,
    "unsupported-browser": UnsupportedBrowserError,
    "file-gone": FileGoneError,
}
_INSECURE = "Balon needs HTTPS: over plain HTTP a browser offers no cryptography to any address but localhost."


def page_origin() -> str:
    """The origin that the worker was loaded from, as the browser writes it."""
    return str(js.location.origin)


def js_bytes(octets: bytes) -> Any:
    """A Uint8Array with a copy of the bytes."""
    return to_js(octets)


def js_pack(parts: Sequence[bytes]) -> Any:
    """A batch as one Uint8Array: each part behind its length."""
    return to_js(serialize_prefixed(*parts))


def take_bytes(buffer: Any) -> bytes:
    """Copies a Uint8Array to Python."""
    octets: bytes = buffer.to_bytes()
    return octets


def take_pack(buffer: Any) -> list[bytes]:
    """Takes a batch apart that JavaScript packed."""
    return parse_prefixed(take_bytes(buffer))


async def refusing(promise: Awaitable[Any]) -> Any:
    """Awaits a promise and turns a refusal of our JavaScript into the client's error.

    Raises:
        ClientError: The refusal's.
        JsException: Anything else, a defect.
    """
    with refusals():
        return await promise


@contextmanager
def refusals() -> Iterator[None]:
    """Turns a refusal of our JavaScript into the client's error, for calls that answer at once.

    Raises:
        ClientError: The refusal's.
        JsException: Anything else, a defect.
    """
    try:
        yield
    except JsException as error:
        refusal = _refusal_of(error)
        if refusal is None:
            raise
        raise refusal from None


def _refusal_of(error: Any) -> ClientError | None:
    if error.name != "BalonRefusal":
        return None
    if error.message == "insecure-context":
        return UnsupportedBrowserError("This page is not secure.", _INSECURE)
    kind = _REFUSALS.get(str(error.message))
    return kind() if kind else None
