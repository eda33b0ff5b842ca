"""How far a migration has come in this tab, and which conversations could not be moved (docs/worker.md)."""

from balon_client.errors import ClientError
from balon_client.migration_pace import rate_of, seconds_left
from balon_client.migration_records import LegacyConversation
from balon_client.migration_state import Ledger
from balon_client.parts import Parts
from balon_client.progress import Progress
from balon_client.views import View


class MigrationRun:
    """Counts what was verified here, and tells the page."""

    def __init__(self, parts: Parts, ledger: Ledger) -> None:
        self._parts = parts
        self._ledger = ledger
        self._progress = Progress(parts, "migration")
        self._began_s = parts.platform.clock.monotonic_s()
        self._before = ledger.verified
        self._wait_s = 0
        self.batch = 0
        self.is_paused = False
        self.problem: ClientError | None = None
        self._failed: list[View] = []

    @property
    def ledger(self) -> Ledger:
        """This account's own count."""
        return self._ledger

    def count(self, batch: int) -> None:
        """A batch more is verified; the next one has so many rows."""
        self.batch = batch
        self._tell()

    def wait(self, seconds: int) -> None:
        """The server asked for a pause, or another tab's lease has to lapse, or that is over."""
        self._wait_s = seconds
        self._progress = Progress(self._parts, "migration")  # It must not be held back.
        self._tell()

    def _tell(self) -> None:
        done, total = self._ledger.verified, self._ledger.messages
        rate = rate_of(done - self._before, self._parts.platform.clock.monotonic_s() - self._began_s)
        self._progress.tell(
            done,
            total,
            conversations_done=self._ledger.accounted,
            conversations=len(self._ledger.rows),
            batch=self.batch,
            rate=rate,
            seconds_left=seconds_left(total - done, rate),
            wait_s=self._wait_s,
        )

    def fail(self, conversation: LegacyConversation, error: ClientError) -> None:
        """A conversation that could not be moved, or not as a whole."""
        self._failed.append({"id": str(conversation.id), "title": conversation.title, "problem": error.problem})

    def view(self) -> View:
        """What the page gets at the end."""
        return {
            "failed": self._failed,
            "paused": self.is_paused,
            "problem": self.problem.problem if self.problem else None,
        }
