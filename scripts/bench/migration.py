"""Encrypting conversations from before encryption, in the whole page: how fast, and in how much memory.

A message is compared with the two things that nobody can leave out, measured in the same run: sealing and signing it
in WebCrypto alone, and the insert of its rows alone (scripts/bench/migration_batches.py). How memory grows is told by
the peaks of the page's process and of the web tier for few and for many messages; no debugger is connected meanwhile,
since that would keep what goes over the network. Run for other sizes:
``python -m scripts.bench.migration 1000 100000``.
"""

import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Page, expect, sync_playwright

from scripts.bench import migration_batches
from scripts.bench.browsers import Unwatched, own_bytes, unwatched_chromium
from scripts.bench.rows import Row, format_table
from scripts.bench.stack import NO_LIMITS
from tests.browser.old_installation import LOGIN, PASSWORD, old_installation_at
from tests.browser.person import Person
from tests.fakes.openai_server import run_in_thread
from tests.legacy_texts import make_conversation
from tests.stack.installation import Installation, free_port

SIZES = (1_000, 10_000)
IN_ONE = 100
"""Messages of a conversation."""
REGION = "Encrypt your older conversations"
SEALED = 2_000
SEAL_ALONE = """async (count) => {
    const root = await crypto.subtle.importKey("raw", new Uint8Array(32), "HKDF", false, ["deriveKey"]);
    const { privateKey } = await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]);
    const plain = new Uint8Array(512);
    const began = performance.now();
    for (let index = 0; index < count; index += 1) {
        const salt = crypto.getRandomValues(new Uint8Array(32));
        const hkdf = { name: "HKDF", hash: "SHA-256", salt, info: plain.subarray(0, 160) };
        const key = await crypto.subtle.deriveKey(hkdf, root, { name: "AES-GCM", length: 256 }, false, ["encrypt"]);
        const iv = crypto.getRandomValues(new Uint8Array(12));
        const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: salt }, key, plain);
        await crypto.subtle.sign("Ed25519", privateKey, await crypto.subtle.digest("SHA-256", sealed));
    }
    return performance.now() - began;
}"""


@dataclass(frozen=True)
class Outcome:
    """One migration: microseconds a message, and the most MiB that page and web tier held, without mapped files."""

    messages: int
    took_us: float
    insert_us: float
    seal_us: float
    page_mib: float
    server_mib: float


def measure(sizes: Sequence[int] = SIZES) -> list[Row]:
    """The web tier's part alone, a small migration in the page and a large one."""
    few, *more = [migrate(messages) for messages in sizes]
    growth = [row for many in more for row in memory_rows(few, many)]
    return [*migration_batches.measure(), *speed_rows([few, *more]), *growth]


def speed_rows(outcomes: Sequence[Outcome]) -> Iterator[Row]:
    """What a message takes, against each of the limits."""
    for each in outcomes:
        what = f"encrypting one of {each.messages} messages"
        yield Row.against(f"{what}, against sealing alone", each.took_us, "us", each.seal_us)
        yield Row.against(f"{what}, against its insert alone", each.took_us, "us", each.insert_us)
        yield Row(f"encrypting {each.messages} messages", 1e6 / each.took_us, "messages/s")


def memory_rows(few: Outcome, many: Outcome) -> Iterator[Row]:
    """How the peaks of many messages compare with those of few."""
    what = f"peak with {many.messages} messages, against {few.messages}"
    yield Row.against(f"page: {what}", many.page_mib, "MiB", few.page_mib)
    yield Row.against(f"web tier: {what}", many.server_mib, "MiB", few.server_mib)


def migrate(messages: int) -> Outcome:
    """Encrypts as many messages as a person with old conversations would."""
    settings = {**NO_LIMITS, "BALON_LIMIT_MIGRATION": "1000000/60"}
    port = free_port()
    at = (f"http://localhost:{port}", port)
    with (
        tempfile.TemporaryDirectory(prefix="balon-bench-") as folder,
        run_in_thread() as upstream,
        old_installation_at(*at, Path(folder), upstream, make_texts(messages), **settings) as installation,
        sync_playwright() as playwright,
        unwatched_chromium() as browser,
    ):
        with browser.watched(playwright) as context:
            start(context.new_page(), installation)
        took_s, page_bytes, server_bytes = wait(browser, installation, messages)
        with browser.watched(playwright) as context:
            (page,) = (each for each in context.pages if each.url.startswith(installation.origin))
            expect(page.get_by_role("region", name=REGION)).to_contain_text("each was read back and opened")
            seal_ms: float = page.evaluate(SEAL_ALONE, SEALED)
        insert_s = migration_batches.insert_alone(database_of(installation), installation.folder / "alone.sqlite3")
    return Outcome(
        messages=messages,
        took_us=took_s / messages * 1e6,
        insert_us=insert_s / messages * 1e6,
        seal_us=seal_ms / SEALED * 1e3,
        page_mib=page_bytes / 2**20,
        server_mib=server_bytes / 2**20,
    )


def make_texts(messages: int) -> Iterator[dict[str, Any]]:
    """Made-up conversations of the same length."""
    rng = random.Random(5)  # noqa: S311 - invented texts
    for number in range(messages // IN_ONE):
        yield from make_conversation(rng, f"c{number}", IN_ONE)


def start(page: Page, installation: Installation) -> None:
    """The first sign-in since encryption, up to the click on Start."""
    page.set_default_timeout(60_000)
    dora = Person(page, LOGIN, PASSWORD)
    page.goto(installation.origin)
    dora.wait_for_core()
    dora.sign_in()
    page.get_by_role("button", name="Make my keys").click()
    dora.put_kit_away()
    dora.open_settings()
    page.get_by_role("region", name=REGION).get_by_role("button", name="Start", exact=True).click()


def wait(browser: Unwatched, installation: Installation, messages: int) -> tuple[float, int, int]:
    """Waits until every message was read back.

    Returns:
        The seconds that it took, and the most bytes that page and web tier held meanwhile.
    """
    started, web = time.perf_counter(), psutil.Process(installation.processes["web"].pid)
    page_bytes = server_bytes = 0
    while count_verified(installation) < messages:
        page_bytes, server_bytes = max(page_bytes, browser.page_bytes), max(server_bytes, own_bytes(web))
        time.sleep(0.2)
    return time.perf_counter() - started, page_bytes, server_bytes


def count_verified(installation: Installation) -> int:
    """How many messages were read back."""
    with closing(sqlite3.connect(database_of(installation))) as database:
        (count,) = database.execute(f"SELECT COUNT(*) FROM {migration_batches.LINKS} WHERE is_verified").fetchone()  # noqa: S608
    return int(count)


def database_of(installation: Installation) -> Path:
    """The file of an installation on SQLite."""
    return installation.folder / "balon.sqlite3"


if __name__ == "__main__":
    print(format_table(measure([int(each) for each in sys.argv[1:]] or SIZES)))
