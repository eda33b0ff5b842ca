"""How long until the page can be used: its runtime against the npm packages as they are, then the whole page.

The runtime alone: both start the same client in the same Chromium, under the same policy, from the same server, taking
turns; "core ready" is Python's first answer to the page. The whole page is that of an installation: the form of someone
who is signed out, and a conversation of someone who is signed in. Cold is an empty cache, warm one that was filled; all
times count from the start of the navigation.
"""

import argparse
import contextlib
import shutil
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, Playwright, sync_playwright

from scripts.assets import archives
from scripts.assets.compress import compress_all
from scripts.assets.plan import ROOT, Plan, files_under
from scripts.bench.browsers import in_chromium
from scripts.bench.relay import Load, running_model
from scripts.bench.rows import Row, format_table
from scripts.bench.stack import running_installation
from scripts.build_assets import build_assets
from tests.browser.person import Person
from tests.browser.runtime_assets import page_for
from tests.browser.static_server import StaticServer

RUNS = 5
FORM_MS = 500
OF_NPM = 0.5
WORK = ROOT / "var" / "bench-startup"
TESTS = ROOT / "tests" / "browser"
LIMIT_S = 120
# Chromium stores compiled code a while after a page has loaded.
SETTLE_S = 3
REPLY = Load(streams=1, chunks=5, pause_ms=1)

UNMODIFIED_ENTRY = """
import sys
from polyscript import js_modules
sys.modules["balon_browser"] = js_modules.balon_browser
sys.path.append("./client.zip")
"""
UNMODIFIED_PAGE = """
import { hooks, PyWorker } from "/static/dist/core/core.js";
const names = ["onReady", "onBeforeRun", "onBeforeRunAsync", "onAfterRun", "onAfterRunAsync"];
for (const name of names) hooks.worker[name].clear();
const version = new URL("/static/dist/pyodide/pyodide.mjs", location.href).href;
const files = { "/static/dist/client.zip": "./client.zip" };
const js_modules = { worker: { "/static/dist/adapters/browser.mjs": "balon_browser" } };
const worker = await PyWorker("/static/dist/main.py", { version, config: { files, js_modules } });
await worker.sync.hello();
performance.mark("balon:core");
"""


@dataclass(frozen=True)
class Site:
    """A page to load, and the mark that says that it is there."""

    url: str
    mark: str
    context: BrowserContext


@dataclass(frozen=True)
class Times:
    """Medians in milliseconds."""

    cold: float
    warm: float


def measure(runs: int = RUNS) -> list[Row]:
    """Measures the runtime, then the whole page."""
    with sync_playwright() as playwright:
        return [*measure_runtime(playwright, runs), *measure_page(playwright, runs)]


def measure_runtime(playwright: Playwright, runs: int) -> list[Row]:
    """The runtime of this build against the npm packages as they are."""
    WORK.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        sites = []
        for folder, shell in (prepare_unmodified(), prepare_ours()):
            server = StaticServer(folder, shell)
            stack.enter_context(server.running())
            sites.append(Site(server.url, "balon:core", stack.enter_context(in_chromium(playwright))))
        npm, ours = time_sites(sites, runs)
    return [
        Row.against("core ready, cold, against the npm packages", ours.cold, "ms", npm.cold, OF_NPM),
        Row.against("core ready, warm, against the npm packages", ours.warm, "ms", npm.warm, OF_NPM),
    ]


def measure_page(playwright: Playwright, runs: int) -> list[Row]:
    """The whole page of an installation, signed out and signed in."""
    with (
        running_model(REPLY) as upstream,
        running_installation(BALON_UPSTREAM_URL=upstream) as installation,
        in_chromium(playwright) as signed_out,
        in_chromium(playwright) as signed_in,
    ):
        conversation_url = make_conversation(signed_in.new_page(), installation.origin)
        form, core, conversation = time_sites(
            [
                Site(installation.origin, "balon:form", signed_out),
                Site(installation.origin, "balon:core", signed_out),
                Site(conversation_url, "balon:conversation", signed_in),
            ],
            runs,
        )
    return [
        Row("form usable, cold", form.cold, "ms", target=FORM_MS),
        Row("form usable, warm", form.warm, "ms", target=FORM_MS),
        Row("core ready in the whole page, cold", core.cold, "ms"),
        Row("core ready in the whole page, warm", core.warm, "ms"),
        Row("conversation on screen, cold", conversation.cold, "ms"),
        Row("conversation on screen, warm", conversation.warm, "ms"),
    ]


def make_conversation(page: Page, origin: str) -> str:
    """Signs someone up and has one prompt answered; returns the address of the conversation."""
    person = Person(page)
    page.goto(origin)
    person.wait_for_core()
    page.get_by_role("link", name="Create an account").click()
    page.get_by_role("textbox", name="Login name").fill(person.login)
    page.get_by_label("Password", exact=True).fill(person.password)
    page.get_by_label("Confirm password").fill(person.password)
    page.get_by_role("button", name="Create account").click()
    person.put_kit_away()
    person.send("hello")
    person.expect_reply("1")  # the time, in nanoseconds
    url = page.url
    page.close()
    return url


def time_sites(sites: list[Site], runs: int) -> list[Times]:
    """Loads sites in turns, cold and then warm."""
    cold = [[visit(site, cold=True) for site in sites] for _ in range(runs)]
    for site in sites:
        visit(site, settle_s=SETTLE_S)
    warm = [[visit(site) for site in sites] for _ in range(runs)]
    columns = zip(zip(*cold, strict=True), zip(*warm, strict=True), strict=True)
    return [Times(statistics.median(first), statistics.median(second)) for first, second in columns]


def visit(site: Site, *, cold: bool = False, settle_s: float = 0) -> float:
    """Loads a site in a new tab until its mark; returns when that was."""
    page = site.context.new_page()
    if cold:
        session = site.context.new_cdp_session(page)
        session.send("Network.clearBrowserCache")
        session.detach()
    page.goto(site.url)
    elapsed_ms = wait_for_mark(page, site.mark)
    time.sleep(settle_s)
    page.close()
    return elapsed_ms


def wait_for_mark(page: Page, mark: str) -> float:
    """Polls for a mark of the page; returns its time."""
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        marked: float | None = page.evaluate("(mark) => performance.getEntriesByName(mark)[0]?.startTime ?? null", mark)
        if marked is not None:
            return marked
        time.sleep(0.05)
    raise TimeoutError(f"{page.url} never set {mark}.")


def prepare_ours() -> tuple[Path, str]:
    """Builds the runtime with the smallest page, as production gets it."""
    plan = Plan(out=WORK / "ours", entry=TESTS / "runtime_page.js", style=TESTS / "none.css")
    return plan.out, page_for(build_assets(plan))


def prepare_unmodified() -> tuple[Path, str]:
    """Lays out the npm packages as they are, with the client as an archive of sources."""
    folder = WORK / "unmodified"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "node_modules/@pyscript/core/dist", folder / "core")
    shutil.copytree(ROOT / "node_modules/pyodide", folder / "pyodide")
    shutil.copytree(ROOT / "static/py/balon_client/adapters", folder / "adapters")
    archives.write_client_sources(folder / "client.zip", root=ROOT, client=ROOT / "static" / "py")
    (folder / "main.py").write_text(UNMODIFIED_ENTRY + (ROOT / "static/py/main.py").read_text())
    (folder / "page.js").write_text(UNMODIFIED_PAGE)
    compress_all(files_under([folder]), cache=WORK / "compressed", best=True)
    script = '<script type="module" src="/static/dist/page.js"></script>'
    return folder, f'<!doctype html><html lang="en"><head><title>Unmodified</title>{script}</head><body></body></html>'


def main() -> int:
    """Measures as often as the command line says."""
    parser = argparse.ArgumentParser(description="The start of the page.")
    parser.add_argument("--runs", type=int, default=RUNS)
    print(format_table(measure(parser.parse_args().runs)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
