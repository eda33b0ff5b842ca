"""One conversation from plaintext to ciphertext: sealed in batches and read back (docs/protocol.md section 12).

What a crash or a lost answer left behind is found again by its identifiers and compared with what would be sealed. So
whoever goes on, in whichever tab or on whichever device, goes on where the server is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from balon_client.alarms import AnswerError
from balon_client.conversation_records import MessageRecord
from balon_client.conversations import Conversation
from balon_client.errors import NetworkError, ProblemError
from balon_client.history import History
from balon_client.import_marks import note_import
from balon_client.imported_drafts import make_drafts
from balon_client.imports import ImportedMessage, Source
from balon_client.keyring_model import note_read
from balon_client.messages import Draft, seal_messages
from balon_client.migration_desk import MigrationDesk
from balon_client.migration_held import HeldConversations, raise_alarm
from balon_client.migration_pace import BATCHES, DEFAULT_BATCH, adapt_batch, shrink_batch
from balon_client.migration_problems import LegacyChangedError, NotStoredError
from balon_client.migration_records import LegacyConversation, LegacyRow
from balon_client.migration_state import Rows
from balon_client.pacing import Pace

MAX_BATCH_SIZE: Final = 3 << 20
"""Bytes of envelopes in one request: as JSON less than the 4 MiB that the server takes."""
_ROW_SIZE: Final = 1024
_CONFLICTS: Final = 8
_CONFLICT: Final = 409


@dataclass(slots=True)
class _Job:
    """A conversation on its way. What the history holds was opened and verified as messages of any other."""

    legacy: LegacyConversation
    legacy_ids: list[str]
    drafts: list[Draft]
    rows: Rows
    conversation: Conversation
    history: History
    is_unsure: bool = False
    """Whether the server may have more than was read back."""
    is_read: bool = False
    """Whether what was there was compared."""
    told: int = 0
    """How many rows the server knows to be verified."""
    conflicts: int = 0

    @property
    def is_done(self) -> bool:
        """Whether all is verified, and the server knows."""
        return self.is_read and self.rows.is_verified and self.told == self.rows.total


class MigrationWriter:
    """Moves conversations, one after the other."""

    def __init__(self, desk: MigrationDesk, held: HeldConversations, pace: Pace) -> None:
        self._parts = desk.parts
        self._reader = desk.reader
        self._lease = desk.lease
        self._held = held
        self._pace = pace
        self._is_automatic = True
        self.batch = DEFAULT_BATCH

    def choose_batch(self, size: int | None) -> None:
        """Fixes how many rows a batch has; None lets it follow what is measured."""
        self._is_automatic, self.batch = size is None, DEFAULT_BATCH if size is None else size

    async def move(self, legacy: LegacyConversation, rows: Rows, moved: Callable[[], None]) -> None:
        """Moves what is still in plaintext of a conversation, and reads back all of it.

        Args:
            legacy: Which.
            rows: Its rows; none counts as more than plain.
            moved: Hears of each batch.

        Raises:
            StoppedError: The person paused it.
            MigrationElsewhereError: Another tab works by now.
            LegacyChangedError: What is encrypted is not what the server gives in plaintext now.
            NotStoredError: The server does not give back what it took.
            ClientError: It does not hold, or the server refuses.
        """
        job = await self._pace.insist(partial(self._begin, legacy, rows))
        while not job.is_done:
            await self._pace.insist(partial(self._step, job))
            moved()
        rows.account()
        keyring = self._parts.keyring
        keyring.change(note_import(job.conversation.id, rows.total))
        keyring.change(note_read(job.conversation.id, rows.total))

    async def _begin(self, legacy: LegacyConversation, rows: Rows) -> _Job:
        plain = await self._reader.rows(legacy)
        conversation, history = await self._held.open(legacy)
        drafts = make_drafts(self._messages(legacy, plain), Source.LEGACY, self._parts.now_ms())
        return _Job(legacy, [row.legacy_id for row in plain], drafts, rows, conversation, history)

    def _messages(self, legacy: LegacyConversation, plain: Sequence[LegacyRow]) -> list[ImportedMessage]:
        return [
            ImportedMessage(
                id=self._held.message_id_of(legacy, row),
                source_id=row.legacy_id,
                role=row.role,
                text=row.text,
                created_ms=row.created_ms,
                model=row.model,
            )
            for row in plain
        ]

    async def _step(self, job: _Job) -> None:
        """Settles what was sent, then sends a batch. Broken off anywhere, it may be done again."""
        await self._settle(job)
        if not job.rows.is_verified:
            await self._send(job)

    # --- Sending ---

    async def _send(self, job: _Job) -> None:
        """Seals and sends a batch behind what was read back. Where its answer is lost, what is there is asked for."""
        began_s, start = self._now_s(), job.rows.verified
        job.is_unsure = True
        job.conversation.verify_writable()
        records = await self._seal(job, start)
        rows = list(zip(job.legacy_ids[start:], records, strict=False))
        try:
            await self._lease.write(lambda lease: self._parts.api.post_batch(lease, job.legacy.id, rows))
        except NetworkError:
            self._shrink()
            raise
        except ProblemError as error:
            self._note_conflict(job, error)
            return
        job.rows.stage(start + len(records))
        await self._read_back(job)
        if self._is_automatic:
            self.batch = adapt_batch(self.batch, len(records), self._now_s() - began_s)

    async def _seal(self, job: _Job, start: int) -> list[MessageRecord]:
        parts, chosen = self._parts, job.drafts[start : start + self.batch]
        place = (start + 1, job.history.chain.head_hash)
        records = await seal_messages(parts.crypto, parts.account, job.conversation, chosen, place)
        size = 0
        for count, record in enumerate(records):
            size += len(record.envelope) + _ROW_SIZE
            if count and size > MAX_BATCH_SIZE:
                return records[:count]
        return records

    def _shrink(self) -> None:
        if self._is_automatic:
            self.batch = shrink_batch(self.batch)

    def _note_conflict(self, job: _Job, error: ProblemError) -> None:
        """Others, or this tab before, have stored it otherwise: then what is there counts, if it is the same."""
        job.conflicts += 1
        if error.status != _CONFLICT:
            raise error
        if job.conflicts > _CONFLICTS:
            raise AnswerError("migration.batches")

    # --- Reading back ---

    async def _settle(self, job: _Job) -> None:
        """Reads back what may be new, and tells the server what is verified."""
        await self._read_back(job)
        while job.told < job.rows.verified:
            up_to = min(job.rows.verified, job.told + BATCHES[-1])
            message_ids = [draft.message_id for draft in job.drafts[job.told : up_to]]
            await self._lease.write(
                partial(self._parts.api.note_verified, legacy_id=job.legacy.id, message_ids=message_ids)
            )
            job.told = up_to

    async def _read_back(self, job: _Job) -> None:
        """Compares every message that the conversation holds with what was, or would be, sealed in its place.

        They come by the ordinary requests, and were opened and verified as any other.
        """
        if job.is_unsure:
            await job.history.load_newer()
            raise_alarm(job.conversation)
        there = job.history.messages
        for draft, message in zip(job.drafts[job.rows.verified :], there[job.rows.verified :], strict=False):
            if (message.id, message.payload) != (draft.message_id, draft.payload):
                raise LegacyChangedError
        if len(there) > len(job.drafts):
            raise LegacyChangedError
        if len(there) < job.rows.staged:
            raise NotStoredError
        job.rows.stage(len(there))
        job.rows.verify(len(there))
        job.is_unsure, job.is_read = False, True

    def _now_s(self) -> float:
        return self._parts.platform.clock.monotonic_s()
