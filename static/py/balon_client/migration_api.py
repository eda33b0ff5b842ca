"""The REST calls that move plaintext into ciphertext (docs/api.md, "Migration")."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from balon.protocol.encoding import encode_b64u
from balon_client.api import creation_json, message_json
from balon_client.conversation_records import ConversationRecord, MessageRecord, MetaRecord
from balon_client.creating import NewConversation
from balon_client.migration_records import LEASE_SIZE, LegacyList, LegacyPage, MigrationState
from balon_client.roster_api import RosterApi, meta_json
from balon_client.wire import Fields

_PATH: Final = "/api/v1/migration"
_BATCH_S: Final = 120.0


class MigrationApi(RosterApi):
    """Speaks to the web tier for one signed-in person."""

    async def migration(self) -> MigrationState:
        """How far it is."""
        return MigrationState.parse(await self._request("GET", _PATH))

    async def legacy_conversations(self, after: UUID | None) -> LegacyList:
        """A page of the conversations in plaintext, by identifier."""
        query = {} if after is None else {"after": str(after)}
        return LegacyList.parse(await self._request("GET", f"{_PATH}/conversations", query=query))

    async def legacy_messages(self, legacy_id: UUID, *, after: int, limit: int) -> LegacyPage:
        """A page of messages in plaintext, by number."""
        path = f"{_PATH}/conversations/{legacy_id}/messages"
        return LegacyPage.parse(await self._request("GET", path, query={"after": after, "limit": limit}))

    async def take_lease(self, tab_id: UUID) -> str:
        """Takes the lease or renews it; 409 `lease-held`."""
        fields = Fields(await self._request("POST", f"{_PATH}/lease", {"tab": str(tab_id)}), "lease")
        return encode_b64u(fields.raw("lease", size=LEASE_SIZE))

    async def release_lease(self, lease: str) -> None:
        """Lets another tab work at once."""
        await self._request("POST", f"{_PATH}/lease/release", {"lease": lease})

    async def begin_migrated(
        self, lease: str, legacy_id: UUID, made: NewConversation, meta: MetaRecord | None
    ) -> ConversationRecord:
        """Makes the encrypted conversation of one in plaintext; the same bytes again succeed."""
        body = {"lease": lease, **creation_json(made), "meta": None if meta is None else meta_json(meta)}
        answer = await self._request("POST", f"{_PATH}/conversations/{legacy_id}/begin", body)
        return ConversationRecord.parse(Fields(answer, "conversation"))

    async def post_batch(self, lease: str, legacy_id: UUID, rows: Sequence[tuple[str, MessageRecord]]) -> None:
        """Stores sealed messages, all or none. Which are there is read back, not taken from the answer."""
        await self._request(
            "POST",
            f"{_PATH}/batches",
            {
                "lease": lease,
                "legacy_conversation_id": str(legacy_id),
                "rows": [{"legacy_id": row_id, "message": message_json(record)} for row_id, record in rows],
            },
            timeout_s=_BATCH_S,
        )

    async def note_verified(self, lease: str, legacy_id: UUID, message_ids: Sequence[UUID]) -> None:
        """Says which messages were read back and opened."""
        body = {
            "lease": lease,
            "legacy_conversation_id": str(legacy_id),
            "message_ids": [str(message_id) for message_id in message_ids],
        }
        await self._request("POST", f"{_PATH}/verified", body)

    async def roll_back(self, lease: str) -> MigrationState:
        """Deletes some of what was encrypted; `ready` when all of it is gone."""
        return await self._end("rollback", lease)

    async def finish_migration(self, lease: str) -> MigrationState:
        """Deletes some of the plaintext; `finished` when all of it is gone."""
        return await self._end("finish", lease)

    async def _end(self, what: str, lease: str) -> MigrationState:
        body: dict[str, Any] = {"lease": lease}
        return MigrationState.parse(await self._request("POST", f"{_PATH}/{what}", body, timeout_s=_BATCH_S))
