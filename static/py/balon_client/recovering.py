"""Recovery: from a kit and a new password to new keys around the old identity (docs/protocol.md section 6).

What the server gives is opened under contexts made of the kit's own values, so another account's bundle, keyring or
kit does not open (A33); after such a lie nothing more is sent. The request that changes anything is the last one.
"""

from dataclasses import dataclass
from typing import Any, Final, NoReturn

from balon.protocol.contexts import idk_context, recovery_context
from balon.protocol.encoding import encode_b64u
from balon.protocol.errors import PasswordPolicyError
from balon.protocol.password import DEFAULT_ITERATIONS, KDF_ALGORITHM, normalize_login
from balon.protocol.statements import AuthAction, Bundle
from balon_client.account import Account
from balon_client.account_api import AccountApi, RecoverableRecords
from balon_client.accounts import Accounts, import_password
from balon_client.alarms import AccountKeysError
from balon_client.credentials import NotChangedError, find_outcome
from balon_client.errors import ClientError, DecryptionError, KeyPairError, NetworkError, ProblemError, ResponseError
from balon_client.keyring import open_keyring, seal_keyring
from balon_client.keyring_model import KeyringContent
from balon_client.kit_reminder import forget_kit
from balon_client.kits import (
    KitDamagedCredentialError,
    KitMismatchError,
    KitOtherAccountError,
    KitUsedError,
    ReadKit,
    RecoveryRefusedError,
    kit_of,
    read_kit,
)
from balon_client.making import SignedUp, are_kept, derive_keys, records_json, terms_of
from balon_client.opening import OpenedAccount, Terms, verify_bundle
from balon_client.ports import (
    AccountPublicKeys,
    AccountTerms,
    KitKeys,
    OpenedKit,
    PasswordBuffer,
    PasswordKey,
    PasswordKeys,
    Platform,
    SealedAccount,
    encode_json,
)
from balon_client.proofs import Challenge, Claim, sign_proof
from balon_client.records import AccountRecords, Active

_SALT_SIZE: Final = 32
_USED: Final = "recovery-used"


@dataclass(frozen=True, slots=True)
class _Found:
    """An account that a kit opened: its verified bundle, the kit's content, and the keyring with everyone's pins."""

    bundle: Bundle
    records: RecoverableRecords
    opened: OpenedKit
    content: KeyringContent


@dataclass(frozen=True, slots=True)
class _Renewed:
    """New keys, sealed: what the server is sent and must give back."""

    terms: AccountTerms
    keys: PasswordKeys
    sealed: SealedAccount
    records: AccountRecords


class Recovery:
    """Checks kits and recovers accounts with them."""

    def __init__(self, platform: Platform, accounts: Accounts) -> None:
        self._platform = platform
        self._accounts = accounts

    async def _derive(self, kit: ReadKit) -> KitKeys:
        try:
            return await self._platform.crypto.derive_kit_keys(kit.code, kit.credential)
        except PasswordPolicyError:
            raise KitDamagedCredentialError from None
        except DecryptionError:
            raise KitMismatchError from None

    # --- Checking ---

    async def check(self, text: object, own: OpenedAccount) -> None:
        """Shows that a kit opens the signed-in account, without using it up. Asks the server for the kit's id alone.

        Raises:
            KitDamagedCodeError, KitDamagedCredentialError, KitMismatchError: It is not whole.
            KitOtherAccountError: It is whole, but another account's.
            KitUsedError: A newer one has taken its place.
            NetworkError: Whether it is the newest cannot be asked now.
        """
        kit = read_kit(text)
        credential, bundle = kit.credential, own.account.bundle
        keys = await self._derive(kit)
        if credential.user_id == bundle.user_id and credential.idk_pub in own.keyring.identities:
            raise KitUsedError
        if (credential.user_id, credential.idk_pub) != (bundle.user_id, bundle.idk_pub):
            raise KitOtherAccountError
        current = await self._current_records(own.account)
        if current.recovery_id not in {None, credential.recovery_id}:
            raise KitUsedError
        try:
            opened = await self._open(keys, kit, bundle, own.records.mek_ver)
            opened.generation.drop()
            context = idk_context(bundle.user_id, bundle.idk_pub)
            await self._platform.crypto.open_signing_key(opened.mek, context, own.records.idk_env, bundle.idk_pub)
        except (AccountKeysError, DecryptionError, KeyPairError):
            raise KitUsedError from None

    async def _current_records(self, account: Account) -> AccountRecords:
        active = await AccountApi(self._platform.http, session_id=account.session_id).account()
        if active.user_id != account.user_id or active.records is None:
            raise AccountKeysError
        return active.records

    async def _open(self, keys: KitKeys, kit: ReadKit, bundle: Bundle, mek_ver: int) -> OpenedKit:
        context = recovery_context(
            user_id=kit.credential.user_id,
            recovery_id=kit.credential.recovery_id,
            mek_ver=mek_ver,
            rsa_kid=bundle.rsa_kid,
            idk_pub=bundle.idk_pub,
        )
        public = AccountPublicKeys(bundle.spki, bundle.rsa_kid, bundle.idk_pub)
        try:
            return await self._platform.crypto.open_kit(keys.root, context, kit.credential.rec_env, public)
        except (DecryptionError, KeyPairError):
            raise AccountKeysError from None

    # --- Recovering ---

    async def recover(self, text: object, new_password: PasswordBuffer) -> SignedUp:
        """Proves the kit, opens it, and gives the account a new password, master key and kit. Zeroes the password.

        Identity key and RSA pair stay, so that contacts' pins survive; all other sessions end.

        Returns:
            The session, and the new kit, which is shown once.

        Raises:
            PasswordSizeError: The new password is empty or too long; nothing was sent.
            KitDamagedCodeError, KitDamagedCredentialError, KitMismatchError: The kit is not whole; nothing was sent.
            RecoveryRefusedError: The server knows no such kit.
            KitUsedError: It was used before.
            NotChangedError: A request was lost; nothing was changed, and the kit still works.
            OutcomeUnknownError: The last answer was lost, and the server cannot be asked.
            AlarmError: The server lied; nothing more was sent.
        """
        try:
            kit = read_kit(text)
        except BaseException:
            self._platform.crypto.zero(new_password)
            raise
        password = await import_password(self._platform, new_password)
        keys = await self._derive(kit)
        found = await self._find(kit, keys)
        try:
            renewed = await self._renew(kit, found, password)
        except BaseException:
            found.opened.generation.drop()
            raise
        active = await self._send(kit, keys, found, renewed)
        return self._adopt(found, renewed, active)

    async def _begin(self, kit: ReadKit) -> tuple[Terms, Challenge]:
        """The login name of the kit's account, with the kit's own derivation; and a challenge."""
        credential = kit.credential
        prelogin = await AccountApi(self._platform.http).recovery_prelogin(credential.recovery_id)
        try:
            is_login = normalize_login(prelogin.login) == prelogin.login
        except PasswordPolicyError:
            is_login = False
        if not is_login:
            raise AccountKeysError
        terms = Terms(credential.user_id, prelogin.login, credential.kdf, credential.iterations, credential.rec_salt)
        return terms, Challenge(prelogin.challenge_id, prelogin.challenge)

    async def _find(self, kit: ReadKit, keys: KitKeys) -> _Found:
        try:
            terms, challenge = await self._begin(kit)
            body = encode_json(_claim_json(kit))
            proof = await self._prove(keys, terms, challenge, body)
            records = await AccountApi(self._platform.http).recovery_open(body, proof)
        except (NetworkError, ProblemError) as error:
            _refuse(error)
        bundle = await verify_bundle(self._platform.crypto, terms, records.bundle)
        if bundle.idk_pub != kit.credential.idk_pub:
            raise AccountKeysError
        opened = await self._open(keys, kit, bundle, records.mek_ver)
        try:
            content = await open_keyring(self._platform.crypto, opened.mek, bundle.user_id, records.keyring)
        except BaseException:
            opened.generation.drop()
            raise
        return _Found(bundle, records, opened, content)

    async def _prove(self, keys: KitKeys, terms: Terms, challenge: Challenge, body: bytes) -> str:
        claim = Claim(AuthAction.RECOVER, terms)
        return await sign_proof(self._platform, keys.recovery_key, claim, challenge, body)

    async def _renew(self, kit: ReadKit, found: _Found, password: PasswordKey) -> _Renewed:
        random = self._platform.random
        terms = AccountTerms(
            user_id=kit.credential.user_id,
            login=found.bundle.login,
            kdf=KDF_ALGORITHM,
            iterations=DEFAULT_ITERATIONS,
            salt=random.generate_bytes(_SALT_SIZE),
            mek_ver=found.records.mek_ver + 1,
            recovery_id=random.uuid4(),
            rec_salt=random.generate_bytes(_SALT_SIZE),
        )
        keys = await derive_keys(self._platform, password, terms_of(terms))
        sealed = await found.opened.generation.seal(keys.kek, terms)
        return _Renewed(terms, keys, sealed, await self._records_of(found, terms, sealed))

    async def _records_of(self, found: _Found, terms: AccountTerms, sealed: SealedAccount) -> AccountRecords:
        version = found.records.keyring.version + 1
        forget_kit(found.content)
        keyring = await seal_keyring(self._platform.crypto, sealed.keys.mek, terms.user_id, version, found.content)
        return AccountRecords(
            kdf=terms.kdf,
            iterations=terms.iterations,
            salt=terms.salt,
            mek_ver=terms.mek_ver,
            mek_env=sealed.mek_env,
            idk_env=sealed.idk_env,
            rsa_env=sealed.rsa_env,
            bundle=found.records.bundle,
            keyring=keyring,
            recovery_id=terms.recovery_id,
        )

    async def _send(self, kit: ReadKit, keys: KitKeys, found: _Found, renewed: _Renewed) -> Active:
        try:
            terms, challenge = await self._begin(kit)
        except (NetworkError, ProblemError) as error:
            _refuse(error)
        if terms.login != renewed.terms.login:
            raise AccountKeysError
        body = encode_json(_recovery_json(kit, found, renewed))
        proof = await self._prove(keys, terms, challenge, body)
        try:
            return await AccountApi(self._platform.http).recover(body, proof)
        except (NetworkError, ProblemError, ResponseError) as error:
            return await self._find_outcome(renewed, error)

    async def _find_outcome(self, renewed: _Renewed, error: ClientError) -> Active:
        try:
            return await find_outcome(self._accounts, terms_of(renewed.terms), renewed.keys, error)
        except ProblemError as refusal:
            _refuse(refusal)

    def _adopt(self, found: _Found, renewed: _Renewed, active: Active) -> SignedUp:
        """Goes on with what the server says it keeps, if that is what it was sent."""
        terms, records = renewed.terms, renewed.records
        expected = terms.user_id, terms.login, found.records.account_version + 1
        if (active.user_id, active.login, active.account_version) != expected:
            raise AccountKeysError
        if not are_kept(records, active.records):
            raise AccountKeysError
        account = Account(
            bundle=found.bundle,
            keys=renewed.sealed.keys,
            session_id=active.session_id,
            account_version=active.account_version,
            expires_at_ms=active.expires_at_ms,
        )
        kit = kit_of(terms, renewed.sealed, found.bundle.idk_pub, self._platform.clock.now_ms())
        return SignedUp(OpenedAccount(account, records, found.content), kit)


def _refuse(error: ClientError) -> NoReturn:
    """Says why recovery goes no further; nothing was changed.

    Raises:
        ClientError: Whatever it was, in the words of recovery.
    """
    if not isinstance(error, ProblemError):
        raise NotChangedError from None
    if error.status != 401:
        raise error
    if error.problem_code == _USED:
        raise KitUsedError from None
    raise RecoveryRefusedError from None


def _claim_json(kit: ReadKit) -> dict[str, Any]:
    """Which kit, and its derivation, which only its holder knows: the proof's transcript names it."""
    credential = kit.credential
    derivation = {"kdf": credential.kdf, "n": credential.iterations, "rec_salt": encode_b64u(credential.rec_salt)}
    return {"recovery_id": str(credential.recovery_id), "kit": derivation}


def _recovery_json(kit: ReadKit, found: _Found, renewed: _Renewed) -> dict[str, Any]:
    sent = records_json(renewed.records)
    names = ("kdf", "n", "salt", "mek_ver", "mek_env", "idk_env", "rsa_env", "keyring")
    return {
        **_claim_json(kit),
        "account_version": found.records.account_version,
        "login_pub": encode_b64u(renewed.keys.login_key.public),
        **{name: sent[name] for name in names},
        "recovery": {
            "recovery_id": str(renewed.terms.recovery_id),
            "rec_pub": encode_b64u(renewed.sealed.rec_pub),
        },
    }
