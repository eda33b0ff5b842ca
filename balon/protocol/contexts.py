"""The contexts that are not signed: associated data, HKDF info and OAEP labels, one function for each label.

docs/protocol.md section 10 lists labels and fields. The caller rebuilds a context from what it knows, never from the
answer it checks.
"""

import hashlib
from uuid import UUID

from balon.protocol.encoding import encode_context


def kek_info(user_id: UUID) -> bytes:
    """HKDF info of the key-encryption key (section 2)."""
    return encode_context("kek", user_id)


def login_seed_info(user_id: UUID) -> bytes:
    """HKDF info of the seed of the Ed25519 login key (section 2)."""
    return encode_context("login-seed", user_id)


def legacy_login_info(user_id: UUID) -> bytes:
    """HKDF info of the login key of an account from before encryption (section 12)."""
    return encode_context("legacy-login", user_id)


def recovery_seed_info(user_id: UUID, recovery_id: UUID) -> bytes:
    """HKDF info of the seed of the Ed25519 recovery key (section 6)."""
    return encode_context("rec-seed", user_id, recovery_id)


def ck_commit_info(conversation_id: UUID, epoch: int) -> bytes:
    """HKDF info of the commitment to a conversation key (section 7)."""
    return encode_context("ck-commit", conversation_id, epoch)


def grant_oaep_label(conversation_id: UUID, epoch: int, recipient_id: UUID, rsa_kid: bytes) -> bytes:
    """The OAEP label under which a conversation key is wrapped for one recipient: 32 bytes (section 7)."""
    context = encode_context("grant-label", conversation_id, epoch, recipient_id, rsa_kid)
    return hashlib.sha256(context).digest()


def mek_context(  # noqa: PLR0913 - the fields of section 10
    *, user_id: UUID, mek_ver: int, kdf: str, iterations: int, salt: bytes, login: str
) -> bytes:
    """Kind MEK, root KEK: binds the master key to the derivation that guards it (section 4)."""
    return encode_context("mek", user_id, mek_ver, kdf, iterations, salt, login)


def rsa_context(user_id: UUID, rsa_kid: bytes) -> bytes:
    """Kind RSA, root MEK."""
    return encode_context("rsa-sk", user_id, rsa_kid)


def idk_context(user_id: UUID, idk_pub: bytes) -> bytes:
    """Kind IDK, root MEK."""
    return encode_context("idk", user_id, idk_pub)


def message_context(  # noqa: PLR0913 - the fields of section 10
    *,
    conversation_id: UUID,
    epoch: int,
    message_id: UUID,
    sender_id: UUID,
    seq: int,
    prev_hash: bytes,
    created_ms: int,
) -> bytes:
    """Kind MESSAGE, root CK[epoch] (section 8)."""
    return encode_context("msg", conversation_id, epoch, message_id, sender_id, seq, prev_hash, created_ms)


def meta_context(conversation_id: UUID, epoch: int, meta_version: int, author_id: UUID) -> bytes:
    """Kind META, root CK[epoch] (section 8)."""
    return encode_context("meta", conversation_id, epoch, meta_version, author_id)


def attachment_context(conversation_id: UUID, attachment_id: UUID, chunk_index: int, chunk_count: int) -> bytes:
    """Kind ATTACHMENT, root the attachment's own key (section 8)."""
    return encode_context("att", conversation_id, attachment_id, chunk_index, chunk_count)


def recovery_context(*, user_id: UUID, recovery_id: UUID, mek_ver: int, rsa_kid: bytes, idk_pub: bytes) -> bytes:
    """Kind RECOVERY, root RK (section 6)."""
    return encode_context("recovery", user_id, recovery_id, mek_ver, rsa_kid, idk_pub)


def keyring_context(user_id: UUID, version: int) -> bytes:
    """Kind KEYRING, root MEK (section 10)."""
    return encode_context("keyring", user_id, version)


def prev_epoch_context(conversation_id: UUID, new_epoch: int, old_epoch: int) -> bytes:
    """Kind PREV, root CK[new_epoch] (section 7)."""
    return encode_context("prev-epoch", conversation_id, new_epoch, old_epoch)


def legacy_context(  # noqa: PLR0913 - the fields of section 10
    *, conversation_id: UUID, epoch: int, message_id: UUID, legacy_id: str, sender_id: UUID, created_ms: int
) -> bytes:
    """Kind LEGACY, root CK[0]: a message from before encryption (section 12)."""
    return encode_context("legacy", conversation_id, epoch, message_id, legacy_id, sender_id, created_ms)


def stream_context(conversation_id: UUID, epoch: int, stream_id: UUID, sender_id: UUID) -> bytes:
    """Kind STREAM, root CK[epoch] (section 9)."""
    return encode_context("stream", conversation_id, epoch, stream_id, sender_id)


def infer_info(key_id: bytes, conversation_id: UUID, stream_id: UUID) -> bytes:
    """HPKE info of a sealed request (section 9)."""
    return encode_context("infer", key_id, conversation_id, stream_id)


def reply_info(stream_id: UUID) -> bytes:
    """HKDF info of the key that seals the frames of a reply (section 9)."""
    return encode_context("reply", stream_id)


def frame_aad(stream_id: UUID, index: int, *, final: bool) -> bytes:
    """Associated data of one frame (section 9)."""
    return encode_context("frame", stream_id, index, int(final))
