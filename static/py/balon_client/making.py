"""Making the keys of an account that has none yet: at sign-up, and at a first sign-in since encryption (section 12)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from balon.protocol.encoding import encode_b64u
from balon.protocol.errors import PasswordPolicyError
from balon.protocol.password import DEFAULT_ITERATIONS, KDF_ALGORITHM
from balon.protocol.statements import Bundle
from balon_client.account import Account
from balon_client.alarms import AccountKeysError
from balon_client.api import signed_json
from balon_client.keyring import keyring_json, seal_keyring
from balon_client.keyring_model import KeyringContent
from balon_client.kits import kit_of
from balon_client.opening import OpenedAccount, Terms
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
from balon_client.problems import PasswordSizeError
from balon_client.records import AccountRecords, Active, Signed

_SALT_SIZE: Final = 32
_FIRST_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class SignedUp:
    """A new account: the session, and the kit that is shown once."""

    opened: OpenedAccount
    kit: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Made:
    """The keys of an account that the server does not have yet."""

    terms: AccountTerms
    login_key: SigningKey
    public: AccountPublicKeys
    sealed: SealedAccount


PostAccount = Callable[[AccountTerms, SigningKey, bytes], Awaitable[Active]]
"""Sends the body of a new account with a proof over it; the key is the new login key."""


@dataclass(frozen=True, slots=True)
class Registration:
    """How the keys of an account are handed over, and whether plaintext is refused from the beginning (section 12)."""

    post: PostAccount
    no_plaintext: bool = True


def new_terms(platform: Platform, login: str, user_id: UUID) -> AccountTerms:
    """What the envelopes of an account that gets its keys are bound to: all fresh, and of this client's policy."""
    random = platform.random
    return AccountTerms(
        user_id=user_id,
        login=login,
        kdf=KDF_ALGORITHM,
        iterations=DEFAULT_ITERATIONS,
        salt=random.generate_bytes(_SALT_SIZE),
        mek_ver=_FIRST_VERSION,
        recovery_id=random.uuid4(),
        rec_salt=random.generate_bytes(_SALT_SIZE),
    )


async def make_account(
    platform: Platform,
    terms: AccountTerms,
    password: PasswordBuffer,
    generation: AccountGeneration,
    registration: Registration,
) -> SignedUp:
    """Derives, seals and hands over the keys of an account that has none yet.

    Args:
        platform: The ports.
        terms: Of `new_terms`.
        password: Zeroed whatever happens.
        generation: Keys that are being generated; used up, also on failure.
        registration: Proves that the account may be made and sends the body; gives the session that began.

    Raises:
        PasswordSizeError: Empty or too long.
        AccountKeysError: The server did not keep what it was given.
    """
    keys = await derive_keys(platform, password, terms_of(terms))
    public = await generation.public_keys()
    sealed = await generation.seal(keys.kek, terms)
    return await _register(platform, _Made(terms, keys.login_key, public, sealed), registration)


async def _register(platform: Platform, made: _Made, registration: Registration) -> SignedUp:
    terms, login_key, public, sealed = made.terms, made.login_key, made.public, made.sealed
    now = platform.clock.now_ms()
    bundle = Bundle(terms.user_id, terms.login, public.idk_pub, public.spki, public.rsa_kid, _FIRST_VERSION, now)
    statement = bundle.serialize()
    signed = Signed(statement, await platform.crypto.sign(sealed.keys.idk, statement))
    content = KeyringContent(no_plaintext=registration.no_plaintext)
    keyring = await seal_keyring(platform.crypto, sealed.keys.mek, terms.user_id, _FIRST_VERSION, content)
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
    active = await registration.post(terms, login_key, body)
    if active.user_id != terms.user_id or active.login != terms.login or not are_kept(records, active.records):
        raise AccountKeysError
    account = _account_of(active, bundle, sealed.keys)
    return SignedUp(OpenedAccount(account, records, content), kit_of(terms, sealed, public.idk_pub, now))


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
