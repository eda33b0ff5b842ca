"""Wire shapes of the move from plaintext to ciphertext (docs/api.md)."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from rest_framework import serializers

from accounts.models import SignInSession
from conversations.legacy_models import LegacyMessage
from conversations.migration import Beginning
from conversations.migration_batches import RowDraft
from conversations.migration_lease import LEASE_SIZE, Worker
from conversations.migration_selectors import MAX_PAGE_SIZE, LegacyView, MigrationState
from conversations.serializers import (
    CreateConversationSerializer,
    QueryNumberField,
    SendMessageSerializer,
    WriteMetaSerializer,
)
from conversations.services import MessageDraft, MetaDraft
from keystore.fields import CountField, FixedBytesField, IdField, StrictSerializer, TextField, to_signed

PAGE_SIZE = 200
MAX_ROWS = 500
_MAX_ID = 255
_STATES = ("none", "ready", "running", "finishing", "finished")
_ROW_STATES = {None: "plain", False: "staged", True: "verified"}


class TabSerializer(StrictSerializer):
    """Which tab asks for the lease: an id of its own."""

    tab = IdField()


class LeaseSerializer(StrictSerializer):
    """The lease of the tab that works."""

    lease = FixedBytesField(LEASE_SIZE)

    def to_worker(self, session: SignInSession) -> Worker:
        """Who works."""
        return Worker(session.user_id, session.pk, self.validated_data["lease"])


class BeginSerializer(CreateConversationSerializer, LeaseSerializer):
    """A conversation as POST /conversations takes it, with title and settings."""

    meta = WriteMetaSerializer(allow_null=True)

    def to_beginning(self, *, user_id: UUID, legacy_conversation_id: UUID) -> Beginning:
        """The validated conversation."""
        parsed = self.validated_data
        return Beginning(
            legacy_conversation_id=legacy_conversation_id,
            conversation_id=parsed["conversation_id"],
            roster=to_signed(parsed["roster"]),
            grant=self.to_grant(user_id),
            meta=None if parsed["meta"] is None else MetaDraft(**parsed["meta"]),
        )


class RowSerializer(StrictSerializer):
    """A row and the message that it becomes."""

    legacy_id = TextField(max_length=_MAX_ID)
    message = SendMessageSerializer()


class BatchSerializer(LeaseSerializer):
    """Rows of one conversation."""

    legacy_conversation_id = IdField()
    rows: "serializers.ListSerializer[Any]" = serializers.ListSerializer(
        child=RowSerializer(), min_length=1, max_length=MAX_ROWS
    )

    def validate_rows(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Each row and each message once."""
        names, ids = {row["legacy_id"] for row in rows}, {row["message"]["message_id"] for row in rows}
        if not len(names) == len(ids) == len(rows):
            raise serializers.ValidationError("A row or a message is named twice.")
        return rows

    def to_drafts(self) -> list[RowDraft]:
        """The validated rows."""
        return [RowDraft(row["legacy_id"], MessageDraft(**row["message"])) for row in self.validated_data["rows"]]


class VerifiedSerializer(LeaseSerializer):
    """Messages that were read back."""

    legacy_conversation_id = IdField()
    message_ids = serializers.ListField(child=IdField(), min_length=1, max_length=MAX_ROWS)


class PositionsSerializer(StrictSerializer):
    """Where the messages stand."""

    positions = serializers.ListField(child=CountField(least=1))


class LeaseGivenSerializer(LeaseSerializer):
    """A lease, and until when it is this tab's if nothing more is heard."""

    expires_ms = CountField()


class LeaseStateSerializer(StrictSerializer):
    """Who works."""

    is_own = serializers.BooleanField()
    expires_ms = CountField()


class MigrationStateSerializer(StrictSerializer):
    """How far an account is."""

    state = serializers.ChoiceField(choices=_STATES)
    conversations = CountField()
    messages = CountField()
    staged = CountField()
    verified = CountField()
    purged = CountField()
    lease = LeaseStateSerializer(allow_null=True)


class LegacyConversationSerializer(StrictSerializer):
    """A conversation in plaintext."""

    id = IdField()
    legacy_id = TextField()
    title = TextField(allow_blank=True)
    created_ms = CountField()
    updated_ms = CountField()
    messages = CountField()
    staged = CountField()
    verified = CountField()
    conversation_id = IdField(allow_null=True)


class LegacyConversationPageSerializer(StrictSerializer):
    """A page of conversations in plaintext."""

    conversations = LegacyConversationSerializer(many=True)
    has_more = serializers.BooleanField()


class TextRowSerializer(StrictSerializer):
    """A message in plaintext."""

    number = CountField(least=1)
    legacy_id = TextField()
    role = serializers.ChoiceField(choices=LegacyMessage.Role.values)
    text = TextField(allow_blank=True)
    model = TextField(allow_null=True)
    created_ms = CountField()
    state = serializers.ChoiceField(choices=tuple(_ROW_STATES.values()))


class TextPageSerializer(StrictSerializer):
    """A page of messages in plaintext."""

    messages = TextRowSerializer(many=True)
    has_more = serializers.BooleanField()


class AfterSerializer(StrictSerializer):
    """Which page of conversations."""

    after = IdField(required=False)


class TextsQuerySerializer(StrictSerializer):
    """Which page of messages."""

    after = QueryNumberField(least=0, default=0)
    limit = QueryNumberField(least=1, most=MAX_PAGE_SIZE, default=PAGE_SIZE)


def serialize_state(state: MigrationState) -> dict[str, Any]:
    """How far an account is."""
    lease = state.lease
    return {
        "state": state.state,
        "conversations": state.conversations,
        "messages": state.messages,
        "staged": state.staged,
        "verified": state.verified,
        "purged": state.purged,
        "lease": None if lease is None else {"is_own": lease.is_own, "expires_ms": lease.expires_ms},
    }


def serialize_legacy(view: LegacyView) -> dict[str, Any]:
    """A conversation in plaintext."""
    return {
        "id": str(view.conversation.pk),
        "legacy_id": view.conversation.legacy_id,
        "title": view.conversation.title,
        "created_ms": view.conversation.created_ms,
        "updated_ms": view.conversation.updated_ms,
        "messages": view.messages,
        "staged": view.staged,
        "verified": view.verified,
        "conversation_id": None if view.conversation_id is None else str(view.conversation_id),
    }


def serialize_text(row: Sequence[Any]) -> dict[str, Any]:
    """A row of `TEXT_COLUMNS`."""
    number, legacy_id, role, text, model, created_ms, is_verified = row
    return {
        "number": number,
        "legacy_id": legacy_id,
        "role": role,
        "text": text,
        "model": model,
        "created_ms": created_ms,
        "state": _ROW_STATES[is_verified],
    }
