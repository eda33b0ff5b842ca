"""The port `KeyStore` on IndexedDB, with memory where the browser cannot store handles."""

import json
from collections.abc import Mapping
from typing import Any

from balon.protocol.types import PublicKey
from balon_client.adapters.javascript import js_bytes, js_storage
from balon_client.errors import StorageError
from balon_client.ports import AccountKeys, DecryptionKey, RootKey, SessionRecord, SigningKey


class BrowserKeyStore:
    """One session record. The port's docstrings hold."""

    def __init__(self) -> None:
        self._memory: SessionRecord | None = None
        self._persistent = True

    @property
    def persistent(self) -> bool:
        """Whether the last `save` was read back."""
        return self._persistent

    async def save(self, record: SessionRecord) -> None:
        """Replaces the record; keeps it in memory where storage fails."""
        self._persistent = bool(await js_storage.save(json.dumps(record.metadata), *_handles(record.keys)))
        self._memory = None if self._persistent else _copy(record)

    async def update_metadata(self, changes: Mapping[str, Any], *, session_id: str) -> bool:
        """Merges changes into the metadata of the session's record."""
        if self._memory is None:
            return bool(await js_storage.updateMetadata(json.dumps(dict(changes)), session_id))
        if self._memory.metadata.get("session_id") != session_id:
            return False
        self._memory.metadata.update(json.loads(json.dumps(dict(changes))))
        return True

    async def load(self) -> SessionRecord | None:
        """Gives the record, or None."""
        if self._memory is not None:
            return _copy(self._memory)
        found = await js_storage.load()
        return None if found is None else SessionRecord(json.loads(found.metadata), _keys_of(found))

    async def wipe(self) -> None:
        """Deletes everything; raises at the end where a step failed."""
        self._memory = None
        if await js_storage.wipe():
            raise StorageError


def _handles(keys: AccountKeys | None) -> tuple[Any, ...]:
    if keys is None:
        return (None, None, None, None)
    return keys.mek.native, keys.idk.native, js_bytes(keys.idk.public), keys.enc.native


def _keys_of(found: Any) -> AccountKeys | None:
    if found.mek is None:
        return None
    idk = SigningKey(found.idk, PublicKey(found.identity.to_bytes()))
    return AccountKeys(mek=RootKey(found.mek), idk=idk, enc=DecryptionKey(found.enc))


def _copy(record: SessionRecord) -> SessionRecord:
    return SessionRecord(json.loads(json.dumps(record.metadata)), record.keys)
