"""The disclosure as an archive: one JSON file for each table, and a text that explains each in plain words."""

import json
import os
import textwrap
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

from accounts.models import User
from conversations.disclosure import Disclosure, Row, disclose

INDEX = "README.txt"
_INTRODUCTION = """
This archive holds all that the operator of this installation of Balon can tell about the account {login} from the
running system. It was made on {date}. The account's person can see the same in the page, under "What the server sees".

What is sealed stays sealed here: the keys are made in the person's browser and never reached the server. Nobody at the
server can open messages, titles, attachments, contacts or private keys, and nothing in this archive helps with that,
but guessing the person's password.

What the account wrote before this installation began to encrypt is an exception, until the account's browser has moved
it: the files whose names hold "legacy" have it in plaintext, as the operator has. For other accounts they are empty.

One more layer can be opened by the operator, and was: login_pub, salt and mek_env of the sign-in record rest encrypted
under the installation key, which the operator holds. The columns whose names end in _opened show what is inside; there
mek_env still is sealed under the password.

Three columns say "withheld". Two hold values of cookies. An operator has them. They open nothing, but whoever has one
could act as that browser until its session ends, so they are not copied around. The third is the place of a password:
it holds a mark that there is none or, of an account from before encryption, the old hash, with which one could sign in.

Each file is a JSON list of rows. Bytes are written as base64url without padding. Times whose names end in _ms are
milliseconds since 1970, UTC.
"""
_BESIDE = """
Beside these files, the operator may have:
- logs of the web tier: for each request a time, a method, the name of a route, a status and a duration. No address, no
  name, no id of a person or conversation, so nothing in them is about this account.
- counters of attempts, for minutes, under hashes of addresses and login names.
- backups: earlier states of these same tables, for as long as the operator keeps them.
- the logs of a proxy in front, if it was set up to write any.
The gateway that runs the model has each question and reply in memory while it answers, and keeps neither.
"""


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    explanation: str
    total: int


def write_archive(user: User, path: Path) -> int:
    """Writes the archive to a new file that only its owner can read.

    Returns:
        How many rows are in it.

    Raises:
        FileExistsError: There is a file of this name; it stays as it is.
        UnexplainedTableError: As `disclose`.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file, ZipFile(file, "w", ZIP_DEFLATED) as archive:
            entries = [_write_table(archive, table) for table in disclose(user)]
            archive.writestr(INDEX, _index(user.login, entries))
    except BaseException:
        path.unlink()
        raise
    return sum(entry.total for entry in entries)


def _write_table(archive: ZipFile, table: Disclosure) -> _Entry:
    name, total = f"{table.name}.json", 0
    with archive.open(name, "w", force_zip64=True) as file:
        for total, text in enumerate(_serialize(table.rows), start=1):  # noqa: B007 - the last one counts
            file.write(text.encode())
        file.write(b"\n]\n" if total else b"[]\n")
    return _Entry(name, table.explanation, total)


def _serialize(rows: Iterable[Row]) -> Iterator[str]:
    for number, row in enumerate(rows):
        yield ("[\n" if number == 0 else ",\n") + json.dumps(row, ensure_ascii=False)


def _index(login: str, entries: list[_Entry]) -> str:
    date = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    parts = [f"What the server holds about {login}", _INTRODUCTION.format(login=login, date=date).strip()]
    parts += [f"{entry.name}, rows: {entry.total}\n{_indent(entry.explanation)}" for entry in entries]
    return "\n\n".join([*parts, _BESIDE.strip()]) + "\n"


def _indent(text: str) -> str:
    return textwrap.fill(text, 116, initial_indent="    ", subsequent_indent="    ")
