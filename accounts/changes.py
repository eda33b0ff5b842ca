"""Changes of password, login name and derivation: each proved with the old login key (docs/protocol.md section 5)."""

from dataclasses import dataclass

from django.conf import settings
from django.db import IntegrityError, transaction
from rest_framework.exceptions import NotAuthenticated

from accounts import selectors
from accounts.decoys import derive_decoy, hash_login
from accounts.errors import InvalidChangeError, LoginTakenError
from accounts.models import SignInSession, User
from accounts.proofs import ProvedBody, spend_challenge_of, spend_pending_challenges, verify_proof
from accounts.selectors import SignInKeys
from accounts.sessions import end_other_sessions
from accounts.sign_in_records import NewRecord, raise_account_version, replace_record, verify_record
from accounts.throttles import Limit, count_attempt
from balon.protocol.errors import PasswordPolicyError
from balon.protocol.password import normalize_login
from balon.protocol.statements import AuthAction
from keystore.errors import VersionConflictError
from keystore.services import rename_bundle
from keystore.signatures import Signed


@dataclass(frozen=True, slots=True)
class Rename:
    """A new login name, and the bundle that states it."""

    login: str
    bundle: Signed


def change_password(*, session: SignInSession, proved: ProvedBody, record: NewRecord) -> SignInSession:
    """Replaces a sign-in record in one transaction.

    All other sessions end, their sockets are told on commit; pending challenges of the account are spent.

    Args:
        session: The asking session, which goes on under the new account version.
        proved: The proof with the old login key, over the body.
        record: The validated body.

    Raises:
        InvalidChangeError: The parameters are outside the policy, or the master key has another version.
        ProofRefusedError: The proof does not stand.
        VersionConflictError: The account is not at the version that the client saw.
        Throttled: Too many attempts from this address or for this login name.
    """
    verify_change(AuthAction.CHANGE_PASSWORD, session=session, proved=proved, record=record)
    with transaction.atomic():
        return replace_sign_in(session, record, from_mek_ver=record.mek_ver)


def upgrade_kdf(*, session: SignInSession, proved: ProvedBody, record: NewRecord) -> SignInSession:
    """Replaces a sign-in record by one with more iterations; as `change_password` otherwise.

    Raises:
        InvalidChangeError: As above, or the iterations do not rise.
    """
    keys = verify_change(AuthAction.KDF_UPGRADE, session=session, proved=proved, record=record)
    if record.iterations <= keys.subject.iterations:
        raise InvalidChangeError("An upgrade raises the number of iterations.")
    with transaction.atomic():
        return replace_sign_in(session, record, from_mek_ver=record.mek_ver)


def change_login(*, session: SignInSession, proved: ProvedBody, record: NewRecord, rename: Rename) -> SignInSession:
    """Replaces login name, bundle and sign-in record; as `change_password` otherwise. The old name is free then.

    Raises:
        InvalidChangeError: As above, or it is no login name, or not another one.
        InvalidStatementError: The bundle is not the next one with the same keys and the new login name.
        LoginTakenError: Someone has this login name.
    """
    verify_change(AuthAction.CHANGE_LOGIN, session=session, proved=proved, record=record)
    _verify_login(rename.login, session.user)
    try:
        with transaction.atomic():
            renamed = replace_sign_in(session, record, from_mek_ver=record.mek_ver, login=rename.login)
            rename_bundle(user_id=session.user_id, login=rename.login, signed=rename.bundle)
    except IntegrityError as error:
        raise LoginTakenError from error
    return renamed


def verify_change(action: AuthAction, *, session: SignInSession, proved: ProvedBody, record: NewRecord) -> SignInKeys:
    """Judges the proof of a change, outside a transaction.

    The keys are read after the user, whose version the change is then conditional on.

    Returns:
        The keys on record, under which the proof stands.

    Raises:
        InvalidChangeError, InvalidStatementError: The record cannot be one.
        ProofRefusedError: The proof does not stand.
        VersionConflictError: The account is not at the version that the client saw.
        Throttled: Too many attempts from this address or for this login name.
    """
    user, tag = session.user, hash_login(session.user.login)
    count_attempt("sign-in", proved.address.encode(), Limit(*settings.BALON_LIMIT_ADDRESS))
    count_attempt("sign-in-login", tag, Limit(*settings.BALON_LIMIT_LOGIN))
    challenge = spend_challenge_of(tag, proved.proof.challenge_id)
    keys = selectors.get_sign_in_keys(user)
    verify_proof(
        action=action,
        proof=proved.proof,
        challenge=challenge,
        subject=keys.subject,
        public_key=keys.login_pub,
        body=proved.body,
    )
    verify_record(record)
    if record.account_version != user.account_version:
        raise VersionConflictError
    return keys


def _verify_login(login: str, user: User) -> None:
    try:
        normalized = normalize_login(login)
    except PasswordPolicyError as error:
        raise InvalidChangeError(str(error)) from error
    if normalized != login or login == user.login:
        raise InvalidChangeError("This is not another login name.")
    if derive_decoy(login).user_id == user.pk:
        raise InvalidChangeError("This login name cannot be used with this account.")


def replace_sign_in(
    session: SignInSession, record: NewRecord, *, from_mek_ver: int, login: str | None = None
) -> SignInSession:
    """Replaces a sign-in record and ends all that went on under the old one; within the caller's transaction.

    Args:
        session: The asking session, which goes on under the new account version.
        record: What `verify_change` let pass.
        from_mek_ver: The version of the master key that must be on record.
        login: The new login name, if that changes too.

    Raises:
        InvalidChangeError: The master key on record has another version.
        VersionConflictError: The account changed in the meantime.
        NotAuthenticated: The asking session was ended in the meantime.
    """
    user = raise_account_version(session.user, login=login)
    replace_record(user, record, from_mek_ver=from_mek_ver)
    end_other_sessions(session)
    if not SignInSession.objects.filter(pk=session.pk).update(account_version=user.account_version):
        raise NotAuthenticated  # It was ended in the meantime; nothing it asked for happens.
    spend_pending_challenges(user)
    return SignInSession.objects.select_related("user").get(pk=session.pk)
