"""Requests about accounts and sessions (docs/api.md)."""

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import services
from accounts.authentication import csrf_token, forget_session, plain_request, remember_session, require_session
from accounts.models import SignInSession
from accounts.proofs import parse_proof_header
from accounts.proved import PROOF_HEADER, address_of
from accounts.serializers import (
    ActiveSerializer,
    PreloginAnswerSerializer,
    PreloginSerializer,
    SessionSerializer,
    SignInSerializer,
    SignUpSerializer,
    serialize_active,
    serialize_prelogin,
    serialize_session,
)


class SessionView(APIView):
    """Whether someone is signed in."""

    permission_classes = (AllowAny,)

    @extend_schema(operation_id="session", responses=SessionSerializer)
    def get(self, request: Request) -> Response:
        """The session, or "none": never an error. Brings the CSRF token."""
        csrf = csrf_token(request)
        if not isinstance(request.auth, SignInSession):
            return Response({"state": "none", "csrf": csrf})
        return Response(serialize_session(request.auth, csrf))


class PreloginView(APIView):
    """The first step of sign-in and sign-up."""

    permission_classes = (AllowAny,)

    @extend_schema(operation_id="prelogin", request=PreloginSerializer, responses=PreloginAnswerSerializer)
    def post(self, request: Request) -> Response:
        """Derivation parameters and a challenge, for every login name alike."""
        shape = PreloginSerializer(data=request.data)
        shape.is_valid(raise_exception=True)
        subject, challenge = services.begin_sign_in(login=shape.validated_data["login"], address=address_of(request))
        return Response(serialize_prelogin(subject, challenge))


class AccountsView(APIView):
    """New accounts."""

    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="sign_up", request=SignUpSerializer, responses={201: ActiveSerializer}, parameters=[PROOF_HEADER]
    )
    def post(self, request: Request) -> Response:
        """Creates an account and signs it in."""
        body = plain_request(request).body
        shape = SignUpSerializer(data=request.data)
        shape.is_valid(raise_exception=True)
        proof = parse_proof_header(request.headers.get("Balon-Proof", ""))
        session = services.sign_up(draft=shape.to_draft(), proof=proof, body=body, address=address_of(request))
        remember_session(plain_request(request), session)
        return Response(serialize_active(session, csrf_token(request)), status=status.HTTP_201_CREATED)


class LoginView(APIView):
    """The second step of sign-in."""

    permission_classes = (AllowAny,)

    @extend_schema(operation_id="login", request=SignInSerializer, responses=ActiveSerializer)
    def post(self, request: Request) -> Response:
        """Signs in, if the proof stands."""
        shape = SignInSerializer(data=request.data)
        shape.is_valid(raise_exception=True)
        session = services.sign_in(proof=shape.to_proof(), address=address_of(request))
        remember_session(plain_request(request), session)
        return Response(serialize_active(session, csrf_token(request)))


class LogoutView(APIView):
    """The end of a session."""

    permission_classes = (AllowAny,)

    @extend_schema(operation_id="logout", request=None, responses={204: None})
    def post(self, request: Request) -> Response:
        """Ends the session, if there is one, and has the browser clear what it stored."""
        if isinstance(request.auth, SignInSession):
            services.end_session(request.auth)
        forget_session(plain_request(request))
        return Response(status=status.HTTP_204_NO_CONTENT, headers={"Clear-Site-Data": '"storage"'})


class SelfView(APIView):
    """The signed-in account."""

    @extend_schema(operation_id="account", responses=ActiveSerializer)
    def get(self, request: Request) -> Response:
        """The session and the key records."""
        return Response(serialize_active(require_session(request), csrf_token(request)))
