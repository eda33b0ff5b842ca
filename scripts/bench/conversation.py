"""Opening a long conversation against a short one, and scrolling back in it, in the whole page.

Both belong to one person, and a click in the list opens the one, then the other: times are from the click to the newest
page on screen.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

from playwright.sync_api import Page, sync_playwright

from scripts.bench.browsers import in_chromium
from scripts.bench.rows import Row
from scripts.bench.stack import running_installation
from tests.browser.person import PASSWORD, Person
from tests.stack.installation import ROOT, Installation

LONG = 10_000
SHORT = 50
AS_FAST = 1.3
ROUNDS = 15
WARM_UP = 2
PAGES_BACK = 10
LOGIN = "alice@example.org"
LIMIT_S = 60

OPEN = """(path) => {
    performance.clearMarks("balon:conversation");
    globalThis.clicked = performance.now();
    document.querySelector(`a[href="${path}"]`).click();
}"""
OPENED = "(performance.getEntriesByName('balon:conversation').at(-1)?.startTime ?? NaN) - globalThis.clicked"
SCROLL_UP = """() => {
    globalThis.scrolled = performance.now();
    globalThis.grown = null;
    const log = document.querySelector("[role=log]");
    const before = log.querySelectorAll("article").length;
    const watcher = new MutationObserver(() => {
        if (log.querySelectorAll("article").length === before) return;
        watcher.disconnect();
        requestAnimationFrame(() => (globalThis.grown = performance.now()));
    });
    watcher.observe(log, { childList: true, subtree: true });
    log.scrollTop = 0;
}"""
SCROLLED = "globalThis.grown && globalThis.grown - globalThis.scrolled"


def measure() -> list[Row]:
    """Opens both in turns, then scrolls back in the long one."""
    with running_installation() as installation, sync_playwright() as playwright, in_chromium(playwright) as context:
        short, long = make_conversations(installation, LOGIN, PASSWORD, (SHORT, LONG))
        page = context.new_page()
        sign_in(page, installation.origin)
        times = [(open_conversation(page, short), open_conversation(page, long)) for _ in range(ROUNDS + WARM_UP)]
        short_ms, long_ms = (statistics.median(column) for column in zip(*times[WARM_UP:], strict=True))
        back_ms = [scroll_back(page) for _ in range(PAGES_BACK)]
    return [
        Row.against(f"opening one of {LONG} messages, against {SHORT}", long_ms, "ms", short_ms, AS_FAST),
        Row(f"scrolling back a page in one of {LONG} messages", statistics.median(back_ms), "ms"),
    ]


def make_conversations(installation: Installation, login: str, password: str, counts: Sequence[int]) -> list[str]:
    """Signs someone up with conversations of so many messages; returns their ids."""
    # A program of its own: it speaks as the client does, and then as the database's owner.
    command = [sys.executable, "-m", "tests.fakes.long_conversation", login, password, *map(str, counts)]
    path = os.pathsep.join([str(ROOT), str(ROOT / "static" / "py")])
    environment = {**installation.environment, "PYTHONPATH": path}
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.split()


def sign_in(page: Page, origin: str) -> None:
    """Signs the owner of the conversations in."""
    person = Person(page, LOGIN)
    page.goto(origin)
    person.wait_for_core()
    person.sign_in()
    page.get_by_role("textbox", name="Message", exact=True).wait_for()


def open_conversation(page: Page, conversation_id: str) -> float:
    """Clicks a conversation in the list; returns how long its newest page took."""
    page.locator(f'a[href="/c/{conversation_id}"]').wait_for(state="attached")
    page.evaluate(OPEN, f"/c/{conversation_id}")
    return wait_for_number(page, OPENED)


def scroll_back(page: Page) -> float:
    """Scrolls to the top; returns how long the page before took to come in."""
    page.evaluate(SCROLL_UP)
    return wait_for_number(page, SCROLLED)


def wait_for_number(page: Page, expression: str) -> float:
    """Polls until an expression is a positive number."""
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        value: float | None = page.evaluate(expression)
        if value is not None and value > 0:
            return value
        time.sleep(0.02)
    raise TimeoutError(expression)
