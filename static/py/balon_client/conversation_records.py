"""What the server answers about conversations, as typed records (docs/api.md). Parsed, not believed."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from balon.protocol.statements import HASH_SIZE, PUBLIC_KEY_SIZE, SIGNATURE_SIZE, WRAPPED_KEY_SIZE
from balon.protocol.types import Envelope, PublicKey, Signature, WrappedKey
from balon_client.records import Signed
from balon_client.wire import Fields

MAX_PAGE: Final = 200
MAX_ENTRIES: Final = 100_000
MAX_PEOPLE: Final = 10_000


@dataclass(frozen=True, slots=True)
class GrantRecord:
    """A wrapped conversation key and the signed statement about it."""

    signed: Signed
    wrapped: WrappedKey

    @classmethod
    def parse(cls, fields: Fields) -> "GrantRecord":
        """Reads `{"statement", "signature", "wrapped"}`."""
        return cls(Signed.parse(fields), WrappedKey(fields.raw("wrapped", size=WRAPPED_KEY_SIZE)))


@dataclass(frozen=True, slots=True)
class Subject:
    """The keys of whom a roster entry brings in, or whose it replaces. Unsigned: members_hash vouches for them."""

    idk_pub: PublicKey
    rsa_kid: bytes

    @classmethod
    def parse(cls, fields: Fields) -> "Subject":
        """Reads `subject`."""
        return cls(
            idk_pub=PublicKey(fields.raw("idk_pub", size=PUBLIC_KEY_SIZE)),
            rsa_kid=fields.raw("rsa_kid", size=HASH_SIZE),
        )


@dataclass(frozen=True, slots=True)
class RosterRecord:
    """A signed roster entry with the keys that travel beside it."""

    signed: Signed
    subject: Subject | None

    @classmethod
    def parse(cls, fields: Fields) -> "RosterRecord":
        """Reads one of `roster`."""
        subject = Subject.parse(fields.item("subject")) if fields.has("subject") else None
        return cls(Signed.parse(fields), subject)


@dataclass(frozen=True, slots=True)
class PreviousRecord:
    """PREV of an epoch: the key of the epoch before, sealed under this one's."""

    epoch: int
    envelope: Envelope

    @classmethod
    def parse(cls, fields: Fields) -> "PreviousRecord":
        """Reads one of `previous`."""
        return cls(fields.integer("epoch", least=1), Envelope(fields.raw("envelope", limit=4096)))


@dataclass(frozen=True, slots=True)
class MetaRecord:
    """Sealed title and settings with their author's signature."""

    meta_version: int
    epoch: int
    author_id: UUID
    envelope: Envelope
    signature: Signature

    @classmethod
    def parse(cls, fields: Fields) -> "MetaRecord":
        """Reads `meta`."""
        return cls(
            meta_version=fields.integer("meta_version", least=1),
            epoch=fields.integer("epoch"),
            author_id=fields.uuid("author_id"),
            envelope=Envelope(fields.raw("envelope", limit=1 << 16)),
            signature=Signature(fields.raw("signature", size=SIGNATURE_SIZE)),
        )


@dataclass(frozen=True, slots=True)
class Head:
    """The newest message that the server names: its place and the hash of its envelope."""

    position: int
    envelope_hash: bytes

    @classmethod
    def parse(cls, fields: Fields) -> "Head":
        """Reads `head`."""
        return cls(fields.integer("position", least=1), fields.raw("envelope_hash", size=HASH_SIZE))


@dataclass(frozen=True, slots=True)
class ConversationRecord:
    """A conversation as the server stores it for this person.

    `epoch_position` is the newest position when the epoch began, `grants` are this person's own.
    """

    id: UUID
    epoch: int
    epoch_position: int
    created_ms: int
    updated_ms: int
    head: Head | None
    roster: tuple[RosterRecord, ...]
    grants: tuple[GrantRecord, ...]
    previous: tuple[PreviousRecord, ...]
    meta: MetaRecord | None

    @classmethod
    def parse(cls, fields: Fields) -> "ConversationRecord":
        """Reads a ConversationRecord."""
        return cls(
            id=fields.uuid("id"),
            epoch=fields.integer("epoch"),
            epoch_position=fields.integer("epoch_position"),
            created_ms=fields.integer("created_ms"),
            updated_ms=fields.integer("updated_ms"),
            head=Head.parse(fields.item("head")) if fields.has("head") else None,
            roster=tuple(map(RosterRecord.parse, fields.items("roster", limit=MAX_ENTRIES))),
            grants=tuple(map(GrantRecord.parse, fields.items("grants", limit=MAX_ENTRIES))),
            previous=tuple(map(PreviousRecord.parse, fields.items("previous", limit=MAX_ENTRIES))),
            meta=MetaRecord.parse(fields.item("meta")) if fields.has("meta") else None,
        )


@dataclass(frozen=True, slots=True)
class ConversationPage:
    """A page of conversations, newest activity first, and where the next begins."""

    conversations: tuple[ConversationRecord, ...]
    next: str | None

    @classmethod
    def parse(cls, value: Any) -> "ConversationPage":
        """Reads the list of conversations."""
        fields = Fields(value, "conversations")
        return cls(
            conversations=tuple(map(ConversationRecord.parse, fields.items("conversations", limit=MAX_PAGE))),
            next=fields.text("next") if fields.has("next") else None,
        )


@dataclass(frozen=True, slots=True)
class MessageRecord:
    """A sealed message with what its context is rebuilt from."""

    position: int
    message_id: UUID
    sender_id: UUID
    epoch: int
    seq: int
    prev_hash: bytes
    created_ms: int
    envelope: Envelope
    signature: Signature

    @classmethod
    def parse(cls, fields: Fields) -> "MessageRecord":
        """Reads a MessageRecord."""
        return cls(
            position=fields.integer("position", least=1),
            message_id=fields.uuid("message_id"),
            sender_id=fields.uuid("sender_id"),
            epoch=fields.integer("epoch"),
            seq=fields.integer("seq", least=1),
            prev_hash=fields.raw("prev_hash", size=HASH_SIZE),
            created_ms=fields.integer("created_ms"),
            envelope=Envelope(fields.raw("envelope")),
            signature=Signature(fields.raw("signature", size=SIGNATURE_SIZE)),
        )


@dataclass(frozen=True, slots=True)
class MessagePage:
    """A page of messages, oldest first, whether there are more in its direction, and the newest of all."""

    messages: tuple[MessageRecord, ...]
    more: bool
    head: Head | None

    @classmethod
    def parse(cls, value: Any) -> "MessagePage":
        """Reads a page of messages."""
        fields = Fields(value, "messages")
        return cls(
            messages=tuple(map(MessageRecord.parse, fields.items("messages", limit=MAX_PAGE))),
            more=fields.flag("more"),
            head=Head.parse(fields.item("head")) if fields.has("head") else None,
        )


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """A reply that is being made or waits to be saved."""

    stream_id: UUID
    epoch: int
    sender_id: UUID
    stream_env: Envelope
    created_ms: int
    ended: bool

    @classmethod
    def parse(cls, fields: Fields) -> "StreamRecord":
        """Reads a StreamRecord."""
        return cls(
            stream_id=fields.uuid("stream_id"),
            epoch=fields.integer("epoch"),
            sender_id=fields.uuid("sender_id"),
            stream_env=Envelope(fields.raw("stream_env", limit=4096)),
            created_ms=fields.integer("created_ms"),
            ended=fields.flag("ended"),
        )


@dataclass(frozen=True, slots=True)
class PersonRecord:
    """Somebody's public keys as the server states them, with their own signature."""

    user_id: UUID
    login: str
    bundle: Signed

    @classmethod
    def parse(cls, fields: Fields) -> "PersonRecord":
        """Reads `{"user_id", "login", "bundle"}`."""
        return cls(
            user_id=fields.uuid("user_id"),
            login=fields.text("login", limit=254),
            bundle=Signed.parse(fields.item("bundle")),
        )


def parse_people(value: Any) -> list[PersonRecord]:
    """Reads the people of a conversation.

    Raises:
        AnswerError: It has another form, or names a person twice.
    """
    fields = Fields(value, "people")
    people = list(map(PersonRecord.parse, fields.items("people", limit=MAX_PEOPLE)))
    if len({person.user_id for person in people}) != len(people):
        raise fields.refuse("people")
    return people
