"""The crypto port: everything that touches a key. docs/protocol.md sections 2 to 9 define each construction.

Calls take batches, since a call into JavaScript costs more than the cryptography behind it (docs/architecture.md).
"""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from balon.protocol.envelope import Kind
from balon.protocol.recovery import RecoveryCredential
from balon.protocol.types import Ciphertext, Envelope, Plaintext, PublicKey, Signature, Statement, WrappedKey
from balon_client.ports.accounts import AccountGeneration, OpenedKit
from balon_client.ports.keys import (
    AccountPublicKeys,
    ConversationKey,
    DecryptionKey,
    EncapsulatedRequest,
    GeneratedConversationKey,
    KitKeys,
    OpenedFrame,
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


class Crypto(Protocol):
    """All cryptography of the client, on opaque handles.

    Any method may raise `RandomnessError` when the generator repeats itself. `DecryptionError` has one message for
    every reason, and no method tells which check failed.
    """

    async def verify_support(self) -> None:
        """Checks that every primitive of the protocol is there.

        Raises:
            UnsupportedBrowserError: One is missing, or this is no secure context; says which of the two.
        """

    def zero(self, password: PasswordBuffer) -> None:
        """Zeroes a password that is not going to be derived from."""

    async def import_password(self, password: PasswordBuffer) -> PasswordKey:
        """Makes a handle to derive from more than once, for the KDF upgrade (section 4). Zeroes the password.

        Drop the handle when sign-in ends. Judge what it will be derived with before: this reads the password.

        Args:
            password: 1 to 1024 bytes, secret; zeroed, also on failure.

        Raises:
            PasswordPolicyError: The password has 0 or more than 1024 bytes.
        """

    async def derive_password_keys(  # noqa: PLR0913 - the inputs of section 2
        self,
        password: PasswordBuffer | PasswordKey,
        *,
        login: str,
        kdf: object,
        salt: object,
        iterations: object,
        user_id: UUID,
    ) -> PasswordKeys:
        """Derives KEK and login key (section 2). Zeroes the password, also on failure.

        The policy is checked here, before the password is read, whatever the caller checked.

        Args:
            password: 1 to 1024 bytes, secret; zeroed. Or a handle of `import_password`, which stays usable.
            login: As `normalize_login` gives it.
            kdf: Algorithm name as stored or as the server sent it; anything but PBKDF2-SHA256 is refused.
            salt: 32 bytes.
            iterations: 600 000 to 5 000 000.
            user_id: Whose keys.

        Raises:
            PasswordPolicyError: The parameters are outside the policy, or the password has 0 or more than 1024 bytes.
        """

    async def derive_legacy_key(
        self, password: PasswordBuffer, *, kdf: object, salt: object, iterations: object, user_id: UUID
    ) -> SigningKey:
        """Derives the login key of an account from before encryption (section 12). Zeroes the password always.

        The policy is checked here, before the password is read, whatever the caller checked.

        Args:
            password: UTF-8 as typed, not normalized: 1 to 1024 bytes, secret; zeroed.
            kdf: As the server sent it; anything but Django's PBKDF2 is refused.
            salt: 8 to 64 bytes.
            iterations: 600 000 to 5 000 000.
            user_id: Whose key.

        Raises:
            PasswordPolicyError: The parameters are outside the policy, or the password has 0 or more than 1024 bytes.
        """

    def generate_account_keys(self) -> AccountGeneration:
        """Starts to generate MEK, identity key, RSA pair and recovery code; returns at once (section 4).

        For a new account, and for rotate-keys with a new identity.
        """

    async def renew_account_keys(
        self, mek: RootKey, context: bytes, idk_env: Envelope, public: PublicKey
    ) -> AccountGeneration:
        """Starts to generate MEK, RSA pair and recovery code around the identity key of an account (rotate-keys).

        Args:
            mek: The master key that is to be replaced.
            context: `contexts.idk_context`.
            idk_env: The sealed identity key.
            public: Its public half, from the verified bundle.

        Raises:
            DecryptionError: It does not open.
            KeyPairError: It opens, but belongs to another public key.
        """

    async def derive_kit_keys(self, code: bytes, credential: RecoveryCredential) -> KitKeys:
        """Derives RK and the recovery key (section 6), and compares RK's key id with the one that rec_env names.

        The credential's kdf, iterations and salt are judged by the policy for passwords before anything is derived.

        Args:
            code: 32 bytes, secret, from `decode_recovery_code`. Python's copy cannot be zeroed: forget it at once.
            credential: From `parse_credential`.

        Raises:
            PasswordPolicyError: The credential's parameters are outside the policy.
            DecryptionError: Code and credential do not belong together.
        """

    async def open_kit(self, root: RootKey, context: bytes, rec_env: Envelope, public: AccountPublicKeys) -> OpenedKit:
        """Opens a kit and checks that both its key pairs are the account's (section 6). Its bytes never leave the call.

        Args:
            root: RK.
            context: `contexts.recovery_context`.
            rec_env: Of the credential.
            public: The public keys of the verified bundle, with the credential's idk_pub.

        Returns:
            The master key that the kit holds, and a generation with the kit's identity key and RSA pair, a new master
            key and a new recovery code. Seal or drop it.

        Raises:
            DecryptionError: It does not open, or holds something else.
            KeyPairError: It opens, but its keys belong to other public keys.
        """

    async def reseal_master_key(
        self, old: RootKey, old_context: bytes, mek_env: Envelope, *, new: RootKey, new_context: bytes
    ) -> Envelope:
        """Opens mek_env under one KEK and seals the same master key under another, in one call (section 4).

        Both keys come from `derive_password_keys`: there is no other key a master key is sealed under (A7).

        Args:
            old: The KEK of the old password.
            old_context: `contexts.mek_context` of what is stored.
            mek_env: As stored.
            new: The KEK of the new password, login name or number of iterations.
            new_context: `contexts.mek_context` of what will be stored.

        Raises:
            DecryptionError: It does not open under the old one, or holds no 32 bytes.
        """

    async def open_root_key(self, root: RootKey, kind: Kind, context: bytes, envelope: Envelope) -> RootKey:
        """Opens an envelope that holds a 32-byte root key: kind MEK under the KEK, kind PREV under CK[e + 1].

        For a chain of PREV use `open_previous_keys`.

        Raises:
            DecryptionError: It does not open, or holds no 32 bytes.
        """

    async def open_signing_key(
        self, root: RootKey, context: bytes, envelope: Envelope, public: PublicKey
    ) -> SigningKey:
        """Opens idk_env under the MEK and checks that the seed is the one of `public` (section 4).

        Raises:
            DecryptionError: It does not open.
            KeyPairError: It opens, but belongs to another public key.
        """

    async def open_decryption_key(
        self, root: RootKey, context: bytes, envelope: Envelope, spki: bytes
    ) -> DecryptionKey:
        """Opens rsa_env under the MEK and checks the pair: 32 random bytes to `spki` and back (section 4).

        Args:
            root: The MEK.
            context: `contexts.rsa_context`.
            envelope: rsa_env.
            spki: The RSA public key of the verified bundle.

        Raises:
            DecryptionError: It does not open.
            KeyPairError: It opens, but belongs to another public key.
        """

    async def seal_many(self, root: RootKey, kind: Kind, items: Sequence[tuple[bytes, bytes]]) -> list[Envelope]:
        """Seals (context, plaintext) pairs, in one call; pads the kinds that are padded (section 3)."""

    async def open_many(self, root: RootKey, kind: Kind, items: Sequence[tuple[bytes, Envelope]]) -> list[Plaintext]:
        """Opens (context, envelope) pairs, in one call; takes padding off.

        Args:
            root: The key that the caller expects; an envelope under another one is refused.
            kind: The expected kind.
            items: Contexts rebuilt by the caller from what it knows, never from the answer; envelopes of any length.

        Raises:
            DecryptionError: At least one does not open. Nothing is returned then.
        """

    async def open_each(
        self, root: RootKey, kind: Kind, items: Sequence[tuple[bytes, Envelope]]
    ) -> list[Plaintext | None]:
        """As `open_many`, with None in the place of each that does not open: for pages of messages."""

    async def sign(self, key: SigningKey, statement: Statement) -> Signature:
        """Signs one statement."""

    async def sign_many(self, key: SigningKey, statements: Sequence[Statement]) -> list[Signature]:
        """Signs statements, in one call."""

    async def verify_many(self, items: Sequence[tuple[PublicKey, Statement, Signature]]) -> None:
        """Verifies (public key, statement, signature) triples, in one call; any lengths may come in.

        Strict Ed25519: keys and R of small order, non-canonical encodings and S not below the group order are
        refused, whatever the platform does (RFC 8032 section 5.1.7, A41).

        Raises:
            SignatureError: At least one does not hold.
        """

    async def verify_each(self, items: Sequence[tuple[PublicKey, Statement, Signature]]) -> list[Statement | None]:
        """As `verify_many`, with the statement where its signature holds and None where not."""

    async def generate_conversation_key(
        self, conversation_id: UUID, epoch: int, recipients: Sequence[Recipient], previous: PreviousKey | None = None
    ) -> GeneratedConversationKey:
        """Generates CK[epoch], commits to it and wraps it for each recipient (section 7).

        Args:
            conversation_id: The conversation.
            epoch: Number of the epoch that the key begins.
            recipients: For whom it is wrapped; their public keys come from verified bundles.
            previous: One's own wrap of the epoch before, from a verified grant. It is opened and sealed under the new
                key as PREV(epoch) within the call. None: whoever has the new key alone reads nothing older.

        Raises:
            DecryptionError: `previous` is no wrap of epoch - 1 of this conversation for its recipient.
            EncodingError: `previous` is given for epoch 0.
        """

    async def unwrap_conversation_key(self, key: DecryptionKey, item: WrappedConversationKey) -> ConversationKey:
        """Unwraps a conversation key under the label built from `item` (section 7). 6 ms: cache the result.

        The caller compares `ck_commit` with the roster's and the grant's, and has verified the grant's signature.

        Raises:
            DecryptionError: It does not open, or holds no 32 bytes.
        """

    async def unwrap_each(
        self, key: DecryptionKey, items: Sequence[WrappedConversationKey]
    ) -> list[ConversationKey | None]:
        """As `unwrap_conversation_key` for many, in one call, with None where one does not open."""

    async def rewrap_each(
        self, key: DecryptionKey, items: Sequence[WrappedConversationKey], recipient: Recipient
    ) -> list[WrappedKey | None]:
        """Opens one's own wraps and wraps each key for another recipient, in one call (section 4).

        Every wrap keeps its conversation and epoch. 6 ms each: pass slices. No key leaves the call, so the caller has
        opened the same wraps before and compared their commitments (`unwrap_each`).

        Args:
            key: What opens the wraps.
            items: One's own wraps, from verified grants.
            recipient: Oneself with a new RSA key, or an invited person; the key comes from a verified bundle.

        Returns:
            512 bytes for each, None where one does not open or holds no 32 bytes.
        """

    async def open_previous_keys(
        self, key: ConversationKey, conversation_id: UUID, epoch: int, envelopes: Sequence[Envelope]
    ) -> list[ConversationKey]:
        """Opens PREV(epoch), PREV(epoch - 1), …, each under the key that the one before gave, in one call (section 7).

        The caller compares each `ck_commit` with the roster's.

        Args:
            key: CK[epoch].
            conversation_id: The conversation.
            epoch: The epoch of `key`.
            envelopes: The unbroken chain, newest first; at most `epoch` of them.

        Returns:
            CK[epoch - 1], CK[epoch - 2], …, as many as envelopes.

        Raises:
            DecryptionError: One does not open, or holds no 32 bytes. Nothing is returned then.
            EncodingError: There are more envelopes than earlier epochs.
        """

    async def encapsulate_request(self, hpke_pub: PublicKey, info: bytes, plaintext: bytes) -> EncapsulatedRequest:
        """HPKE SealBase, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM, empty aad (RFC 9180, section 9).

        Args:
            hpke_pub: The gateway's key from a verified key statement, 32 bytes.
            info: `contexts.infer_info`.
            plaintext: The request's JSON.

        Raises:
            DecryptionError: `hpke_pub` is no usable X25519 key (wrong length, small order).
        """

    async def derive_reply_key(
        self, reply_secret: bytes, *, enc: bytes, response_nonce: bytes, stream_id: UUID
    ) -> ReplyKey:
        """K_r = HKDF(reply_secret, enc || response_nonce, ctx("reply", stream_id), 32) (section 9)."""

    async def open_frames(
        self, key: ReplyKey, stream_id: UUID, first_index: int, frames: Sequence[Ciphertext]
    ) -> list[OpenedFrame]:
        """Opens consecutive frames, in one call, and takes their padding off (section 9).

        Tries each as not final, then as final. A frame behind a final one counts as damage.

        Args:
            key: From `derive_reply_key`.
            stream_id: The stream.
            first_index: Number i of the first frame given.
            frames: Frames i, i + 1, … without length prefix.

        Raises:
            DamagedFramesError: One does not open; has those before it.
        """
