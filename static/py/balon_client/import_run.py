"""How far an import has come, and what became of each conversation (docs/worker.md)."""

from balon_client.errors import ClientError
from balon_client.imports import ImportedConversation
from balon_client.parts import Parts
from balon_client.progress import Progress
from balon_client.views import View


class ImportRun:
    """How far one import has come, and what became of each conversation."""

    def __init__(self, parts: Parts, total: int, conversations: int) -> None:
        self._parts = parts
        self._progress = Progress(parts, "import")
        self._total = total
        self._conversations = conversations
        self._wait_s = 0
        self.done = 0
        self.is_stopped = False
        self.problem: ClientError | None = None
        self._imported: list[View] = []
        self._failed: list[View] = []

    def count(self) -> None:
        """One message more is there."""
        self.done += 1
        self._tell()

    def wait(self, seconds: int) -> None:
        """The server asked for a pause, or it is over."""
        self._wait_s = seconds
        self._progress = Progress(self._parts, "import")  # It must not be held back.
        self._tell()

    def _tell(self) -> None:
        settled = len(self._imported) + len(self._failed)
        more = {"conversations_done": settled, "conversations": self._conversations, "wait_s": self._wait_s}
        self._progress.tell(self.done, self._total, **more)

    def finish(self, conversation: ImportedConversation) -> None:
        """A conversation is there as a whole."""
        self._imported.append({"id": str(conversation.id), "title": conversation.title})

    def fail(self, conversation: ImportedConversation, error: ClientError) -> None:
        """A conversation is not there, or in part."""
        self._failed.append({"id": str(conversation.id), "title": conversation.title, "problem": error.problem})

    def view(self) -> View:
        """What the page gets at the end."""
        return {
            "imported": self._imported,
            "failed": self._failed,
            "stopped": self.is_stopped,
            "problem": self.problem.problem if self.problem else None,
        }
