"""What the server holds about one account: all of it, as an operator could hand it over, table by table."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from asgiref.sync import async_to_sync
from django.apps import apps
from django.db.models import Model, QuerySet

from accounts.models import LegacySignInRecord, SignInRecord, User
from accounts.selectors import find_legacy_keys, get_sign_in_keys
from balon.protocol.encoding import encode_b64u
from conversations.disclosure_tables import TABLES, Account, Table, verify_explained
from conversations.frames import get_frame_log
from conversations.models import Stream
from keystore.selectors import conversation_ids_of

WITHHELD = "withheld"
FRAMES_NAME = "sealed_frames"
_FRAMES_EXPLANATION = (
    "The pieces of replies on their way, as the gateway sealed them to the browser: how many, how large (to 64 bytes), "
    "not what they say. They are not in the database, and gone when the reply is saved, a day later at most."
)
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Disclosure:
    """One table: its name, what it is in plain words, its rows as JSON values, and how many there are."""

    name: str
    explanation: str
    rows: Iterator[Row]
    total: int


def disclose(user: User) -> Iterator[Disclosure]:
    """Everything about one account, rows read as they are asked for. Bytes are base64url.

    Raises:
        UnexplainedTableError: There is a table that conversations/disclosure_tables.py does not know.
        InstallationKeyError: The sign-in record does not open.
    """
    verify_explained(apps.get_models(include_auto_created=True))
    account = Account(user_id=user.pk, login=user.login)
    for table in TABLES:
        rows: QuerySet[Model] = table.model._base_manager.filter(table.about(account)).order_by("pk")  # noqa: SLF001
        name = table.model._meta.db_table  # noqa: SLF001 - Django documents it
        yield Disclosure(name, table.explanation, _render_rows(table, rows, user), rows.count())
    frames = _list_frames(user.pk)
    yield Disclosure(FRAMES_NAME, _FRAMES_EXPLANATION, iter(frames), len(frames))


def _render_rows(table: Table, rows: QuerySet[Model], user: User) -> Iterator[Row]:
    columns = [field.attname for field in table.model._meta.local_concrete_fields]  # noqa: SLF001
    for row in rows.values(*columns).iterator(chunk_size=200):
        shown = {name: WITHHELD if name in table.withheld else _render(value) for name, value in row.items()}
        yield {**shown, **_open_record(table, user)}


def _open_record(table: Table, user: User) -> Row:
    """The columns of a sign-in record that rest encrypted, as the holder of the installation key reads them."""
    if table.model is SignInRecord:
        keys = get_sign_in_keys(user)
        opened = {"login_pub": keys.login_pub, "salt": keys.subject.salt, "mek_env": keys.mek_env}
    elif table.model is LegacySignInRecord and (old := find_legacy_keys(user)) is not None:
        opened = {"login_pub": old.login_pub, "salt": old.subject.salt}
    else:
        return {}
    return {f"{name}_opened": encode_b64u(value) for name, value in opened.items()}


def _render(value: Any) -> Any:
    if isinstance(value, bytes | memoryview):
        return encode_b64u(bytes(value))
    if isinstance(value, UUID):
        return str(value)
    return value.isoformat() if isinstance(value, datetime) else value


def _list_frames(user_id: UUID) -> list[Row]:
    streams = Stream.objects.filter(conversation_id__in=conversation_ids_of(user_id))
    return async_to_sync(_read_frames)(list(streams.values_list("pk", flat=True)))


async def _read_frames(stream_ids: list[UUID]) -> list[Row]:
    log = get_frame_log()
    return [
        {"stream_id": str(stream_id), "number": number, "frame": encode_b64u(frame)}
        for stream_id in stream_ids
        for number, frame in enumerate(await log.snapshot(stream_id))
    ]


def take_rows(rows: Iterator[Row], *, count: int, size: int) -> list[Row]:
    """The first rows: at most `count`, and no more once their JSON has `size` characters, but always one."""
    taken: list[Row] = []
    for row in rows:
        taken.append(row)
        size -= len(json.dumps(row))
        if len(taken) >= count or size <= 0:
            break
    return taken
