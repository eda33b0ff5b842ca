"""Conversations as the server gives them, verified: rosters, and keys accepted only through signed grants (section 7).

A wrap proves nothing, anyone can make one. So a key counts only when the roster's chain holds from its first entry on,
the entry that a grant names gave its actor the right to make it, that actor signed it, and the key is the one that the
roster commits to (A8, A9, A22, A25). Whose the keys of the chain are is judged by the pins.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from balon.protocol.errors import StatementError
from balon.protocol.roster import RosterOp
from balon.protocol.statements import Grant
from balon.protocol.types import Envelope, PublicKey
from balon_client.account import Account
from balon_client.alarms import AlarmError, ConversationError, KeyChangedError
from balon_client.conversation_records import ConversationRecord, GrantRecord
from balon_client.conversations import Conversation
from balon_client.creating import NewConversation
from balon_client.epochs import EpochKeys, Sources
from balon_client.keyring_model import KeyringContent
from balon_client.pins import changed_keys, known_name, verify_own_keys
from balon_client.ports import ConversationKey, Crypto, WrappedConversationKey
from balon_client.records import Signed
from balon_client.rosters import FollowedRoster, follow_roster, identity_of, signed_entries, verify_not_older


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A record on its way to being verified: all was checked but signatures and keys."""

    record: ConversationRecord
    sources: Sources
    signed: list[tuple[PublicKey, Signed]]
    """Entries and grants, each with the key that must have signed it."""

    @property
    def roster(self) -> FollowedRoster:
        return self.sources.roster


class GrantVerifier:
    """Verifies conversations in batches, and remembers chains, signatures and keys that held."""

    def __init__(self, crypto: Crypto, account: Account) -> None:
        self._crypto = crypto
        self._account = account
        self._keys = EpochKeys(crypto, account)
        self._followed: dict[UUID, FollowedRoster] = {}
        self._signed: set[tuple[PublicKey, Signed]] = set()

    def remember(self, made: NewConversation) -> None:
        """Keeps the key of a conversation that was made here: what the server gives back is compared with it (A9)."""
        self._keys.remember(made.id, 0, made.key)

    def remember_key(self, conversation_id: UUID, epoch: int, key: ConversationKey) -> None:
        """Keeps the key of an epoch that begins here."""
        self._keys.remember(conversation_id, epoch, key)

    async def verify(
        self, records: Sequence[ConversationRecord], content: KeyringContent
    ) -> list[tuple[ConversationRecord, Conversation]]:
        """Verifies rosters and grants of a page of conversations, with few calls into the crypto port.

        Args:
            records: As the server gave them.
            content: The keyring, for what was seen before and for whose keys are whose.

        Returns:
            Each record with its conversation; one that was refused has an alarm and neither roster nor key.
        """
        parsed = [self._parse(record, content) for record in records]
        candidates = [candidate for candidate in parsed if isinstance(candidate, _Candidate)]
        holds = await self._verify_signatures(candidates)
        held = [candidate for candidate in candidates if candidate.record.id in holds]
        for candidate in held:
            self._followed[candidate.record.id] = candidate.roster
        opened = await self._keys.open_all([candidate.sources for candidate in held])
        keys = {candidate.record.id: found for candidate, found in zip(held, opened, strict=True)}
        return [
            (record, self._finish(record, found, keys.get(record.id), content))
            for record, found in zip(records, parsed, strict=True)
        ]

    async def open_wraps(self, conversation: Conversation) -> dict[int, WrappedConversationKey]:
        """One's own wraps of a verified conversation that open to the roster's keys, by epoch."""
        if conversation.followed is None:
            return {}
        return await self._keys.open_wraps(Sources(conversation.followed, conversation.wraps, {}))

    # --- Without keys ---

    def _parse(self, record: ConversationRecord, content: KeyringContent) -> "_Candidate | AlarmError":
        try:
            roster = follow_roster(record, self._followed.get(record.id))
            verify_not_older(roster, content.seen(record.id).roster)
            verify_own_keys(roster, self._account, content)
            grants = self._parse_grants(record, roster)
            if record.epoch != roster.state.epoch:
                raise ConversationError
        except AlarmError as alarm:
            return alarm
        signed = [*signed_entries(roster), *((public, given.signed) for _, given, public in grants)]
        return _Candidate(record, self._sources_of(record, roster, grants), signed)

    def _parse_grants(
        self, record: ConversationRecord, roster: FollowedRoster
    ) -> list[tuple[Grant, GrantRecord, PublicKey]]:
        """The grants with the keys that must have signed them. Who is on the roster has the newest epoch's."""
        places = {state.head: index for index, state in enumerate(roster.states)}
        grants = [self._parse_grant(given, roster, places) for given in record.grants]
        epochs = {grant.epoch for grant, _, _ in grants}
        is_member = self._account.user_id in roster.state.members
        if len(epochs) != len(grants) or (is_member and roster.state.epoch not in epochs):
            raise ConversationError
        return grants

    def _parse_grant(
        self, given: GrantRecord, roster: FollowedRoster, places: dict[bytes, int]
    ) -> tuple[Grant, GrantRecord, PublicKey]:
        """Checks all that a grant says but its signature and the key itself."""
        try:
            grant = Grant.parse(given.signed.statement)
        except StatementError:
            raise ConversationError from None
        index = places.get(grant.roster_hash)
        if index is None or not self._is_for_me(grant, roster, index) or not _may_be_made(grant, roster, index):
            raise ConversationError
        if hashlib.sha256(given.wrapped).digest() != grant.wrapped_hash:
            raise ConversationError
        return grant, given, identity_of(roster.states[index], grant.grantor_id)

    def _is_for_me(self, grant: Grant, roster: FollowedRoster, index: int) -> bool:
        """Judged at the roster entry that the grant names: conversation, epoch, commitment, recipient and their key."""
        state, bundle = roster.states[index], self._account.bundle
        recipient = state.members.get(bundle.user_id)
        return (
            recipient is not None
            and grant.conversation_id == state.conversation_id
            and grant.recipient_id == recipient.user_id
            and grant.rsa_kid == recipient.rsa_kid == bundle.rsa_kid
            and state.ck_commits.get(grant.epoch) == grant.ck_commit
        )

    def _sources_of(
        self,
        record: ConversationRecord,
        roster: FollowedRoster,
        grants: Sequence[tuple[Grant, GrantRecord, PublicKey]],
    ) -> Sources:
        recipient = self._account.recipient
        wraps = {
            grant.epoch: WrappedConversationKey(given.wrapped, record.id, grant.epoch, recipient)
            for grant, given, _ in grants
        }
        return Sources(roster, wraps, _previous_of(record, roster))

    # --- With keys ---

    async def _verify_signatures(self, candidates: Sequence[_Candidate]) -> set[UUID]:
        """The conversations of which every signature holds. One that held before is not verified again."""
        wanted = {item for candidate in candidates for item in candidate.signed} - self._signed
        items = list(wanted)
        checked = await self._crypto.verify_each([(key, each.statement, each.signature) for key, each in items])
        self._signed |= {item for item, statement in zip(items, checked, strict=True) if statement is not None}
        return {candidate.record.id for candidate in candidates if self._signed.issuperset(candidate.signed)}

    def _finish(
        self,
        record: ConversationRecord,
        found: "_Candidate | AlarmError",
        keys: dict[int, ConversationKey] | None,
        content: KeyringContent,
    ) -> Conversation:
        conversation = Conversation(record.id, self._account.user_id, record.created_ms, record.updated_ms)
        conversation.head_position = record.head.position if record.head else 0
        if isinstance(found, AlarmError) or keys is None:
            conversation.add_alarm(found if isinstance(found, AlarmError) else ConversationError())
            return conversation
        conversation.followed, conversation.keys = found.roster, keys
        conversation.wraps, conversation.previous = dict(found.sources.wraps), dict(found.sources.previous)
        conversation.epoch_positions = {record.epoch: record.epoch_position}
        self._judge(conversation, found.sources, content)
        return conversation

    def _judge(self, conversation: Conversation, sources: Sources, content: KeyringContent) -> None:
        """What stops a conversation whose chain holds: keys that are withheld or wrong, and keys of others."""
        own_id = self._account.user_id
        wanted = range(sources.first_epoch(own_id), conversation.epoch + 1)
        if not conversation.is_left and any(epoch not in conversation.keys for epoch in wanted):
            conversation.add_alarm(ConversationError())
        conversation.changed_keys = changed_keys(sources.roster, content, own_id)
        if conversation.changed_keys:
            names = [known_name(content, user_id) for user_id in conversation.changed_keys]
            conversation.add_alarm(KeyChangedError.about(names))


def _may_be_made(grant: Grant, roster: FollowedRoster, index: int) -> bool:
    """Whether the entry that a grant names gave its actor this right.

    Who begins an epoch grants that one's key, who invites grants the invited what they may read, and who has new keys
    grants to themselves.
    """
    entry = roster.entries[index]
    if grant.grantor_id != entry.actor_id:
        return False
    if roster.begins_epoch(index):
        return grant.epoch == entry.epoch
    if entry.op == RosterOp.INVITE:
        return grant.recipient_id == entry.target_id
    return entry.op == RosterOp.REKEY and grant.recipient_id == entry.actor_id


def _previous_of(record: ConversationRecord, roster: FollowedRoster) -> dict[int, Envelope]:
    """PREV by epoch, of those epochs that have one."""
    epoch = roster.state.epoch
    return {
        item.epoch: item.envelope for item in record.previous if item.epoch <= epoch and roster.leads_back(item.epoch)
    }
