"""Proofs that cover a body: the transcript of docs/protocol.md section 5, signed, as the header `Balon-Proof`."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from balon.protocol.encoding import encode_b64u
from balon.protocol.statements import AuthAction, AuthTranscript
from balon_client.opening import Terms
from balon_client.ports import Platform, SigningKey

_NONCE_SIZE: Final = 32


@dataclass(frozen=True, slots=True)
class Challenge:
    """A challenge of the server: its id and 32 bytes."""

    id: UUID
    value: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """What a proof is for, and what its transcript names: the terms that the proving key was derived under."""

    action: AuthAction
    terms: Terms


async def sign_proof(platform: Platform, key: SigningKey, claim: Claim, challenge: Challenge, body: bytes) -> str:
    """Signs the transcript over a body.

    Args:
        platform: The ports.
        key: The login key, for recovery the recovery key.
        claim: Every value is this client's own, none is the answer's.
        challenge: Fresh, of the account's login name or of the kit.
        body: The raw body as it will be sent.

    Returns:
        The value of the header: id, nonce and proof, joined with dots.
    """
    terms, nonce = claim.terms, platform.random.generate_bytes(_NONCE_SIZE)
    transcript = AuthTranscript(
        action=claim.action,
        origin=platform.origin,
        login=terms.login,
        user_id=terms.user_id,
        challenge_id=challenge.id,
        challenge=challenge.value,
        client_nonce=nonce,
        kdf=terms.kdf,
        iterations=terms.iterations,
        salt=terms.salt,
        body=body,
    )
    proof = await platform.crypto.sign(key, transcript.serialize())
    return f"{challenge.id}.{encode_b64u(nonce)}.{encode_b64u(proof)}"
