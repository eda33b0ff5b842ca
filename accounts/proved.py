"""What views read of requests beside their JSON: where they come from, and the proof over their raw bytes."""

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from accounts.authentication import plain_request
from accounts.proofs import Proof, ProvedBody, parse_proof_header
from accounts.throttles import place_of_address

PROOF_HEADER = OpenApiParameter(
    "Balon-Proof", str, OpenApiParameter.HEADER, required=True, description="challenge_id.client_nonce.proof"
)


def proved_body_of(request: Request) -> ProvedBody:
    """Reads proof and body of a request.

    Raises:
        ProofRefusedError: The header is missing or malformed.
        RequestDataTooBig: The body is beyond the limit of all views.
    """
    proof = _proof_of(request)
    return ProvedBody(proof=proof, body=plain_request(request).body, address=address_of(request))


def large_proved_body_of(request: Request, limit: int) -> ProvedBody:
    """Reads proof and body of a request whose body may be larger than those of others.

    Args:
        request: Nothing has read its body yet.
        limit: The most bytes: the view's `max_body_size`, by which its parser goes too.

    Raises:
        ProofRefusedError: The header is missing or malformed.
        RequestDataTooBig: The body is beyond this limit.
    """
    proof, plain = _proof_of(request), plain_request(request)
    body = plain.read(limit + 1)
    if len(body) > limit:
        raise RequestDataTooBig("The body is too large.")
    # Django's own limit is one for all addresses; what it has read already it does not measure again.
    plain._body = body  # noqa: SLF001
    return ProvedBody(proof=proof, body=body, address=address_of(request))


def _proof_of(request: Request) -> Proof:
    return parse_proof_header(request.headers.get("Balon-Proof", ""))


def address_of(request: HttpRequest | Request) -> str:
    """Where a request comes from, for the throttles."""
    return place_of_address(str(request.META.get("REMOTE_ADDR") or "unknown"))
