"""What the bridge between Python and WebCrypto costs: the client's adapters against JavaScript alone, in the same run.

Both run in a worker of the same page in the same Chromium: the real client on PyScript and Pyodide, as production
builds it (tests/contract/timings.py holds the clock), and scripts/bench/crypto.plain.mjs. Rounds of the two alternate,
and medians count. Before anything is timed, each opens what the other sealed. Run:
``python -m scripts.bench.crypto [--rounds 9]``.
"""

import argparse
import json
import shutil
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from scripts.assets.plan import ROOT, Plan
from scripts.bench.rows import Row, format_table
from scripts.build_assets import build_assets
from tests.browser.runtime_assets import page_for
from tests.browser.static_server import StaticServer
from tests.stack import chromium

WORK = ROOT / "var" / "bench-crypto"
PLAIN = Path(__file__).with_name("crypto.plain.mjs")
TIMINGS = ROOT / "tests" / "contract" / "timings.py"
KNOWN = ROOT / "tests" / "vectors" / "balon1_kat.json"
ROUNDS = 9
BATCH, MESSAGE_SIZE = 1000, 1024
ITERATIONS = 600_000
CONVERSATIONS = 50
EPOCHS, GRANTS = 1000, 100
SECRET = bytes(range(32))

ENTRY_LAST = """
globals().update({name: exported(function) for name, function in TIMINGS.items()})
__export__ += TIMINGS
"""
START_PLAIN = """(file) => {
    const worker = new Worker(`/static/dist/${file}`, { type: "module" });
    const unhex = (hex) => Uint8Array.from({ length: hex.length / 2 }, (_, at) => parseInt(hex.substr(2 * at, 2), 16));
    const hex = (bytes) => Array.from(bytes, (octet) => octet.toString(16).padStart(2, "0")).join("");
    const bytesIn = (value) => (value?.hex === undefined ? value : unhex(value.hex));
    const bytesOut = (value) => (value instanceof Uint8Array ? hex(value) : value);
    globalThis.plain = (name, parameters) => new Promise((resolve, reject) => {
        worker.onmessage = ({ data: { value, error } }) =>
            error ? reject(new Error(error)) : resolve(Array.isArray(value) ? value.map(bytesOut) : bytesOut(value));
        worker.postMessage({ name, parameters: parameters.map(bytesIn) });
    });
}"""


@dataclass(frozen=True)
class Contenders:
    """The two workers, behind one page."""

    page: Page

    def client(self, name: str, *arguments: object) -> Any:
        """Calls the client's Python."""
        return self.page.evaluate("([name, list]) => core.call(name, ...list)", [name, list(arguments)])

    def plain(self, name: str, *arguments: object) -> Any:
        """Calls JavaScript alone. Bytes go in, and come back as hex."""
        crossing = [{"hex": each.hex()} if isinstance(each, bytes) else each for each in arguments]
        return self.page.evaluate("([name, list]) => plain(name, list)", [name, crossing])


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    print(format_table(measure(parser.parse_args().rounds)))


def measure(rounds: int = ROUNDS) -> list[Row]:
    """The medians of some rounds, each row with its baseline in plain JavaScript.

    Raises:
        ValueError: One side does not open what the other sealed.
    """
    with both_workers() as contenders:
        prepare(contenders)
        verify_same_cryptography(contenders)
        return [
            *measure_batches(contenders, rounds),
            *measure_single(contenders, rounds),
            *measure_keys(contenders, rounds),
        ]


@contextmanager
def both_workers() -> Iterator[Contenders]:
    """Builds the client as production does, serves it under the production policy, and starts both workers."""
    folder, page_text = build()
    with StaticServer(folder, page_text).running() as server, sync_playwright() as playwright:
        browser = chromium.launch(playwright)
        page = browser.new_page()
        page.goto(server.url)
        page.evaluate("core.ready")
        page.evaluate(START_PLAIN, PLAIN.name)
        yield Contenders(page)
        browser.close()


def build() -> tuple[Path, str]:
    """Builds the runtime with the real client and the clock behind its entry; gives the folder and the page."""
    WORK.mkdir(parents=True, exist_ok=True)
    entry = WORK / "main.py"
    entry.write_text((ROOT / "static" / "py" / "main.py").read_text() + TIMINGS.read_text() + ENTRY_LAST)
    tests = ROOT / "tests" / "browser"
    plan = Plan(out=WORK / "built", entry=tests / "runtime_page.js", style=tests / "none.css", main=entry, best=False)
    page = page_for(build_assets(plan))
    shutil.copy(PLAIN, plan.out)
    return plan.out, page


def prepare(contenders: Contenders) -> None:
    """Gives both sides the same root key and the same RSA key."""
    known = json.loads(KNOWN.read_text())
    contenders.client("prepare_timings", known, SECRET.hex())
    names = known["identity"]["pkcs8"], known["conversation"]["wrapped"], known["conversation"]["grant_label"]
    contenders.plain("prepare", SECRET, *map(bytes.fromhex, names))


def verify_same_cryptography(contenders: Contenders) -> None:
    """Has each side open what the other sealed."""
    context, plaintext, envelope = contenders.plain("sample")
    sealed = contenders.client("seal_sample", context, plaintext)
    opened = contenders.plain("opensTo", bytes.fromhex(context), bytes.fromhex(sealed))
    if contenders.client("open_sample", context, envelope) != plaintext or opened != plaintext:
        raise ValueError("The two sides do not do the same cryptography.")


def alternate(
    contenders: Contenders, rounds: int, client: tuple[Any, ...], plain: tuple[Any, ...]
) -> tuple[float, float]:
    """Medians of both sides, after one round that nobody counts."""
    pairs = [(contenders.client(*client), contenders.plain(*plain)) for _ in range(rounds + 1)][1:]
    ours, theirs = zip(*pairs, strict=True)
    return statistics.median(ours), statistics.median(theirs)


def measure_batches(contenders: Contenders, rounds: int) -> Iterator[Row]:
    """A page of messages in one call: what the crypto port is made for."""
    shape = BATCH, MESSAGE_SIZE, 3
    for verb, ours, theirs in (("seal", "time_sealing", "seal"), ("open", "time_opening", "open")):
        medians = alternate(contenders, rounds, (ours, *shape), (theirs, *shape))
        yield Row.against(f"{verb} a batch of {BATCH} messages of 1 KiB", medians[0], "ms", medians[1], 1.5)
    built = statistics.median(contenders.client("time_contexts", BATCH) for _ in range(rounds))
    yield Row(f"contexts of {BATCH} messages", built, "ms")


def measure_single(contenders: Contenders, rounds: int) -> Iterator[Row]:
    """One message: the bridge is most of it, and it must not be felt."""
    for size in (1, 10, 100):
        shape = 1, size * 1000, 20
        for verb, ours, theirs in (("seal", "time_sealing", "seal"), ("open", "time_opening", "open")):
            value, baseline = alternate(contenders, rounds, (ours, *shape), (theirs, *shape))
            yield Row(f"{verb} one message of {size} KB", value, "ms", baseline, target=5)


def measure_keys(contenders: Contenders, rounds: int) -> Iterator[Row]:
    """Derivation and unwrapping."""
    medians = alternate(contenders, rounds, ("time_derivation", ITERATIONS), ("derive", ITERATIONS))
    yield Row.against(f"derive the password's keys, {ITERATIONS} iterations", medians[0], "ms", medians[1])
    medians = alternate(contenders, rounds, ("time_unwrapping", 10), ("unwrap", 10))
    yield Row.against("unwrap one conversation key, no cache", medians[0], "ms", medians[1])
    chain = statistics.median(contenders.client("time_a_chain_of_epochs", EPOCHS) for _ in range(3))
    yield Row(f"open the keys of {EPOCHS} earlier epochs", chain, "ms", target=1000)
    yield Row(f"wrap {GRANTS} own grants anew", contenders.client("time_rewrapping", GRANTS), "ms")
    pages = [contenders.client("time_a_page_of_conversations", CONVERSATIONS) for _ in range(3)]
    first, again = (statistics.median(page[turn] for page in pages) for turn in (0, 1))
    yield Row(f"verify {CONVERSATIONS} conversations, no cache", first, "ms")
    yield Row.against(f"verify {CONVERSATIONS} conversations, keys in the cache", again, "ms", first)


if __name__ == "__main__":
    main()
