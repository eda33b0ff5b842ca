"""The request for somebody's keys by their login name (docs/api.md)."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import lookup
from accounts.proved import address_of
from keystore.fields import StrictSerializer, TextField
from keystore.requesters import requester_id_of
from keystore.serializers import UserKeysSerializer, serialize_user_keys


class LookupSerializer(StrictSerializer):
    """Whom to find."""

    login = TextField(max_length=1024)


class LookupView(APIView):
    """Whoever is to be invited."""

    @extend_schema(operation_id="keys_lookup", request=LookupSerializer, responses=UserKeysSerializer)
    def post(self, request: Request) -> Response:
        """The signed bundle of the person with a login name."""
        shape = LookupSerializer(data=request.data)
        shape.is_valid(raise_exception=True)
        bundle = lookup.look_up(
            requester_id=requester_id_of(request), login=shape.validated_data["login"], address=address_of(request)
        )
        return Response(serialize_user_keys(bundle))
