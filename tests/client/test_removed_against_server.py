"""Who was removed, with every key they ever had, at the rows of the real web tier (A24)."""

import sqlite3
from uuid import UUID

import pytest_asyncio

from balon.protocol.contexts import message_context, meta_context, prev_epoch_context
from balon.protocol.envelope import Kind
from balon_client.ports import WrappedConversationKey
from tests.client.tab import password
from tests.client.test_against_server import RealTab, _short_reply, installation, upstream

__all__ = ["_short_reply", "installation", "upstream"]

MESSAGES = "SELECT message_id, sender_id, epoch, seq, prev_hash, created_ms, envelope FROM conversations_message"
METAS = "SELECT author_id, meta_version, epoch, envelope FROM conversations_meta"
GRANTS = "SELECT epoch, user_id, wrapped FROM keystore_grant"
PREVIOUS = "SELECT epoch, envelope FROM keystore_previouskey"


class Rows:
    """The rows of one conversation as they lie in the database, and what opens with somebody's keys."""

    def __init__(self, installation, conversation_id: str) -> None:
        self._file = installation.folder / "balon.sqlite3"
        self.id = UUID(conversation_id)

    def select(self, query: str) -> list[tuple]:
        database = sqlite3.connect(f"file:{self._file}?mode=ro", uri=True)
        try:
            return database.execute(f"{query} WHERE conversation_id = ?", (self.id.hex,)).fetchall()
        finally:
            database.close()

    def envelopes(self) -> list[tuple[Kind, int, bytes, bytes]]:
        """Kind, epoch, context and envelope of all that lies under a key of the conversation."""
        messages = [
            (
                Kind.MESSAGE,
                epoch,
                message_context(
                    conversation_id=self.id,
                    epoch=epoch,
                    message_id=UUID(message_id),
                    sender_id=UUID(sender_id),
                    seq=seq,
                    prev_hash=prev_hash,
                    created_ms=created_ms,
                ),
                envelope,
            )
            for message_id, sender_id, epoch, seq, prev_hash, created_ms, envelope in self.select(MESSAGES)
        ]
        metas = [
            (Kind.META, epoch, meta_context(self.id, epoch, version, UUID(author_id)), envelope)
            for author_id, version, epoch, envelope in self.select(METAS)
        ]
        previous = [
            (Kind.PREV, epoch, prev_epoch_context(self.id, epoch, epoch - 1), envelope)
            for epoch, envelope in self.select(PREVIOUS)
        ]
        return messages + metas + previous

    async def opened_by(self, tab, roots) -> set[tuple[Kind, int]]:
        """Kinds and epochs of the envelopes that open under one of the keys."""
        opened = set()
        for kind, epoch, context, envelope in self.envelopes():
            for root in roots:
                if await tab.crypto.open_each(root, kind, [(context, envelope)]) != [None]:
                    opened.add((kind, epoch))
        return opened

    async def unwrapped_by(self, tab) -> set[int]:
        """Epochs whose grants, to whomever, open with this person's RSA key."""
        account = tab.opened.parts.account
        grants = self.select(GRANTS)
        items = [WrappedConversationKey(wrapped, self.id, epoch, account.recipient) for epoch, _, wrapped in grants]
        found = await tab.crypto.unwrap_each(account.keys.enc, items)
        return {grant[0] for grant, key in zip(grants, found, strict=True) if key is not None}


@pytest_asyncio.fixture
async def newcomer(installation, next_rsa_keys):
    """Makes people with accounts and RSA keys of their own."""
    tabs: list[RealTab] = []
    keys = iter(next_rsa_keys)

    async def make_one(name: str) -> RealTab:
        tab = RealTab(installation.origin, next(keys))
        tabs.append(tab)
        await tab.boot()
        await tab.sign_up(f"{name}@example.org", password())
        return tab

    yield make_one
    for tab in tabs:
        await tab.close()
        await tab.http.close()


async def test_with_all_keys_they_had_nobody_opens_what_came_after_their_removal(newcomer, installation):
    alice, bob = await newcomer("alice"), await newcomer("bob")
    room = (await alice.say("Before"))["conversation_id"]
    await alice.invite(room, "bob@example.org", "member", True)  # noqa: FBT003 - the page's calls are positional
    await bob.until(lambda: bob.opened.chat.library.newest_first)
    await bob.accept_invitation(room)
    (conversation,) = bob.opened.chat.library.newest_first
    rows = Rows(installation, room)
    roots = [key.root for key in conversation.keys.values()]
    assert await rows.opened_by(bob, roots) == {(Kind.MESSAGE, 0), (Kind.META, 0)}
    assert await rows.unwrapped_by(bob) == {0}

    await alice.remove_member(room, str(bob.opened.parts.account.user_id))
    await alice.say("After", room)
    await alice.rename(room, "Without Bob")
    assert {(kind, epoch) for kind, epoch, *_ in rows.envelopes()} == {
        (Kind.MESSAGE, 0),
        (Kind.MESSAGE, 1),
        (Kind.META, 1),
        (Kind.PREV, 1),
    }
    assert await rows.opened_by(bob, roots) == {(Kind.MESSAGE, 0)}
    assert await rows.unwrapped_by(bob) == set()
    assert await rows.unwrapped_by(alice) == {0, 1}
