"""The request that gives an account new keys everywhere (docs/api.md)."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import rotation
from accounts.authentication import require_session
from accounts.changes_views import NewRecordSerializer, answer_active
from accounts.kits import NewKit
from accounts.proved import PROOF_HEADER, large_proved_body_of
from accounts.rotation import Rekey, Rotation
from accounts.serializers import ActiveSerializer, RecoverySerializer, SealedKeysSerializer
from keystore.fields import CountField, GrantSerializer, IdField, SignedSerializer, StrictSerializer, to_signed
from keystore.grants import GrantDraft
from keystore.renewing import RenewedKeys
from keystore.services import ResealedKeys


class RewrappedGrantSerializer(GrantSerializer):
    """One's own grant of an epoch, to one's new key."""

    epoch = CountField()


class RekeySerializer(StrictSerializer):
    """What happens in one conversation."""

    conversation_id = IdField()
    entry = SignedSerializer()
    grants = RewrappedGrantSerializer(many=True)
    lost = serializers.ListField(child=CountField())


class RotationSerializer(NewRecordSerializer, SealedKeysSerializer):
    """Everything of an account that a thief of its password may have, made anew."""

    bundle = SignedSerializer()
    recovery = RecoverySerializer()
    conversations = RekeySerializer(many=True)

    def validate_conversations(self, conversations: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Each once."""
        if len({each["conversation_id"] for each in conversations}) != len(conversations):
            raise serializers.ValidationError("A conversation is named twice.")
        return conversations

    def to_rotation(self, user_id: UUID) -> Rotation:
        """The validated rotation of this person's keys."""
        parsed = self.validated_data
        sealed = ResealedKeys(
            idk_env=parsed["idk_env"],
            rsa_env=parsed["rsa_env"],
            keyring_version=parsed["keyring"]["version"],
            keyring_env=parsed["keyring"]["envelope"],
        )
        return Rotation(
            record=self.to_record(),
            keys=RenewedKeys(bundle=to_signed(parsed["bundle"]), sealed=sealed),
            kit=NewKit(parsed["recovery"]["recovery_id"], parsed["recovery"]["rec_pub"]),
            conversations={each["conversation_id"]: _to_rekey(each, user_id) for each in parsed["conversations"]},
        )


def _to_rekey(parsed: dict[str, Any], user_id: UUID) -> Rekey:
    grants = (
        GrantDraft(user_id=user_id, epoch=each["epoch"], signed=to_signed(each), wrapped=each["wrapped"])
        for each in parsed["grants"]
    )
    return Rekey(entry=to_signed(parsed["entry"]), grants=tuple(grants), lost=frozenset(parsed["lost"]))


class KeysView(APIView):
    """All keys of one's account."""

    max_body_size: ClassVar[int] = 32 << 20
    """A grant takes about 1.3 KiB: room for some 25 000."""

    @extend_schema(
        operation_id="rotate_keys", request=RotationSerializer, responses=ActiveSerializer, parameters=[PROOF_HEADER]
    )
    def post(self, request: Request) -> Response:
        """Replaces them, here and in every conversation; all other sessions end."""
        session = require_session(request)
        rotation.admit_rotation(session.user)
        proved = large_proved_body_of(request, self.max_body_size)
        shape = RotationSerializer(data=request.data)
        shape.is_valid(raise_exception=True)
        renewed = rotation.rotate_keys(session=session, proved=proved, rotation=shape.to_rotation(session.user_id))
        return answer_active(request, renewed)
