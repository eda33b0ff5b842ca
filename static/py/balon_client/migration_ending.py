"""How a migration ends: Finish, after which plaintext is refused for ever, or Roll back (docs/protocol.md section 12).

Both are saved in the keyring before the server hears of them. So a crash leaves nothing that the keyring does not know,
and nothing about the end is the server's word.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from balon_client.errors import ProblemError
from balon_client.keyring_model import forget_conversation
from balon_client.migration_desk import MigrationDesk
from balon_client.migration_marks import note_purged, refuse_plaintext
from balon_client.migration_problems import (
    LegacyCountsError,
    MigrationBrokenOffError,
    MigrationEndedError,
    MigrationIncompleteError,
    MigrationOverError,
    UntrueProgressError,
)
from balon_client.migration_records import MigrationState
from balon_client.pacing import Pace
from balon_client.progress import Progress

_NOT_FOUND: Final = 404
_STUCK: Final = 20
_GONE: Final = MigrationState("finished", 0, 0, 0, 0, 0, None)
"""What counts where the server knows of no old texts any more, its last answer having been lost."""
_Request = Callable[[], Awaitable[MigrationState]]


class MigrationEnding:
    """Ends a migration, this way or that."""

    def __init__(self, desk: MigrationDesk) -> None:
        self._desk = desk
        self._parts = desk.parts
        self._api = desk.parts.api

    # --- Finish ---

    async def finish(self, pace: Pace) -> None:
        """Refuses plaintext from now on, then has it deleted. Broken off, it goes on where it was.

        Raises:
            MigrationOverError: There is nothing to finish.
            MigrationIncompleteError: Not every message was read back.
            LegacyCountsError: The server denies what was counted here.
            AlarmError: Something does not hold.
        """
        if not self._desk.is_plaintext_refused:
            await self._desk.lease.take()
            await self._account(pace)
        elif self._desk.offered is None or self._desk.offered.is_purged:
            raise MigrationOverError
        await self._save()  # It may be refused in memory alone, a save having failed.
        await self._repeat(self._purge, pace, until="finished", left=lambda state: state.messages - state.purged)
        self._parts.keyring.change(note_purged())
        await self._parts.keyring.save()

    async def _account(self, pace: Pace) -> None:
        """Every row: by the own count, by the server's, and by what the server names as each one's last."""
        survey, held = await self._desk.survey(), await self._desk.open_held()
        if not survey.ledger.is_complete or survey.server.verified != survey.ledger.messages:
            raise MigrationIncompleteError
        progress = Progress(self._parts, "migration-finish")
        for done, legacy in enumerate(survey.conversations):
            progress.tell(done, len(survey.conversations))
            await pace.insist(partial(held.verify_stored, legacy))
        self._desk.note(survey)
        self._parts.keyring.change(refuse_plaintext())

    async def _purge(self) -> MigrationState:
        try:
            return await self._desk.lease.write(self._api.finish_migration)
        except ProblemError as error:
            if error.problem_code == "migration-incomplete":
                raise LegacyCountsError from None
            if error.status != _NOT_FOUND and error.problem_code != "migration-finished":
                raise
        return _GONE

    # --- Roll back ---

    async def roll_back(self, pace: Pace) -> None:
        """Forgets what was encrypted, and has it deleted. The plaintext is as it was.

        Raises:
            MigrationOverError: Plaintext is refused already.
            UntrueProgressError: The server says that Finish has begun.
        """
        if self._desk.is_plaintext_refused:
            raise MigrationOverError
        await self._desk.lease.take()
        held = await self._desk.open_held()
        for legacy in await self._desk.reader.conversations():
            self._parts.keyring.change(forget_conversation(held.id_of(legacy)))
        await self._save()
        await self._repeat(self._roll_back, pace, until="ready", left=lambda state: state.staged + state.verified)
        self._desk.reader.forget()

    async def _roll_back(self) -> MigrationState:
        try:
            return await self._desk.lease.write(self._api.roll_back)
        except ProblemError as error:
            if error.problem_code in {"migration-finishing", "migration-finished"}:
                raise UntrueProgressError from None
            raise

    # --- Both ---

    async def _save(self) -> None:
        await self._parts.keyring.save()
        if self._parts.keyring.unsaved:
            raise MigrationEndedError

    async def _repeat(
        self, request: _Request, pace: Pace, *, until: str, left: Callable[[MigrationState], int]
    ) -> None:
        """Asks again until the server says that it is done, and no longer than it gets on."""
        progress = Progress(self._parts, f"migration-{'finish' if until == 'finished' else 'rollback'}")
        least, stuck = None, 0
        while (state := await pace.insist(request)).state != until:
            now = left(state)
            stuck = 0 if least is None or now < least else stuck + 1
            least = now if least is None else min(least, now)
            if stuck >= _STUCK:
                raise MigrationBrokenOffError
            progress.tell(state.messages - now, state.messages)
