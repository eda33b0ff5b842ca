"""Rooms of several people, in the whole page: inviting somebody, removing them, opening after many changes of the key.

Each is compared with the smallest room in the same run. Times are from the click to what the page shows for it, and of
opening from the start of the document to the conversation on screen, in a session that goes on.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

from playwright.sync_api import Locator, Page, expect, sync_playwright

from scripts.bench.browsers import in_chromium
from scripts.bench.conversation import wait_for_number
from scripts.bench.rows import Row
from scripts.bench.stack import running_installation
from tests.browser.person import PASSWORD, Person
from tests.stack.installation import ROOT, Installation

PEOPLE = (2, 199)
EPOCHS = (10, 100, 1_000)
ROUNDS = 5
LIMIT_MS = 60_000
OPENED = "performance.getEntriesByName('balon:conversation').at(-1)?.startTime ?? 0"


def measure() -> list[Row]:
    """Small and large rooms one after the other."""
    with running_installation() as installation:
        crowds = [measure_crowd(installation, people) for people in PEOPLE]
        opened = [measure_opening(installation, epochs) for epochs in EPOCHS]
    return [*crowd_rows(crowds), *opening_rows(opened)]


def crowd_rows(crowds: Sequence[tuple[float, float]]) -> Iterator[Row]:
    """What a large room costs against a small one."""
    (small_add, small_remove), (large_add, large_remove) = crowds
    small, large = PEOPLE
    yield Row.against(f"inviting one to {large - 1} people, against {small - 1}", large_add, "ms", small_add)
    yield Row.against(
        f"removing one of {large}, with a new key for all, against {small}", large_remove, "ms", small_remove
    )


def opening_rows(opened: Sequence[float]) -> Iterator[Row]:
    """What many epochs cost against the fewest."""
    fewest = EPOCHS[0]
    yield Row(f"opening a room of {fewest} epochs after a reload", opened[0], "ms")
    for epochs, took_ms in zip(EPOCHS[1:], opened[1:], strict=True):
        yield Row.against(f"opening a room of {epochs} epochs, against {fewest}", took_ms, "ms", opened[0])


def make_room(installation: Installation, login: str, people: int, epochs: int) -> str:
    """Signs someone up with a room; returns its id."""
    # A program of its own: it speaks as the client does.
    command = [sys.executable, "-m", "tests.fakes.rooms", login, PASSWORD, str(people), str(epochs)]
    path = os.pathsep.join([str(ROOT), str(ROOT / "static" / "py")])
    environment = {**installation.environment, "PYTHONPATH": path}
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()


def sign_in(page: Page, installation: Installation, login: str) -> None:
    """Signs the owner of a room in."""
    page.set_default_timeout(LIMIT_MS)
    person = Person(page, login)
    page.goto(installation.origin)
    person.wait_for_core()
    person.sign_in()
    page.get_by_role("textbox", name="Message", exact=True).wait_for()


def measure_crowd(installation: Installation, people: int) -> tuple[float, float]:
    """Milliseconds to invite one more, and to remove them again; medians."""
    login = f"crowd-{people}@example.org"
    room = make_room(installation, login, people, 1)
    with sync_playwright() as playwright, in_chromium(playwright) as context:
        page = context.new_page()
        sign_in(page, installation, login)
        page.goto(f"{installation.origin}/c/{room}")
        page.get_by_role("button", name="Members", exact=True).click()
        dialog = page.get_by_role("dialog", name="Members")
        times = [change(page, dialog, f"guest-{people}.{login}") for _ in range(ROUNDS)]
    invited, removed = zip(*times, strict=True)
    return statistics.median(invited), statistics.median(removed)


def change(page: Page, dialog: Locator, login: str) -> tuple[float, float]:
    """Invites somebody and removes them."""
    row = dialog.get_by_role("listitem").filter(has_text=login)
    form = dialog.get_by_role("form", name="Invite")
    form.get_by_role("textbox", name="Login name").fill(login)
    started = time.perf_counter()
    form.get_by_role("button", name="Invite", exact=True).click()
    expect(row).to_have_count(1, timeout=LIMIT_MS)
    invited = time.perf_counter()
    row.get_by_role("button", name="Remove", exact=True).click()
    confirm = page.get_by_role("alertdialog").get_by_role("button", name="Remove", exact=True)
    confirm.wait_for()
    asked = time.perf_counter()
    confirm.click()
    expect(row).to_have_count(0, timeout=LIMIT_MS)
    return 1e3 * (invited - started), 1e3 * (time.perf_counter() - asked)


def measure_opening(installation: Installation, epochs: int) -> float:
    """Milliseconds from the start of the document to the room on screen; median."""
    login = f"epochs-{epochs}@example.org"
    room = make_room(installation, login, 0, epochs)
    with sync_playwright() as playwright, in_chromium(playwright) as context:
        page = context.new_page()
        sign_in(page, installation, login)
        return statistics.median(open_anew(page, f"{installation.origin}/c/{room}") for _ in range(ROUNDS))


def open_anew(page: Page, address: str) -> float:
    """Loads the document at a room's address."""
    page.goto(address)
    return wait_for_number(page, OPENED)
