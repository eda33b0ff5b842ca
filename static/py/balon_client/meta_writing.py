"""Writing titles and settings: sealed again behind each that came first (docs/protocol.md section 8)."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from balon_client.alarms import AnswerError
from balon_client.conversation_records import MetaRecord
from balon_client.conversations import Conversation
from balon_client.errors import ProblemError
from balon_client.keyring_model import note_meta
from balon_client.library import Library
from balon_client.meta_envelopes import seal_meta
from balon_client.metas import Meta
from balon_client.parts import Parts
from balon_client.roster_writing import RosterWriter

if TYPE_CHECKING:
    from uuid import UUID

_ATTEMPTS: Final = 3

Change = Callable[[Meta], Meta | None]
"""What title and settings become, None where they stay as they are."""


class MetaWriter:
    """Sets titles and settings for one signed-in person."""

    def __init__(
        self, parts: Parts, library: Library, rosters: RosterWriter, publish: Callable[[], None] | None = None
    ) -> None:
        """Makes it; `publish` tells the page of a change, otherwise than by the whole list at once."""
        self._parts = parts
        self._library = library
        self._rosters = rosters
        self._publish = publish or library.publish
        self._settings: dict[UUID, asyncio.Task[None]] = {}

    async def name(self, conversation: Conversation, title: str) -> None:
        """Gives a first title; when another one came first, that one stays."""
        await self._write(conversation, lambda meta: None if meta.title is not None else replace(meta, title=title))

    async def rename(self, conversation: Conversation, title: str) -> None:
        """Gives a title; when another one came first, behind that one."""
        await self._write(conversation, lambda meta: replace(meta, title=title))

    async def set_assistant(self, conversation: Conversation, mode: str) -> None:
        """Sets which messages are for the model; of several choices in a row, the last one holds."""
        before = self._settings.get(conversation.id)
        setting = asyncio.ensure_future(self._set_assistant(conversation, mode, before))
        self._settings[conversation.id] = setting
        try:
            await setting
        finally:
            if self._settings.get(conversation.id) is setting:
                del self._settings[conversation.id]

    async def _set_assistant(self, conversation: Conversation, mode: str, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        await self._write(conversation, lambda meta: None if meta.assistant == mode else replace(meta, assistant=mode))

    async def settle(self, conversation: Conversation) -> None:
        """Waits for the setting that is on its way: what is written after it must not go where it forbids.

        Raises:
            ClientError: What kept the setting from being stored.
        """
        if (setting := self._settings.get(conversation.id)) is not None:
            await asyncio.shield(setting)

    async def _write(self, conversation: Conversation, change: Change) -> None:
        """Applies a change to what there is, again after each that came first, until it is stored or settled."""
        for _ in range(_ATTEMPTS):
            if change(conversation.meta) is None:
                return
            await self._rosters.renew_key(conversation)
            conversation.verify_writable()
            changed = change(conversation.meta)
            if changed is None or await self._put(conversation, changed):
                return
            await self._library.fetch(conversation.id)
        raise AnswerError("meta.version")

    async def _put(self, conversation: Conversation, meta: Meta) -> bool:
        parts, under = self._parts, (conversation.epoch, conversation.key)
        meta = replace(meta, version=conversation.meta.version + 1)
        record = await seal_meta(parts.crypto, parts.account, conversation, meta, under)
        if not await self._is_stored(conversation, record):
            return False
        conversation.meta = meta
        parts.keyring.change(note_meta(conversation.id, meta.version))
        self._publish()
        return True

    async def _is_stored(self, conversation: Conversation, record: MetaRecord) -> bool:
        try:
            await self._parts.api.put_meta(
                conversation.id,
                meta_version=record.meta_version,
                epoch=record.epoch,
                envelope=record.envelope,
                signature=record.signature,
            )
        except ProblemError as error:
            if error.status != 409:
                raise
            return False
        return True
