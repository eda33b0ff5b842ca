"""The keys of a conversation's epochs: from one's own grants, and back through PREV (docs/protocol.md section 7).

A key counts when it is the one that the roster commits to, wherever it came from (A25).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from balon.protocol.roster import Role
from balon.protocol.types import Envelope
from balon_client.account import Account
from balon_client.errors import DecryptionError
from balon_client.ports import ConversationKey, Crypto, WrappedConversationKey
from balon_client.rosters import FollowedRoster


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the keys of a conversation come from: verified grants to oneself, and PREV, both by epoch."""

    roster: FollowedRoster
    wraps: Mapping[int, WrappedConversationKey]
    previous: Mapping[int, Envelope]

    def first_epoch(self, user_id: UUID) -> int:
        """The oldest epoch whose key can be had: of an invitation that waits, the newest alone."""
        if self.roster.state.role_of(user_id) is Role.INVITED:
            return self.roster.state.epoch
        return self.roster.first_epochs.get(user_id, self.roster.state.epoch)


_Place = tuple[UUID, int, bytes]
"""Conversation, epoch and the roster's commitment: what tells a key from all others."""


class EpochKeys:
    """Opens keys in batches, and remembers those that hold: an unwrap is 6 ms, a PREV a tenth of that."""

    def __init__(self, crypto: Crypto, account: Account) -> None:
        self._crypto = crypto
        self._account = account
        self._known: dict[_Place, ConversationKey] = {}

    def remember(self, conversation_id: UUID, epoch: int, key: ConversationKey) -> None:
        """Keeps a key that was made here: what the server gives back is compared with it (A9)."""
        self._known[conversation_id, epoch, key.ck_commit] = key

    async def open_all(self, sources: Sequence[Sources]) -> list[dict[int, ConversationKey]]:
        """Opens what this person may read of conversations: one call for the newest keys of all, then chain by chain.

        Returns:
            The keys by epoch; those that do not open, or are others than the roster's, are not there.
        """
        firsts = [each.first_epoch(self._account.user_id) for each in sources]
        tops = [(each, each.roster.tops_from(first)) for each, first in zip(sources, firsts, strict=True)]
        await self._unwrap((each, epoch) for each, epochs in tops for epoch in epochs)
        for each, first in zip(sources, firsts, strict=True):
            await self._walk_back(each, first)
        return [self._collect(each, first) for each, first in zip(sources, firsts, strict=True)]

    async def open_wraps(self, sources: Sources) -> dict[int, WrappedConversationKey]:
        """One's own wraps that open to the roster's keys: what may be wrapped for somebody else."""
        items = list(sources.wraps.values())
        opened = await self._crypto.unwrap_each(self._account.keys.enc, items)
        pairs = zip(items, opened, strict=True)
        return {item.epoch: item for item, key in pairs if key is not None and _is_committed(sources, item.epoch, key)}

    async def find_tops(self, sources: Sources, keys: Mapping[int, ConversationKey]) -> list[int]:
        """The newest epoch of each chain of PREV that really holds, newest first: what an invited person is granted.

        Whoever began an epoch may have sealed nonsense as the key before; then that key needs a grant of its own.

        Args:
            sources: The roster, and PREV by epoch.
            keys: Every key that this person has.
        """
        newest = sources.roster.state.epoch
        older = range(newest - 1, min(keys) - 1, -1)
        return [newest, *[epoch for epoch in older if not await self._is_sealed_above(sources, epoch, keys)]]

    async def _is_sealed_above(self, sources: Sources, epoch: int, keys: Mapping[int, ConversationKey]) -> bool:
        envelope = sources.previous.get(epoch + 1)
        if envelope is None:
            return False
        try:
            (found,) = await self._crypto.open_previous_keys(keys[epoch + 1], _id_of(sources), epoch + 1, [envelope])
        except DecryptionError:
            return False
        return _is_committed(sources, epoch, found)

    # --- Grants ---

    async def _unwrap(self, wanted: Iterable[tuple[Sources, int]]) -> None:
        found = [
            (sources, sources.wraps[epoch])
            for sources, epoch in wanted
            if epoch in sources.wraps and self._find(sources, epoch) is None
        ]
        if not found:
            return
        opened = await self._crypto.unwrap_each(self._account.keys.enc, [item for _, item in found])
        for (sources, item), key in zip(found, opened, strict=True):
            self._note(sources, item.epoch, key)

    # --- PREV ---

    async def _walk_back(self, sources: Sources, first: int) -> None:
        """Goes from the newest key to the oldest: by PREV where it holds, by one's own grant where not."""
        epoch = sources.roster.state.epoch
        while epoch >= first:
            if self._find(sources, epoch) is None and not await self._open_chain(sources, epoch, first):
                await self._unwrap([(sources, epoch)])
            epoch -= 1

    async def _open_chain(self, sources: Sources, epoch: int, first: int) -> bool:
        """Opens the run of PREV that begins below a known key; where it breaks, the first one alone."""
        above = self._find(sources, epoch + 1)
        envelopes = self._run_of(sources, epoch, first)
        if above is None or not envelopes:
            return False
        for run in (envelopes, envelopes[:1]):
            try:
                opened = await self._crypto.open_previous_keys(above, _id_of(sources), epoch + 1, run)
            except DecryptionError:
                continue
            for number, key in zip(range(epoch, epoch - len(opened), -1), opened, strict=True):
                if not self._note(sources, number, key):
                    break
            break
        return self._find(sources, epoch) is not None

    def _run_of(self, sources: Sources, epoch: int, first: int) -> list[Envelope]:
        run: list[Envelope] = []
        while epoch >= first and self._find(sources, epoch) is None and epoch + 1 in sources.previous:
            run.append(sources.previous[epoch + 1])
            epoch -= 1
        return run

    # --- What is known ---

    def _find(self, sources: Sources, epoch: int) -> ConversationKey | None:
        commit = sources.roster.state.ck_commits.get(epoch)
        return self._known.get((_id_of(sources), epoch, commit)) if commit is not None else None

    def _note(self, sources: Sources, epoch: int, key: ConversationKey | None) -> bool:
        if key is None or not _is_committed(sources, epoch, key):
            return False
        self._known[_id_of(sources), epoch, key.ck_commit] = key
        return True

    def _collect(self, sources: Sources, first: int) -> dict[int, ConversationKey]:
        epochs = range(first, sources.roster.state.epoch + 1)
        return {epoch: key for epoch in epochs if (key := self._find(sources, epoch)) is not None}


def _is_committed(sources: Sources, epoch: int, key: ConversationKey) -> bool:
    return sources.roster.state.ck_commits.get(epoch) == key.ck_commit


def _id_of(sources: Sources) -> UUID:
    return sources.roster.state.conversation_id
