"""The world of a check inside Pyodide: the real adapters."""

import importlib
import json
import traceback
from pathlib import Path

import js
from balon_browser import webcrypto

from balon_client.adapters.javascript import js_bytes, take_bytes
from balon_client.adapters.platform import BrowserTabs, build_platform
from balon_client.ports import PasswordBuffer, RootKey


class BrowserWorld:
    """The port's adapters, and JavaScript to look at them from outside."""

    def __init__(self) -> None:
        self.platform = build_platform()
        self.other_tabs = BrowserTabs()

    def password(self, octets: bytes) -> PasswordBuffer:
        return PasswordBuffer(js_bytes(octets))

    def password_bytes(self, password) -> bytes:
        return password.to_bytes()

    async def import_root(self, octets: bytes) -> RootKey:
        return RootKey(await webcrypto.importRoot(js_bytes(octets)))

    async def seal_with_salt(self, root, kind, context, plaintext, salt) -> bytes:
        parts = (js_bytes(part) for part in (context, plaintext, salt))
        return take_bytes(await webcrypto.sealWithSalt(root.native, kind, *parts))

    def crafted(self, name):
        crafted = json.loads(Path("tests/contract/crafted.json").read_text())
        return [bytes.fromhex(envelope) for envelope in crafted[name]]


async def run_by_name(name: str) -> str:
    """Runs `module:function` with a fresh world; gives JSON text."""
    module, _, function = name.partition(":")
    world = BrowserWorld()
    try:
        value = await getattr(importlib.import_module(module), function)(world)
        return json.dumps({"value": value})
    except BaseException:  # noqa: BLE001 - whatever it was, the test shows it
        return json.dumps({"error": traceback.format_exc()})
    finally:
        try:
            await world.platform.key_store.wipe()
        except Exception as error:  # noqa: BLE001 - the check's own outcome comes first
            js.console.error(f"wipe: {error}")
