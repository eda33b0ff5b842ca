"""The session record that all tabs share, and who may change it when (docs/protocol.md section 11)."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final

from balon_client.opening import OpenedAccount
from balon_client.ports import Platform, SessionRecord
from balon_client.session_record import KeptSession, Times, read_metadata, write_metadata, write_times

LOCK: Final = "session"


@dataclass(frozen=True, slots=True)
class Found:
    """A record that can be read."""

    record: SessionRecord
    kept: KeptSession

    @property
    def session_id(self) -> str:
        """Whose it is."""
        return self.kept.session_id


class SessionStore:
    """Reads and writes the record. Each write happens under a lock among the tabs, behind a look at what is there."""

    def __init__(self, platform: Platform) -> None:
        self._key_store = platform.key_store
        self._tabs = platform.tabs

    def lock(self) -> AbstractAsyncContextManager[None]:
        """Held to look at the record and to act on what was seen. `load` and `wipe` may be called within."""
        return self._tabs.lock(LOCK)

    async def load(self) -> Found | None:
        """The record; None when there is none that can be read."""
        record = await self._key_store.load()
        kept = read_metadata(record.metadata) if record else None
        return Found(record, kept) if record and kept else None

    async def save(self, opened: OpenedAccount, times: Times) -> KeptSession:
        """Replaces the record by an opened account's, with its handles."""
        metadata = write_metadata(opened.account, opened.records, times)
        async with self.lock():
            await self._key_store.save(SessionRecord(metadata, opened.account.keys))
        return KeptSession.parse(metadata)

    async def drop_handles(self, session_id: str) -> KeptSession | None:
        """Deletes the handles of a session; None when the record is another's or gone: nothing was written then."""
        async with self.lock():
            found = await self.load()
            if found is None or found.session_id != session_id:
                return None
            if found.record.keys is not None:
                await self._key_store.save(SessionRecord(found.record.metadata, None))
            return found.kept

    async def share_times(self, times: Times, session_id: str) -> bool:
        """Tells all tabs of activity; False when the record is another session's or gone."""
        return await self._key_store.update_metadata(write_times(times), session_id=session_id)

    async def wipe(self) -> None:
        """Deletes everything that this origin keeps where a worker reaches it.

        Raises:
            StorageError: At least one step failed; the others were done.
        """
        await self._key_store.wipe()

    async def wipe_unless_other(self, session_id: str) -> None:
        """Wipes, unless another tab has begun another session meanwhile.

        Raises:
            StorageError: As `wipe`.
        """
        async with self.lock():
            found = await self.load()
            if found is None or found.session_id == session_id:
                await self._key_store.wipe()
