"""The request for what the server holds about oneself (docs/api.md)."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import require_session
from conversations.disclosure import disclose, take_rows
from keystore.fields import CountField, StrictSerializer

MAX_ROWS = 100
MAX_TABLE_SIZE = 1 << 18


class DisclosedTableSerializer(StrictSerializer):
    """One table in plain words, with its first rows and how many there are."""

    name = serializers.CharField()
    explanation = serializers.CharField()
    rows = serializers.ListField(child=serializers.DictField())
    total = CountField()


class DisclosureSerializer(StrictSerializer):
    """All that the server holds about an account."""

    tables = DisclosedTableSerializer(many=True)


class DisclosureView(APIView):
    """What the operator could hand over about the requester."""

    @extend_schema(operation_id="disclosure", responses=DisclosureSerializer)
    def get(self, request: Request) -> Response:
        """Every table; of long ones the first rows."""
        tables: list[dict[str, Any]] = [
            {
                "name": table.name,
                "explanation": table.explanation,
                "rows": take_rows(table.rows, count=MAX_ROWS, size=MAX_TABLE_SIZE),
                "total": table.total,
            }
            for table in disclose(require_session(request).user)
        ]
        return Response({"tables": tables})
