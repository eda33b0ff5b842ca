"""A migration against the real web tier, which is killed on the way: every message is there once in the end (A40)."""

import asyncio
import random
import sqlite3
from base64 import b64encode

import pytest

from balon_client import build_options, pacing
from balon_client.errors import NetworkError
from tests.client.breaking import ANSWER_LOST, REQUEST_LOST, SENT_TWICE
from tests.client.doubles import accounts as double_accounts
from tests.client.migrating import MIGRATION
from tests.client.test_against_server import RealTab, _short_reply, installation, open_tab, upstream
from tests.client.test_broken_off_against_server import KILLED, DyingHttp
from tests.client.test_legacy_accounts import SALT, TYPED, typed
from tests.legacy_texts import make_conversation, to_file

__all__ = ["_short_reply", "installation", "open_tab", "upstream"]
OLD = "dora.migrates@example.org"
LENGTHS = (1, 3, 24, 40)
BATCH = 11
KILLS = {7: REQUEST_LOST, 9: ANSWER_LOST, 11: KILLED, 13: SENT_TWICE, 16: KILLED}
LAPSE = "from conversations.models import Migration; Migration.objects.update(lease_expires_ms=0)"


class KilledHttp(DyingHttp):
    """A network on which something happens at chosen requests of the migration."""

    after_s = 0.01

    def is_counted(self, method, path):
        return path.startswith(MIGRATION)

    async def request(self, method, path, **options):
        if self.is_counted(method, path) and self.seen + 1 in KILLS:
            self.at, self.how = self.seen + 1, KILLS[self.seen + 1]
        return await super().request(method, path, **options)


@pytest.fixture
def texts(installation, tmp_path) -> list[dict]:
    """Dora's account and what she said before encryption."""
    octets = double_accounts.pbkdf2(TYPED.encode(), SALT, 600_000)  # A few rounds stand for all of them here.
    encoded = f"pbkdf2_sha256$600000${SALT.decode()}${b64encode(octets).decode()}"
    lines = [{"type": "user", "legacy_id": "dora", "login": OLD, "password": encoded}]
    rng = random.Random(7)
    for number, length in enumerate(LENGTHS):
        head, *messages = make_conversation(rng, f"c{number}", length)
        lines += [{**head, "title": f"Kanarie {number}"}]
        lines += [{**each, "text": f"Kanarie {each['text']}"} for each in messages]
    file = tmp_path / "old.jsonl"
    file.write_bytes(to_file(lines).getvalue())
    assert f"messages loaded: {sum(LENGTHS)}" in installation.manage("load_legacy", str(file))
    installation.manage("adopt_legacy_hashes")
    return lines[1:]


def spoken_of(lines: list[dict]) -> dict:
    said: dict = {}
    for line in lines:
        if line["type"] == "conversation":
            said[line["title"]] = current = []
        else:
            kind = "assistant" if line["role"] == "assistant" else "you"
            current.append((kind, line["text"], {"source": "legacy", "created_ms": line["created_ms"]}))
    return said


async def spoken(tab) -> dict:
    said = {}
    for item in await tab.list_conversations():
        view = await tab.open_conversation(item["id"])
        assert (view["alarms"], item["title"] in said) == ([], False)
        messages = view["messages"]
        while view["more"]:
            view = await tab.older_messages(item["id"])
            messages = [*view["messages"], *messages]
        said[item["title"]] = [(each["author"]["kind"], each["text"], each["imported"]) for each in messages]
    return said


def plaintext_in(installation) -> list[str]:
    """Where the database still has a word of it."""
    with sqlite3.connect(installation.folder / "balon.sqlite3") as database:
        return [line for line in database.iterdump() if "Kanarie" in line]


async def carry_on(tab) -> str:
    """Presses what the page offers; a failure is pressed away, as a person would."""
    for _ in range(12):
        try:
            state = (await tab.migration_status())["state"]
            if state == "verified":
                return state
            await tab.start_migration(BATCH)
        except NetworkError:
            continue
    raise AssertionError("It does not end.")


@pytest.mark.timeout(240)
async def test_it_survives_kills_of_server_network_and_tab(installation, texts, open_tab, rsa_key, monkeypatch):
    monkeypatch.setattr(build_options, "LEGACY_SIGNIN", True)
    monkeypatch.setattr(pacing, "_MOST_WAIT_S", 0.1)
    http = KilledHttp(installation.origin)
    http.installation = installation
    tab = RealTab(installation.origin, rsa_key, http=http)
    await tab.boot()
    await tab.first_sign_in(OLD, *typed())
    assert (await tab.migration_status())["messages"] == sum(LENGTHS)
    assert plaintext_in(installation)
    running = asyncio.ensure_future(tab.start_migration(BATCH))
    await tab.until(lambda: http.seen > max(KILLS))
    await tab.close()  # in the middle of it
    running.cancel()
    installation.manage("shell", "-v", "0", "-c", LAPSE)  # as half a minute later
    other = open_tab()
    await other.boot()
    await other.sign_in(OLD, typed()[1])
    await other.list_conversations()
    assert await carry_on(other) == "verified"
    assert await other.list_conversations() == []
    assert (await other.finish_migration())["state"] == "finished"
    assert plaintext_in(installation) == []
    assert await spoken(other) == spoken_of(texts)
    assert other.told("alarm") == []
    await http.close()
