"""Opening an account's sealed keys under contexts built here, never taken from the answer (section 4; A16, A17)."""

from dataclasses import dataclass
from uuid import UUID

from balon.protocol.contexts import idk_context, mek_context, rsa_context
from balon.protocol.envelope import Kind
from balon.protocol.errors import StatementError
from balon.protocol.statements import Bundle
from balon_client.account import Account
from balon_client.alarms import AccountKeysError
from balon_client.errors import DecryptionError, KeyPairError
from balon_client.keyring import open_keyring
from balon_client.keyring_model import KeyringContent
from balon_client.ports import AccountKeys, Crypto, RootKey
from balon_client.records import AccountRecords, Active, Signed


@dataclass(frozen=True, slots=True)
class Terms:
    """What password keys are derived from, as this client used it."""

    user_id: UUID
    login: str
    kdf: str
    iterations: int
    salt: bytes


@dataclass(frozen=True, slots=True)
class OpenedAccount:
    """An account whose keys are open, with what the session record keeps of it."""

    account: Account
    records: AccountRecords
    keyring: KeyringContent

    @property
    def terms(self) -> Terms:
        """What the password keys of this account are derived from: values that opened it, never an answer's."""
        account, records = self.account, self.records
        return Terms(account.user_id, account.login, records.kdf, records.iterations, records.salt)


async def open_account(
    crypto: Crypto, kek: RootKey, terms: Terms, active: Active, records: AccountRecords
) -> OpenedAccount:
    """Opens and compares everything that an Active answer holds.

    Args:
        crypto: The crypto port.
        kek: Derived under `terms`.
        terms: What this client used. What the answer says instead is an alarm.
        active: The session.
        records: The sealed keys.

    Raises:
        AccountKeysError: Anything is missing, changed or another account's.
        KeyringError: The keyring does not open.
    """
    if (records.kdf, records.iterations, records.salt) != (terms.kdf, terms.iterations, terms.salt):
        raise AccountKeysError
    try:
        mek = await open_mek(crypto, kek, terms, records)
    except DecryptionError:
        raise AccountKeysError from None
    bundle, keys = await open_keys(crypto, mek, terms, records)
    keyring = await open_keyring(crypto, mek, terms.user_id, records.keyring)
    account = Account(
        bundle=bundle,
        keys=keys,
        session_id=active.session_id,
        account_version=active.account_version,
        expires_at_ms=active.expires_at_ms,
    )
    return OpenedAccount(account, records, keyring)


async def open_mek(crypto: Crypto, kek: RootKey, terms: Terms, records: AccountRecords) -> RootKey:
    """Opens the master key under the derivation that was really used.

    Raises:
        DecryptionError: Another password, another account, or changed bytes.
    """
    return await crypto.open_root_key(kek, Kind.MEK, mek_context_of(terms, records.mek_ver), records.mek_env)


def mek_context_of(terms: Terms, mek_ver: int) -> bytes:
    """The context of mek_env under terms that this client used."""
    return mek_context(
        user_id=terms.user_id,
        mek_ver=mek_ver,
        kdf=terms.kdf,
        iterations=terms.iterations,
        salt=terms.salt,
        login=terms.login,
    )


async def open_keys(crypto: Crypto, mek: RootKey, terms: Terms, records: AccountRecords) -> tuple[Bundle, AccountKeys]:
    """Opens identity and decryption key and checks that they are the private halves of the bundle.

    Raises:
        AccountKeysError: One does not open, does not fit the bundle, or the bundle is another account's.
    """
    bundle = await verify_bundle(crypto, terms, records.bundle)
    try:
        idk = await crypto.open_signing_key(
            mek, idk_context(terms.user_id, bundle.idk_pub), records.idk_env, bundle.idk_pub
        )
        enc = await crypto.open_decryption_key(
            mek, rsa_context(terms.user_id, bundle.rsa_kid), records.rsa_env, bundle.spki
        )
    except (DecryptionError, KeyPairError):
        raise AccountKeysError from None
    return bundle, AccountKeys(mek=mek, idk=idk, enc=enc)


async def verify_bundle(crypto: Crypto, terms: Terms, signed: Signed) -> Bundle:
    """Verifies that a bundle is this account's and signed by its own identity key.

    Raises:
        AccountKeysError: It is not.
    """
    try:
        bundle = Bundle.parse(signed.statement)
    except StatementError:
        raise AccountKeysError from None
    (verified,) = await crypto.verify_each([(bundle.idk_pub, signed.statement, signed.signature)])
    if verified is None or (bundle.user_id, bundle.login) != (terms.user_id, terms.login):
        raise AccountKeysError
    return bundle
