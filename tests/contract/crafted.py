"""Envelopes that only a forger makes, for the checks: made here under CPython, and sent to the browser as JSON."""

from balon.protocol.envelope import Kind
from tests.client.doubles.envelopes import seal_envelope
from tests.protocol.salamander import build_salamander

ROOT = bytes(range(32))
OTHER_ROOT = bytes(range(32, 64))
CONTEXT = b"a context"
BAD_PADDINGS = (bytes(256), b"\x80" + bytes(511), b"x" * 256, b"x\x80", b"", b"x" * 255 + b"\x80" + bytes(256))


def craft_envelopes() -> dict[str, list[str]]:
    """Hex envelopes under ROOT: of kind MESSAGE with bad padding, of kind STREAM as a salamander for OTHER_ROOT."""
    bad = [seal_envelope(ROOT, Kind.MESSAGE, CONTEXT, content, bytes(32), padded=False) for content in BAD_PADDINGS]
    salamander = build_salamander(ROOT, OTHER_ROOT, Kind.STREAM, CONTEXT)
    return {"bad_padding": [envelope.hex() for envelope in bad], "salamander": [salamander.hex()]}
