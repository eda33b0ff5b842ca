"""The port `Crypto` on WebCrypto. Contexts and policy are here, everything with keys is in webcrypto.mjs."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from balon.protocol.contexts import (
    ck_commit_info,
    frame_aad,
    kek_info,
    legacy_login_info,
    login_seed_info,
    prev_epoch_context,
    recovery_seed_info,
    reply_info,
)
from balon.protocol.envelope import Kind, parse_envelope
from balon.protocol.errors import FrameError, PasswordPolicyError, SignatureFormError
from balon.protocol.frames import encode_frame_nonce, unpad_frame
from balon.protocol.password import MAX_PASSWORD_SIZE, hash_password_salt, verify_kdf_policy, verify_legacy_policy
from balon.protocol.recovery import RecoveryCredential, hash_recovery_salt
from balon.protocol.signatures import verify_signature_form
from balon.protocol.types import Ciphertext, Envelope, Plaintext, PublicKey, Signature, Statement, WrappedKey
from balon_client.adapters.accounts import BrowserGeneration
from balon_client.adapters.javascript import js_bytes, js_crypto, js_pack, refusing, take_bytes, take_pack
from balon_client.errors import DamagedFramesError, DecryptionError, SignatureError
from balon_client.ports import (
    AccountGeneration,
    AccountPublicKeys,
    ConversationKey,
    DecryptionKey,
    EncapsulatedRequest,
    GeneratedConversationKey,
    KitKeys,
    OpenedFrame,
    OpenedKit,
    PasswordBuffer,
    PasswordKey,
    PasswordKeys,
    PreviousKey,
    Recipient,
    ReplyKey,
    RootKey,
    SigningKey,
    WrappedConversationKey,
)

_OPENED = b"\x01"


class BrowserCrypto:
    """All cryptography of the client, on handles that the browser keeps. The port's docstrings hold."""

    async def verify_support(self) -> None:
        """Tries every primitive that a browser may lack."""
        await refusing(js_crypto.verifySupport())

    def zero(self, password: PasswordBuffer) -> None:
        """Zeroes a password that is not going to be derived from."""
        _js(password).fill(0)

    async def import_password(self, password: PasswordBuffer) -> PasswordKey:
        """A handle to derive from more than once; zeroes the password whatever happens."""
        try:
            _verify_size(password)
            return PasswordKey(await refusing(js_crypto.importPassword(password)))
        finally:
            self.zero(password)

    async def derive_password_keys(  # noqa: PLR0913 - the port's
        self,
        password: PasswordBuffer | PasswordKey,
        *,
        login: str,
        kdf: object,
        salt: object,
        iterations: object,
        user_id: UUID,
    ) -> PasswordKeys:
        """KEK and login key; checks the policy first, zeroes the password whatever happens."""
        try:
            verify_kdf_policy(algorithm=kdf, iterations=iterations, salt=salt)
            pw_salt = js_bytes(hash_password_salt(login, bytes(_js(salt))))
            infos = js_bytes(kek_info(user_id)), js_bytes(login_seed_info(user_id))
            if isinstance(password, PasswordKey):
                deriving = js_crypto.deriveFromPassword(password.native, pw_salt, iterations, *infos)
            else:
                _verify_size(password)
                deriving = js_crypto.derivePasswordKeys(password, pw_salt, iterations, *infos)
            found = await refusing(deriving)
        finally:
            if not isinstance(password, PasswordKey):
                self.zero(password)
        return PasswordKeys(RootKey(found.kek), SigningKey(found.loginKey, PublicKey(take_bytes(found.loginPublic))))

    async def derive_legacy_key(
        self, password: PasswordBuffer, *, kdf: object, salt: object, iterations: object, user_id: UUID
    ) -> SigningKey:
        """Login key of an old hash; checks the policy first, zeroes the password whatever happens."""
        try:
            verify_legacy_policy(algorithm=kdf, iterations=iterations, salt=salt)
            _verify_size(password)
            parts = js_bytes(bytes(_js(salt))), iterations, js_bytes(legacy_login_info(user_id))
            found = await refusing(js_crypto.deriveLegacyKey(password, *parts))
        finally:
            self.zero(password)
        return SigningKey(found.loginKey, PublicKey(take_bytes(found.loginPublic)))

    def generate_account_keys(self) -> AccountGeneration:
        """Starts to generate; returns at once."""
        return BrowserGeneration.start()

    async def renew_account_keys(
        self, mek: RootKey, context: bytes, idk_env: Envelope, public: PublicKey
    ) -> AccountGeneration:
        """Starts to generate around an identity key that stays."""
        parts = map(js_bytes, (context, idk_env, public))
        return BrowserGeneration(await refusing(js_crypto.renewAccountKeys(mek.native, *parts)))

    async def derive_kit_keys(self, code: bytes, credential: RecoveryCredential) -> KitKeys:
        """RK and recovery key; checks the policy first."""
        salt, kid = credential.rec_salt, parse_envelope(Kind.RECOVERY, credential.rec_env).kid
        verify_kdf_policy(algorithm=credential.kdf, iterations=credential.iterations, salt=salt)
        pw_salt = js_bytes(hash_recovery_salt(credential.user_id, salt))
        info = js_bytes(recovery_seed_info(credential.user_id, credential.recovery_id))
        deriving = js_crypto.deriveKitKeys(js_bytes(code), pw_salt, credential.iterations, js_bytes(kid), info)
        found = await refusing(deriving)
        return KitKeys(RootKey(found.root), SigningKey(found.key, PublicKey(take_bytes(found.publicKey))))

    async def open_kit(self, root: RootKey, context: bytes, rec_env: Envelope, public: AccountPublicKeys) -> OpenedKit:
        """Opens a kit in one call and checks both pairs."""
        parts = map(js_bytes, (context, rec_env, public.idk_pub, public.spki))
        found = await refusing(js_crypto.openKit(root.native, *parts))
        return OpenedKit(RootKey(found.mek), BrowserGeneration(found.generation))

    async def reseal_master_key(
        self, old: RootKey, old_context: bytes, mek_env: Envelope, *, new: RootKey, new_context: bytes
    ) -> Envelope:
        """Opens and seals in one call."""
        opened = old.native, js_bytes(old_context), js_bytes(mek_env)
        return Envelope(take_bytes(await refusing(js_crypto.resealMaster(*opened, new.native, js_bytes(new_context)))))

    async def open_root_key(self, root: RootKey, kind: Kind, context: bytes, envelope: Envelope) -> RootKey:
        """Opens a 32-byte root key as a handle."""
        opening = js_crypto.openRoot(root.native, int(kind), js_bytes(context), js_bytes(envelope))
        return RootKey(await refusing(opening))

    async def open_signing_key(
        self, root: RootKey, context: bytes, envelope: Envelope, public: PublicKey
    ) -> SigningKey:
        """Opens the identity key as a handle and checks the pair."""
        opening = js_crypto.openSigning(root.native, js_bytes(context), js_bytes(envelope), js_bytes(public))
        return SigningKey(await refusing(opening), public)

    async def open_decryption_key(
        self, root: RootKey, context: bytes, envelope: Envelope, spki: bytes
    ) -> DecryptionKey:
        """Opens the RSA key as a handle and checks the pair."""
        opening = js_crypto.openDecryption(root.native, js_bytes(context), js_bytes(envelope), js_bytes(spki))
        return DecryptionKey(await refusing(opening))

    async def seal_many(self, root: RootKey, kind: Kind, items: Sequence[tuple[bytes, bytes]]) -> list[Envelope]:
        """Seals a batch in one call."""
        sealing = js_crypto.sealMany(root.native, int(kind), _pack_tuples(items))
        return [Envelope(part) for part in take_pack(await refusing(sealing))]

    async def open_many(self, root: RootKey, kind: Kind, items: Sequence[tuple[bytes, Envelope]]) -> list[Plaintext]:
        """Opens a batch in one call, all of it or nothing."""
        opened = [plaintext for plaintext in await self.open_each(root, kind, items) if plaintext is not None]
        if len(opened) != len(items):
            raise DecryptionError
        return opened

    async def open_each(
        self, root: RootKey, kind: Kind, items: Sequence[tuple[bytes, Envelope]]
    ) -> list[Plaintext | None]:
        """Opens a batch in one call, None for what does not open."""
        parts = take_pack(await refusing(js_crypto.openEach(root.native, int(kind), _pack_tuples(items))))
        return [
            Plaintext(plaintext) if mark == _OPENED else None
            for mark, plaintext in zip(parts[::2], parts[1::2], strict=True)
        ]

    async def sign(self, key: SigningKey, statement: Statement) -> Signature:
        """Signs one statement."""
        return (await self.sign_many(key, [statement]))[0]

    async def sign_many(self, key: SigningKey, statements: Sequence[Statement]) -> list[Signature]:
        """Signs a batch in one call."""
        return [Signature(part) for part in take_pack(await js_crypto.signMany(key.native, js_pack(statements)))]

    async def verify_many(self, items: Sequence[tuple[PublicKey, Statement, Signature]]) -> None:
        """Verifies a batch in one call, all of it or nothing."""
        if None in await self.verify_each(items):
            raise SignatureError

    async def verify_each(self, items: Sequence[tuple[PublicKey, Statement, Signature]]) -> list[Statement | None]:
        """Verifies a batch in one call, None for what does not hold."""
        marks = iter(take_bytes(await js_crypto.verifyEach(_pack_tuples([item for item in items if _has_form(item)]))))
        return [item[1] if _has_form(item) and next(marks) == 1 else None for item in items]

    async def generate_conversation_key(
        self, conversation_id: UUID, epoch: int, recipients: Sequence[Recipient], previous: PreviousKey | None = None
    ) -> GeneratedConversationKey:
        """A new conversation key, its commitment, its wraps and the key before it, in one call."""
        info = js_bytes(ck_commit_info(conversation_id, epoch))
        wraps = _pack_tuples([(recipient.spki, recipient.label(conversation_id, epoch)) for recipient in recipients])
        if previous is None:
            found = await refusing(js_crypto.generateConversationKey(info, wraps))
            return _generated_key(found, None)
        parts = _previous_parts(previous, conversation_id, epoch)
        found = await refusing(js_crypto.generateNextKey(info, wraps, previous.key.native, *parts))
        return _generated_key(found, Envelope(take_bytes(found.previous)))

    async def unwrap_conversation_key(self, key: DecryptionKey, item: WrappedConversationKey) -> ConversationKey:
        """Unwraps one conversation key."""
        found = (await self.unwrap_each(key, [item]))[0]
        if found is None:
            raise DecryptionError
        return found

    async def unwrap_each(
        self, key: DecryptionKey, items: Sequence[WrappedConversationKey]
    ) -> list[ConversationKey | None]:
        """Unwraps a batch in one call, None for what does not open."""
        found = await refusing(js_crypto.unwrapEach(key.native, _pack_tuples([_unwrapping(item) for item in items])))
        return [_conversation_key(entry) if entry is not None else None for entry in found]

    async def rewrap_each(
        self, key: DecryptionKey, items: Sequence[WrappedConversationKey], recipient: Recipient
    ) -> list[WrappedKey | None]:
        """Wraps a batch for another recipient in one call, None for what does not open."""
        labels = [(item.label(), recipient.label(item.conversation_id, item.epoch)) for item in items]
        packed = _pack_tuples([(item.wrapped, *pair) for item, pair in zip(items, labels, strict=True)])
        parts = take_pack(await refusing(js_crypto.rewrapEach(key.native, packed, js_bytes(recipient.spki))))
        return [WrappedKey(part) if part else None for part in parts]

    async def open_previous_keys(
        self, key: ConversationKey, conversation_id: UUID, epoch: int, envelopes: Sequence[Envelope]
    ) -> list[ConversationKey]:
        """Opens a chain of PREV in one call, all of it or nothing."""
        epochs = range(epoch, epoch - len(envelopes), -1)
        sealed = [_prev_parts(conversation_id, *item) for item in zip(epochs, envelopes, strict=True)]
        found = await refusing(js_crypto.openPreviousKeys(key.root.native, _pack_tuples(sealed)))
        return [_conversation_key(entry) for entry in found]

    async def encapsulate_request(self, hpke_pub: PublicKey, info: bytes, plaintext: bytes) -> EncapsulatedRequest:
        """HPKE, single-shot."""
        sealing = js_crypto.encapsulate(js_bytes(hpke_pub), js_bytes(info), js_bytes(plaintext))
        enc, ciphertext = take_pack(await refusing(sealing))
        return EncapsulatedRequest(enc, Ciphertext(ciphertext))

    async def derive_reply_key(
        self, reply_secret: bytes, *, enc: bytes, response_nonce: bytes, stream_id: UUID
    ) -> ReplyKey:
        """The key of a reply's frames."""
        parts = js_bytes(reply_secret), js_bytes(enc + response_nonce), js_bytes(reply_info(stream_id))
        return ReplyKey(await refusing(js_crypto.deriveReplyKey(*parts)))

    async def open_frames(
        self, key: ReplyKey, stream_id: UUID, first_index: int, frames: Sequence[Ciphertext]
    ) -> list[OpenedFrame]:
        """Opens consecutive frames in one call."""
        sealed = [_frame_parts(stream_id, index, frame) for index, frame in enumerate(frames, first_index)]
        parts = take_pack(await js_crypto.openFrames(key.native, _pack_tuples(sealed)))
        opened = _leading_frames(list(zip(parts[::2], parts[1::2], strict=True)))
        if len(opened) != len(frames):
            raise DamagedFramesError(opened)
        return opened


def _js(value: object) -> Any:
    """What a port passes as an object and this adapter knows to be a proxy, or checked."""
    return value


def _verify_size(password: PasswordBuffer) -> None:
    if not 0 < _js(password).byteLength <= MAX_PASSWORD_SIZE:
        raise PasswordPolicyError("A password has 1 to 1024 bytes.")


def _pack_tuples(items: Sequence[tuple[bytes, ...]]) -> Any:
    return js_pack([part for item in items for part in item])


def _has_form(item: tuple[PublicKey, Statement, Signature]) -> bool:
    try:
        verify_signature_form(item[0], item[2])
    except SignatureFormError:
        return False
    return True


def _unwrapping(item: WrappedConversationKey) -> tuple[bytes, bytes, bytes]:
    return item.wrapped, item.label(), ck_commit_info(item.conversation_id, item.epoch)


def _conversation_key(found: Any) -> ConversationKey:
    return ConversationKey(RootKey(found.root), take_bytes(found.commit))


def _generated_key(found: Any, previous_env: Envelope | None) -> GeneratedConversationKey:
    wrapped = [WrappedKey(part) for part in take_pack(found.wrapped)]
    return GeneratedConversationKey(_conversation_key(found), wrapped, previous_env)


def _previous_parts(previous: PreviousKey, conversation_id: UUID, epoch: int) -> tuple[Any, Any, Any]:
    label = previous.label(conversation_id, epoch)
    context = prev_epoch_context(conversation_id, epoch, epoch - 1)
    return js_bytes(previous.item.wrapped), js_bytes(label), js_bytes(context)


def _prev_parts(conversation_id: UUID, epoch: int, envelope: Envelope) -> tuple[bytes, bytes, bytes]:
    context = prev_epoch_context(conversation_id, epoch, epoch - 1)
    return context, envelope, ck_commit_info(conversation_id, epoch - 1)


def _frame_parts(stream_id: UUID, index: int, frame: Ciphertext) -> tuple[bytes, bytes, bytes, bytes]:
    aads = frame_aad(stream_id, index, final=False), frame_aad(stream_id, index, final=True)
    return encode_frame_nonce(index), frame, *aads


def _leading_frames(opened: Sequence[tuple[bytes, bytes]]) -> list[OpenedFrame]:
    """Takes padding off, up to the first frame that has none or that comes behind a final one."""
    frames: list[OpenedFrame] = []
    for final, padded in opened:
        if frames and frames[-1].final:
            break
        try:
            frames.append(OpenedFrame(unpad_frame(padded), final == _OPENED))
        except FrameError:
            break
    return frames
