"""rotate-keys, "my password was exposed": everything that a thief of the password may have is replaced (section 4).

One request replaces all of it or nothing. It is made of this client's own values and of rosters that it verified. Where
its answer is lost, the server is asked which of both it keeps, and the same request goes out again: two of them cannot
both succeed, so an answer to the second tells of the first.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from balon.protocol.contexts import idk_context
from balon.protocol.encoding import encode_b64u
from balon.protocol.password import DEFAULT_ITERATIONS, KDF_ALGORITHM
from balon.protocol.statements import Bundle
from balon_client.account_session import AccountSession
from balon_client.accounts import import_password, verify_terms
from balon_client.alarms import AccountKeysError
from balon_client.errors import ClientError, DecryptionError, KeyPairError
from balon_client.keyring import seal_keyring
from balon_client.keyring_model import Change, KeyringContent, renew_content
from balon_client.kit_reminder import forget_kit
from balon_client.kits import kit_of
from balon_client.making import are_kept, derive_keys, records_json, terms_of
from balon_client.opening import OpenedAccount, open_mek
from balon_client.ports import (
    AccountGeneration,
    AccountPublicKeys,
    AccountTerms,
    PasswordBuffer,
    PasswordKey,
    PasswordKeys,
    Platform,
    SealedAccount,
    encode_json,
)
from balon_client.problems import SignedOutError, WrongPasswordError
from balon_client.progress import Progress
from balon_client.records import AccountRecords, Active, Signed
from balon_client.rekeying import FreshKeys, Rekeyed, Rekeying
from balon_client.rotation_request import RotationRequest
from balon_client.signed_in import SignedIn
from balon_client.views import View

_SALT_SIZE: Final = 32
_ROUNDS: Final = 4
"""How often all of it is made again since somebody changed a conversation in the meantime."""


class RotationBusyError(ClientError):
    """Others were faster, each time."""

    code = "rotation-busy"
    title = "Your keys were not replaced."
    detail = (
        "Somebody changed one of your conversations at the same moment, several times. Nothing is different. Try again."
    )
    action = "retry"


@dataclass(frozen=True, slots=True)
class _Renewed:
    """An account's new keys, sealed, and what proves that the old ones are one's own."""

    old: PasswordKeys
    terms: AccountTerms
    keys: PasswordKeys
    sealed: SealedAccount
    fresh: FreshKeys
    bundle: Signed


class Rotation:
    """Gives the signed-in account a new password, master key, RSA pair and kit, and on request a new identity."""

    def __init__(self, platform: Platform, session: AccountSession) -> None:
        self._platform = platform
        self._session = session

    async def rotate(self, old: PasswordBuffer, new: PasswordBuffer, *, new_identity: bool) -> View:
        """Replaces all of it. Zeroes both passwords, whatever happens.

        Returns:
            `session`, which goes on in this tab (other devices are signed out), and `kit`, which is shown once.

        Raises:
            WrongPasswordError: The old one is not the password; nothing was sent.
            PasswordSizeError: One is empty or too long; nothing was sent.
            UnverifiedConversationError: A conversation does not hold; nothing was changed.
            RotationBusyError, RotationTooLargeError, RotationMigratingError: Nothing was changed.
            AccountChangedError: Another device was faster; nothing was changed.
            NotChangedError: The request was lost; nothing was changed.
            OutcomeUnknownError: The answer was lost, and the server cannot be asked.
            LockedError, SignedOutError: It was locked or ended before the request; nothing was changed.
            AlarmError: The server lied.
        """
        async with self._session.changing():
            try:
                before = await self._session.opened_account()
                opened = await self._session.signed_in()
                old_keys = await derive_keys(self._platform, old, verify_terms(before.terms))
                password = await import_password(self._platform, new)
            finally:
                self._platform.crypto.zero(old)
                self._platform.crypto.zero(new)
            run = _Run(self._platform, self._session, opened, before)
            await run.verify_password(old_keys)
            renewed = await run.renew(old_keys, password, new_identity=new_identity)
            return await run.replace_everything(renewed)


class _Run:
    """One rotation of one session."""

    def __init__(self, platform: Platform, session: AccountSession, opened: SignedIn, before: OpenedAccount) -> None:
        self._platform = platform
        self._crypto = platform.crypto
        self._session = session
        self._opened = opened
        self._before = before
        self._progress = Progress(opened.parts, "rotation")

    async def verify_password(self, keys: PasswordKeys) -> None:
        """Shows that a password is the account's.

        Raises:
            WrongPasswordError: It is not.
        """
        try:
            await open_mek(self._crypto, keys.kek, self._before.terms, self._before.records)
        except DecryptionError:
            raise WrongPasswordError("This is not your password.", "Nothing was changed. Try again.") from None

    # --- The account ---

    async def renew(self, old: PasswordKeys, password: PasswordKey, *, new_identity: bool) -> _Renewed:
        """Makes new keys and seals them under a new password."""
        generation = await self._generate(new_identity=new_identity)
        try:
            await self._tell(0, 0)
            public = await generation.public_keys()
            terms = self._terms()
            keys = await derive_keys(self._platform, password, terms_of(terms))
            sealed = await generation.seal(keys.kek, terms)
        except BaseException:
            generation.drop()
            raise
        bundle = self._bundle(public)
        signed = Signed(bundle.serialize(), await self._crypto.sign(sealed.keys.idk, bundle.serialize()))
        return _Renewed(old, terms, keys, sealed, FreshKeys(bundle, sealed.keys.idk), signed)

    async def _generate(self, *, new_identity: bool) -> AccountGeneration:
        if new_identity:
            return self._crypto.generate_account_keys()
        account, records = self._before.account, self._before.records
        identity = account.bundle.idk_pub
        context = idk_context(account.user_id, identity)
        try:
            return await self._crypto.renew_account_keys(account.keys.mek, context, records.idk_env, identity)
        except (DecryptionError, KeyPairError):
            raise AccountKeysError from None

    def _terms(self) -> AccountTerms:
        random, before = self._platform.random, self._before
        return AccountTerms(
            user_id=before.account.user_id,
            login=before.account.login,
            kdf=KDF_ALGORITHM,
            iterations=max(DEFAULT_ITERATIONS, before.records.iterations),
            salt=random.generate_bytes(_SALT_SIZE),
            mek_ver=before.records.mek_ver + 1,
            recovery_id=random.uuid4(),
            rec_salt=random.generate_bytes(_SALT_SIZE),
        )

    def _bundle(self, public: AccountPublicKeys) -> Bundle:
        bundle = self._before.account.bundle
        return replace(
            bundle,
            idk_pub=public.idk_pub,
            spki=public.spki,
            rsa_kid=public.rsa_kid,
            bundle_seq=bundle.bundle_seq + 1,
            created_ms=self._platform.clock.now_ms(),
        )

    # --- Everything at once ---

    async def replace_everything(self, renewed: _Renewed) -> View:
        """Makes the conversations' part and sends all of it, again where somebody changed one in the meantime."""
        parts = self._opened.parts
        rekeying = Rekeying(self._crypto, parts.api, self._before.account, self._tell)
        for _ in range(_ROUNDS):
            rekeyed = await rekeying.make(parts.keyring.content, renewed.fresh, parts.now_ms())
            async with parts.keyring.held():
                stored = parts.keyring.unsaved
                after = await self._replace(renewed, rekeyed)
                if after is not None:
                    return {"session": await self._exchange(after, stored), "kit": self._kit(renewed)}
                await parts.keyring.refresh_held()
        raise RotationBusyError

    async def _replace(self, renewed: _Renewed, rekeyed: Rekeyed) -> OpenedAccount | None:
        keyring = self._opened.parts.keyring
        keyring.verify_current()
        content = self._content(keyring.content, renewed, rekeyed)
        records = await self._records(renewed, keyring.version + 1, content)
        await self._verify_open()
        request = RotationRequest(self._platform, self._session, self._before, renewed.old)
        body = encode_json(_body(self._before, renewed, records, rekeyed))
        active = await request.send(body, terms_of(renewed.terms), renewed.keys)
        return None if active is None else self._adopt(renewed, records, content, active)

    def _content(self, content: KeyringContent, renewed: _Renewed, rekeyed: Rekeyed) -> KeyringContent:
        before, after = self._before.account.bundle.idk_pub, renewed.fresh.bundle.idk_pub
        renewed_content = renew_content(content, rekeyed.marks, former=None if before == after else before)
        forget_kit(renewed_content)
        return renewed_content

    async def _records(self, renewed: _Renewed, version: int, content: KeyringContent) -> AccountRecords:
        terms, sealed = renewed.terms, renewed.sealed
        return AccountRecords(
            kdf=terms.kdf,
            iterations=terms.iterations,
            salt=terms.salt,
            mek_ver=terms.mek_ver,
            mek_env=sealed.mek_env,
            idk_env=sealed.idk_env,
            rsa_env=sealed.rsa_env,
            bundle=renewed.bundle,
            keyring=await seal_keyring(self._crypto, sealed.keys.mek, terms.user_id, version, content),
            recovery_id=terms.recovery_id,
        )

    def _adopt(
        self, renewed: _Renewed, records: AccountRecords, content: KeyringContent, active: Active
    ) -> OpenedAccount:
        """Goes on with what the server says it keeps, if that is what it was sent."""
        account = self._before.account
        expected = account.user_id, account.login, account.account_version + 1
        if (active.user_id, active.login, active.account_version) != expected or not are_kept(records, active.records):
            raise AccountKeysError
        changed = replace(
            account,
            bundle=renewed.fresh.bundle,
            keys=renewed.sealed.keys,
            session_id=active.session_id,
            account_version=active.account_version,
            expires_at_ms=active.expires_at_ms,
        )
        return OpenedAccount(changed, records, content)

    async def _exchange(self, after: OpenedAccount, stored: Sequence[Change]) -> View:
        """The session goes on with the new keys. Where it was locked at the last moment, the kit is shown."""
        try:
            return await self._session.exchange(self._before.account, after, stored=stored)
        except SignedOutError:
            return self._session.view

    def _kit(self, renewed: _Renewed) -> dict[str, str]:
        identity = renewed.fresh.bundle.idk_pub
        return kit_of(renewed.terms, renewed.sealed, identity, self._platform.clock.now_ms())

    # --- Meanwhile ---

    async def _tell(self, done: int, total: int) -> None:
        """Tells the page, and keeps the session from falling idle: whoever waits for this is there."""
        await self._session.touch()
        await self._verify_open()
        self._progress.tell(done, total)

    async def _verify_open(self) -> None:
        """Raises where the session that asked was locked or ended."""
        if await self._session.signed_in() is not self._opened:
            raise SignedOutError


def _body(before: OpenedAccount, renewed: _Renewed, records: AccountRecords, rekeyed: Rekeyed) -> dict[str, Any]:
    return {
        "account_version": before.account.account_version,
        "login_pub": encode_b64u(renewed.keys.login_key.public),
        **records_json(replace(records, recovery_id=None)),
        "recovery": {
            "recovery_id": str(renewed.terms.recovery_id),
            "rec_pub": encode_b64u(renewed.sealed.rec_pub),
        },
        "conversations": rekeyed.conversations,
    }
