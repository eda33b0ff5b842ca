"""What a check may use besides the ports. One implementation under CPython, one in the browser."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from balon.protocol.types import Envelope
from balon_client.ports import Http, PasswordBuffer, Platform, RootKey, Socket, Tabs


class World(Protocol):
    """The ports, and what only a test may do."""

    platform: Platform
    """Its `http` and `socket` reach tests/contract/server.py."""

    other_tabs: Tabs
    """A second tab of the same browser."""

    def password(self, octets: bytes) -> PasswordBuffer:
        """A password as it comes from the page."""

    def password_bytes(self, password: PasswordBuffer) -> bytes:
        """What the buffer holds now."""

    async def import_root(self, octets: bytes) -> RootKey:
        """A root key of known bytes."""

    async def seal_with_salt(self, root: RootKey, kind: int, context: bytes, plaintext: bytes, salt: bytes) -> bytes:
        """The platform's own composition of the envelope, with a given salt."""

    def crafted(self, name: str) -> list[Envelope]:
        """Forged envelopes of tests/contract/crafted.py."""


@contextmanager
def raises(*kinds: type[BaseException]) -> Iterator[list[Any]]:
    """pytest.raises for places without pytest; gives a list that will hold the exception."""
    caught: list[Any] = []
    try:
        yield caught
    except kinds as error:
        caught.append(error)
    else:
        expected = " or ".join(kind.__name__ for kind in kinds)
        raise AssertionError(f"{expected} was not raised")


__all__ = ["Http", "Socket", "World", "raises"]
