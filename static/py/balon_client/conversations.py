"""One conversation as this client knows it: members, keys, title, settings, alarms."""

from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from balon.protocol.roster import Role, RosterState
from balon.protocol.statements import RosterEntry
from balon.protocol.types import Envelope, PublicKey
from balon_client.alarms import AlarmError, KeyChangedError, TitleError
from balon_client.errors import ClientError
from balon_client.keyring_model import Mark
from balon_client.metas import Meta
from balon_client.ports import ConversationKey, WrappedConversationKey
from balon_client.problems import NotWritableError, ReadOnlyError
from balon_client.rosters import EpochMembers, FollowedRoster

WRITERS: Final = frozenset({Role.OWNER, Role.MEMBER})


@dataclass(slots=True, eq=False)
class Conversation:
    """A conversation, for one person. Without alarms it was verified from its first roster entry on."""

    id: UUID
    own_id: UUID
    created_ms: int
    updated_ms: int
    followed: FollowedRoster | None = None
    """The roster with its past; None where it was refused."""
    keys: dict[int, ConversationKey] = field(default_factory=dict, repr=False)
    wraps: dict[int, WrappedConversationKey] = field(default_factory=dict, repr=False)
    """One's own granted keys as they came, by epoch, from grants that were verified."""
    previous: dict[int, Envelope] = field(default_factory=dict, repr=False)
    """PREV by epoch, as the server gave it."""
    changed_keys: dict[UUID, tuple[PublicKey, ...]] = field(default_factory=dict)
    """People whose keys on the roster this person did not accept, with all of them, oldest first."""
    meta: Meta = field(default_factory=Meta, repr=False)
    head_position: int = 0
    """The newest position that the server names."""
    epoch_positions: dict[int, int] = field(default_factory=dict)
    """The newest position when an epoch began, as the server first named it."""
    alarms: dict[str, ClientError] = field(default_factory=dict)
    is_streaming: bool = False

    # --- Members ---

    @property
    def roster(self) -> RosterState | None:
        """The roster now; None where it was refused."""
        return self.followed.state if self.followed else None

    @property
    def roster_mark(self) -> Mark | None:
        """The newest roster entry, for the keyring."""
        return self.followed.mark if self.followed else None

    @property
    def role(self) -> Role | None:
        """The own role; None where the roster was refused, and of who is not on it any more."""
        return self.roster.role_of(self.own_id) if self.roster else None

    @property
    def is_invitation(self) -> bool:
        """Whether this person has not accepted it yet."""
        return self.role is Role.INVITED

    @property
    def invitation(self) -> RosterEntry | None:
        """The invitation that waits for this person; None where there is none."""
        return self.followed.invitation_of(self.own_id) if self.followed and self.is_invitation else None

    @property
    def is_left(self) -> bool:
        """Whether this person is not on the roster any more."""
        return self.roster is not None and self.role is None

    @property
    def is_alone(self) -> bool:
        """Whether this person is the only one on the roster."""
        return self.roster is not None and set(self.roster.members) == {self.own_id}

    @property
    def has_returned(self) -> bool:
        """Whether this person was in it before they were invited last."""
        return self.followed is not None and self.followed.count_entrances(self.own_id) > 1

    @property
    def may_write(self) -> bool:
        """Whether the roster lets this person send and set the title."""
        return self.role in WRITERS

    @property
    def writers(self) -> frozenset[UUID]:
        """Who may write now."""
        members = self.roster.members.values() if self.roster else ()
        return frozenset(member.user_id for member in members if member.role in WRITERS)

    def identity_in(self, epoch: int, user_id: UUID) -> PublicKey | None:
        """The key that judges what a person sealed in an epoch; None for who was not in it."""
        members = self._members_in(epoch)
        return members.identities.get(user_id) if members else None

    def might_write_in(self, epoch: int, user_id: UUID) -> bool:
        """Whether the roster let a person send at some time in an epoch."""
        members = self._members_in(epoch)
        return members is not None and user_id in members.writers

    def _members_in(self, epoch: int) -> EpochMembers | None:
        if self.followed is None or not 0 <= epoch <= self.followed.state.epoch:
            return None
        return self.followed.members_in(epoch)

    def is_late(self, epoch: int, position: int) -> bool:
        """Whether a message of an epoch at a position came after that epoch, as the server itself had said."""
        return any(epoch < later and position > last for later, last in self.epoch_positions.items())

    # --- Keys ---

    @property
    def epoch(self) -> int:
        """The newest epoch; 0 where the roster was refused."""
        return self.roster.epoch if self.roster else 0

    @property
    def first_epoch(self) -> int:
        """The oldest epoch that this person may read."""
        return self.followed.first_epochs.get(self.own_id, self.epoch) if self.followed else 0

    @property
    def key(self) -> ConversationKey:
        """The key that new messages are sealed under. Ask only a conversation that is writable."""
        return self.keys[self.epoch]

    @property
    def is_sound(self) -> bool:
        """Whether all that the server gave of it holds: else nothing is sealed, signed or granted (A8, A9)."""
        return not self.alarms and self.roster is not None and self.epoch in self.keys

    @property
    def is_writable(self) -> bool:
        """Whether this person may write to it."""
        return self.is_sound and self.may_write

    def verify_sound(self) -> None:
        """Checks that nothing stops the conversation.

        Raises:
            KeyChangedError: Somebody in it has keys that this person did not accept.
            NotWritableError: Something else does not hold.
        """
        if changed := self.alarms.get(KeyChangedError.code):
            raise changed
        if not self.is_sound:
            raise NotWritableError

    def verify_writable(self) -> None:
        """Checks that this person may write, besides.

        Raises:
            KeyChangedError, NotWritableError: As for `verify_sound`.
            ReadOnlyError: Their role forbids it.
        """
        self.verify_sound()
        if not self.may_write:
            raise ReadOnlyError

    # --- Changes ---

    def add_alarm(self, alarm: AlarmError) -> bool:
        """Keeps an alarm, each kind once; from then on the conversation is read-only. Says whether it is new."""
        if alarm.code in self.alarms:
            return False
        self.alarms[alarm.code] = alarm
        return True

    def absorb(self, newer: "Conversation") -> None:
        """Takes over what was verified anew. Alarms are only added, and what was refused replaces nothing.

        What was learned while the other was on its way stays: rosters grow, and versions rise.
        """
        known_seq = self.roster.seq if self.roster else -1
        if newer.followed is not None and newer.followed.state.seq >= known_seq:
            self.followed, self.keys = newer.followed, {**self.keys, **newer.keys}
            self.wraps, self.previous, self.changed_keys = newer.wraps, newer.previous, newer.changed_keys
            self.epoch_positions = {**newer.epoch_positions, **self.epoch_positions}
        if newer.epoch in newer.keys and TitleError.code not in newer.alarms:
            self.meta = max(self.meta, newer.meta, key=lambda meta: meta.version)
        self.head_position = max(self.head_position, newer.head_position)
        self.alarms.update(newer.alarms)
