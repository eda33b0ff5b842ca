"""Requests about conversations (docs/api.md)."""

from typing import Any, ClassVar, TypeVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from conversations import gateway, rosters, selectors, services
from conversations.serializers import (
    ChangeRosterSerializer,
    ConversationPageSerializer,
    ConversationSerializer,
    CreateConversationSerializer,
    GatewayConfigSerializer,
    ListQuerySerializer,
    MessagePageSerializer,
    MessagesQuerySerializer,
    MetaSerializer,
    PeopleSerializer,
    PositionSerializer,
    SendMessageSerializer,
    StreamsSerializer,
    WriteMetaSerializer,
    serialize_conversation,
    serialize_cursor,
    serialize_messages,
    serialize_meta,
    serialize_stream,
)
from keystore.fields import to_signed
from keystore.requesters import requester_id_of
from keystore.serializers import serialize_user_keys

Shape = TypeVar("Shape", bound=BaseSerializer[Any])


class ConversationsView(APIView):
    """The requester's conversations."""

    quotas: ClassVar[dict[str, str]] = {"POST": "conversation"}

    @extend_schema(
        operation_id="conversations_list", parameters=[ListQuerySerializer], responses=ConversationPageSerializer
    )
    def get(self, request: Request) -> Response:
        """A page of conversations, newest activity first."""
        query = _validate(ListQuerySerializer(data=request.query_params.dict())).validated_data
        page = selectors.list_conversations(
            requester_id=requester_id_of(request), after=query.get("cursor"), limit=query["limit"]
        )
        following = None if page.last is None else serialize_cursor(page.last)
        return Response({"conversations": [serialize_conversation(view) for view in page.views], "next": following})

    @extend_schema(
        operation_id="conversation_create",
        request=CreateConversationSerializer,
        responses={200: ConversationSerializer, 201: ConversationSerializer},
    )
    def post(self, request: Request) -> Response:
        """Creates a conversation with its first roster entry and the creator's grant."""
        shape = _validate(CreateConversationSerializer(data=request.data))
        requester_id, conversation_id = requester_id_of(request), shape.validated_data["conversation_id"]
        created = services.create_conversation(
            requester_id=requester_id,
            conversation_id=conversation_id,
            roster=to_signed(shape.validated_data["roster"]),
            grant=shape.to_grant(requester_id),
        )
        view = selectors.get_conversation(requester_id=requester_id, conversation_id=conversation_id)
        return Response(serialize_conversation(view), status=_created(created))


class ConversationView(APIView):
    """One conversation."""

    @extend_schema(operation_id="conversation_get", responses=ConversationSerializer)
    def get(self, request: Request, conversation_id: UUID) -> Response:
        """All that its reader needs to open it."""
        view = selectors.get_conversation(requester_id=requester_id_of(request), conversation_id=conversation_id)
        return Response(serialize_conversation(view))

    @extend_schema(operation_id="conversation_delete", responses={204: None})
    def delete(self, request: Request, conversation_id: UUID) -> Response:
        """Deletes it for everyone; owners only."""
        services.delete_conversation(requester_id=requester_id_of(request), conversation_id=conversation_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class RosterView(APIView):
    """Who is in a conversation."""

    quotas: ClassVar[dict[str, str]] = {"POST": "roster"}

    @extend_schema(
        operation_id="roster_change",
        request=ChangeRosterSerializer,
        responses={200: ConversationSerializer, 201: ConversationSerializer, 204: None},
    )
    def post(self, request: Request, conversation_id: UUID) -> Response:
        """Appends a signed entry, with all that comes with it; whoever is out then gets no record."""
        shape = _validate(ChangeRosterSerializer(data=request.data))
        requester_id = requester_id_of(request)
        created = rosters.change_roster(
            requester_id=requester_id, conversation_id=conversation_id, draft=shape.to_draft()
        )
        view = selectors.find_conversation(requester_id=requester_id, conversation_id=conversation_id)
        if view is None:
            return Response(status=status.HTTP_204_NO_CONTENT)
        return Response(serialize_conversation(view), status=_created(created))


class PeopleView(APIView):
    """The keys of those in a conversation."""

    @extend_schema(operation_id="people_list", responses=PeopleSerializer)
    def get(self, request: Request, conversation_id: UUID) -> Response:
        """The bundles of everyone who is or was on the roster and still has an account."""
        bundles = selectors.list_people(requester_id=requester_id_of(request), conversation_id=conversation_id)
        return Response({"people": [serialize_user_keys(bundle) for bundle in bundles]})


class MessagesView(APIView):
    """The messages of a conversation."""

    quotas: ClassVar[dict[str, str]] = {"POST": "message"}

    @extend_schema(operation_id="messages_list", parameters=[MessagesQuerySerializer], responses=MessagePageSerializer)
    def get(self, request: Request, conversation_id: UUID) -> Response:
        """A page of messages, oldest first."""
        query = _validate(MessagesQuerySerializer(data=request.query_params.dict())).validated_data
        page = selectors.list_messages(
            requester_id=requester_id_of(request),
            conversation_id=conversation_id,
            before=query.get("before"),
            after=query.get("after"),
            limit=query["limit"],
        )
        return Response(serialize_messages(page))

    @extend_schema(
        operation_id="message_send",
        request=SendMessageSerializer,
        responses={200: PositionSerializer, 201: PositionSerializer},
    )
    def post(self, request: Request, conversation_id: UUID) -> Response:
        """Appends a message; one with the id of a stream is its saved reply."""
        shape = _validate(SendMessageSerializer(data=request.data))
        position, created = services.append_message(
            requester_id=requester_id_of(request), conversation_id=conversation_id, draft=shape.to_draft()
        )
        return Response({"position": position}, status=_created(created))


class MetaView(APIView):
    """Title and settings of a conversation."""

    quotas: ClassVar[dict[str, str]] = {"PUT": "meta"}

    @extend_schema(operation_id="meta_put", request=WriteMetaSerializer, responses=MetaSerializer)
    def put(self, request: Request, conversation_id: UUID) -> Response:
        """Stores the next version."""
        shape = _validate(WriteMetaSerializer(data=request.data))
        meta = services.replace_meta(
            requester_id=requester_id_of(request), conversation_id=conversation_id, draft=shape.to_draft()
        )
        return Response(serialize_meta(meta))


class StreamsView(APIView):
    """Replies on their way."""

    @extend_schema(operation_id="streams_list", responses=StreamsSerializer)
    def get(self, request: Request, conversation_id: UUID) -> Response:
        """Those whose reply is not saved yet."""
        streams = selectors.list_streams(requester_id=requester_id_of(request), conversation_id=conversation_id)
        return Response({"streams": [serialize_stream(stream) for stream in streams]})


class InferenceConfigView(APIView):
    """The gateway's signed key config."""

    @extend_schema(operation_id="inference_config", responses=GatewayConfigSerializer)
    def get(self, request: Request) -> Response:  # noqa: ARG002 - it is the same for everyone
        """Relayed as it is."""
        return Response(gateway.fetch_config())


def _validate(shape: Shape) -> Shape:
    shape.is_valid(raise_exception=True)
    return shape


def _created(created: bool) -> int:  # noqa: FBT001 - the one thing it is about
    return status.HTTP_201_CREATED if created else status.HTTP_200_OK
