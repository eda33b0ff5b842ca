"""What views read of requests beside their JSON: where they come from, and the proof over their raw bytes."""

from django.http import HttpRequest
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from accounts.authentication import plain_request
from accounts.proofs import ProvedBody, parse_proof_header
from accounts.throttles import place_of_address

PROOF_HEADER = OpenApiParameter(
    "Balon-Proof", str, OpenApiParameter.HEADER, required=True, description="challenge_id.client_nonce.proof"
)


def proved_body_of(request: Request) -> ProvedBody:
    """Reads proof and body of a request.

    Raises:
        ProofRefusedError: The header is missing or malformed.
    """
    proof = parse_proof_header(request.headers.get("Balon-Proof", ""))
    return ProvedBody(proof=proof, body=plain_request(request).body, address=address_of(request))


def address_of(request: HttpRequest | Request) -> str:
    """Where a request comes from, for the throttles."""
    return place_of_address(str(request.META.get("REMOTE_ADDR") or "unknown"))
