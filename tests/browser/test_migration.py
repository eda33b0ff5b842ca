"""Conversations from before encryption, encrypted in a real browser while tab and server die: all of it is there (A40)."""

import json
import random
import re
import sqlite3
import zipfile
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.old_installation import LOGIN, PASSWORD, old_installation_in
from tests.browser.person import Person
from tests.browser.test_canary import places_of
from tests.fakes.openai_server import FakeOpenAIServer
from tests.legacy_texts import make_conversation
from tests.stack.fixtures import Watch
from tests.stack.installation import Installation

CANARY = "kanarie-legacy-5Tq8Zw"
LENGTHS = (1, 9, 40, 70, 80, 100)
LAPSE = "from conversations.models import Migration; Migration.objects.update(lease_expires_ms=0)"
WAIT_MS = 90_000


def make_texts() -> list[dict]:
    rng, lines = random.Random(3), []
    for number, length in enumerate(LENGTHS):
        head, *messages = make_conversation(rng, f"c{number}", length)
        lines += [{**head, "title": f"{CANARY} {number}"}]
        lines += [{**each, "text": f"{CANARY} {each['text']}"} for each in messages]
    return lines


TEXTS = make_texts()


@pytest.fixture
def installation(
    tmp_path_factory: pytest.TempPathFactory, upstream: FakeOpenAIServer
) -> Iterator[tuple[Installation, str]]:
    """An installation with what Dora and an assistant once said, and its address."""
    with old_installation_in(tmp_path_factory.mktemp("old"), upstream, TEXTS) as (made, tap):
        yield made, tap.origin


def region(page: Page) -> Locator:
    return page.get_by_role("region", name="Encrypt your older conversations")


def press(page: Page, name: str) -> None:
    region(page).get_by_role("button", name=name, exact=True).click()


def see(page: Page, text: str | re.Pattern[str]) -> None:
    expect(region(page)).to_contain_text(text, timeout=WAIT_MS)


def export_of(page: Page) -> dict:
    """Everything that this person reads, as the archive of the settings has it."""
    with page.expect_download(timeout=WAIT_MS) as download:
        page.get_by_role("button", name="Export everything").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        found: dict = json.loads(archive.read("balon.json"))
    return found


def originals() -> dict[str, list]:
    said: dict[str, list] = {}
    for line in TEXTS:
        if line["type"] == "conversation":
            said[line["title"]] = current = []
        else:
            current.append((line["role"], line["text"], line["created_ms"]))
    return said


def database_of(installation: Installation) -> dict[str, bytes]:
    """Every row that there is. What SQLite leaves in free pages is for the operator (docs/operations.md)."""
    with sqlite3.connect(installation.folder / "balon.sqlite3") as database:
        tables = "\n".join(database.iterdump()).encode()
    return {"tables": tables}


def restart(installation: Installation) -> None:
    installation.processes["web"].kill()
    installation.stop("web")
    installation.start_web()


@pytest.mark.timeout(300)
def test_every_message_is_encrypted_though_tab_and_server_die(
    browser: Browser, installation: tuple[Installation, str], watch: Watch
) -> None:
    server, origin = installation
    watch.expect("Failed to load resource")  # while the server is gone
    watch.expect("WebSocket connection")
    context = browser.new_context(base_url=origin)
    watch.follow(context)
    dora = Person(context.new_page(), LOGIN, PASSWORD)
    dora.open()
    dora.sign_in()
    dora.page.get_by_role("button", name="Make my keys").click()
    dora.put_kit_away()
    see(dora.page, "300 messages in 6 conversations")
    assert places_of(CANARY, database_of(server))

    dora.page.get_by_role("list", name="Not yet encrypted").get_by_role("link").first.click()
    older = dora.page.get_by_role("region", name="Older conversation").get_by_role("article").first
    expect(older).to_contain_text("Not encrypted: the server could have changed this.")
    dora.open_settings()
    region(dora.page).get_by_label("Messages at once").select_option("1")
    press(dora.page, "Start")
    see(dora.page, re.compile(r"\b1\d of 300 messages"))
    restart(server)
    see(dora.page, re.compile(r"\b[2-9]\d of 300 messages"))
    dora.page.close()

    server.manage("shell", "-v", "0", "-c", LAPSE)  # as half a minute later
    dora = dora.on(context.new_page())
    dora.open()
    see(dora.page, re.compile(r"[1-9] of 300 messages are encrypted"))
    press(dora.page, "Resume")
    see(dora.page, "All 300 messages are encrypted, and each was read back and opened.")
    press(dora.page, "Finish")
    dora.page.get_by_role("alertdialog").get_by_role("button", name="Finish").click()
    see(dora.page, "Balon refuses plaintext in this account from now on.")

    dora.open_settings()
    exported = export_of(dora.page)
    found = {
        each["title"]: [(one["role"], one["text"], one["imported"]["created_ms"]) for one in each["messages"]]
        for each in exported["conversations"]
    }
    assert found == originals()
    assert [each["alarms"] for each in exported["conversations"]] == [[]] * len(LENGTHS)
    assert places_of(LOGIN, database_of(server)), "what the server does know is found in the same place"
    assert places_of(CANARY, database_of(server)) == []
    context.close()
