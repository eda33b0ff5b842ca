"""Roster entries about to be posted: signed, with the keys, grants and settings that come with them (section 7)."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from balon.protocol.encoding import NIL_UUID, ZERO_HASH
from balon.protocol.roster import Member, Role, RosterOp, RosterState, complete_entry
from balon.protocol.statements import Bundle, Grant, RosterEntry
from balon.protocol.types import Envelope, WrappedKey
from balon_client.account import Account
from balon_client.alarms import ConversationError
from balon_client.bundles import recipients_of
from balon_client.conversation_records import MetaRecord
from balon_client.conversations import Conversation
from balon_client.epochs import EpochKeys, Sources
from balon_client.errors import DecryptionError
from balon_client.meta_envelopes import seal_meta
from balon_client.metas import Meta
from balon_client.ports import ConversationKey, Crypto, PreviousKey, Recipient
from balon_client.records import Signed

_ALWAYS_BEGIN: Final = frozenset({RosterOp.REMOVE, RosterOp.ROTATE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """What somebody does to a roster."""

    op: RosterOp
    target_id: UUID = NIL_UUID
    role: str = ""
    guest: Bundle | None = None
    """Of an invitation: the verified bundle of whom it invites."""
    shares_history: bool = True
    """Of an invitation: whether the guest reads what the inviter reads."""

    @property
    def begins_epoch(self) -> bool:
        """Whether it comes with a new key."""
        return self.op in _ALWAYS_BEGIN or (self.op is RosterOp.INVITE and not self.shares_history)

    @property
    def subject(self) -> Member | None:
        """The person whom it brings in."""
        guest = self.guest
        return Member(guest.user_id, guest.idk_pub, guest.rsa_kid, Role.INVITED) if guest else None


@dataclass(frozen=True, slots=True)
class GrantDraft:
    """A grant to somebody, signed."""

    user_id: UUID
    epoch: int
    signed: Signed
    wrapped: WrappedKey


@dataclass(frozen=True, slots=True)
class PreparedEntry:
    """All of one request that changes a roster."""

    entry: RosterEntry
    signed: Signed
    grants: Sequence[GrantDraft] = ()
    previous: Envelope | None = None
    meta: MetaRecord | None = None
    key: ConversationKey | None = None
    """The key of the epoch that it begins. Stays here."""


@dataclass(frozen=True, slots=True)
class _Wrap:
    recipient: Recipient
    epoch: int
    ck_commit: bytes
    wrapped: WrappedKey


@dataclass(frozen=True, slots=True)
class _NewKey:
    """The key of an epoch that is about to begin, with the wraps for everyone on the roster after it."""

    key: ConversationKey
    wraps: list[_Wrap] = field(default_factory=list)
    previous: Envelope | None = None


class EntryMaker:
    """Makes entries on conversations that are sound: their roster holds and its keys are accepted."""

    def __init__(self, crypto: Crypto, account: Account) -> None:
        self._crypto = crypto
        self._account = account
        self._keys = EpochKeys(crypto, account)

    async def make(
        self, conversation: Conversation, deed: Deed, bundles: Mapping[UUID, Bundle], now_ms: int
    ) -> PreparedEntry:
        """Makes the entry that follows the newest one, with all that comes with it.

        Args:
            conversation: Verified.
            deed: What is done.
            bundles: Of a deed that begins an epoch: the verified bundles of the conversation's people.
            now_ms: Time of the entry.

        Raises:
            RosterError: This person may not do it, or it leads to no roster that may be.
            BundleRefusedError: A bundle states other keys than the roster.
            ConversationError: One's own grants do not give what is to be shared.
        """
        state = conversation.roster
        if state is None:
            raise ConversationError
        if deed.begins_epoch:
            return await self._begin_epoch(conversation, state, deed, bundles, now_ms)
        entry = self._entry(state, deed, (state.epoch, state.ck_commits[state.epoch]), now_ms)
        wraps = await self._share(conversation, deed.guest) if deed.guest else []
        signed, grants = await self._sign(entry, wraps)
        return PreparedEntry(entry, signed, grants)

    # --- Within an epoch ---

    def _entry(self, state: RosterState, deed: Deed, key: tuple[int, bytes], now_ms: int) -> RosterEntry:
        epoch, ck_commit = key
        draft = RosterEntry(
            conversation_id=state.conversation_id,
            seq=state.seq + 1,
            prev_hash=state.head,
            op=deed.op,
            actor_id=self._account.user_id,
            target_id=deed.target_id,
            role=deed.role,
            epoch=epoch,
            ck_commit=ck_commit,
            members_hash=ZERO_HASH,
            created_ms=now_ms,
        )
        return complete_entry(state, draft, deed.subject)

    async def _share(self, conversation: Conversation, guest: Bundle) -> list[_Wrap]:
        """The newest key of each unbroken chain that this person reads, wrapped for a guest."""
        roster = conversation.followed
        if roster is None:
            raise ConversationError
        tops = await self._keys.find_tops(Sources(roster, {}, conversation.previous), conversation.keys)
        wanted = {epoch: conversation.wraps[epoch] for epoch in tops if epoch in conversation.wraps}
        own = await self._keys.open_wraps(Sources(roster, wanted, {}))
        if set(own) != set(tops):
            raise ConversationError
        recipient = Recipient(guest.user_id, guest.spki, guest.rsa_kid)
        made = await self._crypto.rewrap_each(self._account.keys.enc, [own[epoch] for epoch in tops], recipient)
        commits = roster.state.ck_commits
        pairs = zip(tops, made, strict=True)
        wraps = [_Wrap(recipient, epoch, commits[epoch], wrapped) for epoch, wrapped in pairs if wrapped is not None]
        if len(wraps) != len(tops):
            raise ConversationError
        return wraps

    # --- A new epoch ---

    async def _begin_epoch(
        self, conversation: Conversation, state: RosterState, deed: Deed, bundles: Mapping[UUID, Bundle], now_ms: int
    ) -> PreparedEntry:
        new = await self._new_key(conversation, deed, self._recipients(state, deed, bundles))
        entry = self._entry(state, deed, (state.epoch + 1, new.key.ck_commit), now_ms)
        signed, grants = await self._sign(entry, new.wraps)
        meta = await self._reseal_meta(conversation, new.key)
        return PreparedEntry(entry, signed, grants, new.previous, meta, new.key)

    def _recipients(self, state: RosterState, deed: Deed, bundles: Mapping[UUID, Bundle]) -> list[Recipient]:
        after = {user_id: member for user_id, member in state.members.items() if user_id != deed.target_id}
        own = {self._account.user_id: self._account.bundle}
        guests = {}
        if deed.guest is not None and deed.subject is not None:
            after[deed.guest.user_id] = deed.subject
            guests = {deed.guest.user_id: deed.guest}
        return recipients_of(after.values(), {**bundles, **own, **guests})

    async def _new_key(self, conversation: Conversation, deed: Deed, recipients: Sequence[Recipient]) -> _NewKey:
        """A new key, wrapped for all who read on, with the one before it unless history is not to be shared."""
        epoch = conversation.epoch + 1
        previous = None
        if deed.op is not RosterOp.INVITE:
            previous = PreviousKey(self._account.keys.enc, conversation.wraps[conversation.epoch])
        try:
            made = await self._crypto.generate_conversation_key(conversation.id, epoch, recipients, previous)
        except DecryptionError:
            raise ConversationError from None
        wraps = [
            _Wrap(recipient, epoch, made.key.ck_commit, wrapped)
            for recipient, wrapped in zip(recipients, made.wrapped, strict=True)
        ]
        return _NewKey(made.key, wraps, made.previous_env)

    async def _reseal_meta(self, conversation: Conversation, key: ConversationKey) -> MetaRecord | None:
        meta = conversation.meta
        if meta.version == 0:
            return None
        next_meta = Meta(meta.version + 1, meta.title, meta.assistant)
        return await seal_meta(self._crypto, self._account, conversation, next_meta, (conversation.epoch + 1, key))

    # --- Signatures ---

    async def _sign(self, entry: RosterEntry, wraps: Sequence[_Wrap]) -> tuple[Signed, list[GrantDraft]]:
        statements = [entry.serialize(), *(self._grant(entry, wrap).serialize() for wrap in wraps)]
        signatures = await self._crypto.sign_many(self._account.keys.idk, statements)
        signed, *grants = [Signed(*pair) for pair in zip(statements, signatures, strict=True)]
        return signed, [
            GrantDraft(wrap.recipient.user_id, wrap.epoch, grant, wrap.wrapped)
            for wrap, grant in zip(wraps, grants, strict=True)
        ]

    def _grant(self, entry: RosterEntry, wrap: _Wrap) -> Grant:
        return Grant(
            conversation_id=entry.conversation_id,
            epoch=wrap.epoch,
            recipient_id=wrap.recipient.user_id,
            rsa_kid=wrap.recipient.rsa_kid,
            ck_commit=wrap.ck_commit,
            wrapped_hash=hashlib.sha256(wrap.wrapped).digest(),
            grantor_id=entry.actor_id,
            roster_hash=entry.hash,
        )
