"""Brings accounts and texts from before encryption into the database, as a file of JSON lines (docs/legacy.md).

A file may be loaded as often as one likes: what is there stays as it is. At most `BATCH` messages, or `BATCH_SIZE`
characters of them, are in memory.
"""

import hmac
from collections import Counter
from collections.abc import Callable, Iterator
from typing import IO, Final
from uuid import UUID

from django.db import transaction

from accounts.models import User
from conversations.former_holders import was_retired
from conversations.legacy_lines import (
    MAX_LINE_SIZE,
    ConversationLine,
    MalformedLineError,
    MessageLine,
    UserLine,
    parse_line,
    split_message,
)
from conversations.migration_lease import is_touched
from conversations.models import LegacyConversation, LegacyHolder, LegacyMessage

BATCH: Final = 500
BATCH_SIZE: Final = 1 << 23
Report = Callable[[int, str], None]
_MOVED: Final = "texts of this account are moved now, or were"


class _LeftOutError(Exception):
    """An account cannot take texts; the message says why."""


def load_legacy(file: IO[bytes], report: Report) -> Counter[str]:
    """Loads a file, each batch of messages in a transaction of its own; the next run goes on where one broke off.

    Args:
        file: The lines: a user, then conversations, and messages behind their conversation.
        report: Hears of each line that is left out: its number, and the reason.

    Returns:
        How many of what were loaded, were there, or were left out.
    """
    loading = _Loading(report)
    for number, raw in _read_lines(file):
        try:
            loading.take(number, parse_line(raw))
        except MalformedLineError as error:
            loading.leave_out(number, error)
    loading.flush()
    return loading.counts


def _read_lines(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Lines that hold something. Of one that is too long only its beginning is in memory, and enough to tell."""
    number = 0
    while raw := file.readline(MAX_LINE_SIZE + 1):
        number += 1
        end = raw
        while not end.endswith(b"\n") and (end := file.readline(MAX_LINE_SIZE)):
            pass
        if raw.strip():
            yield number, raw


class _Loading:
    """Where in the file the loading is: whose conversation, and its messages that wait to be stored."""

    def __init__(self, report: Report) -> None:
        self.counts: Counter[str] = Counter()
        self._report = report
        self._user_id: UUID | None = None
        self._conversation: ConversationLine | None = None
        self._is_begun = False
        self._waiting: list[MessageLine] = []
        self._size = 0

    def take(self, number: int, line: UserLine | ConversationLine | MessageLine) -> None:
        """Takes the next line."""
        if isinstance(line, MessageLine):
            self._take_message(line)
            return
        self.flush()
        self._end_conversation()
        if isinstance(line, ConversationLine):
            self._conversation = line if self._user_id else None
            return
        try:
            self._user_id, known = _admit(line)
            self.counts["users known" if known else "users loaded"] += 1
        except _LeftOutError as error:
            self._user_id = None
            self._report(number, str(error))
            self.counts["users left out"] += 1

    def leave_out(self, number: int, error: MalformedLineError) -> None:
        """A line that cannot be read. What follows might be its own, so it is left out, up to the next that may not."""
        self._report(number, str(error))
        self.counts["lines left out"] += 1
        if error.kind == "message":
            return
        self.flush()
        self._end_conversation()
        if error.kind != "conversation":
            self._user_id = None

    def _take_message(self, line: MessageLine) -> None:
        if self._conversation is None:
            self.counts["messages left out"] += 1
            return
        self.counts["messages with characters replaced"] += line.repaired
        for part in split_message(line):
            self._waiting.append(part)
            self._size += len(part.text)
            if len(self._waiting) >= BATCH or self._size >= BATCH_SIZE:
                self.flush()

    def flush(self) -> None:
        """Stores what waits."""
        if self._waiting and self._user_id and self._conversation:
            self._is_begun = True
            self.counts += _store(self._user_id, self._conversation, self._waiting)
        self._waiting, self._size = [], 0

    def _end_conversation(self) -> None:
        if self._conversation and not self._is_begun:
            self.counts["conversations without messages"] += 1
        self._conversation, self._is_begun = None, False


def _admit(line: UserLine) -> tuple[UUID, bool]:
    """The account that texts are loaded for, made where there is none; and whether it was there.

    Raises:
        _LeftOutError: It is somebody else's, or its texts are moved or were.
    """
    with transaction.atomic():
        holders = LegacyHolder.objects.select_for_update(of=("self",)).select_related("user")
        holder = holders.filter(legacy_id=line.legacy_id).first()
        if holder is None:
            return _make_holder(line), False
        if holder.user.login != line.login:
            raise _LeftOutError("user known under another login name")
        if is_touched(holder.pk):
            raise _LeftOutError(_MOVED)
        return holder.pk, True


def _make_holder(line: UserLine) -> UUID:
    if was_retired(line.legacy_id):
        raise _LeftOutError(_MOVED)
    user = User.objects.select_for_update().filter(login=line.login).first()
    if user is None:
        user = User(login=line.login, password=line.password)
        if line.created_ms is not None:
            user.created_ms = line.created_ms
        user.save(force_insert=True)
    elif is_touched(user.pk):
        raise _LeftOutError(_MOVED)
    elif not _is_same_person(user, line):
        raise _LeftOutError("login name of another account")
    LegacyHolder.objects.create(user=user, legacy_id=line.legacy_id)
    return user.pk


def _is_same_person(user: User, line: UserLine) -> bool:
    """Whether an account without texts is this one: from before encryption, not begun, with the very same hash."""
    is_old = not user.is_operator and not hasattr(user, "sign_in_record") and not hasattr(user, "legacy_holder")
    return is_old and user.has_usable_password() and hmac.compare_digest(user.password, line.password)


def _store(user_id: UUID, conversation: ConversationLine, lines: list[MessageLine]) -> Counter[str]:
    """Stores the messages that are not there, behind those that are."""
    with transaction.atomic():
        holder = LegacyHolder.objects.select_for_update().filter(pk=user_id).first()
        if holder is None or is_touched(user_id):
            return Counter({"messages left out": len(lines)})
        row, created = LegacyConversation.objects.get_or_create(
            holder=holder,
            legacy_id=conversation.legacy_id,
            defaults={
                "title": conversation.title,
                "created_ms": conversation.created_ms,
                "updated_ms": conversation.updated_ms,
            },
        )
        return Counter({"conversations loaded": int(created)}) + _store_messages(row, lines)


def _store_messages(conversation: LegacyConversation, lines: list[MessageLine]) -> Counter[str]:
    counts: Counter[str] = Counter()
    rows = LegacyMessage.objects.filter(conversation=conversation)
    known = dict(rows.filter(legacy_id__in=[line.legacy_id for line in lines]).values_list("legacy_id", "text"))
    number: int = rows.order_by("-number").values_list("number", flat=True).first() or 0
    fresh: list[LegacyMessage] = []
    for line in lines:
        if line.legacy_id in known:
            counts["messages known" if known[line.legacy_id] == line.text else "messages known with another text"] += 1
            continue
        number += 1
        known[line.legacy_id] = line.text
        fresh.append(_to_row(conversation, number, line))
    LegacyMessage.objects.bulk_create(fresh)
    return counts + Counter({"messages loaded": len(fresh)})


def _to_row(conversation: LegacyConversation, number: int, line: MessageLine) -> LegacyMessage:
    return LegacyMessage(
        conversation=conversation,
        number=number,
        legacy_id=line.legacy_id,
        role=line.role,
        text=line.text,
        model=line.model,
        created_ms=line.created_ms,
    )
