"""The port `AccountGeneration` on WebCrypto: the raw bytes stay in one JavaScript object."""

from typing import Any

from balon.protocol.contexts import recovery_seed_info
from balon.protocol.recovery import encode_recovery_code, hash_recovery_salt
from balon.protocol.types import Envelope, PublicKey
from balon_client.adapters.javascript import js_bytes, js_crypto, js_pack, refusals, refusing, take_bytes, take_pack
from balon_client.ports import (
    AccountKeys,
    AccountPublicKeys,
    AccountTerms,
    DecryptionKey,
    RootKey,
    SealedAccount,
    SigningKey,
)


class BrowserGeneration:
    """Account keys from the moment their generation starts until they are sealed or dropped."""

    def __init__(self, native: Any) -> None:
        self._js = native

    @classmethod
    def start(cls) -> "BrowserGeneration":
        """Starts to generate all of them."""
        with refusals():
            return cls(js_crypto.generateAccountKeys())

    async def public_keys(self) -> AccountPublicKeys:
        """Waits for the keys and gives their public halves."""
        found = await refusing(self._js.publicKeys())
        if found is None:
            raise RuntimeError("These account keys were sealed or dropped.")
        return AccountPublicKeys(found.spki.to_bytes(), found.rsaKid.to_bytes(), PublicKey(found.identity.to_bytes()))

    async def seal(self, kek: RootKey, terms: AccountTerms) -> SealedAccount:
        """Seals the account in one call."""
        public = await self.public_keys()
        contexts = (
            terms.mek_context(),
            terms.idk_context(public),
            terms.rsa_context(public),
            terms.recovery_context(public),
        )
        salt = hash_recovery_salt(terms.user_id, terms.rec_salt)
        seed_info = recovery_seed_info(terms.user_id, terms.recovery_id)
        sealing = self._js.seal(kek.native, js_pack(contexts), js_bytes(salt), js_bytes(seed_info))
        return _sealed_account(await refusing(sealing), public.idk_pub)

    def drop(self) -> None:
        """Zeroes and forgets the keys."""
        self._js.drop()


def _sealed_account(sealed: Any, idk_pub: PublicKey) -> SealedAccount:
    mek_env, idk_env, rsa_env, rec_env = map(Envelope, take_pack(sealed.envelopes))
    code = sealed.code
    text = encode_recovery_code(code.to_bytes())
    code.fill(0)
    keys = AccountKeys(mek=RootKey(sealed.mek), idk=SigningKey(sealed.idk, idk_pub), enc=DecryptionKey(sealed.enc))
    return SealedAccount(
        mek_env=mek_env,
        idk_env=idk_env,
        rsa_env=rsa_env,
        rec_env=rec_env,
        rec_pub=PublicKey(take_bytes(sealed.recoveryPublic)),
        recovery_code=text,
        keys=keys,
    )
