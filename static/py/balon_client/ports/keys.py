"""Opaque key handles and the values that cross the crypto port.

A handle's `native` is whatever the adapter put there (a CryptoKey and its key id in the browser). Nobody but the
adapter that made it looks inside; no handle's bytes can be had from Python (docs/protocol.md section 4).
"""

from dataclasses import dataclass, field
from typing import Any, NewType
from uuid import UUID

from balon.protocol.contexts import (
    grant_oaep_label,
    idk_context,
    mek_context,
    recovery_context,
    rsa_context,
)
from balon.protocol.types import Ciphertext, Envelope, Plaintext, PublicKey, WrappedKey

PasswordBuffer = NewType("PasswordBuffer", object)
"""UTF-8 of the NFKC form of a password: a proxy of the page's Uint8Array, under CPython a bytearray.

Never turn it into `bytes` or `str`: those cannot be zeroed. Whoever gets one hands it to the crypto port, which zeroes
it, or calls `Crypto.zero`.
"""


@dataclass(frozen=True, slots=True, eq=False)
class RootKey:
    """A symmetric root key (KEK, MEK, CK, RK): an HKDF handle, usages deriveBits and deriveKey, not extractable."""

    native: Any = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class SigningKey:
    """An Ed25519 private key (login key, IDK): usage sign, not extractable; and its public half."""

    native: Any = field(repr=False)
    public: PublicKey


@dataclass(frozen=True, slots=True, eq=False)
class DecryptionKey:
    """An RSA-4096-OAEP-SHA256 private key (ENC): usages decrypt and unwrapKey, not extractable."""

    native: Any = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class ReplyKey:
    """The AES-256-GCM key of one reply's frames: usage decrypt, not extractable."""

    native: Any = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class PasswordKey:
    """A password to derive from more than once: a PBKDF2 handle, usage deriveBits, not extractable (section 4)."""

    native: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class KitKeys:
    """What a recovery code gives with its credential (section 6): RK, and the key whose public half is rec_pub."""

    root: RootKey
    recovery_key: SigningKey


@dataclass(frozen=True, slots=True)
class PasswordKeys:
    """What a password gives (section 2). `login_key.public` is login_pub."""

    kek: RootKey
    login_key: SigningKey


@dataclass(frozen=True, slots=True)
class AccountPublicKeys:
    """The public halves of freshly generated account keys: SPKI DER (550 bytes), its SHA-256, Ed25519 (32 bytes)."""

    spki: bytes
    rsa_kid: bytes
    idk_pub: PublicKey


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountTerms:
    """What a new account's envelopes are bound to (sections 4 and 6). All public; made by the client.

    `salt`, `iterations` and `kdf` are those the KEK was derived with; `rec_salt` is 32 random bytes.
    """

    user_id: UUID
    login: str
    kdf: str
    iterations: int
    salt: bytes
    mek_ver: int
    recovery_id: UUID
    rec_salt: bytes

    def mek_context(self) -> bytes:
        """Context of mek_env."""
        return mek_context(
            user_id=self.user_id,
            mek_ver=self.mek_ver,
            kdf=self.kdf,
            iterations=self.iterations,
            salt=self.salt,
            login=self.login,
        )

    def idk_context(self, keys: AccountPublicKeys) -> bytes:
        """Context of idk_env."""
        return idk_context(self.user_id, keys.idk_pub)

    def rsa_context(self, keys: AccountPublicKeys) -> bytes:
        """Context of rsa_env."""
        return rsa_context(self.user_id, keys.rsa_kid)

    def recovery_context(self, keys: AccountPublicKeys) -> bytes:
        """Context of rec_env."""
        return recovery_context(
            user_id=self.user_id,
            recovery_id=self.recovery_id,
            mek_ver=self.mek_ver,
            rsa_kid=keys.rsa_kid,
            idk_pub=keys.idk_pub,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountKeys:
    """The three handles of a signed-in person."""

    mek: RootKey
    idk: SigningKey
    enc: DecryptionKey


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedAccount:
    """A new account, sealed: envelopes for the server, the kit's secret part for the person, handles for the session.

    `recovery_code` is secret text, the one secret that goes to the page; `rec_env` goes into the credential only.
    """

    mek_env: Envelope
    idk_env: Envelope
    rsa_env: Envelope
    rec_env: Envelope
    rec_pub: PublicKey
    recovery_code: str = field(repr=False)
    keys: AccountKeys


@dataclass(frozen=True, slots=True)
class Recipient:
    """Someone a conversation key is wrapped for: user id and RSA public key (SPKI DER) of their verified bundle."""

    user_id: UUID
    spki: bytes
    rsa_kid: bytes

    def label(self, conversation_id: UUID, epoch: int) -> bytes:
        """The OAEP label of the wrap: 32 bytes (section 7)."""
        return grant_oaep_label(conversation_id, epoch, self.user_id, self.rsa_kid)


@dataclass(frozen=True, slots=True)
class ConversationKey:
    """CK[epoch] as a handle, with the commitment that roster and grants carry (32 bytes)."""

    root: RootKey
    ck_commit: bytes


@dataclass(frozen=True, slots=True)
class GeneratedConversationKey:
    """A new conversation key and its wraps (512 bytes each), in the order of the recipients.

    `previous_env` is PREV(epoch), the key of the epoch before sealed under the new one; None where not asked for.
    """

    key: ConversationKey
    wrapped: list[WrappedKey]
    previous_env: Envelope | None


@dataclass(frozen=True, slots=True)
class WrappedConversationKey:
    """A wrap addressed to oneself, with what its label and commitment are rebuilt from."""

    wrapped: WrappedKey
    conversation_id: UUID
    epoch: int
    recipient: Recipient

    def label(self) -> bytes:
        """The OAEP label of the wrap: 32 bytes (section 7)."""
        return self.recipient.label(self.conversation_id, self.epoch)


@dataclass(frozen=True, slots=True)
class PreviousKey:
    """Where the key of the epoch before comes from: one's own wrap of it, and what opens the wrap (section 4)."""

    key: DecryptionKey
    item: WrappedConversationKey

    def label(self, conversation_id: UUID, epoch: int) -> bytes:
        """The label under which the wrap must open to come before `epoch`, whatever the item says of itself.

        Raises:
            EncodingError: Nothing comes before epoch 0.
        """
        return self.item.recipient.label(conversation_id, epoch - 1)


@dataclass(frozen=True, slots=True)
class EncapsulatedRequest:
    """HPKE output (RFC 9180): `enc` 32 bytes, `ciphertext` with its tag."""

    enc: bytes
    ciphertext: Ciphertext


@dataclass(frozen=True, slots=True)
class OpenedFrame:
    """One frame of a reply without its padding, and whether it is the final one."""

    plaintext: Plaintext
    final: bool
