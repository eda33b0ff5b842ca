"""What the keyring remembers: JSON that only the person reads (docs/protocol.md sections 8 and 10).

Every change is a function that may be applied again to a newer keyring: when another tab or device saved first, what
waits is applied to theirs. So each change is monotone: heads only rise, pins are added, and replaced only where this
person said so (`pins`).
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final
from uuid import UUID

from balon.protocol.encoding import encode_b64u
from balon.protocol.statements import HASH_SIZE, PUBLIC_KEY_SIZE
from balon.protocol.types import Plaintext, PublicKey
from balon_client.alarms import AnswerError, KeyringError
from balon_client.migration_mark import MigrationMark
from balon_client.ports.platform import encode_json
from balon_client.wire import Fields

FORMAT: Final = 1
DEFAULT_IDLE_MINUTES: Final = 15
IDLE_MINUTES: Final = range(1, 61)
MAX_ENTRIES: Final = 100_000
MAX_LOGIN: Final = 254
IMPORT_KEY_SIZE: Final = 32


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a chain: its number and the hash there."""

    seq: int
    hash: bytes


@dataclass(slots=True)
class Seen:
    """What was seen of one conversation: own newest message, newest roster entry, newest version of the title.

    `read` is the position up to which it was read, `imported` how many messages of another product's file are in it as
    a whole; None where that was never noted.
    """

    head: Mark | None = None
    roster: Mark | None = None
    meta_version: int = 0
    read: int | None = None
    imported: int | None = None


@dataclass(frozen=True, slots=True)
class PinnedGateway:
    """A gateway identity that was accepted, and when."""

    identity: PublicKey
    gateway_id: bytes
    pinned_ms: int


@dataclass(frozen=True, slots=True)
class Contact:
    """A person's pinned identity key, their login name as their bundle last stated it, and accepted keys before it."""

    idk_pub: PublicKey
    first_seen_ms: int
    verified_ms: int | None = None
    login: str | None = None
    former: tuple[PublicKey, ...] = ()


@dataclass(slots=True)
class Settings:
    """What the person chose."""

    idle_minutes: int = DEFAULT_IDLE_MINUTES
    model: str | None = None
    kit_checked_ms: int | None = None
    """When the recovery kit that works was last checked."""
    kit_asked_ms: int | None = None
    """When the person last said that it is safe, or that they will check it later."""


@dataclass(slots=True)
class KeyringContent:
    """The keyring, opened."""

    contacts: dict[UUID, Contact] = field(default_factory=dict)
    gateways: list[PinnedGateway] = field(default_factory=list)
    """Accepted gateways, oldest first: the last is the current one, the others confirm old replies."""
    conversations: dict[UUID, Seen] = field(default_factory=dict)
    identities: list[PublicKey] = field(default_factory=list)
    """One's own former identity keys."""
    settings: Settings = field(default_factory=Settings)
    no_plaintext: bool = True
    import_key: bytes | None = field(default=None, repr=False)
    """What identifiers of imported conversations are derived under; made at the first import."""
    migration: MigrationMark | None = None
    """How much plaintext there was, of accounts from before encryption."""

    def seen(self, conversation_id: UUID) -> Seen:
        """What was seen of a conversation; nothing of a new one."""
        return self.conversations.get(conversation_id) or Seen()

    def serialize(self) -> bytes:
        """UTF-8 JSON, as section 10 describes it."""
        made_once: dict[str, Any] = {"import_key": encode_b64u(self.import_key)} if self.import_key else {}
        made_once |= {"migration": self.migration.to_json()} if self.migration else {}
        return encode_json(
            {
                "format": FORMAT,
                "contacts": {str(user_id): _contact_json(contact) for user_id, contact in self.contacts.items()},
                "gateways": [{"identity": encode_b64u(g.identity), "pinned_ms": g.pinned_ms} for g in self.gateways],
                "identities": [encode_b64u(identity) for identity in self.identities],
                "conversations": {str(key): _seen_json(seen) for key, seen in self.conversations.items()},
                "settings": asdict(self.settings),
                "no_plaintext": self.no_plaintext,
                **made_once,
            }
        )


Change = Callable[[KeyringContent], bool]
"""Applies itself to a keyring; says whether anything became different."""


def _contact_json(contact: Contact) -> dict[str, Any]:
    return {
        "idk_pub": encode_b64u(contact.idk_pub),
        "login": contact.login,
        "first_seen_ms": contact.first_seen_ms,
        "verified_ms": contact.verified_ms,
        "former": [encode_b64u(key) for key in contact.former],
    }


def _seen_json(seen: Seen) -> dict[str, Any]:
    content: dict[str, Any] = {"meta_version": seen.meta_version}
    numbers = {"read": seen.read, "imported": seen.imported}
    content |= {name: number for name, number in numbers.items() if number is not None}
    for name, mark in (("head", seen.head), ("roster", seen.roster)):
        if mark is not None:
            content[name] = {"seq": mark.seq, "hash": encode_b64u(mark.hash)}
    return content


def parse_keyring(plaintext: Plaintext) -> KeyringContent:
    """Reads a keyring that opened.

    Raises:
        KeyringError: It is none of this format.
    """
    try:
        fields = Fields(json.loads(plaintext), "keyring")
        if fields.integer("format") != FORMAT:
            raise KeyringError
        return KeyringContent(
            contacts={UUID(key): _parse_contact(item) for key, item in _entries(fields, "contacts")},
            gateways=[_parse_gateway(item) for item in fields.items("gateways")],
            identities=[PublicKey(raw) for raw in fields.raw_items("identities", size=PUBLIC_KEY_SIZE)],
            conversations={UUID(key): _parse_seen(item) for key, item in _entries(fields, "conversations")},
            settings=_parse_settings(fields.item("settings")),
            no_plaintext=fields.flag("no_plaintext"),
            import_key=fields.raw("import_key", size=IMPORT_KEY_SIZE) if fields.has("import_key") else None,
            migration=MigrationMark.parse(fields.item("migration")) if fields.has("migration") else None,
        )
    except (AnswerError, ValueError, RecursionError):
        raise KeyringError from None


def _entries(fields: Fields, name: str) -> list[tuple[str, Fields]]:
    return fields.item(name).entries(limit=MAX_ENTRIES)


def _parse_contact(fields: Fields) -> Contact:
    return Contact(
        idk_pub=PublicKey(fields.raw("idk_pub", size=PUBLIC_KEY_SIZE)),
        first_seen_ms=fields.integer("first_seen_ms"),
        verified_ms=_parse_time(fields, "verified_ms"),
        login=fields.text("login", limit=MAX_LOGIN) if fields.has("login") else None,
        former=tuple(PublicKey(raw) for raw in fields.raw_items("former", size=PUBLIC_KEY_SIZE)),
    )


def _parse_gateway(fields: Fields) -> PinnedGateway:
    identity = PublicKey(fields.raw("identity", size=PUBLIC_KEY_SIZE))
    return PinnedGateway(identity, hashlib.sha256(identity).digest(), fields.integer("pinned_ms"))


def _parse_seen(fields: Fields) -> Seen:
    return Seen(
        head=_parse_mark(fields, "head"),
        roster=_parse_mark(fields, "roster"),
        meta_version=fields.integer("meta_version"),
        read=fields.integer("read") if fields.has("read") else None,
        imported=fields.integer("imported") if fields.has("imported") else None,
    )


def _parse_mark(fields: Fields, name: str) -> Mark | None:
    if not fields.has(name):
        return None
    item = fields.item(name)
    return Mark(item.integer("seq"), item.raw("hash", size=HASH_SIZE))


def _parse_settings(fields: Fields) -> Settings:
    idle_minutes = fields.integer("idle_minutes")
    return Settings(
        idle_minutes=idle_minutes if idle_minutes in IDLE_MINUTES else DEFAULT_IDLE_MINUTES,
        model=fields.text("model", limit=200) if fields.has("model") else None,
        kit_checked_ms=_parse_time(fields, "kit_checked_ms"),
        kit_asked_ms=_parse_time(fields, "kit_asked_ms"),
    )


def _parse_time(fields: Fields, name: str) -> int | None:
    return fields.integer(name) if fields.has(name) else None


def renew_content(content: KeyringContent, marks: Mapping[UUID, Mark], *, former: PublicKey | None) -> KeyringContent:
    """The keyring of an account whose keys are replaced: the same trust, and what the rotation itself adds.

    Args:
        content: As it is; it stays so.
        marks: The roster entries that the rotation makes.
        former: The identity key that the account had, where that is replaced too.
    """
    renewed = parse_keyring(Plaintext(content.serialize()))
    if former is not None and former not in renewed.identities:
        renewed.identities.append(former)
    for conversation_id, mark in marks.items():
        note_roster(conversation_id, mark)(renewed)
    return renewed


# --- Changes ---


def note_head(conversation_id: UUID, mark: Mark) -> Change:
    """One's own newest message in a conversation."""

    def change(content: KeyringContent) -> bool:
        seen = content.conversations.setdefault(conversation_id, Seen())
        before, seen.head = seen.head, _newer(seen.head, mark)
        return seen.head != before

    return change


def note_roster(conversation_id: UUID, mark: Mark) -> Change:
    """The newest roster entry that was verified."""

    def change(content: KeyringContent) -> bool:
        seen = content.conversations.setdefault(conversation_id, Seen())
        before, seen.roster = seen.roster, _newer(seen.roster, mark)
        return seen.roster != before

    return change


def _newer(known: Mark | None, mark: Mark) -> Mark:
    """The mark that is further on. Two different ones at one place show when the chain is compared with the mark."""
    return mark if known is None or mark.seq > known.seq else known


def note_meta(conversation_id: UUID, meta_version: int) -> Change:
    """The newest version of title and settings that was verified."""

    def change(content: KeyringContent) -> bool:
        seen = content.conversations.setdefault(conversation_id, Seen())
        before, seen.meta_version = seen.meta_version, max(seen.meta_version, meta_version)
        return seen.meta_version != before

    return change


def note_read(conversation_id: UUID, position: int) -> Change:
    """The position up to which a conversation was read."""

    def change(content: KeyringContent) -> bool:
        seen = content.conversations.setdefault(conversation_id, Seen())
        before, seen.read = seen.read, max(seen.read or 0, position)
        return seen.read != before

    return change


def begin_conversation(conversation_id: UUID, roster: Mark, read: int) -> Change:
    """A conversation that this person joined, perhaps again: what was seen of an earlier time in it does not count.

    Args:
        conversation_id: Which.
        roster: The newest entry, their acceptance or a later one.
        read: The newest position at that moment.
    """

    def change(content: KeyringContent) -> bool:
        before = content.conversations.get(conversation_id) or Seen()
        if before.roster is not None and before.roster.seq >= roster.seq:
            return False
        content.conversations[conversation_id] = Seen(None, roster, before.meta_version, read)
        return True

    return change


def forget_conversation(conversation_id: UUID) -> Change:
    """Drops what was seen of a conversation that this person deleted or left."""

    def change(content: KeyringContent) -> bool:
        return content.conversations.pop(conversation_id, None) is not None

    return change


def pin_gateway(gateway: PinnedGateway) -> Change:
    """Pins a gateway's identity on first use; a second one is never pinned by itself."""

    def change(content: KeyringContent) -> bool:
        if content.gateways:
            return False
        content.gateways.append(gateway)
        return True

    return change


def choose_settings(idle_minutes: int | None, model: str | None) -> Change:
    """Changes the settings that are given."""

    def change(content: KeyringContent) -> bool:
        before = content.settings
        content.settings = replace(
            before, idle_minutes=idle_minutes or before.idle_minutes, model=model or before.model
        )
        return content.settings != before

    return change
