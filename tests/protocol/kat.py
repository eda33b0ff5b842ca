"""The known answers of tests/vectors/balon1_kat.json, made by an independent implementation."""

import json
from pathlib import Path
from uuid import UUID

_PATH = Path(__file__).parents[1] / "vectors" / "balon1_kat.json"
KAT = json.loads(_PATH.read_text())

ALICE = UUID(KAT["password"]["user_id"])
LOGIN = KAT["password"]["login"]
SALT = bytes.fromhex(KAT["password"]["salt"])
NIL = UUID(int=0)
CONVERSATION = UUID(KAT["conversation"]["conversation_id"])
STREAM = UUID(KAT["inference"]["stream_id"])
ENVELOPES = KAT["envelopes"]


def octets(section: str, name: str) -> bytes:
    """A value of bytes."""
    return bytes.fromhex(KAT[section][name])
