"""Conversations from other products: a file is looked at, conversations are chosen and written (docs/imports.md)."""

import asyncio
import contextlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Final
from uuid import UUID

from balon_client.arguments import parse_id
from balon_client.chat_parts import ChatParts
from balon_client.errors import ClientError
from balon_client.exclusive import Exclusive
from balon_client.import_marks import keep_import_key, state_of
from balon_client.import_problems import (
    ImportEndedError,
    ImportFullError,
    ImportRunningError,
    NoFileError,
    ServerBusyError,
)
from balon_client.import_run import ImportRun
from balon_client.import_writing import ImportWriter
from balon_client.imports import (
    ImportedConversation,
    RefusedConversation,
    Source,
    read_conversations,
    recognize,
)
from balon_client.imports.errors import ExportFileError
from balon_client.pacing import Pace, StoppedError
from balon_client.problems import LockedError, SettingsRefusedError, SignedOutError
from balon_client.progress import Progress
from balon_client.views import View

_MAX_HELD: Final = 1 << 26
"""Characters of chosen conversations that are held at once, to be written from the oldest to the newest."""
_PUBLISH_MS: Final = 3000
_ENDS_ALL: Final = (ImportFullError, ServerBusyError)


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """A file that was looked at."""

    file: BinaryIO
    source: Source
    id_key: bytes = field(repr=False)
    sizes: dict[UUID, tuple[int, int]]
    """Messages and characters of each conversation."""


class Importer:
    """Looks at one file at a time and imports from it, one import at a time. `end` cuts off whatever goes on."""

    def __init__(self, chat: ChatParts) -> None:
        self._chat = chat
        self._parts = chat.parts
        self._opened: OpenedFile | None = None
        self._work = Exclusive(ImportRunningError, ImportEndedError)
        self._pace: Pace | None = None
        self._written: set[UUID] = set()
        self._published_ms = 0

    def is_writing(self, conversation_id: UUID) -> bool:
        """Whether the server's notices of a conversation are of what is being imported here."""
        return self._pace is not None and conversation_id in self._written

    def end(self) -> None:
        """Cuts off what goes on, and forgets the file."""
        self._opened = None
        self._work.end()

    # --- Looking at a file ---

    async def preview_import(self, handle: object) -> View:
        """Reads a file, and says what is in it; nothing is sent.

        Args:
            handle: The page's file.

        Raises:
            ImportRunningError: Another one is under way.
            ExportFileError: Nothing of it can be read.
            KeyringError, NetworkError: The key of identifiers cannot be kept.
        """
        return await self._work.run(self._preview(handle))

    async def _preview(self, handle: object) -> View:
        self._opened = None
        file = self._parts.platform.files.open(handle)
        source = recognize(file)
        opened = OpenedFile(file, source, await self._id_key(), {})
        items: list[View] = []
        refused: list[View] = []
        problem: ClientError | None = None
        progress = Progress(self._parts, "import-preview")
        try:
            for done, each in enumerate(self._read(opened), 1):
                if isinstance(each, RefusedConversation):
                    refused.append(_refusal(each))
                else:
                    opened.sizes[each.id] = (len(each.messages), sum(len(message.text) for message in each.messages))
                    items.append(self._item(each))
                progress.tell(done, 0)
                await asyncio.sleep(0)  # Everything else goes on between two of them.
        except ExportFileError as error:
            problem = error
        self._opened = opened
        return {
            "source": source.value,
            "conversations": items,
            "refused": refused,
            "problem": problem.problem if problem else None,
        }

    async def _id_key(self) -> bytes:
        """The key that all devices derive identifiers under: it counts once it is saved."""
        key = await keep_import_key(self._parts)
        if key is None:
            raise ImportEndedError
        return key

    def _read(self, opened: OpenedFile) -> Iterator[ImportedConversation | RefusedConversation]:
        return read_conversations(opened.file, opened.source, id_key=opened.id_key, now_ms=self._parts.now_ms())

    def _item(self, conversation: ImportedConversation) -> View:
        return {
            "id": str(conversation.id),
            "title": conversation.title,
            "created_ms": conversation.created_ms,
            "updated_ms": conversation.messages[-1].created_ms,
            "messages": len(conversation.messages),
            "left_out": {kind.value: count for kind, count in conversation.left_out.items()},
            "state": state_of(self._parts.keyring.content, conversation),
        }

    # --- Importing ---

    async def begin_import(self, raw_ids: object) -> View:
        """Writes the chosen conversations of the file that was looked at last.

        Returns:
            What was imported, what was not and why, and whether it came to its end.

        Raises:
            ImportRunningError: Another one is under way.
            NoFileError: No file was looked at.
            ImportEndedError: It was cut off.
        """
        if not isinstance(raw_ids, list):
            raise SettingsRefusedError("There is no such choice.")
        return await self._work.run(self._import({parse_id(raw) for raw in raw_ids}))

    async def stop_import(self) -> None:
        """Ends the import after the message that is on its way; begun again, it goes on there."""
        if self._pace is not None:
            self._pace.stop()

    async def _import(self, ids: Collection[UUID]) -> View:
        opened = self._opened
        if opened is None:
            raise NoFileError
        self._parts.keyring.verify_current()
        run = ImportRun(self._parts, sum(opened.sizes[each][0] for each in ids if each in opened.sizes), len(ids))
        self._pace = Pace(self._parts.platform.clock, run.wait)
        writer = ImportWriter(self._chat, opened.source, self._pace)
        try:
            for each in await self._chosen(opened, ids):
                self._written.add(each.id)
                await self._write(writer, each, run)
        except StoppedError:
            run.is_stopped = True
        except _ENDS_ALL as error:
            run.problem = error
        finally:
            self._pace = None
            self._written.clear()
            self._chat.library.publish()
        with contextlib.suppress(ClientError):  # What is not saved now waits for the next change.
            await self._parts.keyring.save()
        return run.view()

    async def _chosen(self, opened: OpenedFile, ids: Collection[UUID]) -> Iterable[ImportedConversation]:
        """The chosen conversations: from the oldest to the newest, as the list shows them, where they can be held."""
        if sum(opened.sizes[each][1] for each in ids if each in opened.sizes) > _MAX_HELD:
            return (each for each in self._readable(opened) if each.id in ids)
        held: list[ImportedConversation] = []
        for each in self._readable(opened):
            if each.id in ids:
                held.append(each)
            await asyncio.sleep(0)
        return sorted(held, key=lambda each: each.messages[-1].created_ms)

    def _readable(self, opened: OpenedFile) -> Iterator[ImportedConversation]:
        """What can be read of a file; that the rest cannot was said when it was looked at."""
        try:
            yield from (each for each in self._read(opened) if isinstance(each, ImportedConversation))
        except ExportFileError:
            return

    async def _write(self, writer: ImportWriter, conversation: ImportedConversation, run: ImportRun) -> None:
        """Writes one conversation; what is wrong with it stops no other."""
        before = run.done
        try:
            self._parts.keyring.verify_current()
            await writer.write(conversation, run.count)
        except (*_ENDS_ALL, SignedOutError, LockedError):
            raise
        except ClientError as error:
            run.fail(conversation, error)
        else:
            run.finish(conversation)
        run.done = before + len(conversation.messages)
        self._publish_sometimes()

    def _publish_sometimes(self) -> None:
        """The whole list at each conversation would cost more than the import itself."""
        now_ms = self._parts.now_ms()
        if not 0 <= now_ms - self._published_ms < _PUBLISH_MS:
            self._published_ms = now_ms
            self._chat.library.publish()


def _refusal(refused: RefusedConversation) -> View:
    return {"number": refused.number, "title": refused.title, "problem": refused.problem.problem}
