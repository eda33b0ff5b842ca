"""Writes of accounts and sessions."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction

from accounts import selectors
from accounts.decoys import derive_decoy, hash_login
from accounts.errors import InvalidSignUpError, LoginTakenError, ProofRefusedError, SignInRefusedError
from accounts.models import (
    Challenge,
    RecoveryRecord,
    Sentinel,
    SignInRecord,
    SignInSession,
    SpentRecoveryKit,
    User,
)
from accounts.proofs import (
    Proof,
    Subject,
    dummy_subject,
    make_challenge,
    spend_challenge,
    spend_challenge_of,
    verify_proof,
)
from accounts.sealing import seal_at_rest
from accounts.selectors import SENTINEL_PLACE, SENTINEL_VALUE
from accounts.sign_in_records import seal_columns
from accounts.throttles import Limit, count_attempt
from balon.protocol.errors import PasswordPolicyError
from balon.protocol.password import normalize_login, verify_kdf_policy
from balon.protocol.statements import AuthAction
from keystore.clock import now_ms
from keystore.notices import end_sockets_on_commit
from keystore.services import AccountKeys, create_account_keys
from keystore.signatures import verify_public_key


@dataclass(frozen=True, slots=True)
class SignUp:
    """A new account as its client made it. `keys` are opaque; the other bytes are public or end up sealed at rest."""

    subject: Subject
    login_pub: bytes
    mek_ver: int
    mek_env: bytes
    recovery_id: UUID
    rec_pub: bytes
    keys: AccountKeys


def begin_sign_in(*, login: str, address: str) -> tuple[Subject, Challenge]:
    """Answers the first step of sign-in and sign-up alike, for known and unknown login names.

    Args:
        login: As typed; normalized here.
        address: Where the request comes from, for the throttle.

    Raises:
        InvalidSignUpError: No login name can look like this.
        Throttled: Too many attempts from this address.
    """
    count_attempt("prelogin", address.encode(), Limit(*settings.BALON_LIMIT_ADDRESS))
    try:
        login = normalize_login(login)
    except PasswordPolicyError as error:
        raise InvalidSignUpError(str(error)) from error
    user = selectors.find_account_or_legacy(login)
    subject = selectors.get_prelogin_subject(login, user)
    return subject, make_challenge(user=user, login_tag=hash_login(login))


def sign_up(*, draft: SignUp, proof: Proof, body: bytes, address: str) -> SignInSession:
    """Creates an account with all its keys, and its first session, in one transaction.

    Args:
        draft: The validated body.
        proof: Shows possession of the new login key, over a challenge that prelogin made for this login name.
        body: The raw body that the proof covers.
        address: Where the request comes from, for the throttle.

    Raises:
        InvalidSignUpError: The derivation parameters are outside the policy, or an id is taken.
        InvalidStatementError: The bundle does not stand.
        ProofRefusedError: The proof does not stand.
        LoginTakenError: Someone has this login name.
        Throttled: Too many attempts from this address.
    """
    count_attempt("sign-up", address.encode(), Limit(*settings.BALON_LIMIT_ADDRESS))
    verify_draft(draft)
    challenge = spend_challenge_of(hash_login(draft.subject.login), proof.challenge_id)
    verify_proof(
        action=AuthAction.SIGN_UP,
        proof=proof,
        challenge=challenge,
        subject=draft.subject,
        public_key=draft.login_pub,
        body=body,
    )
    try:
        with transaction.atomic():
            return _create_account(draft)
    except IntegrityError as error:
        if User.objects.filter(login=draft.subject.login).exists():
            raise LoginTakenError from error
        raise InvalidSignUpError("The user id or the recovery id cannot be used.") from error


def verify_draft(draft: SignUp) -> None:
    """Checks what the server can judge of a new account's terms and keys.

    Raises:
        InvalidSignUpError: The derivation parameters are outside the policy, or an id cannot be used.
        InvalidStatementError: A public key is none.
    """
    subject = draft.subject
    try:
        verify_kdf_policy(algorithm=subject.kdf, iterations=subject.iterations, salt=subject.salt)
        normalized = normalize_login(subject.login)
    except PasswordPolicyError as error:
        raise InvalidSignUpError(str(error)) from error
    if normalized != subject.login or draft.mek_ver != 1:
        raise InvalidSignUpError
    if subject.user_id == derive_decoy(subject.login).user_id:
        # Once this login name is left behind, prelogin would go on showing whose it was.
        raise InvalidSignUpError("The user id or the recovery id cannot be used.")
    verify_public_key(draft.login_pub)
    verify_public_key(draft.rec_pub)


def _create_account(draft: SignUp) -> SignInSession:
    subject = draft.subject
    user = User.objects.create_person(user_id=subject.user_id, login=subject.login)
    create_records(user, draft)
    return begin_session(user)


def create_records(user: User, draft: SignUp) -> None:
    """Stores all that an account signs in, recovers and works with; within the caller's transaction.

    Raises:
        InvalidSignUpError: The recovery id was that of a kit before.
        InvalidStatementError: The bundle does not stand.
        IntegrityError: The account has records, or the recovery id is that of a kit that stands.
    """
    subject = draft.subject
    SignInRecord.objects.create(
        user=user,
        kdf=subject.kdf,
        iterations=subject.iterations,
        mek_ver=draft.mek_ver,
        **seal_columns(user.pk, login_pub=draft.login_pub, salt=subject.salt, mek_env=draft.mek_env),
    )
    if SpentRecoveryKit.objects.filter(pk=draft.recovery_id).exists():
        raise InvalidSignUpError("The user id or the recovery id cannot be used.")
    RecoveryRecord.objects.create(user=user, recovery_id=draft.recovery_id, rec_pub=draft.rec_pub)
    create_account_keys(user_id=user.pk, login=user.login, keys=draft.keys)


def sign_in(*, proof: Proof, address: str) -> SignInSession:
    """Judges a proof of knowledge of the password and begins a session.

    The challenge is spent first, in a statement of its own. Whatever fails, the work and the answer are the same.

    Raises:
        SignInRefusedError: The one answer for every failure.
        Throttled: Too many attempts from this address or for this login name.
    """
    count_attempt("sign-in", address.encode(), Limit(*settings.BALON_LIMIT_ADDRESS))
    challenge = spend_challenge(proof.challenge_id)
    if challenge is not None:
        count_attempt("sign-in-login", challenge.login_tag, Limit(*settings.BALON_LIMIT_LOGIN))
    user = challenge.user if challenge else None
    keys = selectors.find_sign_in_keys(user)
    try:
        verify_proof(
            action=AuthAction.LOGIN,
            proof=proof,
            challenge=challenge,
            subject=keys.subject if keys else dummy_subject(),
            public_key=keys.login_pub if keys else None,
        )
    except ProofRefusedError as error:
        raise SignInRefusedError from error
    if user is None or not user.is_active:
        raise SignInRefusedError
    return begin_session(user)


def begin_session(user: User) -> SignInSession:
    """Begins a session of a person who proved that they may; expired ones are cleared away."""
    now = now_ms()
    SignInSession.objects.filter(expires_ms__lt=now).delete()
    return SignInSession.objects.create(
        user=user,
        account_version=user.account_version,
        created_ms=now,
        expires_ms=now + settings.SESSION_COOKIE_AGE * 1000,
    )


def end_session(session: SignInSession) -> None:
    """Ends a session; its sockets are told on commit and find out within a second anyway."""
    with transaction.atomic():
        SignInSession.objects.filter(pk=session.pk).delete()
        end_sockets_on_commit(session.pk, "signed-out")


def plant_sentinel(**_: Any) -> None:
    """Seals the sentinel once, after the first migration."""
    if not Sentinel.objects.exists():
        Sentinel.objects.create(token=seal_at_rest(SENTINEL_VALUE, place=SENTINEL_PLACE))
