"""Requests of accounts from before encryption (docs/api.md)."""

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import legacy
from accounts.authentication import csrf_token, plain_request, remember_session
from accounts.proved import PROOF_HEADER, proved_body_of
from accounts.serializers import ActiveSerializer, SignUpSerializer, serialize_active


class LegacyView(APIView):
    """The first sign-in since encryption."""

    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="upgrade_legacy",
        request=SignUpSerializer,
        responses={201: ActiveSerializer},
        parameters=[PROOF_HEADER],
    )
    def post(self, request: Request) -> Response:
        """Gives the account its keys, deletes its old hash and signs it in."""
        proved = proved_body_of(request)
        shape = SignUpSerializer(data=request.data)
        shape.is_valid(raise_exception=True)
        session = legacy.upgrade_account(draft=shape.to_draft(), proved=proved)
        remember_session(plain_request(request), session)
        return Response(serialize_active(session, csrf_token(request)), status=status.HTTP_201_CREATED)
