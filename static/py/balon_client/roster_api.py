"""The REST calls about people and rosters (docs/api.md)."""

from typing import Any
from uuid import UUID

from balon.protocol.encoding import encode_b64u
from balon_client.api import Api, conversation_path, signed_json
from balon_client.conversation_records import ConversationRecord, MetaRecord, PersonRecord, parse_people
from balon_client.entries import PreparedEntry
from balon_client.wire import Fields


class RosterApi(Api):
    """Speaks to the web tier for one signed-in person."""

    async def look_up(self, login: str) -> PersonRecord:
        """Public keys of whoever has a login name; 404 `unknown-login`."""
        answer = await self._request("POST", "/api/v1/keys/lookup", {"login": login})
        return PersonRecord.parse(Fields(answer, "person"))

    async def person(self, user_id: UUID) -> PersonRecord:
        """Public keys of somebody whom one shares a conversation with."""
        answer = await self._request("GET", f"/api/v1/keys/users/{user_id}")
        return PersonRecord.parse(Fields(answer, "person"))

    async def people(self, conversation_id: UUID) -> list[PersonRecord]:
        """Public keys of everyone who is or was in a conversation and still has an account."""
        return parse_people(await self._request("GET", conversation_path(conversation_id, "people")))

    async def post_entry(self, conversation_id: UUID, prepared: PreparedEntry) -> ConversationRecord | None:
        """Appends a roster entry with all that comes with it; the same entry again succeeds.

        Returns:
            The conversation; None for whoever is not in it any more.
        """
        answer = await self._request("POST", conversation_path(conversation_id, "roster"), _entry_json(prepared))
        return None if answer is None else ConversationRecord.parse(Fields(answer, "conversation"))


def _entry_json(prepared: PreparedEntry) -> dict[str, Any]:
    return {
        "entry": signed_json(prepared.signed),
        "grants": [
            {
                "user_id": str(grant.user_id),
                "epoch": grant.epoch,
                **signed_json(grant.signed),
                "wrapped": encode_b64u(grant.wrapped),
            }
            for grant in prepared.grants
        ],
        "previous": None if prepared.previous is None else encode_b64u(prepared.previous),
        "meta": None if prepared.meta is None else meta_json(prepared.meta),
    }


def meta_json(meta: MetaRecord) -> dict[str, Any]:
    """Sealed title and settings as they travel."""
    return {
        "meta_version": meta.meta_version,
        "epoch": meta.epoch,
        "envelope": encode_b64u(meta.envelope),
        "signature": encode_b64u(meta.signature),
    }
