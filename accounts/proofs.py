"""Proofs of knowledge of the password (docs/protocol.md section 5): challenges, transcripts, verification."""

import hmac
import secrets
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from accounts.errors import ProofRefusedError
from accounts.models import Challenge, User
from balon.protocol.encoding import decode_b64u, parse_uuid
from balon.protocol.errors import EncodingError
from balon.protocol.password import KDF_ALGORITHM, MIN_ITERATIONS
from balon.protocol.statements import SIGNATURE_SIZE, AuthAction, AuthTranscript
from keystore.clock import now_ms
from keystore.errors import InvalidStatementError
from keystore.signatures import Signed, verify_signature

CHALLENGE_LIFETIME_S = 60
NONCE_SIZE = 32
_KEPT_MS = 3_600_000
"""Spent and expired challenges are kept for an hour, to tell replays from noise, then deleted."""


@dataclass(frozen=True, slots=True)
class Proof:
    """An answer to a challenge: the client's nonce (32 bytes) and the signature of the transcript (64 bytes)."""

    challenge_id: UUID
    client_nonce: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class ProvedBody:
    """A proof, the raw bytes of the body that it covers, and where the request comes from, for the throttle."""

    proof: Proof
    body: bytes
    address: str


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom and what a transcript names: an account, or one to be, and its derivation parameters."""

    login: str
    user_id: UUID
    kdf: str
    iterations: int
    salt: bytes


def parse_proof_header(text: str) -> Proof:
    """Reads `Balon-Proof`: challenge id, nonce and proof, joined with dots.

    Raises:
        ProofRefusedError: It is anything else.
    """
    try:
        challenge_id, nonce, signature = text.split(".")
        proof = Proof(parse_uuid(challenge_id), decode_b64u(nonce), decode_b64u(signature))
    except (ValueError, EncodingError) as error:
        raise ProofRefusedError from error
    if (len(proof.client_nonce), len(proof.signature)) != (NONCE_SIZE, SIGNATURE_SIZE):
        raise ProofRefusedError
    return proof


def make_challenge(*, user: User | None, login_tag: bytes) -> Challenge:
    """Makes a challenge for an account, or for a login name that nobody has; old ones are cleared away."""
    now = now_ms()
    Challenge.objects.filter(expires_ms__lt=now - _KEPT_MS).delete()
    return Challenge.objects.create(
        user=user,
        login_tag=login_tag,
        value=secrets.token_bytes(32),
        expires_ms=now + CHALLENGE_LIFETIME_S * 1000,
    )


def spend_challenge(challenge_id: UUID) -> Challenge | None:
    """Spends a challenge in one conditional update. Call it outside a transaction: it stays spent whatever follows.

    Returns:
        The challenge with its user, or None if it never was, was spent before or expired.
    """
    now = now_ms()
    spent = Challenge.objects.filter(pk=challenge_id, spent_ms=None, expires_ms__gt=now).update(spent_ms=now)
    return Challenge.objects.select_related("user").get(pk=challenge_id) if spent else None


def spend_challenge_of(tag: bytes, challenge_id: UUID) -> Challenge | None:
    """Spends a challenge, and gives it only if it was made for this tag; as `spend_challenge` otherwise.

    Args:
        tag: What `hash_login` or `hash_recovery_id` gave for the login name or kit in question.
        challenge_id: Which challenge.
    """
    challenge = spend_challenge(challenge_id)
    if challenge is None or not hmac.compare_digest(challenge.login_tag, tag):
        return None
    return challenge


def spend_pending_challenges(user: User) -> None:
    """Spends all challenges of an account, so that proofs on their way change nothing; in the caller's transaction."""
    Challenge.objects.filter(user=user, spent_ms=None).update(spent_ms=now_ms())


def verify_proof(  # noqa: PLR0913 - each is one of the things that a proof is about
    *,
    action: AuthAction,
    proof: Proof,
    challenge: Challenge | None,
    subject: Subject,
    public_key: bytes | None,
    body: bytes | None = None,
) -> None:
    """Verifies a proof against the transcript that the server builds from its own values.

    The same work is done where challenge or key are missing, so that time does not tell.

    Args:
        action: What the proof must be for.
        proof: What the client sent.
        challenge: What `spend_challenge` gave.
        subject: The account's own values.
        public_key: The login key on record, 32 bytes; None for a login name that nobody has.
        body: The raw body that the proof covers, for every action but login.

    Raises:
        ProofRefusedError: Whatever the reason.
    """
    transcript = AuthTranscript(
        action=action,
        origin=settings.BALON_ORIGIN,
        login=subject.login,
        user_id=subject.user_id,
        challenge_id=proof.challenge_id,
        challenge=challenge.value if challenge else bytes(32),
        client_nonce=proof.client_nonce,
        kdf=subject.kdf,
        iterations=subject.iterations,
        salt=subject.salt,
        body=body,
    )
    try:
        verify_signature(public_key or _dummy_public_key(), Signed(transcript.serialize(), proof.signature))
    except InvalidStatementError as error:
        raise ProofRefusedError from error
    if challenge is None or public_key is None:
        raise ProofRefusedError


def dummy_subject() -> Subject:
    """Stands for an account where there is none, in a transcript that no signature fits."""
    return Subject(
        login="nobody@example.org", user_id=UUID(int=0), kdf=KDF_ALGORITHM, iterations=MIN_ITERATIONS, salt=bytes(32)
    )


@lru_cache(maxsize=1)
def _dummy_public_key() -> bytes:
    return Ed25519PrivateKey.generate().public_key().public_bytes_raw()
