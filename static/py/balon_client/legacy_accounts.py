"""The first sign-in of an account from before encryption (docs/protocol.md section 12; A53).

The old hash proves that the person knows the password, and all keys are made here. The server's word alone begins
none of it: the build must allow it, the person confirms it, and the policy bounds what is derived.
"""

from balon.protocol.errors import PasswordPolicyError
from balon.protocol.password import KDF_ALGORITHM, verify_legacy_policy
from balon.protocol.statements import AuthAction
from balon_client import build_options
from balon_client.accounts import Accounts, read_login
from balon_client.alarms import KdfRefusedError
from balon_client.api import Api
from balon_client.errors import NetworkError, ProblemError, ResponseError
from balon_client.making import Registration, SignedUp, make_account, new_terms
from balon_client.opening import Terms
from balon_client.ports import AccountGeneration, AccountTerms, PasswordBuffer, Platform, SigningKey
from balon_client.problems import NotLegacyError, PasswordSizeError, SignInRefusedError
from balon_client.proofs import Challenge, Claim, sign_proof
from balon_client.records import Active, Prelogin

_REFUSED = 401


class LegacyAccounts:
    """Gives accounts from before encryption their keys."""

    def __init__(self, platform: Platform, api: Api, accounts: Accounts) -> None:
        self._platform = platform
        self._api = api
        self._accounts = accounts

    async def first_sign_in(
        self, raw_login: object, typed: PasswordBuffer, password: PasswordBuffer, generation: AccountGeneration
    ) -> SignedUp:
        """Proves knowledge of the old hash and makes the account's keys in the same request.

        Args:
            raw_login: As typed. The person was told what this is and confirmed it.
            typed: UTF-8 of the password as typed, which is what Django hashed. Zeroed whatever happens.
            password: UTF-8 of its NFKC form, which is what everything derives from afterwards. Zeroed as well.
            generation: Keys that are being generated; used up, also on failure.

        Raises:
            LoginNameError: No login name.
            PasswordSizeError: Empty or too long.
            KdfRefusedError: This build lets no such account in, or the old hash is outside the policy; nothing was
                derived.
            NotLegacyError: The account has its keys.
            SignInRefusedError: The server refuses the proof.
            AccountKeysError: The server did not keep what it was given.
        """
        try:
            login = read_login(raw_login)
            old = read_legacy_terms(login, await self._api.prelogin(login))
            old_key = await self._derive(typed, old)

            async def post(terms: AccountTerms, login_key: SigningKey, body: bytes) -> Active:
                return await self._post(Claim(AuthAction.LEGACY_UPGRADE, old), old_key, (terms, login_key), body)

            terms = new_terms(self._platform, login, old.user_id)
            registration = Registration(post, no_plaintext=False)
            return await make_account(self._platform, terms, password, generation, registration)
        finally:
            self._platform.crypto.zero(typed)
            self._platform.crypto.zero(password)

    async def _derive(self, typed: PasswordBuffer, old: Terms) -> SigningKey:
        try:
            return await self._platform.crypto.derive_legacy_key(
                typed, kdf=old.kdf, salt=old.salt, iterations=old.iterations, user_id=old.user_id
            )
        except PasswordPolicyError:
            raise PasswordSizeError from None

    async def _post(
        self, claim: Claim, old_key: SigningKey, new: tuple[AccountTerms, SigningKey], body: bytes
    ) -> Active:
        """Signs T over a fresh challenge, since making the keys takes a while; sends; asks again where nothing came."""
        prelogin = await self._api.prelogin(claim.terms.login)
        if read_legacy_terms(claim.terms.login, prelogin) != claim.terms:
            raise KdfRefusedError
        challenge = Challenge(prelogin.challenge_id, prelogin.challenge)
        proof = await sign_proof(self._platform, old_key, claim, challenge, body)
        try:
            return await self._api.upgrade_legacy(body, proof)
        except (NetworkError, ProblemError, ResponseError) as error:
            made = await self._accounts.find_made(*new)
            if made is None:
                raise _in_words(error) from None
            return made


def read_legacy_terms(login: str, prelogin: Prelogin) -> Terms:
    """What prelogin says that an old hash was made with, judged before the password is touched.

    Raises:
        KdfRefusedError: This build lets no such account in, or the hash is outside the policy.
        NotLegacyError: It speaks of an account that has its keys.
    """
    if not build_options.LEGACY_SIGNIN:
        raise KdfRefusedError
    if prelogin.kdf == KDF_ALGORITHM:
        raise NotLegacyError
    try:
        verify_legacy_policy(algorithm=prelogin.kdf, iterations=prelogin.iterations, salt=prelogin.salt)
    except PasswordPolicyError:
        raise KdfRefusedError from None
    return Terms(prelogin.user_id, login, prelogin.kdf, prelogin.iterations, prelogin.salt)


def _in_words(error: NetworkError | ProblemError | ResponseError) -> Exception:
    is_refusal = isinstance(error, ProblemError) and error.status == _REFUSED
    return SignInRefusedError() if is_refusal else error
