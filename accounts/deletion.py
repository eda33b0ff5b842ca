"""Asking for the deletion of an account: with a proof, after a waiting period, cancelled at will.

What is deleted then, and how, is in conversations/deletion.py: only there is everything in reach.
"""

from uuid import UUID

from django.conf import settings
from django.db import transaction

from accounts import selectors
from accounts.decoys import hash_login
from accounts.models import Challenge, DeletionRequest, User
from accounts.proofs import Proof, spend_challenge, verify_proof
from accounts.throttles import Limit, count_attempt
from balon.protocol.statements import AuthAction
from keystore.clock import now_ms
from keystore.errors import VersionConflictError

_DAY_MS = 24 * 3_600_000


def request_deletion(*, user: User, account_version: int, proof: Proof, body: bytes) -> int:
    """Notes that an account is to be deleted once the waiting period is over. Asking again changes nothing.

    Args:
        user: Who is signed in.
        account_version: Which state of the account the client knows.
        proof: Shows knowledge of the password, over a challenge that prelogin made for this account.
        body: The raw body that the proof covers.

    Returns:
        From when on the account may be deleted, in milliseconds since 1970.

    Raises:
        ProofRefusedError: The proof does not stand.
        VersionConflictError: The account changed in the meantime.
        Throttled: Too many attempts at this login name.
    """
    count_attempt("sign-in-login", hash_login(user.login), Limit(*settings.BALON_LIMIT_LOGIN))
    _verify(user, proof, body)
    with transaction.atomic():
        locked = User.objects.select_for_update().get(pk=user.pk)
        if locked.account_version != account_version:
            raise VersionConflictError
        now = now_ms()
        request, _ = DeletionRequest.objects.get_or_create(
            user=locked,
            defaults={"requested_ms": now, "delete_after_ms": now + settings.BALON_DELETION_DAYS * _DAY_MS},
        )
    return request.delete_after_ms


def _verify(user: User, proof: Proof, body: bytes) -> None:
    challenge = spend_challenge(proof.challenge_id)
    if challenge is not None and challenge.user_id != user.pk:
        challenge = None
    keys = selectors.get_sign_in_keys(user)
    verify_proof(
        action=AuthAction.DELETE_ACCOUNT,
        proof=proof,
        challenge=challenge,
        subject=keys.subject,
        public_key=keys.login_pub,
        body=body,
    )


def cancel_deletion(user_id: UUID) -> None:
    """Keeps the account; without a request, does nothing."""
    DeletionRequest.objects.filter(pk=user_id).delete()


def find_deletion(user_id: UUID) -> int | None:
    """From when on the account may be deleted, in milliseconds since 1970; None if nobody asked."""
    return DeletionRequest.objects.filter(pk=user_id).values_list("delete_after_ms", flat=True).first()


def list_due_accounts() -> list[UUID]:
    """Accounts whose waiting period is over."""
    due = DeletionRequest.objects.filter(delete_after_ms__lte=now_ms())
    return list(due.order_by("delete_after_ms").values_list("pk", flat=True))


def lock_due_account(user_id: UUID) -> User | None:
    """Locks an account whose deletion is due; None if it was cancelled. Within the caller's transaction.

    A cancellation that comes at the same moment either is seen here or finds nothing more to cancel. Rows that name the
    account can still be stored (their foreign keys lock its key alone): whoever stores one may hold a lock that the
    caller waits for.
    """
    due = DeletionRequest.objects.select_for_update().filter(pk=user_id, delete_after_ms__lte=now_ms())
    if due.first() is None:
        return None
    return User.objects.select_for_update(no_key=True).filter(pk=user_id).first()


def forget_challenges(user: User) -> None:
    """Deletes all challenges of a login name, those from before it was anybody's too."""
    Challenge.objects.filter(login_tag=hash_login(user.login)).delete()
    Challenge.objects.filter(user=user).delete()
