"""Encrypting conversations from before encryption, in the whole page: how fast, and in how much memory.

A message is compared with the two things that nobody can leave out, measured in the same run: sealing and signing it
in WebCrypto alone, and the insert of its rows alone (scripts/bench/migration_batches.py). How memory grows is told by
the peaks of the page's process and of the web tier for few and for many messages. Run for other sizes:
``python -m scripts.bench.migration 1000 100000``.
"""

import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Page, expect, sync_playwright

from scripts.bench import migration_batches
from scripts.bench.browsers import in_chromium
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
LIMIT_MS = 3_600_000
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
    """One migration: microseconds a message, and peaks in MiB."""

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
        in_chromium(playwright) as context,
    ):
        dora = enter(context.new_page(), installation)
        with peaks(installation) as found:
            took_s = run(dora)
        seal_ms: float = dora.page.evaluate(SEAL_ALONE, SEALED)
        database = installation.folder / "balon.sqlite3"
        insert_s = migration_batches.insert_alone(database, installation.folder / "alone.sqlite3")
    return Outcome(
        messages=messages,
        took_us=took_s / messages * 1e6,
        insert_us=insert_s / messages * 1e6,
        seal_us=seal_ms / SEALED * 1e3,
        page_mib=found["page"],
        server_mib=found["server"],
    )


def make_texts(messages: int) -> Iterator[dict[str, Any]]:
    """Made-up conversations of the same length."""
    rng = random.Random(5)  # noqa: S311 - invented texts
    for number in range(messages // IN_ONE):
        yield from make_conversation(rng, f"c{number}", IN_ONE)


def enter(page: Page, installation: Installation) -> Person:
    """The first sign-in since encryption."""
    page.set_default_timeout(60_000)
    dora = Person(page, LOGIN, PASSWORD)
    page.goto(installation.origin)
    dora.wait_for_core()
    dora.sign_in()
    page.get_by_role("button", name="Make my keys").click()
    dora.put_kit_away()
    return dora


def run(dora: Person) -> float:
    """Seconds from Start until every message was read back."""
    region = dora.page.get_by_role("region", name="Encrypt your older conversations")
    dora.open_settings()
    started = time.perf_counter()
    region.get_by_role("button", name="Start", exact=True).click()
    expect(region).to_contain_text("each was read back and opened", timeout=LIMIT_MS)
    return time.perf_counter() - started


@contextmanager
def peaks(installation: Installation) -> Iterator[dict[str, float]]:
    """The peaks of resident memory, in MiB, of the busiest renderer and of the web tier until the block ends."""
    found: dict[str, float] = {}
    yield found
    renderers = [each for each in psutil.Process().children(recursive=True) if "--type=renderer" in each.cmdline()]
    found["page"] = max(peak_of(each.pid) for each in renderers)
    found["server"] = peak_of(installation.processes["web"].pid)


def peak_of(pid: int) -> float:
    """The most memory that a process ever had, in MiB (Linux alone keeps it)."""
    with closing(Path(f"/proc/{pid}/status").open()) as status:
        line = next(line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    print(format_table(measure([int(each) for each in sys.argv[1:]] or SIZES)))
