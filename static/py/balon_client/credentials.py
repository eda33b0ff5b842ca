"""Changes of password, login name and key derivation: one proved request that replaces all or nothing (section 5).

Old and new terms are this client's own. The master key goes from one KEK to the other inside the crypto port, so a
wrong password is noticed before anything is sent. Where an answer is lost, the server is asked which of both it keeps.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

from balon.protocol.encoding import encode_b64u
from balon.protocol.password import DEFAULT_ITERATIONS, KDF_ALGORITHM
from balon.protocol.statements import AuthAction, Bundle
from balon_client.account_api import AccountApi
from balon_client.accounts import Accounts, import_password, read_login, verify_terms
from balon_client.alarms import AccountKeysError, AlarmError, KeyringRollbackError
from balon_client.api import signed_json
from balon_client.errors import ClientError, DecryptionError, NetworkError, ProblemError, ResponseError
from balon_client.keyring import open_keyring
from balon_client.making import are_kept, derive_keys
from balon_client.opening import OpenedAccount, Terms, mek_context_of
from balon_client.ports import PasswordBuffer, PasswordKey, PasswordKeys, Platform, encode_json
from balon_client.problems import AccountChangedError, LoginTakenError, SignedOutError, WrongPasswordError
from balon_client.proofs import Challenge, Claim, sign_proof
from balon_client.records import AccountRecords, Active, Signed

_SALT_SIZE: Final = 32
_LOST: Final = 500
_PATHS: Final = {
    AuthAction.CHANGE_PASSWORD: "password",
    AuthAction.CHANGE_LOGIN: "login-name",
    AuthAction.KDF_UPGRADE: "kdf",
}


class NotChangedError(ClientError):
    """The request was lost, and the server still keeps what was."""

    code = "not-changed"
    title = "Nothing was changed."
    detail = "The server could not be reached, and your account is as it was. Try again."
    action = "retry"


class OutcomeUnknownError(ClientError):
    """The answer was lost, and the server cannot be asked."""

    code = "outcome-unknown"
    title = "It is not known whether this was done."
    detail = (
        "The connection broke before the answer came. Nothing is lost: either all of it was done or nothing. When the "
        "server is back, sign in with what is new; if that is refused, what was before still holds."
    )
    action = "sign-in"


@dataclass(frozen=True, slots=True)
class Change:
    """What replaces the sign-in record: new terms, the keys derived under them, and a bundle for a new login name."""

    action: AuthAction
    terms: Terms
    keys: PasswordKeys
    bundle: Bundle


class Credentials:
    """Changes what a signed-in person signs in with."""

    def __init__(self, platform: Platform, accounts: Accounts) -> None:
        self._platform = platform
        self._accounts = accounts

    # --- What may change ---

    async def change_password(self, before: OpenedAccount, old: PasswordBuffer, new: PasswordBuffer) -> OpenedAccount:
        """Replaces the password. Zeroes both, whatever happens.

        Raises:
            WrongPasswordError: The old one is not the password; nothing was sent.
            PasswordSizeError: One is empty or too long; nothing was sent.
            AccountChangedError: Another device was faster; nothing was changed.
            NotChangedError: The request was lost; nothing was changed.
            OutcomeUnknownError: The answer was lost, and the server cannot be asked.
            AlarmError: The server lied; nothing more was sent.
        """
        try:
            old_keys = await self._derive(old, _terms_of(before))
            terms = self._new_terms(before)
            keys = await self._derive(new, terms)
        finally:
            self._platform.crypto.zero(old)
            self._platform.crypto.zero(new)
        change = Change(AuthAction.CHANGE_PASSWORD, terms, keys, before.account.bundle)
        return await self._replace(before, old_keys, change)

    async def change_login(self, before: OpenedAccount, raw_login: object, password: PasswordBuffer) -> OpenedAccount:
        """Replaces the login name, which the KEK is bound to, and signs a bundle that states it. Zeroes the password.

        Raises:
            LoginNameError: No login name.
            LoginTakenError: The name belongs to someone, or is the present one; nothing was changed.
            WrongPasswordError, PasswordSizeError, AccountChangedError: As for `change_password`.
            NotChangedError, OutcomeUnknownError, AlarmError: As for `change_password`.
        """
        try:
            login = read_login(raw_login)
            if login == before.account.login:
                raise LoginTakenError("This is your login name already.", "Choose another one.")
            key = await self._import(password, _terms_of(before))
        finally:
            self._platform.crypto.zero(password)
        terms = self._new_terms(before, login)
        old_keys, keys = await self._derive(key, _terms_of(before)), await self._derive(key, terms)
        return await self._replace(
            before, old_keys, Change(AuthAction.CHANGE_LOGIN, terms, keys, self._renamed(before, login))
        )

    async def upgrade_kdf(self, before: OpenedAccount, key: PasswordKey) -> OpenedAccount:
        """Raises the number of iterations to the default; raises as `change_password` does.

        Args:
            before: Signed in with fewer iterations than the default.
            key: The password's handle, which the caller drops afterwards.
        """
        terms = self._new_terms(before)
        old_keys, keys = await self._derive(key, _terms_of(before)), await self._derive(key, terms)
        return await self._replace(before, old_keys, Change(AuthAction.KDF_UPGRADE, terms, keys, before.account.bundle))

    # --- The parts of a change ---

    async def _import(self, password: PasswordBuffer, terms: Terms) -> PasswordKey:
        verify_terms(terms)
        return await import_password(self._platform, password)

    async def _derive(self, password: PasswordBuffer | PasswordKey, terms: Terms) -> PasswordKeys:
        return await derive_keys(self._platform, password, verify_terms(terms))

    def _new_terms(self, before: OpenedAccount, login: str | None = None) -> Terms:
        """A new salt, and the default of iterations unless the account has more: never fewer than it had."""
        iterations = max(DEFAULT_ITERATIONS, before.records.iterations)
        salt = self._platform.random.generate_bytes(_SALT_SIZE)
        account = before.account
        return Terms(account.user_id, login or account.login, KDF_ALGORITHM, iterations, salt)

    def _renamed(self, before: OpenedAccount, login: str) -> Bundle:
        bundle = before.account.bundle
        now_ms = self._platform.clock.now_ms()
        return replace(bundle, login=login, bundle_seq=bundle.bundle_seq + 1, created_ms=now_ms)

    async def _replace(self, before: OpenedAccount, old: PasswordKeys, change: Change) -> OpenedAccount:
        records = await self._reseal(before, old, change)
        body = encode_json(_body(before, records, change))
        active = await self._send(before, old, change, body)
        return await self._adopt(before, records, change, active)

    async def _reseal(self, before: OpenedAccount, old: PasswordKeys, change: Change) -> AccountRecords:
        records, terms = before.records, change.terms
        try:
            mek_env = await self._platform.crypto.reseal_master_key(
                old.kek,
                mek_context_of(_terms_of(before), records.mek_ver),
                records.mek_env,
                new=change.keys.kek,
                new_context=mek_context_of(terms, records.mek_ver),
            )
        except DecryptionError:
            raise WrongPasswordError("This is not your password.", "Nothing was changed. Try again.") from None
        return replace(
            records,
            kdf=terms.kdf,
            iterations=terms.iterations,
            salt=terms.salt,
            mek_env=mek_env,
            bundle=await self._sign_bundle(before, change.bundle),
        )

    async def _sign_bundle(self, before: OpenedAccount, bundle: Bundle) -> Signed:
        if bundle == before.account.bundle:
            return before.records.bundle
        statement = bundle.serialize()
        return Signed(statement, await self._platform.crypto.sign(before.account.keys.idk, statement))

    async def _send(self, before: OpenedAccount, old: PasswordKeys, change: Change, body: bytes) -> Active:
        api = AccountApi(self._platform.http, session_id=before.account.session_id)
        terms = _terms_of(before)
        challenge = await self._challenge(terms)
        proof = await sign_proof(self._platform, old.login_key, Claim(change.action, terms), challenge, body)
        try:
            return await api.change(_PATHS[change.action], body, proof)
        except (NetworkError, ProblemError, ResponseError, SignedOutError) as error:
            return await find_outcome(self._accounts, change.terms, change.keys, error)

    async def _challenge(self, terms: Terms) -> Challenge:
        try:
            begun = await self._accounts.begin(terms.login)
        except NetworkError:
            raise NotChangedError from None
        if begun.terms != terms:
            raise AccountChangedError
        return Challenge(begun.prelogin.challenge_id, begun.prelogin.challenge)

    async def _adopt(
        self, before: OpenedAccount, records: AccountRecords, change: Change, active: Active
    ) -> OpenedAccount:
        """Goes on with what the server says it keeps, if that is what it was sent. The keyring may be newer."""
        account, kept = before.account, active.records
        expected = account.user_id, change.terms.login, account.account_version + 1
        if kept is None or (active.user_id, active.login, active.account_version) != expected:
            raise AccountKeysError
        if not are_kept(replace(records, keyring=kept.keyring), kept):
            raise AccountKeysError
        if kept.keyring.version < records.keyring.version:
            raise KeyringRollbackError
        content = await open_keyring(self._platform.crypto, account.keys.mek, account.user_id, kept.keyring)
        changed = replace(
            account,
            bundle=change.bundle,
            session_id=active.session_id,
            account_version=active.account_version,
            expires_at_ms=active.expires_at_ms,
        )
        return OpenedAccount(changed, kept, content)


def is_lost(error: ClientError) -> bool:
    """Whether nobody knows what became of a request that ended like this."""
    return not isinstance(error, ProblemError) or error.status >= _LOST


def verify_lost(error: ClientError) -> None:
    """Returns where nobody knows what became of a request; raises where the server refused it.

    Raises:
        AccountChangedError: The account is not as this client saw it.
        LoginTakenError: Someone has the login name.
        SignedOutError: The session is over.
        ProblemError: Any other refusal.
    """
    if isinstance(error, SignedOutError):
        raise error
    if not isinstance(error, ProblemError) or is_lost(error):
        return
    if error.problem_code in {"version-conflict", "proof-refused"}:
        raise AccountChangedError from None
    if error.problem_code == LoginTakenError.code:
        raise LoginTakenError(None, "Your login name is as it was. Choose another one.") from None
    raise error


async def find_outcome(accounts: Accounts, terms: Terms, keys: PasswordKeys, error: ClientError) -> Active:
    """Finds out what became of a change whose answer was lost, or a refusal.

    A network may send a request twice: the first one is done, and what comes back is the refusal of the second.

    Raises:
        NotChangedError: The request was lost; nothing was changed.
        OutcomeUnknownError: The answer was lost, and the server cannot be asked.
        AlarmError: The server lies.
        ClientError: It was refused; as `verify_lost`.
    """
    try:
        return await log_in_as_changed(accounts, terms, keys)
    except (NotChangedError, OutcomeUnknownError):
        verify_lost(error)
        raise


async def log_in_as_changed(accounts: Accounts, terms: Terms, keys: PasswordKeys) -> Active:
    """Asks the server whether it keeps the new terms, and signs in with them if it does.

    Raises:
        NotChangedError: It keeps other ones.
        OutcomeUnknownError: It cannot be asked.
        AlarmError: It lies.
    """
    try:
        begun = await accounts.begin(terms.login)
        if begun.terms == terms:
            return await accounts.log_in(terms.login, begun.prelogin, keys.login_key)
    except AlarmError:
        raise
    except ClientError:
        raise OutcomeUnknownError from None
    raise NotChangedError


def _terms_of(opened: OpenedAccount) -> Terms:
    account, records = opened.account, opened.records
    return Terms(account.user_id, account.login, records.kdf, records.iterations, records.salt)


def _body(before: OpenedAccount, records: AccountRecords, change: Change) -> dict[str, Any]:
    body: dict[str, Any] = {
        "account_version": before.account.account_version,
        "kdf": records.kdf,
        "n": records.iterations,
        "salt": encode_b64u(records.salt),
        "login_pub": encode_b64u(change.keys.login_key.public),
        "mek_ver": records.mek_ver,
        "mek_env": encode_b64u(records.mek_env),
    }
    if change.action is AuthAction.CHANGE_LOGIN:
        body |= {"login": change.terms.login, "bundle": signed_json(records.bundle)}
    return body
