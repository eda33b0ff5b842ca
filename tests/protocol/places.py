"""One context for each kind of envelope, by the fields of docs/protocol.md section 10, and each field another way."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from uuid import UUID

from balon.protocol import contexts
from balon.protocol.encoding import ZERO_HASH
from balon.protocol.envelope import Kind
from tests.protocol.kat import ALICE, CONVERSATION, KAT, LOGIN, SALT, STREAM, octets

CREATED_MS = KAT["message"]["created_ms"]
MESSAGE = UUID(KAT["message"]["message_id"])
ATTACHMENT = UUID("018f0000-0000-7000-8000-0000000000f3")
RECOVERY = UUID(KAT["recovery"]["recovery_id"])
IDK_PUB, RSA_KID = octets("identity", "idk_pub"), octets("identity", "rsa_kid")


class Place(NamedTuple):
    """A kind with the function that makes its context and that function's arguments for the known answer."""

    kind: Kind
    encode: Callable[..., bytes]
    fields: dict[str, Any]

    @property
    def context(self) -> bytes:
        return self.encode(**self.fields)

    def neighbours(self) -> Iterator[tuple[str, bytes]]:
        """The contexts that differ in one field."""
        for name, value in self.fields.items():
            yield name, self.encode(**self.fields | {name: _another(value)})


def _another(value: Any) -> Any:
    """A value of the same type that differs as little as it can."""
    if isinstance(value, UUID):
        return UUID(int=value.int ^ 1)
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return value + "x"
    return value[:-1] + bytes([value[-1] ^ 1])


def _places() -> Iterator[Place]:
    talk = {"conversation_id": CONVERSATION, "epoch": 0}
    message = talk | {"message_id": MESSAGE, "sender_id": ALICE, "created_ms": CREATED_MS}
    derivation = {"kdf": "PBKDF2-SHA256", "iterations": KAT["password"]["n"], "salt": SALT, "login": LOGIN}
    yield Place(Kind.MEK, contexts.mek_context, {"user_id": ALICE, "mek_ver": 1} | derivation)
    yield Place(Kind.RSA, contexts.rsa_context, {"user_id": ALICE, "rsa_kid": RSA_KID})
    yield Place(Kind.IDK, contexts.idk_context, {"user_id": ALICE, "idk_pub": IDK_PUB})
    yield Place(Kind.MESSAGE, contexts.message_context, message | {"seq": 1, "prev_hash": ZERO_HASH})
    yield Place(Kind.META, contexts.meta_context, talk | {"meta_version": 1, "author_id": ALICE})
    chunk = {"attachment_id": ATTACHMENT, "chunk_index": 0, "chunk_count": 1}
    yield Place(Kind.ATTACHMENT, contexts.attachment_context, {"conversation_id": CONVERSATION} | chunk)
    keys = {"mek_ver": 1, "rsa_kid": RSA_KID, "idk_pub": IDK_PUB}
    yield Place(Kind.RECOVERY, contexts.recovery_context, {"user_id": ALICE, "recovery_id": RECOVERY} | keys)
    yield Place(Kind.KEYRING, contexts.keyring_context, {"user_id": ALICE, "version": 1})
    epochs = {"conversation_id": CONVERSATION, "new_epoch": 1, "old_epoch": 0}
    yield Place(Kind.PREV, contexts.prev_epoch_context, epochs)
    yield Place(Kind.LEGACY, contexts.legacy_context, message | {"legacy_id": "4711"})
    yield Place(Kind.STREAM, contexts.stream_context, talk | {"stream_id": STREAM, "sender_id": ALICE})


PLACES = list(_places())
