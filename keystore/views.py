"""Requests for keys (docs/api.md)."""

from typing import ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from keystore import selectors, services
from keystore.requesters import requester_id_of
from keystore.serializers import (
    KeyringSerializer,
    UserKeysSerializer,
    VersionSerializer,
    serialize_keyring,
    serialize_user_keys,
)


class UserKeysView(APIView):
    """The public keys of a person."""

    @extend_schema(operation_id="keys_of_user", responses=UserKeysSerializer)
    def get(self, request: Request, user_id: UUID) -> Response:
        """The signed bundle of oneself or of a person one shares a conversation with."""
        bundle = selectors.get_visible_bundle(requester_id=requester_id_of(request), user_id=user_id)
        return Response(serialize_user_keys(bundle))


class KeyringView(APIView):
    """One's own keyring."""

    quotas: ClassVar[dict[str, str]] = {"PUT": "keyring"}

    @extend_schema(operation_id="keyring_get", responses=KeyringSerializer)
    def get(self, request: Request) -> Response:
        """The newest keyring."""
        return Response(serialize_keyring(selectors.get_keyring(requester_id_of(request))))

    @extend_schema(operation_id="keyring_put", request=KeyringSerializer, responses=VersionSerializer)
    def put(self, request: Request) -> Response:
        """Stores the next version, by compare-and-swap."""
        shape = KeyringSerializer(data=request.data)
        shape.is_valid(raise_exception=True)
        draft = shape.validated_data
        services.replace_keyring(user_id=requester_id_of(request), version=draft["version"], envelope=draft["envelope"])
        return Response({"version": draft["version"]})
