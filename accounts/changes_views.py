"""Requests that change password, login name or derivation (docs/api.md)."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import changes
from accounts.authentication import csrf_token, plain_request, remember_session, require_session
from accounts.changes import Rename
from accounts.models import SignInSession
from accounts.proved import PROOF_HEADER, proved_body_of
from accounts.serializers import ActiveSerializer, DerivationSerializer, serialize_active
from accounts.sign_in_records import NewRecord
from balon.protocol.statements import PUBLIC_KEY_SIZE
from keystore.fields import CountField, FixedBytesField, SignedSerializer, TextField, to_signed


class NewRecordSerializer(DerivationSerializer):
    """A new sign-in record, and the account version that the client saw."""

    account_version = CountField(least=1)
    login_pub = FixedBytesField(PUBLIC_KEY_SIZE)

    def to_record(self) -> NewRecord:
        """The validated record."""
        parsed = self.validated_data
        return NewRecord(
            account_version=parsed["account_version"],
            kdf=parsed["kdf"],
            iterations=parsed["n"],
            salt=parsed["salt"],
            login_pub=parsed["login_pub"],
            mek_ver=parsed["mek_ver"],
            mek_env=parsed["mek_env"],
        )


class ChangeLoginSerializer(NewRecordSerializer):
    """A new sign-in record under another login name."""

    login = TextField(max_length=254)
    bundle = SignedSerializer()

    def to_rename(self) -> Rename:
        """The validated name and bundle."""
        return Rename(login=self.validated_data["login"], bundle=to_signed(self.validated_data["bundle"]))


class PasswordView(APIView):
    """One's password."""

    @extend_schema(
        operation_id="password_change",
        request=NewRecordSerializer,
        responses=ActiveSerializer,
        parameters=[PROOF_HEADER],
    )
    def post(self, request: Request) -> Response:
        """Changes it; all other sessions end."""
        session, proved = require_session(request), proved_body_of(request)
        shape = NewRecordSerializer(data=request.data)
        shape.is_valid(raise_exception=True)
        changed = changes.change_password(session=session, proved=proved, record=shape.to_record())
        return answer_active(request, changed)


class KdfView(APIView):
    """The derivation of one's keys."""

    @extend_schema(
        operation_id="kdf_upgrade", request=NewRecordSerializer, responses=ActiveSerializer, parameters=[PROOF_HEADER]
    )
    def post(self, request: Request) -> Response:
        """Raises its iterations; all other sessions end."""
        session, proved = require_session(request), proved_body_of(request)
        shape = NewRecordSerializer(data=request.data)
        shape.is_valid(raise_exception=True)
        changed = changes.upgrade_kdf(session=session, proved=proved, record=shape.to_record())
        return answer_active(request, changed)


class LoginNameView(APIView):
    """One's login name."""

    @extend_schema(
        operation_id="login_change",
        request=ChangeLoginSerializer,
        responses=ActiveSerializer,
        parameters=[PROOF_HEADER],
    )
    def post(self, request: Request) -> Response:
        """Changes it; all other sessions end."""
        session, proved = require_session(request), proved_body_of(request)
        shape = ChangeLoginSerializer(data=request.data)
        shape.is_valid(raise_exception=True)
        changed = changes.change_login(
            session=session, proved=proved, record=shape.to_record(), rename=shape.to_rename()
        )
        return answer_active(request, changed)


def answer_active(request: Request, session: SignInSession) -> Response:
    """Ties the browser to the session under a new cookie value, and answers with its records."""
    remember_session(plain_request(request), session)
    return Response(serialize_active(session, csrf_token(request)))
