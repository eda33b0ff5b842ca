"""Wire shapes of key records (docs/api.md)."""

from typing import Any

from rest_framework import serializers

from balon.protocol.encoding import encode_b64u
from balon.protocol.envelope import Kind
from balon.protocol.statements import Bundle
from keystore.fields import CountField, EnvelopeField, IdField, SignedSerializer, StrictSerializer
from keystore.models import Grant, KeyBundle, Keyring

MAX_KEYRING_SIZE = 512 * 1024


class KeyringSerializer(StrictSerializer):
    """A keyring of some version."""

    version = CountField(least=1)
    envelope = EnvelopeField(Kind.KEYRING, plain_min=256, plain_max=MAX_KEYRING_SIZE)


class VersionSerializer(StrictSerializer):
    """The version that stands now."""

    version = CountField(least=1)


class UserKeysSerializer(StrictSerializer):
    """A person's public keys."""

    user_id = IdField()
    login = serializers.CharField()
    bundle = SignedSerializer()


def serialize_signed(row: Any) -> dict[str, str]:
    """Any row with a statement and its signature."""
    return {"statement": encode_b64u(row.statement), "signature": encode_b64u(row.signature)}


def serialize_grant(grant: Grant) -> dict[str, str]:
    """A grant of the requester's own."""
    return {**serialize_signed(grant), "wrapped": encode_b64u(grant.wrapped)}


def serialize_keyring(keyring: Keyring) -> dict[str, Any]:
    """A keyring with its version."""
    return {"version": keyring.version, "envelope": encode_b64u(keyring.envelope)}


def serialize_user_keys(bundle: KeyBundle) -> dict[str, Any]:
    """A person's bundle, with the login name that it states."""
    login = Bundle.parse(bundle.statement).login
    return {"user_id": str(bundle.pk), "login": login, "bundle": serialize_signed(bundle)}
