"""The port `Crypto` on pyca cryptography: a handle's `native` is the raw key or pyca's key object."""

import hashlib
import os
from collections.abc import Callable

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_der_public_key

from balon.protocol.contexts import (
    frame_aad,
    kek_info,
    legacy_login_info,
    login_seed_info,
    prev_epoch_context,
    recovery_seed_info,
    reply_info,
)
from balon.protocol.encoding import parse_prefixed
from balon.protocol.envelope import Kind, parse_envelope
from balon.protocol.errors import EncodingError, FrameError, PasswordPolicyError, SignatureFormError
from balon.protocol.frames import encode_frame_nonce, unpad_frame
from balon.protocol.password import MAX_PASSWORD_SIZE, hash_password_salt, verify_kdf_policy, verify_legacy_policy
from balon.protocol.recovery import hash_recovery_salt
from balon.protocol.signatures import verify_signature_form
from balon.protocol.types import Ciphertext, PublicKey, Signature, WrappedKey
from balon_client.errors import DamagedFramesError, DecryptionError, KeyPairError, SignatureError
from balon_client.ports import (
    ConversationKey,
    DecryptionKey,
    EncapsulatedRequest,
    GeneratedConversationKey,
    KitKeys,
    OpenedFrame,
    OpenedKit,
    PasswordKey,
    PasswordKeys,
    ReplyKey,
    RootKey,
    SigningKey,
)
from balon_client.randomness import CheckedRandom
from tests.client.doubles.accounts import PycaGeneration, pbkdf2, public_of, spki_of
from tests.client.doubles.envelopes import derive_commitment, hkdf, key_id, open_envelope, seal_envelope
from tests.client.doubles.platform import SystemClock

_HPKE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


def _oaep(label: bytes) -> padding.OAEP:
    return padding.OAEP(padding.MGF1(SHA256()), SHA256(), label)


class PycaCrypto:
    """The port `Crypto`.

    Args:
        source: The generator of random bytes; a test may put a broken one in.
        rsa_key: What `generate_account_keys` gives instead of generating: saves a second for each account.
    """

    def __init__(
        self, source: Callable[[int], bytes] = os.urandom, *, rsa_key: rsa.RSAPrivateKey | None = None
    ) -> None:
        self._random_bytes = CheckedRandom(source, SystemClock()).generate_bytes
        self._rsa_key = rsa_key

    async def verify_support(self) -> None:
        """Everything is there."""

    def zero(self, password) -> None:
        password[:] = bytes(len(password))

    async def import_password(self, password) -> PasswordKey:
        try:
            _verify_size(password)
            return PasswordKey(bytes(password))
        finally:
            self.zero(password)

    async def derive_password_keys(self, password, *, login, kdf, salt, iterations, user_id) -> PasswordKeys:
        try:
            verify_kdf_policy(algorithm=kdf, iterations=iterations, salt=salt)
            octets = password.native if isinstance(password, PasswordKey) else password
            _verify_size(octets)
            master = pbkdf2(octets, hash_password_salt(login, salt), iterations)
        finally:
            if not isinstance(password, PasswordKey):
                self.zero(password)
        seed = hkdf(master, b"", login_seed_info(user_id))
        login_key = SigningKey(Ed25519PrivateKey.from_private_bytes(seed), public_of(seed))
        return PasswordKeys(RootKey(hkdf(master, b"", kek_info(user_id))), login_key)

    async def derive_legacy_key(self, password, *, kdf, salt, iterations, user_id) -> SigningKey:
        try:
            verify_legacy_policy(algorithm=kdf, iterations=iterations, salt=salt)
            _verify_size(password)
            octets = pbkdf2(password, salt, iterations)
        finally:
            self.zero(password)
        seed = hkdf(octets, b"", legacy_login_info(user_id))
        return SigningKey(Ed25519PrivateKey.from_private_bytes(seed), public_of(seed))

    def generate_account_keys(self) -> PycaGeneration:
        return PycaGeneration(self._random_bytes, self._rsa_key)

    async def renew_account_keys(self, mek, context, idk_env, public) -> PycaGeneration:
        seed = open_envelope(mek.native, Kind.IDK, context, idk_env)
        _verify_seed(seed, public)
        return PycaGeneration(self._random_bytes, None, seed)

    async def derive_kit_keys(self, code, credential) -> KitKeys:
        salt = credential.rec_salt
        verify_kdf_policy(algorithm=credential.kdf, iterations=credential.iterations, salt=salt)
        root = pbkdf2(code, hash_recovery_salt(credential.user_id, salt), credential.iterations)
        if key_id(root) != parse_envelope(Kind.RECOVERY, credential.rec_env).kid:
            raise DecryptionError
        seed = hkdf(root, b"", recovery_seed_info(credential.user_id, credential.recovery_id))
        return KitKeys(RootKey(root), SigningKey(Ed25519PrivateKey.from_private_bytes(seed), public_of(seed)))

    async def open_kit(self, root, context, rec_env, public) -> OpenedKit:
        opened = open_envelope(root.native, Kind.RECOVERY, context, rec_env)
        try:
            mek, seed, pkcs8 = parse_prefixed(opened)
        except (EncodingError, ValueError):
            raise DecryptionError from None
        if len(mek) != 32:
            raise DecryptionError
        _verify_seed(seed, public.idk_pub)
        key = _load_rsa(pkcs8, public.spki)
        return OpenedKit(RootKey(mek), PycaGeneration(self._random_bytes, key, seed))

    async def reseal_master_key(self, old, old_context, mek_env, *, new, new_context):
        mek = open_envelope(old.native, Kind.MEK, old_context, mek_env)
        if len(mek) != 32:
            raise DecryptionError
        return seal_envelope(new.native, Kind.MEK, new_context, mek, self._random_bytes(32))

    async def open_root_key(self, root, kind, context, envelope) -> RootKey:
        opened = open_envelope(root.native, kind, context, envelope)
        if len(opened) != 32:
            raise DecryptionError
        return RootKey(bytes(opened))

    async def open_signing_key(self, root, context, envelope, public) -> SigningKey:
        seed = open_envelope(root.native, Kind.IDK, context, envelope)
        _verify_seed(seed, public)
        return SigningKey(Ed25519PrivateKey.from_private_bytes(seed), public)

    async def open_decryption_key(self, root, context, envelope, spki) -> DecryptionKey:
        return DecryptionKey(_load_rsa(open_envelope(root.native, Kind.RSA, context, envelope), spki))

    async def seal_many(self, root, kind, items):
        return [
            seal_envelope(root.native, kind, context, plaintext, self._random_bytes(32)) for context, plaintext in items
        ]

    async def open_many(self, root, kind, items):
        return [open_envelope(root.native, kind, context, envelope) for context, envelope in items]

    async def open_each(self, root, kind, items):
        return [_open_or_none(root.native, kind, context, envelope) for context, envelope in items]

    async def sign(self, key, statement) -> Signature:
        return Signature(key.native.sign(statement))

    async def sign_many(self, key, statements):
        return [await self.sign(key, statement) for statement in statements]

    async def verify_many(self, items) -> None:
        for public, statement, signature in items:
            _verify(public, statement, signature)

    async def verify_each(self, items):
        return [_verify_or_none(*item) for item in items]

    async def generate_conversation_key(
        self, conversation_id, epoch, recipients, previous=None
    ) -> GeneratedConversationKey:
        old = None
        if previous is not None:
            old = _open_wrap(previous.key, previous.item.wrapped, previous.label(conversation_id, epoch))
        root = self._random_bytes(32)
        wrapped = [_wrap_for(recipient, conversation_id, epoch, root) for recipient in recipients]
        key = ConversationKey(RootKey(root), derive_commitment(root, conversation_id, epoch))
        if old is None:
            return GeneratedConversationKey(key, wrapped, None)
        context = prev_epoch_context(conversation_id, epoch, epoch - 1)
        return GeneratedConversationKey(
            key, wrapped, seal_envelope(root, Kind.PREV, context, old, self._random_bytes(32))
        )

    async def unwrap_conversation_key(self, key, item) -> ConversationKey:
        root = _open_wrap(key, item.wrapped, item.label())
        return ConversationKey(RootKey(root), derive_commitment(root, item.conversation_id, item.epoch))

    async def rewrap_each(self, key, items, recipient):
        return [_rewrap_or_none(key, item, recipient) for item in items]

    async def open_previous_keys(self, key, conversation_id, epoch, envelopes):
        opened = []
        for newer, envelope in zip(range(epoch, epoch - len(envelopes), -1), envelopes, strict=True):
            context = prev_epoch_context(conversation_id, newer, newer - 1)
            above = opened[-1] if opened else key
            root = await self.open_root_key(above.root, Kind.PREV, context, envelope)
            opened.append(ConversationKey(root, derive_commitment(root.native, conversation_id, newer - 1)))
        return opened

    async def unwrap_each(self, key, items):
        return [await self._unwrap_or_none(key, item) for item in items]

    async def _unwrap_or_none(self, key, item):
        try:
            return await self.unwrap_conversation_key(key, item)
        except DecryptionError:
            return None

    async def encapsulate_request(self, hpke_pub, info, plaintext) -> EncapsulatedRequest:
        try:
            sealed = _HPKE.encrypt(plaintext, X25519PublicKey.from_public_bytes(hpke_pub), info)
        except ValueError:
            raise DecryptionError from None
        return EncapsulatedRequest(sealed[:32], Ciphertext(sealed[32:]))

    async def derive_reply_key(self, reply_secret, *, enc, response_nonce, stream_id) -> ReplyKey:
        return ReplyKey(hkdf(reply_secret, enc + response_nonce, reply_info(stream_id)))

    async def open_frames(self, key, stream_id, first_index, frames):
        opened: list[OpenedFrame] = []
        for index, frame in enumerate(frames, first_index):
            after_final = bool(opened) and opened[-1].final
            found = None if after_final else _open_frame(key.native, stream_id, index, frame)
            if found is None:
                raise DamagedFramesError(opened)
            opened.append(found)
        return opened


def _wrap_for(recipient, conversation_id, epoch: int, root: bytes) -> WrappedKey:
    label = recipient.label(conversation_id, epoch)
    return WrappedKey(load_der_public_key(recipient.spki).encrypt(root, _oaep(label)))


def _open_wrap(key: DecryptionKey, wrapped: bytes, label: bytes) -> bytes:
    try:
        root = key.native.decrypt(wrapped, _oaep(label))
    except ValueError:
        raise DecryptionError from None
    if len(root) != 32:
        raise DecryptionError
    return root


def _rewrap_or_none(key: DecryptionKey, item, recipient) -> WrappedKey | None:
    try:
        root = _open_wrap(key, item.wrapped, item.label())
    except DecryptionError:
        return None
    return _wrap_for(recipient, item.conversation_id, item.epoch, root)


def _verify_size(password: bytes) -> None:
    if not 0 < len(password) <= MAX_PASSWORD_SIZE:
        raise PasswordPolicyError("A password has 1 to 1024 bytes.")


def _verify_seed(seed: bytes, public: PublicKey) -> None:
    if len(seed) != 32:
        raise DecryptionError
    if public_of(seed) != public:
        raise KeyPairError


def _load_rsa(pkcs8: bytes, spki: bytes) -> rsa.RSAPrivateKey:
    try:
        key = load_der_private_key(pkcs8, None)
    except ValueError:
        raise DecryptionError from None
    if not isinstance(key, rsa.RSAPrivateKey) or spki_of(key) != spki:
        raise KeyPairError
    return key


def _open_or_none(root: bytes, kind: Kind, context: bytes, envelope: bytes):
    try:
        return open_envelope(root, kind, context, envelope)
    except DecryptionError:
        return None


def _verify(public: PublicKey, statement: bytes, signature: bytes) -> None:
    try:
        verify_signature_form(public, signature)
        Ed25519PublicKey.from_public_bytes(public).verify(signature, statement)
    except (SignatureFormError, InvalidSignature):
        raise SignatureError from None


def _verify_or_none(public: PublicKey, statement: bytes, signature: bytes):
    try:
        _verify(public, statement, signature)
    except SignatureError:
        return None
    return statement


def _open_frame(key: bytes, stream_id, index: int, frame: bytes) -> OpenedFrame | None:
    for final in (False, True):
        aad = frame_aad(stream_id, index, final=final)
        try:
            return OpenedFrame(unpad_frame(AESGCM(key).decrypt(encode_frame_nonce(index), frame, aad)), final)
        except (InvalidTag, FrameError):
            continue
    return None


def sha256(value: bytes) -> bytes:
    return hashlib.sha256(value).digest()
