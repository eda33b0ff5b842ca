"""A large migration in a real browser, killed again and again: in the end every message is there, once and unchanged.

Run: ``make migration ARGS="--conversations 300 --messages 40 --kills 21"``. Starts PostgreSQL, Redis, web tier and gateway
of its own on loopback, and Chromium. Tab, web tier and the database's connections are killed by turns at even distances;
meanwhile the person goes on chatting. Ends with status 1 when anything was lost, doubled, changed or left in plaintext.

It is no benchmark: what it prints besides the verdict says how busy the machine was.
"""

import argparse
import json
import random
import re
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

from tests.browser.old_installation import LOGIN, PASSWORD, old_installation_in
from tests.browser.person import Person
from tests.browser.test_canary import places_of
from tests.fakes.openai_server import run_in_thread
from tests.legacy_texts import make_conversation
from tests.servers import dump_postgres, start_postgres, start_redis
from tests.stack import chromium
from tests.stack.installation import Installation

CANARY = "kanarie-load-9Vx3Rt"
PATIENCE_S = 300.0
PATIENCE_MS = PATIENCE_S * 1000
POLL_MS = 100
_COUNT = re.compile(r"(\d+) of \d+ messages")
_CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
_LAPSE = "UPDATE conversations_migration SET lease_expires_ms = 0"
_LIMITS = ("ADDRESS", "LOGIN", "INFERENCE", "MIGRATION", "WRITES")


def make_texts(conversations: int, messages: int) -> list[dict[str, Any]]:
    """Made-up conversations, each message with a word to search for."""
    rng, lines = random.Random(11), list[dict[str, Any]]()
    for number in range(conversations):
        head, *rows = make_conversation(rng, f"c{number}", messages)
        lines += [{**head, "title": f"{CANARY} {number}"}]
        lines += [{**row, "text": f"{CANARY} {row['text']}"} for row in rows]
    return lines


def originals(texts: list[dict[str, Any]]) -> dict[str, list[tuple[str, str, int]]]:
    """What every conversation must say, by its title."""
    said: dict[str, list[tuple[str, str, int]]] = {}
    current: list[tuple[str, str, int]] = []
    for line in texts:
        if line["type"] == "conversation":
            current = said[line["title"]] = []
        else:
            current.append((line["role"], line["text"], line["created_ms"]))
    return said


@dataclass
class Scene:
    """One person's browser, and everything that can be killed behind it."""

    installation: Installation
    database: str
    context: BrowserContext
    dora: Person
    kills: Counter[str] = field(default_factory=Counter)
    replies_s: list[float] = field(default_factory=list)

    @property
    def page(self) -> Page:
        """The tab that is open now."""
        return self.dora.page

    @property
    def region(self) -> Locator:
        """What the page shows of the migration."""
        return self.page.get_by_role("region", name="Encrypt your older conversations")

    def press(self, name: str) -> None:
        """Presses one of its buttons."""
        self.region.get_by_role("button", name=name, exact=True).click()

    @property
    def done(self) -> int:
        """How many messages the page says are encrypted."""
        found = _COUNT.search(self.region.inner_text())
        return int(found[1]) if found else 0

    def carry_on(self, until: Callable[[], bool]) -> None:
        """Lets it run; what broke off is resumed, as a person would."""
        deadline = time.monotonic() + PATIENCE_S
        resume = self.region.get_by_role("button", name=re.compile("Start|Resume"))
        while not until():
            if time.monotonic() > deadline:
                raise TimeoutError(self.region.inner_text())
            if resume.is_visible():
                resume.click()
            self.page.wait_for_timeout(POLL_MS)

    # --- Kills ---

    def kill(self, what: str) -> None:
        """Kills one thing, hard, and brings it back."""
        {"tab": self._kill_tab, "server": self._kill_server, "database connection": self._cut_database}[what]()
        self.kills[what] += 1

    def _kill_tab(self) -> None:
        self.page.close()
        self._execute(_LAPSE)  # as half a minute later
        self.dora = self.dora.on(self.context.new_page())
        self.dora.open()
        expect(self.region).to_be_visible(timeout=PATIENCE_MS)

    def _kill_server(self) -> None:
        self.installation.processes["web"].kill()
        self.installation.stop("web")
        self.installation.start_web()

    def _cut_database(self) -> None:
        self._execute(_CUT)

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self.database, autocommit=True) as connection:
            connection.execute(statement.encode())

    # --- What goes on meanwhile ---

    def chat(self) -> None:
        """Says something, and measures how long the reply took."""
        began_s = time.monotonic()
        before = self.dora.articles("Assistant").count()
        self.dora.send("Does chatting go on?")
        expect(self.dora.articles("Assistant")).to_have_count(before + 1, timeout=PATIENCE_MS)
        self.dora.expect_reply("fake model", timeout_ms=int(PATIENCE_MS))
        self.replies_s.append(time.monotonic() - began_s)

    def export(self) -> dict[str, Any]:
        """Everything that this person reads."""
        self.dora.open_settings()
        with self.page.expect_download(timeout=PATIENCE_MS) as download:
            self.page.get_by_role("button", name="Export everything").click()
        with zipfile.ZipFile(download.value.path()) as archive:
            found: dict[str, Any] = json.loads(archive.read("balon.json"))
        return found


def enter(context: BrowserContext) -> Person:
    """The first sign-in since encryption."""
    dora = Person(context.new_page(), LOGIN, PASSWORD)
    dora.open()
    dora.sign_in()
    dora.page.get_by_role("button", name="Make my keys").click()
    dora.put_kit_away()
    return dora


def migrate(scene: Scene, total: int, kills: int) -> None:
    """Encrypts everything, while something is killed at even distances."""
    kinds = ("server", "database connection", "tab")
    for number in range(kills):
        threshold = total * (number + 1) // (kills + 2)
        scene.carry_on(lambda threshold=threshold: scene.done >= threshold)  # type: ignore[misc]
        scene.kill(kinds[number % len(kinds)])
        if number % 5 == 1:
            scene.chat()
    finish = scene.region.get_by_role("button", name="Finish")
    scene.carry_on(finish.is_visible)
    scene.press("Finish")
    scene.page.get_by_role("alertdialog").get_by_role("button", name="Finish").click()
    expect(scene.region).to_contain_text("Balon refuses plaintext in this account", timeout=PATIENCE_MS)


def judge(exported: dict[str, Any], texts: list[dict[str, Any]], dump: bytes) -> list[str]:
    """What is wrong with what is there; nothing in a good run."""
    wanted, faults = originals(texts), []
    moved = [each for each in exported["conversations"] if (each["title"] or "").startswith(CANARY)]
    if sorted(each["title"] for each in moved) != sorted(wanted):
        faults.append(f"{len(moved)} conversations instead of {len(wanted)}")
    for each in moved:
        said = [(one["role"], one["text"], one["imported"]["created_ms"]) for one in each["messages"]]
        if said != wanted.get(each["title"]) or each["alarms"]:
            faults.append(f"{each['title']}: {len(said)} messages, alarms {each['alarms']}")
    if not places_of(LOGIN, {"dump": dump}) or places_of(CANARY, {"dump": dump}):
        faults.append("There is plaintext in the database, or the search for it does not work.")
    return faults


def run(browser: Browser, arguments: argparse.Namespace) -> int:
    """One run from the first sign-in to the verdict."""
    texts, total = make_texts(arguments.conversations, arguments.messages), arguments.conversations * arguments.messages
    database = start_postgres()
    settings = {"DATABASE_URL": database, "REDIS_URL": start_redis()}
    settings |= {f"BALON_LIMIT_{name}": "1000000/60" for name in _LIMITS}
    with (
        tempfile.TemporaryDirectory() as folder,
        run_in_thread() as upstream,
        old_installation_in(Path(folder), upstream, texts, **settings) as (installation, tap),
        browser.new_context(base_url=tap.origin) as context,
    ):
        scene = Scene(installation, database, context, enter(context))
        began_s = time.monotonic()
        migrate(scene, total, arguments.kills)
        took_s = time.monotonic() - began_s
        faults = judge(scene.export(), texts, dump_postgres(database))
    told = ", ".join(f"{count} of a {what}" for what, count in sorted(scene.kills.items()))
    print(f"{total} messages in {arguments.conversations} conversations, encrypted and finished in {took_s:.0f} s")
    print(f"({total / took_s:.0f} a second) through {sum(scene.kills.values())} kills: {told}.")
    print("Replies meanwhile took " + ", ".join(f"{each:.1f} s" for each in scene.replies_s) + ".")
    print("\n".join(faults) or "Every message is there once and equals its original; none is left in plaintext.")
    return int(bool(faults))


def main() -> int:
    """Starts everything, runs once, ends everything."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--conversations", type=int, default=300)
    parser.add_argument("--messages", type=int, default=40, help="of each conversation")
    parser.add_argument("--kills", type=int, default=21)
    arguments = parser.parse_args()
    with sync_playwright() as playwright:
        browser = chromium.launch(playwright)
        try:
            return run(browser, arguments)
        finally:
            browser.close()


if __name__ == "__main__":
    sys.exit(main())
