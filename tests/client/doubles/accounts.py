"""A new account's keys on pyca cryptography (docs/protocol.md sections 4 and 6)."""

import asyncio
import hashlib

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from balon.protocol.contexts import recovery_seed_info
from balon.protocol.encoding import serialize_prefixed
from balon.protocol.envelope import Kind
from balon.protocol.recovery import RECOVERY_ITERATIONS, encode_recovery_code, hash_recovery_salt
from balon.protocol.types import PublicKey
from balon_client.ports import (
    AccountKeys,
    AccountPublicKeys,
    AccountTerms,
    DecryptionKey,
    RootKey,
    SealedAccount,
    SigningKey,
)
from tests.client.doubles.envelopes import hkdf, seal_envelope


def public_of(seed: bytes) -> PublicKey:
    return PublicKey(Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw())


def spki_of(key: rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def pbkdf2(password: bytes, salt: bytes, iterations: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", password, salt, iterations)


class PycaGeneration:
    """The port `AccountGeneration`: everything new, or around a seed and an RSA key that stay."""

    def __init__(self, random_bytes, rsa_key: rsa.RSAPrivateKey | None, seed: bytes | None = None) -> None:
        self._random_bytes = random_bytes
        self._mek, self._code = random_bytes(32), random_bytes(32)
        self._seed = seed or random_bytes(32)
        self._rsa = rsa_key
        self._ended = False

    async def public_keys(self) -> AccountPublicKeys:
        self._verify_usable()
        if self._rsa is None:
            self._rsa = await asyncio.to_thread(rsa.generate_private_key, 65537, 4096)
            self._verify_usable()
        spki = spki_of(self._rsa)
        return AccountPublicKeys(spki, hashlib.sha256(spki).digest(), public_of(self._seed))

    async def seal(self, kek: RootKey, terms: AccountTerms) -> SealedAccount:
        public = await self.public_keys()
        self._ended = True
        pkcs8 = self._rsa.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        recovery_root = pbkdf2(self._code, hash_recovery_salt(terms.user_id, terms.rec_salt), RECOVERY_ITERATIONS)
        everything = serialize_prefixed(self._mek, self._seed, pkcs8)
        recovery_seed = hkdf(recovery_root, b"", recovery_seed_info(terms.user_id, terms.recovery_id))
        seal = self._seal
        return SealedAccount(
            mek_env=seal(kek.native, Kind.MEK, terms.mek_context(), self._mek),
            idk_env=seal(self._mek, Kind.IDK, terms.idk_context(public), self._seed),
            rsa_env=seal(self._mek, Kind.RSA, terms.rsa_context(public), pkcs8),
            rec_env=seal(recovery_root, Kind.RECOVERY, terms.recovery_context(public), everything),
            rec_pub=public_of(recovery_seed),
            recovery_code=encode_recovery_code(self._code),
            keys=AccountKeys(
                mek=RootKey(self._mek),
                idk=SigningKey(Ed25519PrivateKey.from_private_bytes(self._seed), public.idk_pub),
                enc=DecryptionKey(self._rsa),
            ),
        )

    def drop(self) -> None:
        self._ended = True

    def _seal(self, root: bytes, kind: Kind, context: bytes, plaintext: bytes):
        return seal_envelope(root, kind, context, plaintext, self._random_bytes(32))

    def _verify_usable(self) -> None:
        if self._ended:
            raise RuntimeError("These account keys were sealed or dropped.")
