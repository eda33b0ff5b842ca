"""The migration of an account from plaintext to ciphertext, as its person sees and steers it (docs/worker.md).

`migration_state` says which states there are, `migration_reading` reads plaintext, `migration_writing` moves one
conversation, `migration_ending` finishes or rolls back; here they are put together for one session.
"""

import contextlib
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

from balon_client.alarms import AlarmError
from balon_client.arguments import parse_id
from balon_client.chat_parts import ChatParts
from balon_client.errors import ClientError, NetworkError, ProblemError
from balon_client.exclusive import Exclusive
from balon_client.import_problems import ServerBusyError
from balon_client.migration_desk import MigrationDesk, Survey
from balon_client.migration_ending import MigrationEnding
from balon_client.migration_pace import BATCHES
from balon_client.migration_problems import (
    MigrationBrokenOffError,
    MigrationElsewhereError,
    MigrationEndedError,
    MigrationFullError,
    MigrationOverError,
    MigrationRunningError,
)
from balon_client.migration_records import LegacyConversation
from balon_client.migration_run import MigrationRun
from balon_client.migration_state import Ledger, Phase, phase_of
from balon_client.migration_views import legacy_item, legacy_view, migration_view
from balon_client.migration_writing import MigrationWriter
from balon_client.pacing import Pace, StoppedError
from balon_client.problems import ConversationGoneError, LockedError, SettingsRefusedError, SignedOutError
from balon_client.views import View

MIGRATION_CALLS: Final = (
    "migration_status",
    "start_migration",
    "pause_migration",
    "finish_migration",
    "roll_back_migration",
    "legacy_conversations",
    "read_legacy_conversation",
)
_LAPSE_S: Final = 31
"""After this a lease that nobody renews is free."""
_ENDS_ALL: Final = (MigrationElsewhereError, MigrationFullError, MigrationOverError)


class Migrator:
    """One migration at a time. `end` cuts off whatever goes on."""

    def __init__(self, chat: ChatParts) -> None:
        self._chat = chat
        self._parts = chat.parts
        self._desk = MigrationDesk(chat)
        self._ending = MigrationEnding(self._desk)
        self._work = Exclusive(MigrationRunningError, MigrationEndedError)
        self._pace: Pace | None = None
        self._run: MigrationRun | None = None
        self._is_finishing = False
        self._known: dict[UUID, LegacyConversation] = {}

    @property
    def calls(self) -> dict[str, Callable[..., Awaitable[object]]]:
        """The function behind each of `MIGRATION_CALLS`."""
        return {name: getattr(self, name) for name in MIGRATION_CALLS}

    def is_moving(self, conversation_id: UUID) -> bool:
        """Whether the server's notices of a conversation are of what is finished here."""
        return self._is_finishing and self._desk.is_moved(conversation_id)

    def end(self) -> None:
        """Cuts off what goes on, and forgets what was read."""
        self._known.clear()
        self._desk.reader.forget()
        self._work.end()

    # --- Looking ---

    async def migration_status(self) -> View:
        """Where it is, by this account's own count. Nothing is asked for once plaintext is refused.

        Raises:
            AlarmError: What the server says of it does not hold.
        """
        if self._run is not None:
            return migration_view(Phase.RUNNING, self._run.ledger, self._run)
        if not (self._is_finishing or self._desk.is_plaintext_refused):
            with contextlib.suppress(MigrationOverError):
                survey = await self._survey()
                return migration_view(self._phase_of(survey), survey.ledger, None)
        return migration_view(self._phase_after_finish, Ledger({}), None)

    async def _survey(self) -> Survey:
        survey = await self._desk.survey()
        self._known = {each.id: each for each in survey.conversations}
        return survey

    @property
    def _phase_after_finish(self) -> Phase:
        mark = self._desk.offered
        if mark is None:
            return Phase.NONE
        return Phase.FINISHED if mark.is_purged else Phase.FINISHING

    def _phase_of(self, survey: Survey) -> Phase:
        if survey.server.state == "none":
            return Phase.NONE
        is_elsewhere = survey.server.lease is not None and not self._desk.lease.is_held
        return phase_of(survey.ledger, survey.server, is_known_elsewhere=is_elsewhere)

    async def legacy_conversations(self) -> list[View]:
        """The conversations that the server has in plaintext, newest first; none once plaintext is refused."""
        try:
            survey = await self._survey()
        except MigrationOverError:
            return []
        newest_first = sorted(survey.conversations, key=lambda each: (-each.updated_ms, each.id.int))
        return [legacy_item(each, survey.ledger.rows[each.id]) for each in newest_first]

    async def read_legacy_conversation(self, raw_id: object, after: object) -> View:
        """A page of a conversation in plaintext, to read alone: it is marked, and never part of a prompt.

        Args:
            raw_id: The identifier that `legacy_conversations` gave.
            after: The number of the last message that is known, 0 for the beginning.

        Raises:
            MigrationOverError: Plaintext is refused.
            ConversationGoneError: There is no such one.
            AlarmError: What comes does not fit, nor when it is asked for again.
        """
        try:
            return await self._read(parse_id(raw_id), after)
        except AlarmError:
            # As in a survey: what is judged is a newer list, by a newer keyring.
            await self._parts.keyring.refresh()
            self._known.clear()
        return await self._read(parse_id(raw_id), after)

    async def _read(self, legacy_id: UUID, after: object) -> View:
        if self._desk.is_plaintext_refused:
            raise MigrationOverError
        if legacy_id not in self._known:
            await self._survey()
        legacy = self._known.get(legacy_id)
        if legacy is None or type(after) is not int or not 0 <= after <= legacy.messages:
            raise ConversationGoneError
        return legacy_view(legacy, await self._desk.reader.page(legacy, after), self._parts.account)

    # --- Moving ---

    async def start_migration(self, batch: object) -> View:
        """Begins, or goes on where this or another device was; resolves when it is done, paused or broken off.

        Args:
            batch: Messages in a batch, 1 to 500; None lets it follow what is measured.

        Returns:
            As `migration_status`, and what could not be moved.

        Raises:
            SettingsRefusedError: The size is none.
            MigrationRunningError: It runs already.
            MigrationElsewhereError: Another tab is at work.
            MigrationFullError, MigrationTooLargeError: The keyring has no room for all of it; nothing was begun.
            AlarmError: What the server says of it does not hold.
        """
        if batch is not None and (type(batch) is not int or batch not in BATCHES):
            raise SettingsRefusedError("A batch has 1 to 500 messages.")
        return await self._work.run(self._migrate(batch))

    async def pause_migration(self) -> None:
        """Ends it after the batch that is on its way. Begun again, it goes on there."""
        if self._pace is not None:
            self._pace.stop()

    async def _migrate(self, batch: int | None) -> View:
        self._parts.keyring.verify_current()
        survey = await self._survey()
        if survey.server.state == "none":
            raise MigrationOverError
        self._desk.verify_room(survey)
        run = self._run = MigrationRun(self._parts, survey.ledger)
        self._pace = Pace(self._parts.platform.clock, run.wait)
        try:
            await self._move_all(survey, run, self._pace, batch)
        except StoppedError:
            run.is_paused = True
        except ServerBusyError:
            run.problem = MigrationBrokenOffError()
        except _ENDS_ALL as error:
            run.problem = error
        finally:
            self._run = self._pace = None
        await self._desk.lease.release()
        is_over = isinstance(run.problem, MigrationOverError)
        return migration_view(self._phase_after_finish if is_over else _phase_after(run), run.ledger, run)

    async def _move_all(self, survey: Survey, run: MigrationRun, pace: Pace, batch: int | None) -> None:
        await self._take_lease(pace)
        held = await self._desk.open_held()
        self._desk.note(survey)
        writer = MigrationWriter(self._desk, held, pace)
        writer.choose_batch(batch)
        for legacy in sorted(survey.conversations, key=lambda each: (each.updated_ms, each.id.int)):
            rows = survey.ledger.rows[legacy.id]
            if not (rows.is_accounted and legacy.verified == legacy.messages):
                rows.roll_back()
                await self._move(writer, legacy, run)
        await self._parts.keyring.save()

    async def _take_lease(self, pace: Pace) -> None:
        """Takes the lease; that of a tab that crashed a moment ago is waited for."""
        try:
            await self._desk.lease.take()
        except MigrationElsewhereError:
            await pace.wait(_LAPSE_S)
            await self._desk.lease.take()

    async def _move(self, writer: MigrationWriter, legacy: LegacyConversation, run: MigrationRun) -> None:
        """Moves one conversation; what is wrong with it stops no other."""
        try:
            self._parts.keyring.verify_current()
            await writer.move(legacy, run.ledger.rows[legacy.id], lambda: run.count(writer.batch))
        except (*_ENDS_ALL, ServerBusyError, SignedOutError, LockedError):
            raise
        except ClientError as error:
            run.fail(legacy, error)

    # --- Ending ---

    async def finish_migration(self) -> View:
        """Refuses plaintext from now on, on every device and for ever, and has the server delete it.

        Raises:
            MigrationIncompleteError: Not every message was read back.
            MigrationElsewhereError: Another tab is at work.
            MigrationBrokenOffError: The server does not get on; called again, it goes on.
            AlarmError: Something does not hold.
        """
        return await self._work.run(self._end_by(self._finish))

    async def roll_back_migration(self) -> View:
        """Deletes what was encrypted; the plaintext is as it was. Not possible once Finish has begun.

        Raises:
            MigrationOverError: Plaintext is refused already.
            MigrationElsewhereError, MigrationBrokenOffError, AlarmError: As for `finish_migration`.
        """
        return await self._work.run(self._end_by(self._roll_back))

    async def _end_by(self, ending: Callable[[Pace], Awaitable[None]]) -> View:
        self._parts.keyring.verify_current()
        pace = Pace(self._parts.platform.clock, lambda _wait_s: None)
        try:
            await ending(pace)
        except ServerBusyError:
            raise MigrationBrokenOffError from None
        finally:
            await self._desk.lease.release()
        return await self.migration_status()

    async def _roll_back(self, pace: Pace) -> None:
        await self._ending.roll_back(pace)

    async def _finish(self, pace: Pace) -> None:
        self._is_finishing = True
        try:
            await self._ending.finish(pace)
        finally:
            self._is_finishing = False
        self._known.clear()
        self._desk.reader.forget()
        with contextlib.suppress(NetworkError, ProblemError):  # The list comes with the next round as well.
            await self._chat.library.refresh()


def _phase_after(run: MigrationRun) -> Phase:
    if isinstance(run.problem, MigrationElsewhereError):
        return Phase.ELSEWHERE
    return Phase.VERIFIED if run.ledger.is_complete else Phase.PAUSED
