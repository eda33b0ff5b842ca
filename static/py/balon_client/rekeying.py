"""One's own new keys, in every conversation: a signed `rekey` entry, and one's own grants wrapped anew (section 4).

Nothing is signed onto a roster that was not verified from its first entry on. A conversation whose roster does not hold
stops all of it: left out, its other members would go on sealing to the old key, and whoever has that would read on.
"""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import UUID

from balon.protocol.encoding import NIL_UUID, ZERO_HASH, encode_b64u
from balon.protocol.roster import Member, RosterOp, RosterState, complete_entry
from balon.protocol.statements import Bundle, Grant, RosterEntry
from balon.protocol.types import Statement, WrappedKey
from balon_client.account import Account
from balon_client.alarms import AlarmError, AnswerError
from balon_client.api import Api, signed_json
from balon_client.conversation_records import ConversationRecord
from balon_client.conversations import Conversation
from balon_client.grants import GrantVerifier
from balon_client.keyring_model import KeyringContent, Mark
from balon_client.ports import Crypto, Recipient, SigningKey, WrappedConversationKey
from balon_client.records import Signed

_SLICE: Final = 50
"""Grants in one call of the crypto port, which then takes about a third of a second."""

Tell = Callable[[int, int], Awaitable[None]]
"""Hears how many conversations are done, and of how many; raises where all of it is to stop."""


class UnverifiedConversationError(AlarmError):
    """A conversation that does not hold, where every one must (A30)."""

    code = "rotation-refused"
    title = "Your keys were not replaced, because one conversation does not hold."
    detail = (
        "Its list of members was not signed as it must be, so your old key would live on in it. Nothing was changed. "
        "If you know the conversation, delete it and try again; otherwise ask whoever runs the server what it is."
    )

    def __init__(self, conversation_id: UUID, detail: str | None = None) -> None:
        super().__init__(detail=detail)
        self.conversation_id = conversation_id


@dataclass(frozen=True, slots=True)
class FreshKeys:
    """The keys that take the place of the old ones: the bundle that states them, and what signs grants from now on."""

    bundle: Bundle
    idk: SigningKey

    @property
    def recipient(self) -> Recipient:
        """Oneself, as one wraps for the new key."""
        return Recipient(self.bundle.user_id, self.bundle.spki, self.bundle.rsa_kid)


@dataclass(frozen=True, slots=True)
class Rekeyed:
    """What the server is sent of the conversations, and the new ends of their rosters, for the keyring."""

    conversations: list[dict[str, Any]]
    marks: dict[UUID, Mark]


@dataclass(frozen=True, slots=True)
class _Room:
    """A verified conversation on its way: the entry that rekeys it, and what becomes of its grants."""

    entry: RosterEntry
    ck_commits: Mapping[int, bytes]
    grants: list[tuple[Grant, WrappedKey]] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)
    """Epochs whose wrap is not the roster's key: a member may have made it badly, and nobody can open it better."""


class Rekeying:
    """Verifies every conversation of an account, then makes what gives the account new keys there."""

    def __init__(self, crypto: Crypto, api: Api, account: Account, tell: Tell) -> None:
        """Makes it.

        Args:
            crypto: The port.
            api: Of the session whose conversations they are.
            account: With the keys that are replaced.
            tell: Hears of the progress.
        """
        self._crypto = crypto
        self._api = api
        self._account = account
        self._tell = tell
        self._verifier = GrantVerifier(crypto, account)

    async def make(self, content: KeyringContent, fresh: FreshKeys, now_ms: int) -> Rekeyed:
        """Reads all conversations, verifies them, and gives each its entry and its grants.

        May be called again, where somebody was faster: what was opened before is not opened again.

        Args:
            content: The keyring, for what was seen before.
            fresh: The new keys.
            now_ms: Time of the entries.

        Raises:
            UnverifiedConversationError: One does not hold.
            AnswerError: The list of conversations has no end.
            NetworkError, ProblemError: They cannot be had.
        """
        found: dict[UUID, Conversation] = {}
        async for page in self._pages():
            for record, conversation in await self._verifier.verify(page, content):
                found[record.id] = conversation
            await self._tell(0, len(found))
        rooms = [self._room(conversation, fresh, now_ms) for conversation in found.values()]
        await self._rewrap(rooms, list(found.values()), fresh)
        return await self._sign(rooms, fresh)

    async def _pages(self) -> AsyncIterator[Sequence[ConversationRecord]]:
        """The list to its end, then its top again: what was written to meanwhile has moved there."""
        seen: set[UUID] = set()
        page = await self._api.conversations(None)
        yield page.conversations
        while page.next is not None:
            seen |= {record.id for record in page.conversations}
            page = await self._api.conversations(page.next)
            if {record.id for record in page.conversations} <= seen:
                raise AnswerError("conversations.next")
            yield page.conversations
        if seen:
            yield (await self._api.conversations(None)).conversations

    def _room(self, conversation: Conversation, fresh: FreshKeys, now_ms: int) -> _Room:
        state, role = conversation.roster, conversation.role
        if state is None or role is None:
            raise UnverifiedConversationError(conversation.id)
        entry = _rekey_entry(state, replace(self._account.owner, role=role), fresh, now_ms)
        return _Room(entry, state.ck_commits)

    async def _rewrap(self, rooms: Sequence[_Room], conversations: Sequence[Conversation], fresh: FreshKeys) -> None:
        waiting = [
            (number, wrap)
            for number, conversation in enumerate(conversations)
            for _, wrap in sorted(conversation.wraps.items())
        ]
        for start in range(0, len(waiting), _SLICE):
            batch = waiting[start : start + _SLICE]
            await self._tell(batch[0][0], len(rooms))
            for (number, wrap), wrapped in zip(batch, await self._rewrap_slice(rooms, batch, fresh), strict=True):
                room = rooms[number]
                if wrapped is None:
                    room.lost.append(wrap.epoch)
                else:
                    room.grants.append((_grant(room, wrap.epoch, wrapped, fresh), wrapped))

    async def _rewrap_slice(
        self, rooms: Sequence[_Room], batch: Sequence[tuple[int, WrappedConversationKey]], fresh: FreshKeys
    ) -> list[WrappedKey | None]:
        """Opens each first, since what is wrapped anew must be the key that the roster commits to (A25)."""
        enc, wraps = self._account.keys.enc, [wrap for _, wrap in batch]
        opened = await self._crypto.unwrap_each(enc, wraps)
        made = await self._crypto.rewrap_each(enc, wraps, fresh.recipient)
        return [
            wrapped if key is not None and key.ck_commit == rooms[number].ck_commits[wrap.epoch] else None
            for (number, wrap), key, wrapped in zip(batch, opened, made, strict=True)
        ]

    async def _sign(self, rooms: Sequence[_Room], fresh: FreshKeys) -> Rekeyed:
        """Signs entries with the identity key that rosters show before them, grants with the one they show then."""
        entries = await self._sign_all(self._account.keys.idk, [room.entry.serialize() for room in rooms])
        statements = [grant.serialize() for room in rooms for grant, _ in room.grants]
        grants = iter(await self._sign_all(fresh.idk, statements))
        return Rekeyed(
            conversations=[_room_json(room, entry, grants) for room, entry in zip(rooms, entries, strict=True)],
            marks={room.entry.conversation_id: Mark(room.entry.seq, room.entry.hash) for room in rooms},
        )

    async def _sign_all(self, key: SigningKey, statements: Sequence[Statement]) -> list[Signed]:
        signatures = await self._crypto.sign_many(key, statements)
        return [Signed(*pair) for pair in zip(statements, signatures, strict=True)]


def _rekey_entry(state: RosterState, member: Member, fresh: FreshKeys, now_ms: int) -> RosterEntry:
    draft = RosterEntry(
        conversation_id=state.conversation_id,
        seq=state.seq + 1,
        prev_hash=state.head,
        op=RosterOp.REKEY,
        actor_id=member.user_id,
        target_id=NIL_UUID,
        role="",
        epoch=state.epoch,
        ck_commit=state.ck_commits[state.epoch],
        members_hash=ZERO_HASH,
        created_ms=now_ms,
    )
    bundle = fresh.bundle
    return complete_entry(state, draft, replace(member, idk_pub=bundle.idk_pub, rsa_kid=bundle.rsa_kid))


def _grant(room: _Room, epoch: int, wrapped: WrappedKey, fresh: FreshKeys) -> Grant:
    return Grant(
        conversation_id=room.entry.conversation_id,
        epoch=epoch,
        recipient_id=fresh.bundle.user_id,
        rsa_kid=fresh.bundle.rsa_kid,
        ck_commit=room.ck_commits[epoch],
        wrapped_hash=hashlib.sha256(wrapped).digest(),
        grantor_id=fresh.bundle.user_id,
        roster_hash=room.entry.hash,
    )


def _room_json(room: _Room, entry: Signed, grants: Iterator[Signed]) -> dict[str, Any]:
    return {
        "conversation_id": str(room.entry.conversation_id),
        "entry": signed_json(entry),
        "grants": [
            {"epoch": grant.epoch, **signed_json(next(grants)), "wrapped": encode_b64u(wrapped)}
            for grant, wrapped in room.grants
        ],
        "lost": room.lost,
    }
