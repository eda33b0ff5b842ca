"""The ports of the platform: session storage, HTTP, socket, other tabs, clock, random identifiers."""

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Protocol
from uuid import UUID

from balon_client.ports.crypto import Crypto
from balon_client.ports.keys import AccountKeys

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """What a session leaves in the browser (docs/protocol.md section 11).

    `metadata` is plain JSON and holds no secret: ids, time stamps, login, kdf, n, salt, mek_env, idk_env, rsa_env
    (bytes as base64url). `keys` is None while locked.
    """

    metadata: JsonObject
    keys: AccountKeys | None = field(repr=False)


class KeyStore(Protocol):
    """One session record, in IndexedDB `balon-session`, or in memory where the browser cannot store handles."""

    @property
    def persistent(self) -> bool:
        """Whether the last `save` was read back from the browser's storage. True before the first."""

    async def save(self, record: SessionRecord) -> None:
        """Replaces the record and reads it back.

        Where writing or reading back fails, the record stays in memory, what was written is deleted, and `persistent`
        becomes False. Never raises for a storage failure.
        """

    async def update_metadata(self, changes: Mapping[str, Any], *, session_id: str) -> bool:
        """Merges top-level changes into the metadata of a session's record, leaving keys, in one transaction.

        Returns:
            False when there is no record of this session (another tab signed out or in): nothing was written then.
        """

    async def load(self) -> SessionRecord | None:
        """Gives the record, or None. Does not create the database.

        A record that cannot be read, or whose keys are extractable or have other usages than they must, counts as
        none (A37, A38): the caller wipes then.
        """

    async def wipe(self) -> None:
        """Deletes what Balon keeps where a worker reaches it: its IndexedDB databases, all caches, the memory copy.

        Tries every step whatever fails. The page clears localStorage and sessionStorage, which no worker has.

        Raises:
            StorageError: At least one step failed; the others were done.
        """


@dataclass(frozen=True, slots=True)
class Response:
    """A successful answer: status 200 to 299 and its JSON, None for an empty body."""

    status: int
    value: Any


class Http(Protocol):
    """Requests to the own origin. Adds X-CSRFToken to unsafe methods and sends the cookie; follows no redirect."""

    csrf_token: str | None
    """Kept in memory; comes with Session and Active answers (docs/api.md) and is set by the caller."""

    async def request(  # noqa: PLR0913
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        body: bytes | None = None,
        proof: str | None = None,
        timeout_s: float = 30.0,
    ) -> Response:
        """Sends a request and reads its answer.

        Args:
            method: GET, POST, PUT or DELETE.
            path: Absolute path within the origin, such as /api/v1/session.
            query: Parameters; encoded here.
            body: JSON bytes, sent exactly as they are, so that a proof covers them (`encode_json`).
            proof: Value of the Balon-Proof header.
            timeout_s: Until NetworkError.

        Raises:
            ProblemError: Status 400 or above; code `http-<status>` where the body is no problem document.
            NetworkError: No answer, or not in time.
            ResponseError: A successful answer that is no JSON, or a redirect.
        """


class Connection(Protocol):
    """An open socket."""

    async def send(self, text: str) -> None:
        """Sends one text message.

        Raises:
            SocketClosedError: The socket is closed.
        """

    async def receive(self) -> list[str]:
        """Waits for text messages and gives all that have arrived, in order, at least one.

        One task at a time may wait. Messages that arrived before the close are given first.

        Raises:
            SocketClosedError: The socket is closed.
        """

    async def close(self) -> None:
        """Closes the socket; harmless when it is closed. A waiting `receive` raises."""


class Socket(Protocol):
    """Opens WebSockets to the own origin."""

    async def connect(self, path: str, *, timeout_s: float = 15.0) -> Connection:
        """Opens a socket to an absolute path, such as /ws/v1/.

        Raises:
            NetworkError: It did not open, or not in time.
        """


class Files(Protocol):
    """The files that a person chose on the page."""

    def open(self, handle: object) -> BinaryIO:
        """A file to read and to seek in, without copying it.

        Args:
            handle: What the page sent.

        Raises:
            FileGoneError: It is none. While reading: it was moved or changed since it was chosen.
        """


class Tabs(Protocol):
    """The other tabs of the same browser profile and origin."""

    def post(self, message: Mapping[str, Any]) -> None:
        """Sends a JSON object to all other tabs, never to this one. Holds no secret."""

    async def receive(self) -> list[JsonObject]:
        """Waits for messages of other tabs and gives all that have arrived, at least one. One task at a time."""

    def lock(self, name: str) -> AbstractAsyncContextManager[None]:
        """An exclusive lock among all tabs: `async with tabs.lock("keyring"):`. Not reentrant."""


class Clock(Protocol):
    """Time."""

    def now_ms(self) -> int:
        """Milliseconds since 1970: for time stamps and for limits that must survive sleep."""

    def monotonic_s(self) -> float:
        """Seconds that never run backwards: for durations."""

    async def sleep(self, seconds: float) -> None:
        """Waits."""


class Random(Protocol):
    """Fresh randomness that may be Python bytes: identifiers, nonces, public salts, reply secrets. Never for keys."""

    def generate_bytes(self, size: int) -> bytes:
        """Random bytes from the platform's generator.

        Raises:
            RandomnessError: Twice the same output (16 bytes and more).
        """

    def uuid4(self) -> UUID:
        """A random identifier: user ids."""

    def uuid7(self) -> UUID:
        """A time-ordered identifier (RFC 9562 section 5.7), rising within this tab."""


@dataclass(frozen=True, slots=True)
class Platform:
    """All ports in one, as `main.py` builds it from the adapters and tests from the doubles."""

    crypto: Crypto
    key_store: KeyStore
    http: Http
    socket: Socket
    tabs: Tabs
    clock: Clock
    random: Random
    files: Files
    origin: str
    """Of the page, such as https://balon.example: what a proof of the password is bound to."""


def encode_json(value: Mapping[str, Any] | Sequence[Any]) -> bytes:
    """UTF-8 of the compact JSON of a request body or message payload."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
