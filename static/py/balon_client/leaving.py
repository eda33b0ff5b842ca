"""Deletion of the account: asked for with a proof, cancelled without one (docs/protocol.md section 5)."""

from typing import Final

from balon.protocol.statements import AuthAction
from balon_client.account_session import AccountSession
from balon_client.accounts import verify_terms
from balon_client.alarms import AlarmError
from balon_client.api import Api
from balon_client.errors import DecryptionError, ProblemError
from balon_client.making import derive_keys
from balon_client.opening import OpenedAccount, Terms, open_mek
from balon_client.ports import PasswordBuffer, Platform, SigningKey, encode_json
from balon_client.problems import AccountChangedError, WrongPasswordError
from balon_client.proofs import Challenge, Claim, sign_proof
from balon_client.views import View

_STALE: Final = frozenset({"version-conflict", "proof-refused"})


class TermsChangedError(AlarmError):
    """Prelogin names other derivation parameters than those that opened this account (A2)."""

    code = "account-terms-changed"
    title = "The server names other values for your password than those of this account."
    detail = (
        "Nothing that comes from your password was sent, and your account is as it was. If you changed the password on "
        "another device a moment ago, sign in again. If not, the server has a fault or works against you."
    )
    action = "sign-in"


class Leaving:
    """The calls about the deletion of the account."""

    def __init__(self, platform: Platform, session: AccountSession) -> None:
        self._platform = platform
        self._session = session

    async def deletion(self) -> View:
        """When the account goes; null where nobody asked."""
        return _view(await (await self._session.signed_in()).parts.api.deletion())

    async def cancel_deletion(self) -> View:
        """Keeps the account."""
        await (await self._session.signed_in()).parts.api.cancel_deletion()
        return _view(None)

    async def request_deletion(self, password: PasswordBuffer) -> View:
        """Asks that the account be deleted after the waiting period. Asking again changes nothing.

        Args:
            password: Zeroed, whatever happens.

        Raises:
            WrongPasswordError: It is not the password; nothing was sent.
            PasswordSizeError: It is empty or too long; nothing was sent.
            KdfRefusedError, TermsChangedError: The server lied about the derivation; no proof was sent.
            AccountChangedError: Another device was faster; nothing was changed.
        """
        try:
            api = (await self._session.signed_in()).parts.api
            opened = await self._session.opened_account()
            key = await self._login_key(opened, password)
        finally:
            self._platform.crypto.zero(password)
        body = encode_json({"account_version": opened.account.account_version})
        challenge = await self._challenge(opened.terms)
        claim = Claim(AuthAction.DELETE_ACCOUNT, opened.terms)
        proof = await sign_proof(self._platform, key, claim, challenge, body)
        return await _send(api, body, proof)

    async def _login_key(self, opened: OpenedAccount, password: PasswordBuffer) -> SigningKey:
        """Derives under the terms that opened this account. A wrong password shows at the sealed master key, here."""
        terms = verify_terms(opened.terms)
        keys = await derive_keys(self._platform, password, terms)
        try:
            await open_mek(self._platform.crypto, keys.kek, terms, opened.records)
        except DecryptionError:
            raise WrongPasswordError("This is not your password.", "Nothing was changed. Try again.") from None
        return keys.login_key

    async def _challenge(self, terms: Terms) -> Challenge:
        begun = await self._session.accounts.begin(terms.login)
        if begun.terms != terms:
            raise TermsChangedError
        return Challenge(begun.prelogin.challenge_id, begun.prelogin.challenge)


async def _send(api: Api, body: bytes, proof: str) -> View:
    try:
        return _view(await api.request_deletion(body, proof))
    except ProblemError as error:
        raise (AccountChangedError() if error.problem_code in _STALE else error) from None


def _view(delete_after_ms: int | None) -> View:
    return {"delete_after_ms": delete_after_ms}
