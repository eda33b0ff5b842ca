"""The first sign-in of an account from before encryption: keys come, the hash goes (docs/protocol.md section 12)."""

from django.conf import settings
from django.db import IntegrityError, transaction

from accounts import selectors
from accounts.decoys import hash_login
from accounts.errors import InvalidSignUpError, ProofRefusedError, SignInRefusedError
from accounts.models import LegacySignInRecord, SignInSession, User
from accounts.proofs import ProvedBody, dummy_subject, spend_challenge_of, spend_pending_challenges, verify_proof
from accounts.services import SignUp, begin_session, create_records, verify_draft
from accounts.sign_in_records import raise_account_version
from accounts.throttles import Limit, count_attempt
from balon.protocol.statements import AuthAction


def upgrade_account(*, draft: SignUp, proved: ProvedBody) -> SignInSession:
    """Gives an account from before encryption its keys and its first session, and deletes the old hash: all or nothing.

    The challenge is spent first, in a statement of its own. Until the proof stands, whatever fails takes the same work
    and gives the same answer.

    Args:
        draft: The validated body.
        proved: Shows knowledge of the old hash, over a challenge that prelogin made for this login name.

    Raises:
        SignInRefusedError: The one answer for every failure of the proof.
        InvalidSignUpError: The derivation parameters are outside the policy, or an id is not this account's or taken.
        InvalidStatementError: The bundle does not stand.
        VersionConflictError: The account was upgraded or closed in the meantime.
        Throttled: Too many attempts from this address or for this login name.
    """
    user = _prove(draft, proved)
    if draft.subject.user_id != user.pk:
        raise InvalidSignUpError("The user id is not that of this account.")
    verify_draft(draft)
    try:
        with transaction.atomic():
            return _replace_hash(user, draft)
    except IntegrityError as error:
        raise InvalidSignUpError("The recovery id cannot be used.") from error


def _prove(draft: SignUp, proved: ProvedBody) -> User:
    count_attempt("sign-in", proved.address.encode(), Limit(*settings.BALON_LIMIT_ADDRESS))
    challenge = spend_challenge_of(hash_login(draft.subject.login), proved.proof.challenge_id)
    if challenge is not None:
        count_attempt("sign-in-login", challenge.login_tag, Limit(*settings.BALON_LIMIT_LOGIN))
    user = challenge.user if challenge else None
    keys = selectors.find_legacy_keys(user)
    try:
        verify_proof(
            action=AuthAction.LEGACY_UPGRADE,
            proof=proved.proof,
            challenge=challenge,
            subject=keys.subject if keys else dummy_subject(),
            public_key=keys.login_pub if keys else None,
            body=proved.body,
        )
    except ProofRefusedError as error:
        raise SignInRefusedError from error
    if user is None or not user.is_active:
        raise SignInRefusedError
    return user


def _replace_hash(user: User, draft: SignUp) -> SignInSession:
    current = raise_account_version(user)
    LegacySignInRecord.objects.filter(pk=user.pk).delete()
    current.set_unusable_password()
    current.save(update_fields=("password",))
    create_records(current, draft)
    spend_pending_challenges(current)
    return begin_session(current)
