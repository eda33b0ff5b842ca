"""Wire shapes of key records (docs/api.md)."""

from typing import Any

from rest_framework import serializers

from balon.protocol.encoding import encode_b64u
from balon.protocol.envelope import Kind
from balon.protocol.statements import HASH_SIZE, PUBLIC_KEY_SIZE, Bundle
from keystore.fields import CountField, EnvelopeField, FixedBytesField, IdField, SignedSerializer, StrictSerializer
from keystore.models import Grant, KeyBundle, Keyring, PreviousKey, RosterEntry

MAX_KEYRING_SIZE = 512 * 1024
CONVERSATION_KEY_SIZE = 32


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


class SubjectSerializer(StrictSerializer):
    """The keys that a roster entry brings in."""

    idk_pub = FixedBytesField(PUBLIC_KEY_SIZE)
    rsa_kid = FixedBytesField(HASH_SIZE)


class RosterEntrySerializer(SignedSerializer):
    """A roster entry as it is told."""

    subject = SubjectSerializer(allow_null=True)


class PreviousKeySerializer(StrictSerializer):
    """The key of the epoch before, sealed under this epoch's."""

    epoch = CountField(least=1)
    envelope = EnvelopeField(Kind.PREV, plain_min=CONVERSATION_KEY_SIZE, plain_max=CONVERSATION_KEY_SIZE)


def serialize_signed(row: Any) -> dict[str, str]:
    """Any row with a statement and its signature."""
    return {"statement": encode_b64u(row.statement), "signature": encode_b64u(row.signature)}


def serialize_grant(grant: Grant) -> dict[str, str]:
    """A grant of the requester's own."""
    return {**serialize_signed(grant), "wrapped": encode_b64u(grant.wrapped)}


def serialize_roster_entry(entry: RosterEntry) -> dict[str, Any]:
    """A roster entry, with the keys that it brings in beside it."""
    subject = None
    if entry.subject_idk_pub is not None and entry.subject_rsa_kid is not None:
        subject = {"idk_pub": encode_b64u(entry.subject_idk_pub), "rsa_kid": encode_b64u(entry.subject_rsa_kid)}
    return {**serialize_signed(entry), "subject": subject}


def serialize_previous_key(row: PreviousKey) -> dict[str, Any]:
    """The sealed key of the epoch before `epoch`."""
    return {"epoch": row.epoch, "envelope": encode_b64u(row.envelope)}


def serialize_keyring(keyring: Keyring) -> dict[str, Any]:
    """A keyring with its version."""
    return {"version": keyring.version, "envelope": encode_b64u(keyring.envelope)}


def serialize_user_keys(bundle: KeyBundle) -> dict[str, Any]:
    """A person's bundle, with the login name that it states."""
    login = Bundle.parse(bundle.statement).login
    return {"user_id": str(bundle.pk), "login": login, "bundle": serialize_signed(bundle)}
