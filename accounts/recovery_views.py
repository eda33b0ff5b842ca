"""Requests about recovery by kit (docs/api.md)."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import recovery
from accounts.changes_views import NewRecordSerializer, answer_active
from accounts.kits import NewKit
from accounts.proofs import CHALLENGE_LIFETIME_S
from accounts.proved import PROOF_HEADER, address_of, proved_body_of
from accounts.recovery import KitClaim, Renewal
from accounts.serializers import ActiveSerializer, RecoverySerializer, SealedKeysSerializer
from balon.protocol.encoding import encode_b64u
from balon.protocol.password import SALT_SIZE
from keystore.fields import CountField, FixedBytesField, IdField, SignedSerializer, StrictSerializer, TextField
from keystore.selectors import get_bundle, get_keyring
from keystore.serializers import KeyringSerializer, serialize_keyring, serialize_signed
from keystore.services import ResealedKeys


class RecoveryPreloginSerializer(StrictSerializer):
    """The first step of recovery."""

    recovery_id = IdField()


class RecoveryPreloginAnswerSerializer(StrictSerializer):
    """The login name that the proof names, and a challenge."""

    login = serializers.CharField()
    challenge_id = IdField()
    challenge = FixedBytesField(32)
    expires_in = CountField()


class KitParametersSerializer(StrictSerializer):
    """The derivation parameters that stand in the kit: the server does not keep them."""

    kdf = TextField(max_length=32)
    n = CountField(least=1)
    rec_salt = FixedBytesField(SALT_SIZE)


class RecoveryOpenSerializer(StrictSerializer):
    """Which kit is claimed."""

    recovery_id = IdField()
    kit = KitParametersSerializer()

    def to_claim(self) -> KitClaim:
        """The validated claim."""
        kit = self.validated_data["kit"]
        return KitClaim(self.validated_data["recovery_id"], kit["kdf"], kit["n"], kit["rec_salt"])


class RecoveryOpenAnswerSerializer(StrictSerializer):
    """What the client needs beside the kit to seal everything anew."""

    account_version = CountField(least=1)
    mek_ver = CountField(least=1)
    bundle = SignedSerializer()
    keyring = KeyringSerializer()


class RecoverSerializer(RecoveryOpenSerializer, NewRecordSerializer, SealedKeysSerializer):
    """Sign-in record, private keys and keyring under a new master key, and the next kit."""

    recovery = RecoverySerializer()

    def to_renewal(self) -> Renewal:
        """The validated renewal."""
        parsed = self.validated_data
        keys = ResealedKeys(
            idk_env=parsed["idk_env"],
            rsa_env=parsed["rsa_env"],
            keyring_version=parsed["keyring"]["version"],
            keyring_env=parsed["keyring"]["envelope"],
        )
        kit = NewKit(parsed["recovery"]["recovery_id"], parsed["recovery"]["rec_pub"])
        return Renewal(record=self.to_record(), keys=keys, kit=kit)


class RecoveryPreloginView(APIView):
    """The first step of recovery."""

    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="recovery_prelogin",
        request=RecoveryPreloginSerializer,
        responses=RecoveryPreloginAnswerSerializer,
    )
    def post(self, request: Request) -> Response:
        """A login name and a challenge, for every recovery id alike."""
        shape = RecoveryPreloginSerializer(data=request.data)
        shape.is_valid(raise_exception=True)
        login, challenge = recovery.begin_recovery(
            recovery_id=shape.validated_data["recovery_id"], address=address_of(request)
        )
        content = {
            "login": login,
            "challenge_id": str(challenge.pk),
            "challenge": encode_b64u(challenge.value),
            "expires_in": CHALLENGE_LIFETIME_S,
        }
        return Response(content)


class RecoveryOpenView(APIView):
    """The second step of recovery."""

    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="recovery_open",
        request=RecoveryOpenSerializer,
        responses=RecoveryOpenAnswerSerializer,
        parameters=[PROOF_HEADER],
    )
    def post(self, request: Request) -> Response:
        """What is to be sealed anew, to whoever proves that they hold the kit."""
        proved = proved_body_of(request)
        shape = RecoveryOpenSerializer(data=request.data)
        shape.is_valid(raise_exception=True)
        user = recovery.open_recovery(claim=shape.to_claim(), proved=proved)
        content = {
            "account_version": user.account_version,
            "mek_ver": user.sign_in_record.mek_ver,
            "bundle": serialize_signed(get_bundle(user.pk)),
            "keyring": serialize_keyring(get_keyring(user.pk)),
        }
        return Response(content)


class RecoveryView(APIView):
    """The last step of recovery."""

    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="recover", request=RecoverSerializer, responses=ActiveSerializer, parameters=[PROOF_HEADER]
    )
    def post(self, request: Request) -> Response:
        """Sets a new password, master key and kit, and signs in; all other sessions end."""
        proved = proved_body_of(request)
        shape = RecoverSerializer(data=request.data)
        shape.is_valid(raise_exception=True)
        session = recovery.recover(claim=shape.to_claim(), proved=proved, renewal=shape.to_renewal())
        return answer_active(request, session)
