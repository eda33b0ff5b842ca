"""Requests of the move from plaintext to ciphertext (docs/api.md)."""

from typing import Any, ClassVar, TypeVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from accounts.authentication import require_session
from balon.protocol.encoding import encode_b64u
from conversations import migration, migration_lease, selectors
from conversations import migration_selectors as reads
from conversations.migration_batches import store_batch
from conversations.migration_serializers import (
    AfterSerializer,
    BatchSerializer,
    BeginSerializer,
    LeaseGivenSerializer,
    LeaseSerializer,
    LegacyConversationPageSerializer,
    MigrationStateSerializer,
    PositionsSerializer,
    TabSerializer,
    TextPageSerializer,
    TextsQuerySerializer,
    VerifiedSerializer,
    serialize_legacy,
    serialize_state,
    serialize_text,
)
from conversations.serializers import ConversationSerializer, serialize_conversation
from keystore.requesters import requester_id_of

Shape = TypeVar("Shape", bound=BaseSerializer[Any])
_QUOTAS = {"POST": "migration"}


class MigrationView(APIView):
    """How far one's account is."""

    @extend_schema(operation_id="migration_get", responses=MigrationStateSerializer)
    def get(self, request: Request) -> Response:
        """Texts from before encryption: how many there are, and how many are moved."""
        session = require_session(request)
        return Response(serialize_state(reads.get_state(user_id=session.user_id, session_id=session.pk)))


class LegacyConversationsView(APIView):
    """One's conversations in plaintext."""

    @extend_schema(
        operation_id="migration_conversations", parameters=[AfterSerializer], responses=LegacyConversationPageSerializer
    )
    def get(self, request: Request) -> Response:
        """A page of them, by id."""
        query = _validate(AfterSerializer(data=request.query_params.dict())).validated_data
        views, more = reads.list_legacy_conversations(user_id=requester_id_of(request), after=query.get("after"))
        return Response({"conversations": [serialize_legacy(view) for view in views], "has_more": more})


class LegacyMessagesView(APIView):
    """The messages of a conversation in plaintext."""

    @extend_schema(operation_id="migration_messages", parameters=[TextsQuerySerializer], responses=TextPageSerializer)
    def get(self, request: Request, legacy_conversation_id: UUID) -> Response:
        """A page of them, by number."""
        query = _validate(TextsQuerySerializer(data=request.query_params.dict())).validated_data
        rows, more = reads.list_texts(
            user_id=requester_id_of(request), legacy_conversation_id=legacy_conversation_id, **query
        )
        return Response({"messages": [serialize_text(row) for row in rows], "has_more": more})


class LeaseView(APIView):
    """Which tab works."""

    quotas: ClassVar[dict[str, str]] = _QUOTAS

    @extend_schema(operation_id="migration_lease", request=TabSerializer, responses=LeaseGivenSerializer)
    def post(self, request: Request) -> Response:
        """Takes the lease, or renews it."""
        session, shape = require_session(request), _validate(TabSerializer(data=request.data))
        lease = migration_lease.take_lease(
            user_id=session.user_id, session_id=session.pk, tab=shape.validated_data["tab"]
        )
        return Response({"lease": encode_b64u(lease.token), "expires_ms": lease.expires_ms})


class ReleaseView(APIView):
    """Letting go of the lease."""

    quotas: ClassVar[dict[str, str]] = _QUOTAS

    @extend_schema(operation_id="migration_release", request=LeaseSerializer, responses={204: None})
    def post(self, request: Request) -> Response:
        """Frees it for another tab."""
        session, shape = require_session(request), _validate(LeaseSerializer(data=request.data))
        migration_lease.release_lease(shape.to_worker(session))
        return Response(status=status.HTTP_204_NO_CONTENT)


class BeginView(APIView):
    """The conversation that texts move into."""

    quotas: ClassVar[dict[str, str]] = _QUOTAS

    @extend_schema(
        operation_id="migration_begin",
        request=BeginSerializer,
        responses={200: ConversationSerializer, 201: ConversationSerializer},
    )
    def post(self, request: Request, legacy_conversation_id: UUID) -> Response:
        """Makes it; it is held back until its texts are deleted."""
        session, shape = require_session(request), _validate(BeginSerializer(data=request.data))
        draft = shape.to_beginning(user_id=session.user_id, legacy_conversation_id=legacy_conversation_id)
        created = migration.begin_conversation(shape.to_worker(session), draft)
        view = selectors.get_conversation(requester_id=session.user_id, conversation_id=draft.conversation_id)
        told = status.HTTP_201_CREATED if created else status.HTTP_200_OK
        return Response(serialize_conversation(view), status=told)


class BatchesView(APIView):
    """Messages of a conversation that was begun."""

    quotas: ClassVar[dict[str, str]] = _QUOTAS
    max_body_size: ClassVar[int] = 4 << 20

    @extend_schema(operation_id="migration_batch", request=BatchSerializer, responses=PositionsSerializer)
    def post(self, request: Request) -> Response:
        """Stores them all or none, each beside its text."""
        session, shape = require_session(request), _validate(BatchSerializer(data=request.data))
        positions = store_batch(
            shape.to_worker(session),
            legacy_conversation_id=shape.validated_data["legacy_conversation_id"],
            drafts=shape.to_drafts(),
        )
        return Response({"positions": positions})


class VerifiedView(APIView):
    """Messages that the client read back."""

    quotas: ClassVar[dict[str, str]] = _QUOTAS

    @extend_schema(operation_id="migration_verified", request=VerifiedSerializer, responses={204: None})
    def post(self, request: Request) -> Response:
        """Notes that they opened and say what they must."""
        session, shape = require_session(request), _validate(VerifiedSerializer(data=request.data))
        migration.mark_verified(
            shape.to_worker(session),
            legacy_conversation_id=shape.validated_data["legacy_conversation_id"],
            message_ids=frozenset(shape.validated_data["message_ids"]),
        )
        return Response(status=status.HTTP_204_NO_CONTENT)


class RollbackView(APIView):
    """The way back."""

    quotas: ClassVar[dict[str, str]] = _QUOTAS

    @extend_schema(operation_id="migration_rollback", request=LeaseSerializer, responses=MigrationStateSerializer)
    def post(self, request: Request) -> Response:
        """Deletes conversations that were made, as many as one request takes."""
        session, shape = require_session(request), _validate(LeaseSerializer(data=request.data))
        return Response(serialize_state(migration.roll_back(shape.to_worker(session))))


class FinishView(APIView):
    """The end of plaintext."""

    quotas: ClassVar[dict[str, str]] = _QUOTAS

    @extend_schema(operation_id="migration_finish", request=LeaseSerializer, responses=MigrationStateSerializer)
    def post(self, request: Request) -> Response:
        """Deletes texts, as many as one request takes."""
        session, shape = require_session(request), _validate(LeaseSerializer(data=request.data))
        return Response(serialize_state(migration.finish(shape.to_worker(session))))


def _validate(shape: Shape) -> Shape:
    shape.is_valid(raise_exception=True)
    return shape
