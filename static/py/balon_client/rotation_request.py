"""The one request of rotate-keys, and what became of it where its answer was lost (docs/protocol.md section 4)."""

from typing import Final

from balon.protocol.statements import AuthAction
from balon_client.account_api import AccountApi
from balon_client.account_session import AccountSession
from balon_client.accounts import Begun
from balon_client.alarms import AlarmError
from balon_client.credentials import NotChangedError, OutcomeUnknownError, is_lost
from balon_client.errors import ClientError, NetworkError, ProblemError, ResponseError
from balon_client.opening import OpenedAccount, Terms
from balon_client.ports import PasswordKeys, Platform
from balon_client.problems import AccountChangedError, SignedOutError
from balon_client.proofs import Challenge, Claim, sign_proof
from balon_client.records import Active

MAX_BODY: Final = 32 << 20
"""More the server takes of nobody (docs/api.md)."""
_SENDS: Final = 3
_CONFLICTS: Final = frozenset({"roster-conflict", "rotation-incomplete", "version-conflict"})
_TOO_LARGE: Final = "too-large"
_MIGRATING: Final = "migration-open"
_REFUSED_PROOF: Final = "proof-refused"


class RotationTooLargeError(ClientError):
    """More conversations and keys than one request may carry."""

    code = "rotation-too-large"
    title = "Your keys were not replaced: you are in too many conversations to do it at once."
    detail = "Nothing was changed. Delete or leave conversations that you need no more, then try again."


class RotationMigratingError(ClientError):
    """Conversations from before encryption that are on their way, so that their keys cannot be replaced."""

    code = "rotation-migrating"
    title = "Your keys were not replaced: your older conversations are not all encrypted yet."
    detail = "Nothing was changed. Finish encrypting your older conversations, or roll it back; then try again."


class RotationRequest:
    """Sends a rotation until the server's word on it is known, within bounds."""

    def __init__(self, platform: Platform, session: AccountSession, before: OpenedAccount, old: PasswordKeys) -> None:
        """Makes it.

        Args:
            platform: The ports.
            session: Whose request it is: once it is over, nothing more is sent.
            before: The account as it is.
            old: Its password keys, which prove the request.
        """
        self._platform = platform
        self._session = session
        self._before = before
        self._old = old
        self._api = AccountApi(platform.http, session_id=before.account.session_id)

    async def send(self, body: bytes, terms: Terms, keys: PasswordKeys) -> Active | None:
        """Sends it.

        Args:
            body: The raw body.
            terms: The new terms in it.
            keys: Derived under them.

        Returns:
            What the server keeps now; None where a conversation or the keyring was changed in the meantime.

        Raises:
            RotationTooLargeError, RotationMigratingError, AccountChangedError, NotChangedError: Nothing was changed.
            OutcomeUnknownError: No answer came, and the server cannot be asked.
            AlarmError: The server lied.
        """
        if len(body) > MAX_BODY:
            raise RotationTooLargeError
        failure: ClientError | None = None
        for sent in range(_SENDS + 1):
            begun = await self._begin(was_sent=failure is not None)
            if begun.terms == terms:
                return await self._log_in(begun, keys)
            if begun.terms != self._before.terms:
                raise AccountChangedError
            if failure is not None and _is_refusal(failure):
                _verify_conflict(failure)
                return None
            if sent == _SENDS:
                break
            try:
                return await self._post(begun, body)
            except (NetworkError, ProblemError, ResponseError, SignedOutError) as error:
                failure = error
        raise OutcomeUnknownError

    async def _begin(self, *, was_sent: bool) -> Begun:
        """Which terms the server keeps, and a challenge. Asked by a session that is not over."""
        if was_sent and not self._session.is_open(self._before.account):
            raise OutcomeUnknownError
        try:
            return await self._session.accounts.begin(self._before.account.login)
        except AlarmError:
            raise
        except ClientError as error:
            if was_sent:
                raise OutcomeUnknownError from None
            raise (NotChangedError() if isinstance(error, NetworkError) else error) from None

    async def _log_in(self, begun: Begun, keys: PasswordKeys) -> Active:
        try:
            return await self._session.accounts.log_in(begun.terms.login, begun.prelogin, keys.login_key)
        except AlarmError:
            raise
        except ClientError:
            raise OutcomeUnknownError from None

    async def _post(self, begun: Begun, body: bytes) -> Active:
        claim = Claim(AuthAction.ROTATE_KEYS, self._before.terms)
        challenge = Challenge(begun.prelogin.challenge_id, begun.prelogin.challenge)
        proof = await sign_proof(self._platform, self._old.login_key, claim, challenge, body)
        return await self._api.rotate(body, proof)


def _is_refusal(failure: ClientError) -> bool:
    """Whether the server answered. What it refused may be a copy of the request, which the network sent twice."""
    return isinstance(failure, SignedOutError) or not is_lost(failure)


def _verify_conflict(refusal: ClientError) -> None:
    """Returns where all of it can be made again; raises where the server refused it, and keeps what was.

    Raises:
        RotationTooLargeError: Of the server's opinion too.
        RotationMigratingError: A migration of the account is to be finished or rolled back first.
        NotChangedError: The proof came too late: a challenge lasts a minute.
        ProblemError: Any other refusal.
    """
    if refusal.problem_code == _TOO_LARGE:
        raise RotationTooLargeError from None
    if refusal.problem_code == _MIGRATING:
        raise RotationMigratingError from None
    if refusal.problem_code == _REFUSED_PROOF:
        raise NotChangedError from None
    if refusal.problem_code not in _CONFLICTS:
        raise refusal
