"""What tests of the migration share: an account with old conversations, waiting for the end, comparing with the original."""

import asyncio
import copy

from tests.client.conftest import ALICE
from tests.client.doubles.platform import settle
from tests.client.fake_migration import legacy_conversation
from tests.client.tab import Tab

OLD = (
    legacy_conversation("fjords", *(f"Kanarie-{n} of the fjords" for n in range(1, 8)), at_ms=1_600_000_000_000),
    legacy_conversation(
        "skerries", "Kanarie: What is a skerry?", "", "a\nb  c\u0000\U0001f30a", at_ms=1_500_000_000_000
    ),
    legacy_conversation("silence", title="Kanarie, nothing said", at_ms=1_400_000_000_000),
)
MESSAGES = sum(len(each["rows"]) for each in OLD)
MIGRATION = "/api/v1/migration"
PATIENCE = 400


def allow_plaintext(content) -> bool:
    """As the keyring of an account from before encryption begins."""
    content.no_plaintext = False
    return True


async def make_old(tab: Tab, *conversations: dict) -> None:
    """Gives the account of a tab old conversations, and a keyring that allows plaintext."""
    tab.server.load_legacy(tab.server.account_of(ALICE), *(conversations or OLD))
    keyring = tab.keys.parts.keyring
    keyring.change(allow_plaintext)
    await keyring.save()


async def finish(tab: Tab, call) -> object:
    """Awaits a long call, letting time pass where it waits."""
    task = asyncio.ensure_future(call)
    for _ in range(PATIENCE):
        await settle(60)
        if task.done():
            break
        await tab.clock.advance(4)
    return await task


async def move(tab: Tab, batch: int | None = None) -> dict:
    """Moves everything that can be."""
    return await finish(tab, tab.start_migration(batch))


async def move_and_finish(tab: Tab, batch: int | None = None) -> dict:
    assert (await move(tab, batch))["state"] == "verified"
    return await finish(tab, tab.finish_migration())


async def spoken(tab: Tab) -> dict:
    """What every listed conversation says: title and messages, as the page gets them, by title."""
    said = {}
    for item in await tab.list_conversations():
        view = await tab.open_conversation(item["id"])
        assert view["alarms"] == [], view["alarms"]
        assert item["title"] not in said
        said[item["title"]] = [
            (each["author"]["kind"], each["text"], each["imported"] and each["imported"]["created_ms"])
            for each in view["messages"]
        ]
    return said


def original(*conversations: dict) -> dict:
    """What they must say."""
    kinds = {"user": "you", "system": "you", "assistant": "assistant"}
    return {
        each["title"]: [(kinds[row["role"]], row["text"], row["created_ms"]) for row in each["rows"]]
        for each in conversations or OLD
    }


def plaintext_of(server) -> dict:
    """The old texts as the server has them now."""
    return copy.deepcopy(server.migration_of(server.account_of(ALICE))["conversations"])


async def reopen(tab: Tab) -> Tab:
    """The tab is gone, and another one of the same browser begins."""
    await tab.close()
    fresh = tab.profile.open_tab()
    await fresh.boot()
    await fresh.list_conversations()
    return fresh
