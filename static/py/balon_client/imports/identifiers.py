"""Identifiers that are the same at every import, and that nobody else can tell the origin of.

The server sees the identifiers of conversations and messages. Were they a plain hash of the other product's ones, then
whoever knows those - that product's operator, or anyone with the same export - could tell from the server's tables who
imported what. So they are derived under a key that only the person has.
"""

import hmac
from typing import Final
from uuid import UUID

from balon.protocol.encoding import serialize_prefixed
from balon_client.imports.model import Source

KEY_SIZE: Final = 32
_LABEL: Final = b"balon/v1/import-id"
_VERSION_AND_VARIANT: Final = 0xF << 76 | 0b11 << 62


class Identifiers:
    """Derives the identifiers of one import."""

    __slots__ = ("_key", "_source")

    def __init__(self, key: bytes, source: Source) -> None:
        """Takes the key.

        Args:
            key: 32 secret bytes, the same at every import of this person; never sent.
            source: The product.

        Raises:
            ValueError: The key has another size.
        """
        if len(key) != KEY_SIZE:
            raise ValueError(f"The key has {KEY_SIZE} bytes.")
        self._key = key
        self._source = source

    def derive(self, *parts: str) -> UUID:
        """An identifier of whatever the parts name.

        HMAC-SHA256 over LP("balon/v1/import-id") || LP(source) || LP(part) || …, with LP of docs/protocol.md section 1.

        Returns:
            The first 16 bytes, as a UUID of version 8 (RFC 9562 section 5.8).
        """
        encoded = [part.encode("utf-8", "surrogatepass") for part in (self._source, *parts)]
        digest = hmac.digest(self._key, serialize_prefixed(_LABEL, *encoded), "sha256")
        bits = int.from_bytes(digest[:16], "big") & ~_VERSION_AND_VARIANT
        return UUID(int=bits | 0x8 << 76 | 0b10 << 62)
