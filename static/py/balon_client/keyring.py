"""The keyring of a signed-in person: opened, changed, and saved by compare-and-swap (docs/protocol.md section 10)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Final
from uuid import UUID

from balon.protocol.contexts import keyring_context
from balon.protocol.encoding import encode_b64u
from balon.protocol.envelope import Kind
from balon_client.account import Account
from balon_client.alarms import AlarmError, AnswerError, KeyringError, KeyringRollbackError
from balon_client.api import Api
from balon_client.errors import ClientError, DecryptionError, ProblemError
from balon_client.keyring_model import Change, KeyringContent, parse_keyring
from balon_client.ports import Crypto, Platform, RootKey
from balon_client.records import KeyringRecord
from balon_client.shared import Shared

LOCK: Final = "keyring"
SAVE_AFTER_S: Final = 1.5
_ATTEMPTS: Final = 6


async def open_keyring(crypto: Crypto, mek: RootKey, user_id: UUID, record: KeyringRecord) -> KeyringContent:
    """Opens a sealed keyring.

    Raises:
        KeyringError: It does not open under this account and version, or is none.
    """
    item = (keyring_context(user_id, record.version), record.envelope)
    try:
        (plaintext,) = await crypto.open_many(mek, Kind.KEYRING, [item])
    except DecryptionError:
        raise KeyringError from None
    return parse_keyring(plaintext)


async def seal_keyring(
    crypto: Crypto, mek: RootKey, user_id: UUID, version: int, content: KeyringContent
) -> KeyringRecord:
    """Seals a keyring as one version."""
    item = (keyring_context(user_id, version), content.serialize())
    (envelope,) = await crypto.seal_many(mek, Kind.KEYRING, [item])
    return KeyringRecord(version, envelope)


class Keyring:
    """Holds what was opened, and what was changed and is not saved yet."""

    def __init__(
        self, platform: Platform, api: Api, account: Account, *, version: int, content: KeyringContent
    ) -> None:
        self._platform = platform
        self._api = api
        self._mek = account.keys.mek
        self._user_id = account.user_id
        self._session_id = account.session_id
        self._account_version = account.account_version
        self._pending: list[Change] = []
        self._saving: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._alarm: AlarmError | None = None
        self._is_closed = False
        self._is_confirmed = False
        self._ask_once = Shared(self.refresh)
        self.version = version
        self.content = content
        self.revision = 0
        """Rises with every change of the content, here or elsewhere."""

    async def confirm(self) -> None:
        """Asks the server once in a session which keyring it has, before anything is read or written.

        A session that goes on from its record knows what this browser has seen, but not yet whether the server was set
        back since (A14). What it answers is judged by `verify_current`.

        Raises:
            NetworkError: The server cannot be reached.
            ProblemError: It refuses.
        """
        if not self._is_confirmed:
            with contextlib.suppress(AlarmError):
                await self._ask_once()

    def verify_current(self) -> None:
        """Checks that the server has not taken back what this browser has seen of the keyring (A14).

        Raises:
            KeyringError: What it gave last does not open.
            KeyringRollbackError: What it gave last is older.
        """
        if self._alarm is not None:
            raise self._alarm

    def change(self, change: Change) -> None:
        """Applies a change at once and saves it soon. Nothing is saved when it changes nothing."""
        if not change(self.content):
            return
        self.revision += 1
        self._pending.append(change)
        if self._is_closed:
            return
        if self._saving is None or self._saving.done():
            self._saving = asyncio.ensure_future(self._save_soon())

    async def _save_soon(self) -> None:
        await self._platform.clock.sleep(SAVE_AFTER_S)
        # What is not saved now waits for the next change or round of synchronisation, which tells of an alarm too.
        with contextlib.suppress(ClientError):
            await self.save()

    async def save(self) -> None:
        """Saves what waits; on a conflict, applies it to the keyring that another tab or device saved.

        Raises:
            NetworkError: The server cannot be reached; what waits is kept.
            ProblemError: The server refuses; what waits is kept.
            KeyringError: The keyring that came back does not open.
            KeyringRollbackError: It is older than this one.
            AnswerError: The server takes none, and names no newer one that would come first; what waits is kept.
        """
        async with self.held():
            for _ in range(_ATTEMPTS):
                if self._is_closed or not self._pending:
                    return
                if not await self._put():
                    await self.refresh_held()
            if self._pending:
                raise AnswerError("keyring.version")

    async def _put(self) -> bool:
        waiting = list(self._pending)
        record = await seal_keyring(self._platform.crypto, self._mek, self._user_id, self.version + 1, self.content)
        try:
            await self._api.put_keyring(record.version, record.envelope)
        except ProblemError as error:
            if error.status != 409:
                raise
            return False
        self._pending = self._pending[len(waiting) :]
        await self._note(record)
        return True

    async def refresh(self) -> None:
        """Fetches the stored keyring and applies what waits to it, if it is a newer one.

        Raises:
            KeyringError: It does not open.
            KeyringRollbackError: It is older than this one.
        """
        async with self.held():
            await self.refresh_held()

    @contextlib.asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """While this lasts, no tab of this browser saves or fetches the keyring: one of them may be replacing it."""
        async with self._platform.tabs.lock(LOCK), self._lock:
            yield

    async def refresh_held(self) -> None:
        """As `refresh`, for whoever holds the keyring."""
        record = await self._api.keyring()
        try:
            content = await self._open_newer(record)
        except AlarmError as alarm:
            self._alarm = alarm
            raise
        self._alarm, self._is_confirmed = None, True
        if content is None:
            return
        self._pending = [change for change in self._pending if change(content)]
        self.content = content
        self.revision += 1
        await self._note(record)

    async def _open_newer(self, record: KeyringRecord) -> KeyringContent | None:
        if record.version < self.version:
            raise KeyringRollbackError
        if record.version == self.version:
            return None
        try:
            return await open_keyring(self._platform.crypto, self._mek, self._user_id, record)
        except KeyringError:
            if not await self._is_overtaken():
                raise
            self.close()
            return None

    async def _is_overtaken(self) -> bool:
        """Whether another tab gave this session's account new keys: this one hears of it in a moment (section 11)."""
        record = await self._platform.key_store.load()
        return record is not None and record.metadata.get("account_version", 0) > self._account_version

    @property
    def unsaved(self) -> Sequence[Change]:
        """The changes that no stored keyring has yet."""
        return tuple(self._pending)

    async def _note(self, record: KeyringRecord) -> None:
        self.version = record.version
        await self._platform.key_store.update_metadata({"keyring": keyring_json(record)}, session_id=self._session_id)

    def close(self) -> None:
        """Saves nothing more: by now the cookie may be another account's (A48)."""
        self._is_closed = True
        if self._saving is not None:
            self._saving.cancel()


def keyring_json(record: KeyringRecord) -> dict[str, object]:
    """A keyring record as it rests in the session record."""
    return {"version": record.version, "envelope": encode_b64u(record.envelope)}
