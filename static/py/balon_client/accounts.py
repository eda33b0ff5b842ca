"""Sign-up and zero-knowledge sign-in (docs/protocol.md sections 2 to 6)."""

from dataclasses import dataclass
from typing import Final

from balon.protocol.errors import PasswordPolicyError
from balon.protocol.password import (
    LEGACY_ALGORITHM,
    normalize_login,
    verify_kdf_policy,
)
from balon.protocol.statements import AuthAction, AuthTranscript
from balon_client import build_options
from balon_client.alarms import AccountKeysError, AlarmError, KdfRefusedError
from balon_client.api import Api
from balon_client.errors import ClientError, NetworkError, ProblemError, ResponseError
from balon_client.making import Registration, SignedUp, derive_keys, make_account, new_terms, terms_of
from balon_client.opening import OpenedAccount, Terms, open_account
from balon_client.ports import (
    AccountGeneration,
    AccountTerms,
    PasswordBuffer,
    PasswordKey,
    PasswordKeys,
    Platform,
    SigningKey,
)
from balon_client.problems import (
    FirstSignInError,
    LoginNameError,
    LoginTakenError,
    PasswordSizeError,
    SignInRefusedError,
)
from balon_client.proofs import Challenge, Claim, sign_proof
from balon_client.records import Active, Prelogin

_NONCE_SIZE: Final = 32
_SALT_SIZE: Final = 32
_FIRST_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in between its two halves."""

    prelogin: Prelogin
    terms: Terms


class Accounts:
    """Makes accounts and signs in to them."""

    def __init__(self, platform: Platform, api: Api) -> None:
        self._platform = platform
        self._api = api

    # --- Sign-in ---

    async def sign_in(self, raw_login: object, password: PasswordBuffer) -> OpenedAccount:
        """Proves knowledge of the password and opens the account's keys.

        The policy is judged before anything is derived; every context is built from what this client knows; after a
        lie nothing more is sent (section 5).

        Args:
            raw_login: As typed.
            password: Zeroed here or in the crypto port, whatever happens.

        Raises:
            LoginNameError: No login name.
            PasswordSizeError: Empty or too long.
            SignInRefusedError: The server refuses the proof.
            KdfRefusedError: The server named a derivation outside the policy; nothing was derived.
            FirstSignInError: The server says that the account is from before encryption; nothing was derived.
            AccountKeysError: What it gave back are not the keys of this account.
            KeyringError: The keyring does not open.
        """
        try:
            begun = await self.begin(raw_login)
        except BaseException:
            self._platform.crypto.zero(password)
            raise
        return await self.finish(begun, password)

    async def begin(self, raw_login: object) -> "Begun":
        """The first half of sign-in: parameters that were judged, and a challenge; raises as `sign_in`."""
        login = read_login(raw_login)
        prelogin = await self._api.prelogin(login)
        if is_legacy(prelogin):
            raise FirstSignInError
        return Begun(prelogin, read_terms(login, prelogin))

    async def finish(self, begun: "Begun", password: PasswordBuffer | PasswordKey) -> OpenedAccount:
        """The second half: derives, proves, opens; raises as `sign_in`."""
        terms = begun.terms
        keys = await self._derive(password, terms)
        active = await self.log_in(terms.login, begun.prelogin, keys.login_key)
        if active.user_id != terms.user_id or active.login != terms.login or active.records is None:
            raise AccountKeysError
        return await open_account(self._platform.crypto, keys.kek, terms, active, active.records)

    async def log_in(self, login: str, prelogin: Prelogin, login_key: SigningKey) -> Active:
        """Proves knowledge of a login key.

        Raises:
            SignInRefusedError: The server refuses the proof.
        """
        nonce = self._platform.random.generate_bytes(_NONCE_SIZE)
        transcript = AuthTranscript(
            action=AuthAction.LOGIN,
            origin=self._platform.origin,
            login=login,
            user_id=prelogin.user_id,
            challenge_id=prelogin.challenge_id,
            challenge=prelogin.challenge,
            client_nonce=nonce,
            kdf=prelogin.kdf,
            iterations=prelogin.iterations,
            salt=prelogin.salt,
        )
        proof = await self._platform.crypto.sign(login_key, transcript.serialize())
        try:
            return await self._api.login(prelogin.challenge_id, nonce, proof)
        except ProblemError as error:
            raise (SignInRefusedError() if error.status == 401 else error) from None

    async def _derive(self, password: PasswordBuffer | PasswordKey, terms: Terms) -> PasswordKeys:
        return await derive_keys(self._platform, password, terms)

    # --- Sign-up ---

    async def sign_up(self, raw_login: object, password: PasswordBuffer, generation: AccountGeneration) -> SignedUp:
        """Makes an account: seals the generated keys, proves possession of the new login key, stores ciphertext.

        Args:
            raw_login: As typed.
            password: Zeroed here or in the crypto port, whatever happens.
            generation: Keys that are being generated; used up, also on failure.

        Raises:
            LoginNameError: No login name.
            PasswordSizeError: Empty or too long.
            LoginTakenError: The name belongs to someone.
            AccountKeysError: The server did not keep what it was given.
        """
        try:
            login = read_login(raw_login)
        except LoginNameError:
            self._platform.crypto.zero(password)
            raise
        terms = new_terms(self._platform, login, self._platform.random.uuid4())
        return await make_account(self._platform, terms, password, generation, Registration(self._post_account))

    async def _post_account(self, terms: AccountTerms, login_key: SigningKey, body: bytes) -> Active:
        """Signs T over a fresh challenge and the body's hash, with the account's own values (section 5)."""
        prelogin = await self._api.prelogin(terms.login)
        claim = Claim(AuthAction.SIGN_UP, terms_of(terms))
        challenge = Challenge(prelogin.challenge_id, prelogin.challenge)
        proof = await sign_proof(self._platform, login_key, claim, challenge, body)
        try:
            return await self._api.sign_up(body, proof)
        except (NetworkError, ProblemError, ResponseError) as error:
            made = await self.find_made(terms, login_key)
            if made is None:
                raise (LoginTakenError() if error.problem_code == LoginTakenError.code else error) from None
            return made

    async def find_made(self, terms: AccountTerms, login_key: SigningKey) -> Active | None:
        """Signs in to the account if it was made after all.

        A network may lose the answer, or send the request twice and bring back that the name is taken. Nobody else has
        this user id and salt; without this the kit would be lost.
        """
        try:
            begun = await self.begin(terms.login)
            if begun.terms == terms_of(terms):
                return await self.log_in(terms.login, begun.prelogin, login_key)
        except AlarmError:
            raise
        except ClientError:
            pass
        return None


async def import_password(platform: Platform, password: PasswordBuffer) -> PasswordKey:
    """Makes a handle to derive from more than once; zeroes the password.

    Raises:
        PasswordSizeError: The password is empty or too long.
    """
    try:
        return await platform.crypto.import_password(password)
    except PasswordPolicyError:
        raise PasswordSizeError from None


def verify_terms(terms: Terms) -> Terms:
    """Judges derivation parameters before the password is touched.

    Raises:
        KdfRefusedError: They are outside the policy (A1, A2).
    """
    try:
        verify_kdf_policy(algorithm=terms.kdf, iterations=terms.iterations, salt=terms.salt)
    except PasswordPolicyError:
        raise KdfRefusedError from None
    return terms


def read_login(raw_login: object) -> str:
    """Reads a login name as typed.

    Raises:
        LoginNameError: It is none (section 2).
    """
    try:
        return normalize_login(raw_login if isinstance(raw_login, str) else "")
    except PasswordPolicyError:
        raise LoginNameError from None


def read_terms(login: str, prelogin: Prelogin) -> Terms:
    """What prelogin says that a password is derived with, judged.

    Raises:
        KdfRefusedError: It is outside the policy.
    """
    return verify_terms(Terms(prelogin.user_id, login, prelogin.kdf, prelogin.iterations, prelogin.salt))


def is_legacy(prelogin: Prelogin) -> bool:
    """Whether the server says that an account is from before encryption, in a build that lets those in (A53)."""
    return build_options.LEGACY_SIGNIN and prelogin.kdf == LEGACY_ALGORITHM
