"""The state machine of a migration: of each row, of each conversation, of the whole (docs/protocol.md section 12).

Rows are moved in their order, the row of number n to position n. So of one conversation two borders say in which state
each row is: those up to the first are verified, those up to the second staged, the others plain.

    plain -> staged -> verified -> purged
      ^--------+----------+             Roll back, until Finish begins
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from balon_client.migration_records import MigrationState


class RowState(StrEnum):
    """Where a row is on its way."""

    PLAIN = "plain"
    STAGED = "staged"
    """The server took its message."""
    VERIFIED = "verified"
    """Its message was read back as any other is, opened, and is what was sealed."""
    PURGED = "purged"
    """The server said that the plaintext is deleted."""


class Phase(StrEnum):
    """Where the migration of an account is, as the page shows it."""

    NONE = "none"
    """Nothing is in plaintext, or plaintext is refused."""
    READY = "ready"
    RUNNING = "running"
    """This tab is at work."""
    ELSEWHERE = "elsewhere"
    """Another tab or device is."""
    PAUSED = "paused"
    VERIFIED = "verified"
    """All that is left is Finish, or Roll back. So it is from the beginning where there are no conversations."""
    FINISHING = "finishing"
    """Plaintext is refused from now on; the server is still deleting it."""
    FINISHED = "finished"


class RowOrderError(AssertionError):
    """A row was moved out of its order: a mistake in this program."""


@dataclass(slots=True)
class Rows:
    """The rows of one conversation."""

    total: int
    staged: int = 0
    verified: int = 0
    is_accounted: bool = False
    """Whether the keyring notes the conversation as encrypted as a whole: also of one without messages."""
    is_purged: bool = False

    def state_of(self, number: int) -> RowState:
        """The state of a row, by its number from 1."""
        if self.is_purged:
            return RowState.PURGED
        if number <= self.verified:
            return RowState.VERIFIED
        return RowState.STAGED if number <= self.staged else RowState.PLAIN

    def stage(self, up_to: int) -> None:
        """The server took the messages of all rows up to a number."""
        self._require(self.staged <= up_to <= self.total and not self.is_purged)
        self.staged = up_to

    def verify(self, up_to: int) -> None:
        """The messages of all rows up to a number were read back and are what was sealed."""
        self._require(self.verified <= up_to <= self.staged and not self.is_purged)
        self.verified = up_to

    def account(self) -> None:
        """The keyring notes the conversation; only where every row is verified."""
        self._require(self.is_verified and not self.is_purged)
        self.is_accounted = True

    def purge(self) -> None:
        """The plaintext of the conversation is gone; only where it is accounted for."""
        self._require(self.is_accounted)
        self.is_purged = True

    def roll_back(self) -> None:
        """What was encrypted is deleted, and the plaintext is all there is."""
        self._require(not self.is_purged)
        self.staged = self.verified = 0
        self.is_accounted = False

    @property
    def is_verified(self) -> bool:
        """Whether every row is verified or further."""
        return self.verified == self.total

    def _require(self, holds: bool) -> None:  # noqa: FBT001 - a condition
        if not holds:
            raise RowOrderError(self)


@dataclass(frozen=True, slots=True)
class Ledger:
    """This account's own count: of each conversation in plaintext, by its identifier there, the rows."""

    rows: Mapping[UUID, Rows]

    @property
    def messages(self) -> int:
        """How many rows there are."""
        return sum(each.total for each in self.rows.values())

    @property
    def verified(self) -> int:
        """How many rows are verified."""
        return sum(each.verified for each in self.rows.values())

    @property
    def accounted(self) -> int:
        """How many conversations are encrypted as a whole."""
        return sum(each.is_accounted for each in self.rows.values())

    @property
    def is_complete(self) -> bool:
        """Whether every conversation is."""
        return all(each.is_accounted for each in self.rows.values())


def phase_of(ledger: Ledger, server: MigrationState, *, is_known_elsewhere: bool) -> Phase:
    """The phase of a migration that does not run in this tab and was not finished.

    Args:
        ledger: This account's own count.
        server: What the server says. It decides nothing but whether something was begun and who is at work.
        is_known_elsewhere: Whether the lease that it names is another tab's.
    """
    if is_known_elsewhere:
        return Phase.ELSEWHERE
    if ledger.is_complete and server.verified == ledger.messages:
        return Phase.VERIFIED
    return Phase.READY if server.state == "ready" and ledger.verified == 0 else Phase.PAUSED
