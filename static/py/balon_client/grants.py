"""The keys of conversations: made with their first grant, and accepted only through signed ones (section 7).

A wrap proves nothing, anyone can make one. So a key counts only when the roster's chain begins with this person's own
signature, a grant signed by a member names it at an entry of that chain, and its commitment is the roster's (A8, A9,
A22, A25).
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from balon.protocol.encoding import NIL_UUID, ZERO_HASH
from balon.protocol.errors import StatementError
from balon.protocol.roster import Role, RosterOp, RosterState, hash_members
from balon.protocol.statements import Grant, RosterEntry
from balon.protocol.types import PublicKey, WrappedKey
from balon_client.account import Account
from balon_client.alarms import AlarmError, ConversationError
from balon_client.conversations import Conversation
from balon_client.keyring_model import KeyringContent, Seen
from balon_client.ports import ConversationKey, Crypto, WrappedConversationKey
from balon_client.records import ConversationRecord, GrantRecord, Signed
from balon_client.rosters import follow_entries, identity_of, parse_entries, signed_entries, verify_not_older


@dataclass(frozen=True, slots=True)
class NewConversation:
    """A conversation that this client made: what the server gets, and what the client keeps."""

    conversation: Conversation
    roster: Signed
    grant: Signed
    wrapped: WrappedKey


async def create_conversation(crypto: Crypto, account: Account, conversation_id: UUID, now_ms: int) -> NewConversation:
    """Generates CK[0], the `create` entry and the grant to oneself, both signed (section 7)."""
    generated = await crypto.generate_conversation_key(conversation_id, 0, [account.recipient])
    (wrapped,) = generated.wrapped
    entry = _create_entry(account, conversation_id, generated.key.ck_commit, now_ms)
    grant = Grant(
        conversation_id=conversation_id,
        epoch=0,
        recipient_id=account.user_id,
        rsa_kid=account.bundle.rsa_kid,
        ck_commit=generated.key.ck_commit,
        wrapped_hash=hashlib.sha256(wrapped).digest(),
        grantor_id=account.user_id,
        roster_hash=entry.hash,
    )
    statements = [entry.serialize(), grant.serialize()]
    signatures = await crypto.sign_many(account.keys.idk, statements)
    (state,) = follow_entries([entry], account.owner)
    return NewConversation(
        conversation=Conversation(
            id=conversation_id, created_ms=now_ms, updated_ms=now_ms, roster=state, keys={0: generated.key}
        ),
        roster=Signed(statements[0], signatures[0]),
        grant=Signed(statements[1], signatures[1]),
        wrapped=wrapped,
    )


def _create_entry(account: Account, conversation_id: UUID, ck_commit: bytes, now_ms: int) -> RosterEntry:
    return RosterEntry(
        conversation_id=conversation_id,
        seq=0,
        prev_hash=ZERO_HASH,
        op=RosterOp.CREATE,
        actor_id=account.user_id,
        target_id=NIL_UUID,
        role=Role.OWNER,
        epoch=0,
        ck_commit=ck_commit,
        members_hash=hash_members({account.user_id: account.owner}),
        created_ms=now_ms,
    )


@dataclass(slots=True)
class _Candidate:
    """A record on its way to being verified."""

    record: ConversationRecord
    states: list[RosterState]
    signed: list[tuple[PublicKey, Signed]]
    grants: list[tuple[Grant, GrantRecord, PublicKey]]
    """Each grant with the key that must have signed it: its grantor's at the entry that it names."""

    @property
    def state(self) -> RosterState:
        return self.states[-1]


class GrantVerifier:
    """Verifies conversations in batches, and remembers the keys that it unwrapped (an unwrap is 6 ms)."""

    def __init__(self, crypto: Crypto, account: Account) -> None:
        self._crypto = crypto
        self._account = account
        self._keys: dict[tuple[UUID, int, bytes], ConversationKey] = {}

    def remember(self, made: NewConversation) -> None:
        """Keeps the key of a conversation that was made here: what the server gives back is compared with it (A9)."""
        place = (made.conversation.id, 0, hashlib.sha256(made.wrapped).digest())
        self._keys[place] = made.conversation.key

    async def verify(
        self, records: Sequence[ConversationRecord], content: KeyringContent
    ) -> list[tuple[ConversationRecord, Conversation]]:
        """Verifies rosters and grants of a page of conversations: two calls into the crypto port in all.

        Args:
            records: As the server gave them.
            content: The keyring, for what was seen before.

        Returns:
            Each record with its conversation; one that was refused has an alarm and no key.
        """
        parsed = [self._parse(record, content.seen(record.id)) for record in records]
        candidates = [candidate for candidate in parsed if isinstance(candidate, _Candidate)]
        holds = await self._verify_signatures(candidates)
        await self._unwrap([candidate for candidate in candidates if candidate.record.id in holds])
        return [(record, self._finish(record, found, holds)) for record, found in zip(records, parsed, strict=True)]

    def _parse(self, record: ConversationRecord, seen: Seen) -> "_Candidate | AlarmError":
        try:
            entries = parse_entries(record)
            verify_not_older(entries, seen.roster)
            states = follow_entries(entries, self._account.owner)
            signed = signed_entries(record.roster, entries, states)
            grants = [self._parse_grant(grant, states) for grant in record.grants]
        except AlarmError as alarm:
            return alarm
        candidate = _Candidate(record, states, signed, grants)
        held = {grant.epoch for grant, _, _ in grants}
        return candidate if record.epoch == candidate.state.epoch and record.epoch in held else ConversationError()

    def _parse_grant(self, given: GrantRecord, states: Sequence[RosterState]) -> tuple[Grant, GrantRecord, PublicKey]:
        """Checks all that a grant says but its signature and the key itself."""
        try:
            grant = Grant.parse(given.signed.statement)
        except StatementError:
            raise ConversationError from None
        state = next((state for state in states if state.head == grant.roster_hash), None)
        if state is None or not self._is_for_me(grant, state):
            raise ConversationError
        if hashlib.sha256(given.wrapped).digest() != grant.wrapped_hash:
            raise ConversationError
        return grant, given, identity_of(state, grant.grantor_id)

    def _is_for_me(self, grant: Grant, state: RosterState) -> bool:
        """Judged at the roster entry that the grant names: conversation, epoch, commitment, both people and rights."""
        role = state.role_of(grant.grantor_id)
        may_grant = role is Role.OWNER or (grant.grantor_id == self._account.user_id and role is not None)
        return (
            grant.conversation_id == state.conversation_id
            and grant.epoch <= state.epoch
            and state.ck_commits.get(grant.epoch) == grant.ck_commit
            and grant.recipient_id == self._account.user_id
            and grant.rsa_kid == self._account.bundle.rsa_kid
            and may_grant
        )

    async def _verify_signatures(self, candidates: Iterable[_Candidate]) -> set[UUID]:
        """The conversations of which every signature holds."""
        items = [(c.record.id, public, signed) for c in candidates for public, signed in _signatures_of(c)]
        checked = await self._crypto.verify_each([(key, s.statement, s.signature) for _, key, s in items])
        broken = {id_ for (id_, _, _), statement in zip(items, checked, strict=True) if statement is None}
        return {id_ for id_, _, _ in items} - broken

    async def _unwrap(self, candidates: Iterable[_Candidate]) -> None:
        wanted = {
            (grant.conversation_id, grant.epoch, grant.wrapped_hash): given
            for candidate in candidates
            for grant, given, _ in candidate.grants
        }
        missing = [(place, given) for place, given in wanted.items() if place not in self._keys]
        if not missing:
            return
        recipient = self._account.recipient
        items = [WrappedConversationKey(given.wrapped, id_, epoch, recipient) for (id_, epoch, _), given in missing]
        for (place, _), key in zip(missing, await self._crypto.unwrap_each(self._account.keys.enc, items), strict=True):
            if key is not None:
                self._keys[place] = key

    def _finish(self, record: ConversationRecord, found: "_Candidate | AlarmError", holds: set[UUID]) -> Conversation:
        conversation = Conversation(id=record.id, created_ms=record.created_ms, updated_ms=record.updated_ms)
        if isinstance(found, AlarmError):
            conversation.add_alarm(found)
            return conversation
        keys = self._keys_of(found) if record.id in holds else None
        if keys is None:
            conversation.add_alarm(ConversationError())
            return conversation
        conversation.roster, conversation.keys = found.state, keys
        return conversation

    def _keys_of(self, candidate: _Candidate) -> dict[int, ConversationKey] | None:
        """The keys by epoch; None when one did not open or is not the one that the roster commits to (A25)."""
        keys: dict[int, ConversationKey] = {}
        for grant, _, _ in candidate.grants:
            key = self._keys.get((grant.conversation_id, grant.epoch, grant.wrapped_hash))
            if key is None or key.ck_commit != candidate.state.ck_commits[grant.epoch]:
                return None
            keys[grant.epoch] = key
        return keys


def _signatures_of(candidate: _Candidate) -> list[tuple[PublicKey, Signed]]:
    return [*candidate.signed, *((public, given.signed) for _, given, public in candidate.grants)]
