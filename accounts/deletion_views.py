"""Requests about the deletion of one's account (docs/api.md)."""

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import deletion
from accounts.authentication import plain_request, require_session
from accounts.proofs import parse_proof_header
from keystore.fields import CountField, StrictSerializer

_PROOF = OpenApiParameter(
    "Balon-Proof", str, OpenApiParameter.HEADER, required=True, description="challenge_id.client_nonce.proof"
)


class RequestDeletionSerializer(StrictSerializer):
    """Which state of the account is to be deleted."""

    account_version = CountField(least=1)


class DeletionSerializer(StrictSerializer):
    """When the account may go; null if nobody asked."""

    delete_after_ms = CountField(allow_null=True)


class DeletionView(APIView):
    """The deletion of one's own account."""

    @extend_schema(operation_id="deletion_get", responses=DeletionSerializer)
    def get(self, request: Request) -> Response:
        """Whether deletion was asked for, and when it is due."""
        return Response({"delete_after_ms": deletion.find_deletion(require_session(request).user_id)})

    @extend_schema(
        operation_id="deletion_request",
        request=RequestDeletionSerializer,
        responses=DeletionSerializer,
        parameters=[_PROOF],
    )
    def post(self, request: Request) -> Response:
        """Asks for it, with a proof over the body."""
        session = require_session(request)
        body = plain_request(request).body
        shape = RequestDeletionSerializer(data=request.data)
        shape.is_valid(raise_exception=True)
        due_ms = deletion.request_deletion(
            user=session.user,
            account_version=shape.validated_data["account_version"],
            proof=parse_proof_header(request.headers.get("Balon-Proof", "")),
            body=body,
        )
        return Response({"delete_after_ms": due_ms})

    @extend_schema(operation_id="deletion_cancel", responses={204: None})
    def delete(self, request: Request) -> Response:
        """Keeps the account."""
        deletion.cancel_deletion(require_session(request).user_id)
        return Response(status=status.HTTP_204_NO_CONTENT)
