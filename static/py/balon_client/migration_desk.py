"""What the parts of a migration share: the plaintext as the server offers it, and this account's own count of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from balon_client.chat_parts import ChatParts
from balon_client.import_marks import keep_import_key
from balon_client.import_writing import MAX_REMEMBERED
from balon_client.keyring_model import Seen
from balon_client.migration_held import HeldConversations
from balon_client.migration_lease import Lease
from balon_client.migration_mark import MigrationMark
from balon_client.migration_marks import note_offered
from balon_client.migration_problems import (
    LegacyCountsError,
    MigrationEndedError,
    MigrationFullError,
    MigrationOverError,
    MigrationTooLargeError,
    UntrueProgressError,
)
from balon_client.migration_reading import LegacyReader
from balon_client.migration_records import LegacyConversation, MigrationState
from balon_client.migration_state import Ledger, Rows


@dataclass(frozen=True, slots=True)
class Survey:
    """What the server offers in plaintext, and the own count of it."""

    server: MigrationState
    conversations: Sequence[LegacyConversation]
    ledger: Ledger


class MigrationDesk:
    """Looks at the plaintext of one signed-in person."""

    def __init__(self, chat: ChatParts) -> None:
        self.chat = chat
        self.parts = chat.parts
        self.reader = LegacyReader(chat.parts)
        self.lease = Lease(chat.parts)

    @property
    def is_plaintext_refused(self) -> bool:
        """Whether plaintext is neither asked for nor taken any more."""
        return self.parts.keyring.content.no_plaintext

    @property
    def offered(self) -> MigrationMark | None:
        """What the keyring remembers of how much plaintext there was."""
        return self.parts.keyring.content.migration

    async def survey(self) -> Survey:
        """Looks at all of it, but for the texts.

        Raises:
            UntrueProgressError: The server says that it is over, which this account would know.
            LegacyCountsError: Its counts do not agree, nor when it is asked again.
            LegacyRowsError: It repeats conversations.
            MigrationOverError: Plaintext is refused.
        """
        try:
            return await self._look()
        except LegacyCountsError:
            # Another tab or device may have finished between two answers, or an operator have loaded more.
            await self.parts.keyring.refresh()
        return await self._look()

    async def _look(self) -> Survey:
        server = await self.reader.state()
        if server.state in {"finishing", "finished"}:
            await self._verify_over()
        conversations = [] if server.state == "none" else await self.reader.conversations()
        self._verify_counts(server, conversations)
        rows = {each.id: self._rows_of(each) for each in conversations}
        return Survey(server, conversations, Ledger(rows))

    async def _verify_over(self) -> None:
        """What the server says to be over is, if the keyring says so too: another device may have finished just now."""
        await self.parts.keyring.refresh()
        raise MigrationOverError if self.is_plaintext_refused else UntrueProgressError

    def _verify_counts(self, server: MigrationState, conversations: Sequence[LegacyConversation]) -> None:
        """Old texts are not changed before Finish, so there are as many as ever."""
        counts = (len(conversations), sum(each.messages for each in conversations))
        least = self.offered or MigrationMark(0, 0)
        is_fewer = counts[0] < least.conversations or counts[1] < least.messages
        if counts != (server.conversations, server.messages) or is_fewer:
            raise LegacyCountsError

    def _rows_of(self, legacy: LegacyConversation) -> Rows:
        seen = self._seen(legacy)
        if (seen.imported or 0) > legacy.messages:
            raise LegacyCountsError
        own = min(seen.head.seq if seen.head else 0, legacy.messages)
        is_whole = seen.imported == own == legacy.messages
        return Rows(legacy.messages, staged=own, verified=own, is_accounted=is_whole)

    def _seen(self, legacy: LegacyConversation) -> Seen:
        held = self.held
        return held.seen(legacy) if held else Seen()

    def note(self, survey: Survey) -> None:
        """Notes how much there is, so that nothing of it can be left out later."""
        self.parts.keyring.change(note_offered(len(survey.conversations), survey.ledger.messages))

    def verify_room(self, survey: Survey) -> None:
        """Checks that the keyring has room for all of it, so that nobody encrypts a part for nothing.

        Raises:
            MigrationTooLargeError: It never has.
            MigrationFullError: It has not, with what else it remembers.
        """
        held, remembered = self.held, self.parts.keyring.content.conversations
        new = sum(held is None or held.id_of(each) not in remembered for each in survey.conversations)
        if new and len(survey.conversations) > MAX_REMEMBERED:
            raise MigrationTooLargeError
        if new and len(remembered) + new > MAX_REMEMBERED:
            raise MigrationFullError

    # --- Encrypted conversations ---

    @property
    def held(self) -> HeldConversations | None:
        """The encrypted conversations; None before the first migration or import, while there can be none."""
        key = self.parts.keyring.content.import_key
        return HeldConversations(self.chat, self.lease, key) if key else None

    async def open_held(self) -> HeldConversations:
        """The encrypted conversations, under a key of identifiers that is saved."""
        key = await keep_import_key(self.parts)
        if key is None:
            raise MigrationEndedError
        return HeldConversations(self.chat, self.lease, key)

    def is_moved(self, conversation_id: UUID) -> bool:
        """Whether a conversation was encrypted by a migration or an import."""
        return self.parts.keyring.content.seen(conversation_id).imported is not None
