"""Yesterday's database put back under a browser that has seen today's (A14): the device stops until today's is back."""

import sqlite3
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.person import Person
from tests.fakes.openai_server import FakeOpenAIServer, Script
from tests.security.evidence import Evidence, is_read, settle
from tests.stack.fixtures import Watch
from tests.stack.installation import Installation
from tests.stack.wiretap import Wiretap

OLD_KEYRING = "The server gave back an old list of the keys that you trust."
TODAY = "Written today."


def copy_database(source: Path, target: Path) -> None:
    """Takes a backup as docs/operations.md says: consistent, also while the server runs."""
    for leftover in (target, target.with_name(f"{target.name}-wal"), target.with_name(f"{target.name}-shm")):
        leftover.unlink(missing_ok=True)
    reading, writing = sqlite3.connect(source), sqlite3.connect(target)
    try:
        reading.backup(writing)
    finally:
        reading.close()
        writing.close()


def put_back(installation: Installation, backup: Path) -> None:
    """Sets the server back, as an operator with a backup or an attacker does."""
    installation.stop("web")
    copy_database(backup, installation.folder / "balon.sqlite3")
    installation.start_web()


@pytest.fixture
def set_back(
    alice: Person, installation: Installation, wiretap: Wiretap, upstream: FakeOpenAIServer, tmp_path: Path
) -> Path:
    """Alice's page is open, and the server is as it was yesterday; gives the database of today."""
    yesterday, today = tmp_path / "yesterday", tmp_path / "today"
    upstream.script = Script.of("Answered yesterday.")
    alice.send("Written yesterday.")
    alice.expect_reply("Answered yesterday.")
    settle(wiretap)
    copy_database(installation.folder / "balon.sqlite3", yesterday)
    upstream.script = Script.of("Answered today.")
    alice.send(TODAY)
    alice.expect_reply("Answered today.")
    settle(wiretap)
    copy_database(installation.folder / "balon.sqlite3", today)
    put_back(installation, yesterday)
    return today


def test_the_device_stops_until_the_newest_state_is_back(
    alice: Person, set_back: Path, installation: Installation, wiretap: Wiretap, watch: Watch
) -> None:
    for expected in ("500 (Internal", "WebSocket connection"):  # while the server is down
        watch.expect(expected)
    evidence, sent = Evidence(wiretap, installation), len(wiretap.exchanges)
    conversation = alice.page.url
    alarm = alice.alert.filter(has_text=OLD_KEYRING)
    expect(alarm.first).to_be_visible(timeout=60_000)

    # Whoever goes on writing is refused, and keeps what was written.
    alice.send("Tell the old server everything.")
    refused = alice.page.locator("balon-pending").filter(has_text="Tell the old server everything.")
    expect(refused.get_by_role("alert")).to_contain_text(OLD_KEYRING)
    expect(refused.get_by_role("button", name="Edit")).to_be_visible()

    # Nothing is listed or opened after a reload either: the browser knows what it has seen.
    alice.page.on("dialog", lambda question: question.accept())
    alice.page.goto(conversation)
    expect(alarm.first).to_be_visible(timeout=60_000)
    assert "Written yesterday." not in alice.page.content()
    assert not [(each.method, each.path) for each in wiretap.exchanges[sent:] if not is_read(each)]
    evidence.verify_nothing_changed()

    put_back(installation, set_back)
    alice.page.goto(conversation)
    expect(alice.articles("You").last).to_contain_text(TODAY)
    expect(alice.alert).to_have_count(0)
    alice.send("And on.")
    alice.expect_reply("Answered today.")
