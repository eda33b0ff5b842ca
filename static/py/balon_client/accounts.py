"""Sign-up and zero-knowledge sign-in (docs/protocol.md sections 2 to 6)."""

from dataclasses import dataclass, replace
from typing import Any, Final

from balon.protocol.encoding import encode_b64u
from balon.protocol.errors import PasswordPolicyError
from balon.protocol.password import DEFAULT_ITERATIONS, KDF_ALGORITHM, normalize_login, verify_kdf_policy
from balon.protocol.statements import AuthAction, AuthTranscript, Bundle
from balon_client.account import Account
from balon_client.alarms import AccountKeysError, AlarmError, KdfRefusedError
from balon_client.api import Api, signed_json
from balon_client.errors import ClientError, NetworkError, ProblemError, ResponseError
from balon_client.keyring import keyring_json, seal_keyring
from balon_client.keyring_model import KeyringContent
from balon_client.kits import kit_of
from balon_client.opening import OpenedAccount, Terms, open_account
from balon_client.ports import (
    AccountGeneration,
    AccountKeys,
    AccountPublicKeys,
    AccountTerms,
    PasswordBuffer,
    PasswordKey,
    PasswordKeys,
    Platform,
    SealedAccount,
    SigningKey,
    encode_json,
)
from balon_client.problems import LoginNameError, LoginTakenError, PasswordSizeError, SignInRefusedError
from balon_client.proofs import Challenge, Claim, sign_proof
from balon_client.records import AccountRecords, Active, Prelogin, Signed

_NONCE_SIZE: Final = 32
_SALT_SIZE: Final = 32
_FIRST_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class SignedUp:
    """A new account: the session, and the kit that is shown once."""

    opened: OpenedAccount
    kit: dict[str, str]


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
        random = self._platform.random
        account_terms = AccountTerms(
            user_id=random.uuid4(),
            login=login,
            kdf=KDF_ALGORITHM,
            iterations=DEFAULT_ITERATIONS,
            salt=random.generate_bytes(_SALT_SIZE),
            mek_ver=_FIRST_VERSION,
            recovery_id=random.uuid4(),
            rec_salt=random.generate_bytes(_SALT_SIZE),
        )
        keys = await self._derive(password, terms_of(account_terms))
        public = await generation.public_keys()
        sealed = await generation.seal(keys.kek, account_terms)
        return await self._register(account_terms, keys.login_key, public, sealed)

    async def _register(
        self, terms: AccountTerms, login_key: SigningKey, public: AccountPublicKeys, sealed: SealedAccount
    ) -> SignedUp:
        now = self._platform.clock.now_ms()
        bundle = Bundle(terms.user_id, terms.login, public.idk_pub, public.spki, public.rsa_kid, _FIRST_VERSION, now)
        statement = bundle.serialize()
        signed = Signed(statement, await self._platform.crypto.sign(sealed.keys.idk, statement))
        content = KeyringContent()
        keyring = await seal_keyring(self._platform.crypto, sealed.keys.mek, terms.user_id, _FIRST_VERSION, content)
        records = AccountRecords(
            kdf=terms.kdf,
            iterations=terms.iterations,
            salt=terms.salt,
            mek_ver=terms.mek_ver,
            mek_env=sealed.mek_env,
            idk_env=sealed.idk_env,
            rsa_env=sealed.rsa_env,
            bundle=signed,
            keyring=keyring,
            recovery_id=terms.recovery_id,
        )
        body = encode_json(_sign_up_body(terms, records, login_key, sealed))
        active = await self._post_account(terms, login_key, body)
        if active.user_id != terms.user_id or active.login != terms.login or not are_kept(records, active.records):
            raise AccountKeysError
        account = _account_of(active, bundle, sealed.keys)
        return SignedUp(OpenedAccount(account, records, content), kit_of(terms, sealed, public.idk_pub, now))

    async def _post_account(self, terms: AccountTerms, login_key: SigningKey, body: bytes) -> Active:
        """Signs T over a fresh challenge and the body's hash, with the account's own values (section 5)."""
        prelogin = await self._api.prelogin(terms.login)
        claim = Claim(AuthAction.SIGN_UP, terms_of(terms))
        challenge = Challenge(prelogin.challenge_id, prelogin.challenge)
        proof = await sign_proof(self._platform, login_key, claim, challenge, body)
        try:
            return await self._api.sign_up(body, proof)
        except (NetworkError, ProblemError, ResponseError) as error:
            made = await self._find_made(terms, login_key)
            if made is None:
                raise (LoginTakenError() if error.problem_code == LoginTakenError.code else error) from None
            return made

    async def _find_made(self, terms: AccountTerms, login_key: SigningKey) -> Active | None:
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


async def derive_keys(platform: Platform, password: PasswordBuffer | PasswordKey, terms: Terms) -> PasswordKeys:
    """Derives KEK and login key under parameters that were judged already; zeroes the password.

    Raises:
        PasswordSizeError: The password is empty or too long.
    """
    try:
        return await platform.crypto.derive_password_keys(
            password,
            login=terms.login,
            kdf=terms.kdf,
            salt=terms.salt,
            iterations=terms.iterations,
            user_id=terms.user_id,
        )
    except PasswordPolicyError:
        raise PasswordSizeError from None


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


def terms_of(terms: AccountTerms) -> Terms:
    """What a new account's keys are derived from."""
    return Terms(terms.user_id, terms.login, terms.kdf, terms.iterations, terms.salt)


def _account_of(active: Active, bundle: Bundle, keys: AccountKeys) -> Account:
    return Account(
        bundle=bundle,
        keys=keys,
        session_id=active.session_id,
        account_version=active.account_version,
        expires_at_ms=active.expires_at_ms,
    )


def are_kept(sent: AccountRecords, kept: AccountRecords | None) -> bool:
    """Whether the server gives back what it was sent; the id of the kit where it gives one at all."""
    return kept is not None and replace(kept, recovery_id=kept.recovery_id or sent.recovery_id) == sent


def records_json(records: AccountRecords) -> dict[str, Any]:
    """Account records as they travel and as they rest in the session record: bytes as base64url."""
    return {
        "kdf": records.kdf,
        "n": records.iterations,
        "salt": encode_b64u(records.salt),
        "mek_ver": records.mek_ver,
        "mek_env": encode_b64u(records.mek_env),
        "idk_env": encode_b64u(records.idk_env),
        "rsa_env": encode_b64u(records.rsa_env),
        "bundle": signed_json(records.bundle),
        "keyring": keyring_json(records.keyring),
        **({"recovery_id": str(records.recovery_id)} if records.recovery_id else {}),
    }


def _sign_up_body(
    terms: AccountTerms, records: AccountRecords, login_key: SigningKey, sealed: SealedAccount
) -> dict[str, Any]:
    return {
        "user_id": str(terms.user_id),
        "login": terms.login,
        "login_pub": encode_b64u(login_key.public),
        **records_json(replace(records, recovery_id=None)),
        "recovery": {"recovery_id": str(terms.recovery_id), "rec_pub": encode_b64u(sealed.rec_pub)},
    }
