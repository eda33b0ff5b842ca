"""How fast texts from before encryption become messages: batches over HTTP, against inserting the same rows alone.

The baseline writes the very rows that the batches left, with their links to the texts, into a copy of the database: one
transaction for each batch, under the same settings of SQLite, without HTTP, JSON, signatures or checks.
"""

import hashlib
import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from balon.protocol.encoding import ZERO_HASH, decode_b64u
from scripts.bench.rows import Row
from scripts.bench.stack import Caller, running_installation
from tests.legacy_texts import make_conversation, to_file
from tests.stack.installation import Installation

BATCHES = 10
BATCH = 500
TEXTS = "conversations_legacymessage"
LINKS = "conversations_migrationrow"
MESSAGES = "conversations_message"
IN_ORDER = {MESSAGES: "id", LINKS: "message_id"}
"""The tables, and what puts a link into the batch of its message."""


def measure() -> list[Row]:
    """Moves one long conversation and puts the same rows into a copy of the database."""
    with running_installation(BALON_LIMIT_MIGRATION="1000000/60") as installation:
        caller = Caller(installation)
        caller.sign_up()
        load(installation, caller)
        took_s = move(caller)
        caller.close()
        alone_s = insert_alone(installation.folder / "balon.sqlite3", installation.folder / "alone.sqlite3")
    count = BATCHES * BATCH
    return [
        Row.against("moving a text, against its insert alone", took_s / count * 1e6, "us", alone_s / count * 1e6),
        Row("moving texts", count / took_s, "messages/s"),
    ]


def load(installation: Installation, caller: Caller) -> None:
    """Gives the account texts as `load_legacy` does."""
    keys, path = caller.keys, installation.folder / "texts.jsonl"
    with closing(sqlite3.connect(installation.folder / "balon.sqlite3")) as database, database:
        database.execute("INSERT INTO conversations_legacyholder VALUES (?, ?)", (keys.user_id.hex, keys.login))
    user = {"type": "user", "legacy_id": keys.login, "login": keys.login, "password": ""}
    lines = make_conversation(random.Random(1), "long", BATCHES * BATCH)  # noqa: S311 - invented texts
    path.write_bytes(to_file([user, *lines]).getvalue())
    installation.manage("load_legacy", str(path))


def move(caller: Caller) -> float:
    """Seconds for all batches; what the browser does before is not counted."""
    lease = caller.post("migration/lease", {"tab": "018f0000-0000-7000-8000-000000000001"}).json()["lease"]
    (legacy,) = caller.get("migration/conversations")["conversations"]
    beginning = {"lease": lease, **caller.keys.new_conversation(), "meta": None}
    caller.post(f"migration/conversations/{legacy['id']}/begin", beginning).raise_for_status()
    head = {"lease": lease, "legacy_conversation_id": legacy["id"]}
    bodies = [{**head, "rows": rows} for rows in make_batches(caller, beginning["conversation_id"])]
    started = time.perf_counter()
    for body in bodies:
        caller.post("migration/batches", body).raise_for_status()
    return time.perf_counter() - started


def make_batches(caller: Caller, conversation_id: str) -> Iterator[list[dict[str, Any]]]:
    """The rows of each batch, chained."""
    prev_hash = ZERO_HASH
    for first in range(0, BATCHES * BATCH, BATCH):
        rows = []
        for number in range(first, first + BATCH):
            message = caller.keys.message(conversation_id, number + 1, prev_hash=prev_hash)
            prev_hash = hashlib.sha256(decode_b64u(message["envelope"])).digest()
            rows.append({"legacy_id": f"m{number}", "message": message})
        yield rows


def insert_alone(path: Path, copy: Path) -> float:
    """Seconds for the same rows in a copy of the database that has none of them yet."""
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"VACUUM INTO '{copy}'")
    with closing(sqlite3.connect(copy)) as database:
        database.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;")
        tables = [
            (name, database.execute(f"SELECT * FROM {name} ORDER BY {column}").fetchall())  # noqa: S608
            for name, column in IN_ORDER.items()
        ]
        with database:
            for name, _ in reversed(tables):
                database.execute(f"DELETE FROM {name}")  # noqa: S608
        started = time.perf_counter()
        for first in range(0, len(tables[0][1]), BATCH):
            with database:
                for name, rows in tables:
                    marks = ", ".join("?" * len(rows[0]))
                    database.executemany(f"INSERT INTO {name} VALUES ({marks})", rows[first : first + BATCH])  # noqa: S608
        return time.perf_counter() - started
