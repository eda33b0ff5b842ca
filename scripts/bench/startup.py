"""How long until the browser's Python runs: this build against the npm packages as they are, in the same run.

Both start the same client in the same Chromium, under the same policy, from the same server. "First line" is the first
line of the worker's entry, "ready" its first answer to the page. Cold is a new browser with nothing cached, warm the
same profile again. Run: ``python -m scripts.bench.startup [--runs 5] [--megabits 10]``.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from playwright.sync_api import BrowserContext, Page, Playwright, sync_playwright

from scripts.assets import archives
from scripts.assets.compress import compress_all
from scripts.assets.plan import ROOT, Plan, files_under
from scripts.build_assets import build_assets
from tests.browser.runtime_assets import page_for
from tests.browser.static_server import StaticServer

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]
TESTS = ROOT / "tests" / "browser"
WORK = ROOT / "var" / "bench-startup"
READY_LIMIT_S = 120
# Chromium stores compiled code a while after a page has loaded.
SETTLE_S = 3

ENTRY_FIRST = "import time\nFIRST_LINE_MS = time.time() * 1000\n"
ENTRY_LAST = """

async def first_line() -> str:
    return json.dumps({"ok": FIRST_LINE_MS})


__export__.append("first_line")
"""
UNMODIFIED_ENTRY = "import sys\nsys.path.append('./client.zip')\n"
UNMODIFIED_PAGE = """
import { hooks, PyWorker } from "/static/dist/core/core.js";
for (const name of ["onReady", "onBeforeRun", "onBeforeRunAsync", "onAfterRun", "onAfterRunAsync"]) hooks.worker[name].clear();
const version = new URL("/static/dist/pyodide/pyodide.mjs", location.href).href;
const files = { "/static/dist/client.zip": "./client.zip" };
const worker = await PyWorker("/static/dist/main.py", { version, config: { files } });
await worker.sync.hello();
performance.mark("balon:core");
globalThis.core = { call: async (name) => JSON.parse(await worker.sync[name]()).ok };
"""

Times = dict[str, float]


@dataclass(frozen=True)
class Contender:
    """A build to measure."""

    name: str
    folder: Path
    page: str


def main() -> int:
    """Measure and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--megabits", type=float, help="slow the network to this many Mbit/s (20 ms of latency)")
    options = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    unmodified, ours = prepare_unmodified(), prepare_ours()
    results: dict[str, list[Times]] = {}
    with sync_playwright() as playwright:
        for _ in range(options.runs):
            for contender in (unmodified, ours):
                for key, times in measure(playwright, contender, options.megabits).items():
                    results.setdefault(key, []).append(times)
    report(results)
    return 0


def prepare_ours() -> Contender:
    """Build the runtime with the smallest page, as production gets it."""
    plan = Plan(
        out=WORK / "ours",
        entry=TESTS / "runtime_page.js",
        style=TESTS / "none.css",
        client=client_folder(),
        main=write_entry(WORK / "main.py", ENTRY_FIRST),
    )
    return Contender("this build", plan.out, page_for(build_assets(plan)))


def prepare_unmodified() -> Contender:
    """Lay out the npm packages as they are, with the client as an archive of sources."""
    folder = WORK / "unmodified"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "node_modules/@pyscript/core/dist", folder / "core")
    shutil.copytree(ROOT / "node_modules/pyodide", folder / "pyodide")
    archives.write_client_sources(folder / "client.zip", root=ROOT, client=client_folder())
    write_entry(folder / "main.py", ENTRY_FIRST + UNMODIFIED_ENTRY)
    (folder / "page.js").write_text(UNMODIFIED_PAGE)
    compress_all(files_under([folder]), cache=WORK / "compressed", best=True)
    script = '<script type="module" src="/static/dist/page.js"></script>'
    page = f'<!doctype html><html lang="en"><head><title>Unmodified</title>{script}</head><body></body></html>'
    return Contender("npm as it is", folder, page)


def client_folder() -> Path:
    """Return the folder with the real client, or while there is none, with the one of the tests."""
    real = ROOT / "static" / "py"
    return real if (real / "balon_client" / "app.py").is_file() else TESTS / "runtime_client"


def write_entry(path: Path, before: str) -> Path:
    """Write the real worker's entry with a clock at its first line."""
    path.write_text(before + (ROOT / "static" / "py" / "main.py").read_text() + ENTRY_LAST)
    return path


def measure(playwright: Playwright, contender: Contender, megabits: float | None) -> dict[str, Times]:
    """Return the times of a cold start, and of the second and third warm one."""
    server = StaticServer(contender.folder, contender.page)
    with server.running(), tempfile.TemporaryDirectory(dir=WORK) as profile:

        def visit() -> Times:
            return in_new_browser(playwright, profile, lambda context: start(context, server.url, megabits))

        cold = visit()
        visit()
        return {f"{contender.name}, cold": cold, f"{contender.name}, warm": visit()}


def in_new_browser(playwright: Playwright, profile: str, work: Callable[[BrowserContext], Times]) -> Times:
    """Do something in a newly started Chromium with a profile that may have a cache."""
    context = playwright.chromium.launch_persistent_context(profile, executable_path="/usr/bin/chromium", args=FLAGS)
    try:
        return work(context)
    finally:
        context.close()


def start(context: BrowserContext, url: str, megabits: float | None) -> Times:
    """Open the page and wait until Python answers."""
    page = context.new_page()
    if megabits:
        slow_down(page, megabits)
    page.goto(url)
    wait_for_core(page)
    script = "core.call('first_line').then((ms) => [ms - performance.timeOrigin, performance.getEntriesByName('balon:core')[0].startTime])"
    first_line, ready = page.evaluate(script)
    time.sleep(SETTLE_S)
    return {"first line": first_line, "ready": ready}


def wait_for_core(page: Page) -> None:
    """Poll for the mark that Python has answered."""
    deadline = time.monotonic() + READY_LIMIT_S
    while not page.evaluate("performance.getEntriesByName('balon:core').length && Boolean(globalThis.core)"):
        if time.monotonic() > deadline:
            raise TimeoutError(page.url)
        time.sleep(0.1)


def slow_down(page: Page, megabits: float) -> None:
    """Throttle the page's network. Chromium leaves the requests of workers alone, so this favours nobody but cold starts."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    rate = megabits * 1_000_000 / 8
    limits = {"offline": False, "latency": 20, "downloadThroughput": rate, "uploadThroughput": rate}
    session.send("Network.emulateNetworkConditions", limits)


def report(results: dict[str, list[Times]]) -> None:
    """Print medians, and ours in relation to the packages as they are."""
    medians = {
        name: {key: statistics.median(times[key] for times in runs) for key in runs[0]}
        for name, runs in results.items()
    }
    for name, times in medians.items():
        print(f"{name:22}" + "".join(f"  {key} {value:6.0f} ms" for key, value in times.items()))
    for temperature in ("cold", "warm"):
        base, ours = medians[f"npm as it is, {temperature}"], medians[f"this build, {temperature}"]
        print(f"{'ratio, ' + temperature:22}" + "".join(f"  {key} {ours[key] / base[key]:6.2f}   " for key in base))
    print(json.dumps({"startup": medians}))


if __name__ == "__main__":
    sys.exit(main())
