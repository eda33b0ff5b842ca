"""Reads what is still in plaintext: the server's word, so all that can be compared is (section 12; A40).

Whether a text is what was written nobody can tell. But rows have one place each, old texts are never changed before
Finish, and once plaintext is refused nothing of it is asked for, nor taken from an answer that was on its way.
"""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, TypeVar
from uuid import UUID

from balon.protocol.encoding import serialize_prefixed
from balon_client.migration_problems import (
    LegacyChangedError,
    LegacyCountsError,
    LegacyRowsError,
    MigrationOverError,
)
from balon_client.migration_records import LegacyConversation, LegacyRow, MigrationState
from balon_client.parts import Parts

T = TypeVar("T")
PAGE: Final = 200
MAX_CONVERSATIONS: Final = 100_000


class LegacyReader:
    """Reads for one signed-in session, and remembers a hash of each row, so that a second reading is compared."""

    def __init__(self, parts: Parts) -> None:
        self._api = parts.api
        self._keyring = parts.keyring
        self._hashes: dict[tuple[UUID, int], bytes] = {}

    def forget(self) -> None:
        """Begins anew, after what was encrypted was rolled back: what the server has now is what there is."""
        self._hashes.clear()

    async def state(self) -> MigrationState:
        """How far the server says that it is."""
        return await self._ask(self._api.migration)

    async def conversations(self) -> list[LegacyConversation]:
        """All conversations in plaintext, by identifier.

        Raises:
            LegacyRowsError: They are repeated or out of order.
            MigrationOverError: Plaintext is refused.
        """
        found: list[LegacyConversation] = []
        has_more = True
        while has_more:
            after = found[-1].id if found else None
            page = await self._ask(partial(self._api.legacy_conversations, after))
            found += page.conversations
            has_more = page.has_more
            if len(found) > MAX_CONVERSATIONS or (has_more and not page.conversations):
                raise LegacyRowsError
        ids = [each.id for each in found]
        if ids != sorted(set(ids)) or len({each.legacy_id for each in found}) != len(found):
            raise LegacyRowsError
        return found

    async def page(self, conversation: LegacyConversation, after: int) -> list[LegacyRow]:
        """The rows behind one, at most `PAGE`: fewer only where they are large or the last.

        Raises:
            LegacyRowsError: They are not those that follow.
            LegacyCountsError: There are more or fewer than the conversation has.
            LegacyChangedError: One of them is another one than before.
        """
        page = await self._ask(partial(self._api.legacy_messages, conversation.id, after=after, limit=PAGE))
        numbers = [row.number for row in page.rows]
        if numbers != list(range(after + 1, after + 1 + len(numbers))) or _is_repeated(page.rows):
            raise LegacyRowsError
        last = after + len(numbers)
        is_behind = last < conversation.messages
        if last > conversation.messages or page.has_more != is_behind or (is_behind and not numbers):
            raise LegacyCountsError
        for row in page.rows:
            self._compare(conversation.id, row)
        return list(page.rows)

    async def rows(self, conversation: LegacyConversation) -> list[LegacyRow]:
        """All rows of a conversation; raises as `page`."""
        found = await self.page(conversation, 0)
        while len(found) < conversation.messages:
            found += await self.page(conversation, len(found))
        if _is_repeated(found):
            raise LegacyRowsError
        return found

    def _compare(self, conversation_id: UUID, row: LegacyRow) -> None:
        place = (conversation_id, row.number)
        found = _hash_of(row)
        if self._hashes.setdefault(place, found) != found:
            raise LegacyChangedError

    def _verify_allowed(self) -> None:
        if self._keyring.content.no_plaintext:
            raise MigrationOverError

    async def _ask(self, request: Callable[[], Awaitable[T]]) -> T:
        """Asks only while plaintext is allowed. What was on its way when another tab or device finished is dropped."""
        self._verify_allowed()
        answer = await request()
        self._verify_allowed()
        return answer


def _is_repeated(rows: Sequence[LegacyRow]) -> bool:
    return len({row.legacy_id for row in rows}) != len(rows)


def _hash_of(row: LegacyRow) -> bytes:
    fields = (row.legacy_id, row.role, row.text, row.model or "", str(row.created_ms))
    return hashlib.sha256(serialize_prefixed(*(each.encode() for each in fields))).digest()
