"""Requests about the list of sessions (docs/api.md)."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import sessions
from accounts.authentication import require_session
from accounts.models import SignInSession
from keystore.fields import CountField, IdField, StrictSerializer


class SessionRowSerializer(StrictSerializer):
    """One session in the list."""

    session_id = IdField()
    created_ms = CountField()
    last_used_ms = CountField()
    expires_ms = CountField()
    device = serializers.CharField(max_length=64)
    current = serializers.BooleanField()


class SessionListSerializer(StrictSerializer):
    """All sessions of a person."""

    sessions = SessionRowSerializer(many=True)


class SessionsView(APIView):
    """One's own sessions."""

    @extend_schema(operation_id="sessions_list", responses=SessionListSerializer)
    def get(self, request: Request) -> Response:
        """Where one is signed in, the one used last first."""
        current = require_session(request)
        rows = sessions.list_sessions(current.user_id)
        return Response({"sessions": [_serialize(row, current) for row in rows]})

    @extend_schema(operation_id="sessions_end_others", responses={204: None})
    def delete(self, request: Request) -> Response:
        """Ends all others."""
        sessions.end_other_sessions(require_session(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class OneSessionView(APIView):
    """One of one's own sessions."""

    @extend_schema(operation_id="session_end", responses={204: None})
    def delete(self, request: Request, session_id: UUID) -> Response:
        """Ends it."""
        sessions.end_one_session(requester_id=require_session(request).user_id, session_id=session_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _serialize(row: SignInSession, current: SignInSession) -> dict[str, Any]:
    return {
        "session_id": str(row.pk),
        "created_ms": row.created_ms,
        "last_used_ms": row.last_used_ms,
        "expires_ms": row.expires_ms,
        "device": row.device,
        "current": row.pk == current.pk,
    }
