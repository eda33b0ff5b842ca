"""The order of a conversation, verified: what must hold between messages (docs/protocol.md section 8).

Pure. Each message that comes in has been opened under its own place, or is known not to open; the chain judges places,
numbers and references. It never drops what was verified and never shows a message twice; what does not hold becomes
an alarm, after which the conversation is no longer written to (docs/threats.md A10 to A13).

What is known is a window of positions without a hole, `low` to `high`; it grows by older pages and by newer messages.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from balon.protocol.encoding import ZERO_HASH
from balon_client.alarms import (
    AlarmError,
    HistoryGapError,
    HistoryOrderError,
    HistoryReplayError,
    HistoryRollbackError,
    LateMessageError,
    MessageRefusedError,
)
from balon_client.keyring_model import Mark

FIRST_POSITION: Final = 1
FIRST_SEQ: Final = 1


@dataclass(frozen=True, slots=True)
class Link:
    """A message's place. `genuine`: it opened under this place and its signature holds.

    `late`: its epoch was over before it came, so that it does not count either.
    """

    position: int
    message_id: UUID
    sender_id: UUID
    seq: int
    prev_hash: bytes
    hash: bytes
    epoch: int = 0
    genuine: bool = True
    late: bool = False


class Chain:
    """The verified window of one conversation, for one person."""

    def __init__(self, own_id: UUID, own_head: Mark | None) -> None:
        """Begins with nothing known.

        Args:
            own_id: The person whose client this is.
            own_head: Their own newest message that any of their devices has seen, from the keyring.
        """
        self._own_id = own_id
        self._own_head = own_head
        self._by_position: dict[int, Link] = {}
        self._position_of: dict[bytes, int] = {}
        self._ids: set[UUID] = set()
        self._oldest: dict[UUID, Link] = {}
        self._newest: dict[UUID, Link] = {}
        self._unresolved: dict[int, bytes] = {}
        self._low, self._high = FIRST_POSITION, FIRST_POSITION - 1
        self._low_epoch: int | None = None
        self._high_epoch: int | None = None
        self._joined: Link | None = None
        self._alarms: dict[str, AlarmError] = {}

    # --- What is known ---

    @property
    def alarms(self) -> list[AlarmError]:
        """What does not hold, each kind once."""
        return list(self._alarms.values())

    @property
    def low(self) -> int:
        """The oldest known position; 0 of an empty chain."""
        return self._low if self._by_position else 0

    @property
    def high(self) -> int:
        """The newest known position, also of a message that is not for this person; 0 of an empty chain."""
        return self._high if self._by_position or self._joined else 0

    @property
    def head_hash(self) -> bytes:
        """What the next message names as the one before it."""
        if self._by_position:
            return self._by_position[self._high].hash
        return self._joined.hash if self._joined else ZERO_HASH

    @property
    def newest_genuine(self) -> Link | None:
        """The newest message that was verified."""
        return next((link for _, link in sorted(self._by_position.items(), reverse=True) if link.genuine), None)

    @property
    def newest_epoch(self) -> int:
        """The epoch of the newest message that was verified; 0 before the first."""
        return self._high_epoch or 0

    @property
    def is_complete(self) -> bool:
        """Whether the beginning is known, or what this person may read of it."""
        return self._joined is not None or (bool(self._by_position) and self._low == FIRST_POSITION)

    @property
    def next_own_seq(self) -> int | None:
        """The number of the next own message; None when older pages must be loaded to know it."""
        if newest := self._newest.get(self._own_id):
            return newest.seq + 1
        return FIRST_SEQ if self.is_complete or not self._by_position else None

    @property
    def own_head(self) -> Mark | None:
        """The newest own message: for the keyring."""
        newest = self._newest.get(self._own_id)
        return Mark(newest.seq, newest.hash) if newest and newest.genuine else None

    def __contains__(self, message_id: UUID) -> bool:
        return message_id in self._ids

    # --- Growing ---

    def begin(self, page: Iterable[Link], *, more: bool, joined_at: Link | None = None) -> list[Link]:
        """Takes the newest page, oldest first.

        Args:
            page: The page.
            more: Whether the server says that there are older ones.
            joined_at: The newest message that is not for this person, once that is reached.

        Returns:
            Those to show, oldest first.
        """
        links = list(page)
        newest = links[-1] if links else joined_at
        if newest is not None:
            self._low, self._high = newest.position + 1, newest.position
        return self.prepend(links, more=more, joined_at=joined_at)

    def prepend(self, page: Iterable[Link], *, more: bool, joined_at: Link | None = None) -> list[Link]:
        """Takes the page before the window, oldest first. Returns those to show, oldest first."""
        shown = [link for link in reversed(list(page)) if self._take_older(link)]
        if joined_at is not None:
            self._join(joined_at)
        elif self._low == FIRST_POSITION:
            self._end_reached()
        elif not more or not shown:
            self._raise_alarm(HistoryGapError())
        return shown[::-1]

    def _join(self, hidden: Link) -> None:
        """What came before this person is not for them: they verify from here on (section 8)."""
        if hidden.position != self._low - 1:
            self._raise_alarm(HistoryGapError())
        self._joined = hidden
        self._unresolved.clear()
        self._check_own_is_there()

    def append(self, page: Iterable[Link]) -> list[Link]:
        """Takes messages behind the window, oldest first. Returns those to show."""
        return [link for link in page if self._take_newer(link)]

    def check_head(self, position: int, envelope_hash: bytes) -> None:
        """Compares the newest message that the server names with the window.

        A later one is news; an earlier one, or another message in the place of a known one, is an alarm.
        """
        if position < self.high:
            self._raise_alarm(HistoryRollbackError())
        known = self._by_position.get(position)
        if known is not None and known.hash != envelope_hash:
            self._raise_alarm(HistoryReplayError())

    def check_seen(self, position: int, envelope_hash: bytes) -> None:
        """Compares with a newest message that this tab has seen before: it must still be there."""
        known = self._by_position.get(position)
        is_hidden = self._joined is not None and position <= self._joined.position
        if position > self.high or is_hidden:
            self._raise_alarm(HistoryRollbackError())
        elif known is not None and known.hash != envelope_hash:
            self._raise_alarm(HistoryReplayError())

    # --- One message ---

    def _take_older(self, link: Link) -> bool:
        if self._is_known(link):
            return False
        if link.position != self._low - 1:
            self._raise_alarm(HistoryGapError())
        if newer := self._oldest.get(link.sender_id):
            self._check_follows(link, newer)
        if link.prev_hash in self._position_of:
            self._raise_alarm(HistoryOrderError())
        self._low_epoch = self._check_epochs(link, self._low_epoch, is_older=True)
        self._enter(link)
        self._low = min(link.position, self._low)
        self._oldest[link.sender_id] = link
        self._newest.setdefault(link.sender_id, link)
        self._check_own(link)
        self._resolve(link)
        self._unresolved[link.position] = link.prev_hash
        return True

    def _take_newer(self, link: Link) -> bool:
        if self._is_known(link):
            return False
        if link.position != self._high + 1:
            self._raise_alarm(HistoryGapError())
        before = self._newest.get(link.sender_id)
        if before is not None:
            self._check_follows(before, link)
        elif self._low == FIRST_POSITION:
            self._check_first(link)
        self._high_epoch = self._check_epochs(link, self._high_epoch, is_older=False)
        self._enter(link)
        self._check_reference(link, before)
        self._high = max(link.position, self._high)
        self._newest[link.sender_id] = link
        self._oldest.setdefault(link.sender_id, link)
        self._check_own(link)
        return True

    def _is_known(self, link: Link) -> bool:
        """Whether the message is there already; another one in its place, or it in another place, is a replay."""
        there = self._by_position.get(link.position)
        if there is not None and there.hash == link.hash and there.message_id == link.message_id:
            return True
        if there is not None or link.message_id in self._ids or link.hash in self._position_of:
            self._raise_alarm(HistoryReplayError())
            return True
        return False

    def _check_follows(self, older: Link, newer: Link) -> None:
        """Numbers of one sender are gapless in the server's order."""
        if not (older.genuine and newer.genuine):
            return
        if newer.seq > older.seq + 1:
            self._raise_alarm(HistoryGapError())
        elif newer.seq != older.seq + 1:
            self._raise_alarm(HistoryOrderError())

    def _check_epochs(self, link: Link, beside: int | None, *, is_older: bool) -> int | None:
        """In the server's order no epoch comes after a later one: nothing is sealed under a key that was replaced.

        Returns:
            The epoch at this end of the window now.
        """
        if not link.genuine:
            return beside
        if beside is not None and (link.epoch > beside if is_older else link.epoch < beside):
            self._raise_alarm(LateMessageError())
        if self._low_epoch is None:
            self._low_epoch = self._high_epoch = link.epoch
        return link.epoch

    def _check_first(self, link: Link) -> None:
        """The first message of a sender has the number 1."""
        if link.genuine and link.seq != FIRST_SEQ:
            self._raise_alarm(HistoryGapError())

    def _check_reference(self, link: Link, before: Link | None) -> None:
        """A newer message names one that is older than itself, and none older than the sender's own last one."""
        position = self._position_of.get(link.prev_hash)
        if position is None:
            self._unresolved[link.position] = link.prev_hash
            self._check_unresolved()
        elif before is not None and position < before.position:
            self._raise_alarm(HistoryOrderError())

    def _check_unresolved(self) -> None:
        """Once the beginning is known, a reference that was not found is to a message that is left out.

        Only the first message of a sender may name none. One that does not open may hide what others name.
        """
        if self._low != FIRST_POSITION:
            return
        for position, prev_hash in self._unresolved.items():
            names_none = prev_hash == ZERO_HASH and self._by_position[position].seq == FIRST_SEQ
            if not names_none and not self._is_damaged:
                self._raise_alarm(HistoryGapError())
        self._unresolved.clear()

    @property
    def _is_damaged(self) -> bool:
        return not self._alarms.keys().isdisjoint({MessageRefusedError.code, LateMessageError.code})

    def _enter(self, link: Link) -> None:
        if link.late:
            self._raise_alarm(LateMessageError())
        elif not link.genuine:
            self._raise_alarm(MessageRefusedError())
        self._by_position[link.position] = link
        self._position_of[link.hash] = link.position
        self._ids.add(link.message_id)

    def _resolve(self, found: Link) -> None:
        """Settles the references of newer messages to the one that was just found."""
        for position in [at for at, prev_hash in self._unresolved.items() if prev_hash == found.hash]:
            del self._unresolved[position]
            self._check_none_between(found, self._by_position[position])

    def _check_none_between(self, found: Link, link: Link) -> None:
        """Whoever wrote something between the two knew of it, so would have named it or a later one."""
        between = range(found.position + 1, link.position)
        if any(self._is_by(link.sender_id, position) for position in between):
            self._raise_alarm(HistoryOrderError())

    def _is_by(self, sender_id: UUID, position: int) -> bool:
        link = self._by_position.get(position)
        return link is not None and link.sender_id == sender_id

    def _check_own(self, link: Link) -> None:
        """Compares own messages with what the keyring remembers of them."""
        head = self._own_head
        if head is None or link.sender_id != self._own_id or not link.genuine:
            return
        if link.seq == head.seq and link.hash != head.hash:
            self._raise_alarm(HistoryReplayError())
        if self._newest[self._own_id].seq < head.seq:
            self._raise_alarm(HistoryRollbackError())

    def _end_reached(self) -> None:
        """The beginning is known: every number starts at 1 and every reference has been found."""
        self._check_own_is_there()
        for link in self._oldest.values():
            self._check_first(link)
        self._check_unresolved()

    def _check_own_is_there(self) -> None:
        if self._own_head is not None and self._own_id not in self._newest:
            self._raise_alarm(HistoryRollbackError())

    def _raise_alarm(self, alarm: AlarmError) -> None:
        self._alarms.setdefault(alarm.code, alarm)
