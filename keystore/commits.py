"""Work that follows a transaction and must not make it look as if it had failed."""

from collections.abc import Callable

from django.db import transaction


def attempt_on_commit(work: Callable[[], None]) -> None:
    """Does something once the transaction stands. Where that fails it is logged, and the request succeeds all the same.

    Args:
        work: Any callable; Django asks for one with a name where it fails, which `functools.partial` has not.
    """

    def attempt() -> None:
        work()

    transaction.on_commit(attempt, robust=True)
