"""Wire shapes of accounts (docs/api.md)."""

from typing import Any

from rest_framework import serializers

from accounts.models import Challenge, SignInSession
from accounts.proofs import CHALLENGE_LIFETIME_S, NONCE_SIZE, Proof, Subject
from accounts.selectors import get_recovery_id, get_sign_in_keys
from accounts.services import SignUp
from balon.protocol.encoding import encode_b64u
from balon.protocol.envelope import Kind
from balon.protocol.password import SALT_SIZE
from balon.protocol.statements import PUBLIC_KEY_SIZE, SIGNATURE_SIZE
from keystore.fields import (
    CountField,
    EnvelopeField,
    FixedBytesField,
    IdField,
    SignedSerializer,
    StrictSerializer,
    TextField,
    to_signed,
)
from keystore.selectors import get_bundle, get_keyring
from keystore.serializers import KeyringSerializer, serialize_keyring, serialize_signed
from keystore.services import AccountKeys

_MASTER_KEY_SIZE = 32
_SEED_SIZE = 32
_PKCS8_MIN, _PKCS8_MAX = 2300, 2450
"""An RSA-4096 private key as PKCS#8 (RFC 5208) has 2370 bytes, more or less a few."""


class PreloginSerializer(StrictSerializer):
    """The first step of sign-in."""

    login = TextField(max_length=1024)


class PreloginAnswerSerializer(StrictSerializer):
    """Derivation parameters and a challenge."""

    user_id = IdField()
    kdf = serializers.CharField()
    n = CountField()
    salt = FixedBytesField(SALT_SIZE)
    challenge_id = IdField()
    challenge = FixedBytesField(32)
    expires_in = CountField()


class SignInSerializer(StrictSerializer):
    """The second step of sign-in."""

    challenge_id = IdField()
    client_nonce = FixedBytesField(NONCE_SIZE)
    proof = FixedBytesField(SIGNATURE_SIZE)

    def to_proof(self) -> Proof:
        """The validated proof."""
        parsed = self.validated_data
        return Proof(parsed["challenge_id"], parsed["client_nonce"], parsed["proof"])


class RecoverySerializer(StrictSerializer):
    """All that the server keeps of a recovery kit."""

    recovery_id = IdField()
    rec_pub = FixedBytesField(PUBLIC_KEY_SIZE)


class DerivationSerializer(StrictSerializer):
    """How the keys derive from the password, and the master key sealed under one of them."""

    kdf = TextField(max_length=32)
    n = CountField(least=1)
    salt = FixedBytesField(SALT_SIZE)
    mek_ver = CountField(least=1)
    mek_env = EnvelopeField(Kind.MEK, plain_min=_MASTER_KEY_SIZE, plain_max=_MASTER_KEY_SIZE)


class SealedKeysSerializer(StrictSerializer):
    """What is sealed under the master key."""

    idk_env = EnvelopeField(Kind.IDK, plain_min=_SEED_SIZE, plain_max=_SEED_SIZE)
    rsa_env = EnvelopeField(Kind.RSA, plain_min=_PKCS8_MIN, plain_max=_PKCS8_MAX)
    keyring = KeyringSerializer()


class RecordsSerializer(DerivationSerializer, SealedKeysSerializer):
    """The key records that a client opens after sign-in."""

    bundle = SignedSerializer()


class StandingRecordsSerializer(RecordsSerializer):
    """The key records of an account that stands, with the id of the kit that can recover it."""

    recovery_id = IdField()


class SignUpSerializer(RecordsSerializer):
    """A new account."""

    user_id = IdField(version=4)
    login = TextField(max_length=254)
    login_pub = FixedBytesField(PUBLIC_KEY_SIZE)
    recovery = RecoverySerializer()

    def validate_keyring(self, keyring: dict[str, Any]) -> dict[str, Any]:
        """A new account begins with version 1."""
        if keyring["version"] != 1:
            raise serializers.ValidationError("The first keyring has version 1.")
        return keyring

    def to_draft(self) -> SignUp:
        """The validated account."""
        parsed = self.validated_data
        return SignUp(
            subject=Subject(parsed["login"], parsed["user_id"], parsed["kdf"], parsed["n"], parsed["salt"]),
            login_pub=parsed["login_pub"],
            mek_ver=parsed["mek_ver"],
            mek_env=parsed["mek_env"],
            recovery_id=parsed["recovery"]["recovery_id"],
            rec_pub=parsed["recovery"]["rec_pub"],
            keys=AccountKeys(
                bundle=to_signed(parsed["bundle"]),
                idk_env=parsed["idk_env"],
                rsa_env=parsed["rsa_env"],
                keyring_env=parsed["keyring"]["envelope"],
            ),
        )


class SessionSerializer(StrictSerializer):
    """Who is signed in. Only `state` and `csrf` are there when nobody is."""

    state = serializers.ChoiceField(choices=("none", "active"))
    csrf = serializers.CharField()
    user_id = IdField(required=False)
    login = serializers.CharField(required=False)
    account_version = CountField(required=False)
    session_id = IdField(required=False)
    expires_at_ms = CountField(required=False)


class ActiveSerializer(SessionSerializer):
    """Who is signed in, with the key records."""

    records = StandingRecordsSerializer()


def serialize_prelogin(subject: Subject, challenge: Challenge) -> dict[str, Any]:
    """Derivation parameters and a challenge."""
    return {
        "user_id": str(subject.user_id),
        "kdf": subject.kdf,
        "n": subject.iterations,
        "salt": encode_b64u(subject.salt),
        "challenge_id": str(challenge.pk),
        "challenge": encode_b64u(challenge.value),
        "expires_in": CHALLENGE_LIFETIME_S,
    }


def serialize_session(session: SignInSession, csrf: str) -> dict[str, Any]:
    """Who is signed in."""
    return {
        "state": "active",
        "user_id": str(session.user_id),
        "login": session.user.login,
        "account_version": session.account_version,
        "session_id": str(session.pk),
        "expires_at_ms": session.expires_ms,
        "csrf": csrf,
    }


def serialize_active(session: SignInSession, csrf: str) -> dict[str, Any]:
    """Who is signed in, with the key records."""
    keys = get_sign_in_keys(session.user)
    bundle = get_bundle(session.user_id)
    records = {
        "kdf": keys.subject.kdf,
        "n": keys.subject.iterations,
        "salt": encode_b64u(keys.subject.salt),
        "mek_ver": keys.mek_ver,
        "mek_env": encode_b64u(keys.mek_env),
        "idk_env": encode_b64u(bundle.idk_env),
        "rsa_env": encode_b64u(bundle.rsa_env),
        "bundle": serialize_signed(bundle),
        "keyring": serialize_keyring(get_keyring(session.user_id)),
        "recovery_id": str(get_recovery_id(session.user_id)),
    }
    return {**serialize_session(session, csrf), "records": records}
