"""Recovery by kit: the one way back to an account whose password is lost (docs/protocol.md section 6)."""

from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction

from accounts import selectors
from accounts.decoys import derive_decoy_login, hash_recovery_id
from accounts.deletion import cancel_deletion
from accounts.errors import InvalidChangeError, ProofRefusedError, RecoveryRefusedError, RecoveryUsedError
from accounts.kits import NewKit, replace_kit
from accounts.models import Challenge, SignInSession, User
from accounts.proofs import (
    ProvedBody,
    Subject,
    dummy_subject,
    make_challenge,
    spend_challenge_of,
    spend_pending_challenges,
    verify_proof,
)
from accounts.selectors import Kit
from accounts.services import begin_session
from accounts.sessions import end_all_sessions
from accounts.sign_in_records import NewRecord, raise_account_version, replace_record, verify_record
from accounts.throttles import Limit, count_attempt
from balon.protocol.errors import PasswordPolicyError
from balon.protocol.password import verify_kdf_policy
from balon.protocol.statements import AuthAction
from keystore.errors import VersionConflictError
from keystore.services import ResealedKeys, reseal_account_keys
from keystore.signatures import verify_public_key


@dataclass(frozen=True, slots=True)
class KitClaim:
    """Which kit is claimed, and its derivation parameters, which the server does not keep: its holder states them.

    That gives no power to whoever lies: a proof is judged under the kit's public key on record, whatever they are.
    """

    recovery_id: UUID
    kdf: str
    iterations: int
    rec_salt: bytes


@dataclass(frozen=True, slots=True)
class Renewal:
    """All that recovery sets anew: sign-in record, private keys and keyring under a new master key, kit."""

    record: NewRecord
    keys: ResealedKeys
    kit: NewKit


def begin_recovery(*, recovery_id: UUID, address: str) -> tuple[str, Challenge]:
    """Answers the first step of recovery alike for known and unknown kits: a login name and a challenge.

    Raises:
        Throttled: Too many attempts from this address.
    """
    count_attempt("prelogin", address.encode(), Limit(*settings.BALON_LIMIT_ADDRESS))
    made_up = derive_decoy_login(recovery_id)
    kit = selectors.find_kit(recovery_id)
    user = kit.user if kit else None
    challenge = make_challenge(user=user, login_tag=hash_recovery_id(recovery_id))
    return (user.login if user else made_up), challenge


def open_recovery(*, claim: KitClaim, proved: ProvedBody) -> User:
    """Judges a proof of knowledge of the recovery key. Whatever fails, the work and the answer are the same.

    Returns:
        The account, whose keys the client then re-seals.

    Raises:
        InvalidChangeError: The kit's parameters are outside the policy.
        RecoveryRefusedError: The one answer for every failure but the next.
        RecoveryUsedError: The kit was used; said to nobody but its holder.
        Throttled: Too many attempts from this address or for this kit.
    """
    return _verify(claim, proved).user


def recover(*, claim: KitClaim, proved: ProvedBody, renewal: Renewal) -> SignInSession:
    """Gives an account a new sign-in record, master key and kit, in one transaction; begins a session.

    Identity and bundle stay, so that contacts' pins survive. All sessions end, their sockets are told on commit; the
    kit is spent, and so are pending challenges of the account; a deletion that was asked for is cancelled.

    Raises:
        InvalidChangeError: The parameters are outside the policy, the master key is not the next one, or the new
            recovery id cannot be used.
        InvalidStatementError: A new public key is none.
        VersionConflictError: Account or keyring are not at the version that the client saw.
        RecoveryRefusedError, RecoveryUsedError, Throttled: As for `open_recovery`.
    """
    kit = _verify(claim, proved)
    verify_record(renewal.record)
    verify_public_key(renewal.kit.rec_pub)
    if renewal.record.account_version != kit.user.account_version:
        raise VersionConflictError
    try:
        with transaction.atomic():
            return _renew(kit, renewal)
    except IntegrityError as error:
        raise InvalidChangeError("The recovery id cannot be used.") from error


def _verify(claim: KitClaim, proved: ProvedBody) -> Kit:
    count_attempt("sign-in", proved.address.encode(), Limit(*settings.BALON_LIMIT_ADDRESS))
    count_attempt("recovery", claim.recovery_id.bytes, Limit(*settings.BALON_LIMIT_LOGIN))
    _verify_claim(claim)
    challenge = spend_challenge_of(hash_recovery_id(claim.recovery_id), proved.proof.challenge_id)
    kit = selectors.find_kit(claim.recovery_id)
    try:
        verify_proof(
            action=AuthAction.RECOVER,
            proof=proved.proof,
            challenge=challenge,
            subject=_subject_of(claim, kit.user) if kit else dummy_subject(),
            public_key=kit.rec_pub if kit else None,
            body=proved.body,
        )
    except ProofRefusedError as error:
        raise RecoveryRefusedError from error
    if kit is None:
        raise RecoveryRefusedError
    if kit.spent:
        raise RecoveryUsedError
    return kit


def _verify_claim(claim: KitClaim) -> None:
    try:
        verify_kdf_policy(algorithm=claim.kdf, iterations=claim.iterations, salt=claim.rec_salt)
    except PasswordPolicyError as error:
        raise InvalidChangeError(str(error)) from error


def _subject_of(claim: KitClaim, user: User) -> Subject:
    return Subject(user.login, user.pk, claim.kdf, claim.iterations, claim.rec_salt)


def _renew(kit: Kit, renewal: Renewal) -> SignInSession:
    # Whoever knew the old password may have asked for it (decision 7). First, as whoever deletes an account does.
    cancel_deletion(kit.user.pk)
    user = raise_account_version(kit.user)
    replace_record(user, renewal.record, from_mek_ver=renewal.record.mek_ver - 1)
    reseal_account_keys(user_id=user.pk, keys=renewal.keys)
    replace_kit(user, kit.recovery_id, renewal.kit)
    end_all_sessions(user.pk)
    spend_pending_challenges(user)
    return begin_session(user)
