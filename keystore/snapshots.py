"""Reads that take several queries and see one moment of the database."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction


@contextmanager
def snapshot() -> Iterator[None]:
    """Whatever is committed meanwhile, all queries inside see the database as it is at the first of them.

    An answer that is put together of several moments looks like a lie to a client that checks it: a head older than
    the messages beside it is a rollback. Inside another transaction it changes nothing. Inside, only read.
    """
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "sqlite":
        with _deferred():
            yield
    else:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield


@contextmanager
def _deferred() -> Iterator[None]:
    """A transaction that does not wait for writers (settings let SQLite's others begin as writers)."""
    connection.ensure_connection()
    sqlite: Any = connection  # SQLite's alone has a mode.
    mode, sqlite.transaction_mode = sqlite.transaction_mode, None
    try:
        with transaction.atomic():
            sqlite.transaction_mode = mode
            yield
    finally:
        sqlite.transaction_mode = mode
