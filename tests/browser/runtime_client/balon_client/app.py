"""Calls that show what crosses between page and worker, and the imports that the real client makes."""

import asyncio
import base64
import calendar
import collections
import contextlib
import dataclasses
import datetime as dt
import enum
import hashlib
import hmac
import io
import json
import logging
import secrets
import struct
import sys
import time
import typing
import unicodedata
import urllib.parse
import uuid
import zipfile

import js
from pyodide.ffi import JsException, to_js

from balon.protocol import envelope
from balon_client.errors import ClientError

queue: asyncio.Queue = asyncio.Queue()


async def echo(*values):
    return list(values)


async def describe(value):
    return type(value).__name__


async def byte_sum(view):
    return {"type": type(view).__name__, "sum": sum(view.to_bytes()), "size": view.byteLength}


async def double(view):
    return to_js(view.to_bytes() * 2)


async def plain_bytes():
    return b"\x00\xff"


async def refuse():
    raise ClientError("refused", "Refused.", "It matters.", "sign-in")


async def stumble():
    raise ValueError("a secret text")


async def slow(number):
    await asyncio.sleep(0.05)
    return number


async def announce(event):
    await queue.put(event)


async def next_events():
    events = [await queue.get()]
    while not queue.empty():
        events.append(queue.get_nowait())
    return events


async def facts():
    modules = (base64, calendar, collections, contextlib, dataclasses, dt, enum, hashlib, hmac, json, logging)
    more = (secrets, struct, time, typing, unicodedata, urllib.parse, uuid)
    return {
        "python": list(sys.version_info[:2]),
        "modules": len(modules) + len(more),
        "protocol": envelope.__name__,
        "sha256": hashlib.sha256(b"abc").hexdigest(),
        "uuids": [str(uuid.uuid4()), str(uuid.uuid4())],
        "subtle": bool(js.crypto.subtle),
        "databases": [entry.name for entry in await js.indexedDB.databases()],
    }


async def archive():
    """Packs an archive as the export does."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        packed.writestr("größe/текст.md", "text" * 1000, zipfile.ZIP_DEFLATED)
        info = zipfile.ZipInfo("piece by piece.json", (2026, 1, 2, 3, 4, 6))
        info.compress_type = zipfile.ZIP_DEFLATED
        with packed.open(info, "w") as member:
            member.write(b"{}")
    with zipfile.ZipFile(buffer) as packed:
        return {"read": {name: len(packed.read(name)) for name in packed.namelist()}, "size": len(buffer.getvalue())}


async def try_eval():
    try:
        js.Function.new("return 1")()
    except JsException as error:
        return str(error)
    return "allowed"


CALLS = [echo, describe, byte_sum, double, plain_bytes, refuse, stumble, slow, announce, next_events]
CALLS += [facts, archive, try_eval]
EXPORTS = {call.__name__: call for call in CALLS}
