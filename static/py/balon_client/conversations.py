"""One conversation as this client knows it: members, keys, title, alarms."""

from dataclasses import dataclass, field
from uuid import UUID

from balon.protocol.roster import Role, RosterState
from balon.protocol.types import PublicKey
from balon_client.alarms import AlarmError
from balon_client.errors import ClientError
from balon_client.keyring_model import Mark
from balon_client.ports import ConversationKey
from balon_client.rosters import identity_of


@dataclass(slots=True, eq=False)
class Conversation:
    """A conversation. Without alarms it was verified from its first roster entry on."""

    id: UUID
    created_ms: int
    updated_ms: int
    roster: RosterState | None = None
    keys: dict[int, ConversationKey] = field(default_factory=dict, repr=False)
    title: str | None = field(default=None, repr=False)
    meta_version: int = 0
    alarms: dict[str, ClientError] = field(default_factory=dict)
    is_streaming: bool = False

    @property
    def epoch(self) -> int:
        """The newest epoch; 0 where the roster was refused."""
        return self.roster.epoch if self.roster else 0

    @property
    def key(self) -> ConversationKey:
        """The key that new messages are sealed under. Ask only a conversation that is writable."""
        return self.keys[self.epoch]

    @property
    def is_writable(self) -> bool:
        """Whether anything may be sealed to it: never after an alarm (A8, A9)."""
        return not self.alarms and self.roster is not None and self.epoch in self.keys

    @property
    def roster_mark(self) -> Mark | None:
        """The newest roster entry, for the keyring."""
        return Mark(self.roster.seq, self.roster.head) if self.roster else None

    def add_alarm(self, alarm: AlarmError) -> bool:
        """Keeps an alarm, each kind once; from then on the conversation is read-only. Says whether it is new."""
        if alarm.code in self.alarms:
            return False
        self.alarms[alarm.code] = alarm
        return True

    def absorb(self, newer: "Conversation") -> None:
        """Takes over what was verified anew. Alarms are only added, and what was refused replaces nothing."""
        if newer.roster is not None:
            self.roster, self.keys = newer.roster, {**self.keys, **newer.keys}
        if not newer.alarms:
            self.title, self.meta_version = newer.title, newer.meta_version
        self.alarms.update(newer.alarms)

    def identity_of(self, user_id: UUID) -> PublicKey | None:
        """The identity key of a member, or None for a stranger."""
        if self.roster is None or user_id not in self.roster.members:
            return None
        return identity_of(self.roster, user_id)

    def may_write(self, user_id: UUID) -> bool:
        """Whether the roster lets this person send and set the title."""
        return self.roster is not None and self.roster.role_of(user_id) in {Role.OWNER, Role.MEMBER}
