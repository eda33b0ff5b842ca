"""The first command of the README, on a fresh clone with empty caches: set-up, interruptions, a chat, Ctrl-C, a second start."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, WebSocket, expect, sync_playwright

from tests.browser.person import Person
from tests.stack import chromium
from tests.stack.installation import ROOT, free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SET_UP_TIMEOUT_S = 600
WARM_START_LIMIT_S = 30
STOP_TIMEOUT_S = 30
KEPT = {"HOME", "PATH", "LANG", "TERM", "USER", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"}
CONFIGURATION = re.compile(r"(pip|uv|npm_config)_|.*_proxy$", re.IGNORECASE)


class Checkout:
    """A clone whose commands run as a newcomer's do: an environment without ours, caches of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "balon"
        self.port = free_port()
        self._output = folder / "output"
        self._environment = plain_environment(folder / "caches")
        subprocess.run(["git", "clone", "--quiet", "--local", ROOT, self.folder], check=True)
        self._make: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Types `make run` into a terminal of its own, where Ctrl-C works however these tests were started."""
        # A background process ignores it, and so would all that it starts.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        with self._output.open("wb") as output:
            self._make = subprocess.Popen(
                ["make", "run", f"PORT={self.port}"],
                cwd=self.folder,
                env=self._environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        signal.signal(signal.SIGINT, before)

    def wait_for(self, words: str, timeout_s: float = SET_UP_TIMEOUT_S) -> float:
        """Waits until the terminal shows these words; gives the seconds that it took."""
        begun = time.monotonic()
        wait_until(lambda: words in self.output or self.has_ended, timeout_s, lambda: self.output)
        assert words in self.output, f"no {words!r} in:\n{self.output}"
        return time.monotonic() - begun

    def interrupt(self) -> None:
        """Presses Ctrl-C: the terminal's whole foreground group gets the signal. Waits for the end of every process."""
        make = self._running
        family = descendants(make.pid)
        os.killpg(make.pid, signal.SIGINT)
        wait_until(lambda: self.has_ended, STOP_TIMEOUT_S, lambda: f"{commands(family)} after {self.output}")
        wait_until(lambda: not any(map(is_alive, family)), STOP_TIMEOUT_S, lambda: f"{family} of {self.output}")

    def kill(self) -> None:
        """Ends what a failed test left."""
        if self._make is None:
            return
        for process in [*descendants(self._make.pid), self._make.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self._make.wait()

    @property
    def output(self) -> str:
        """What the terminal shows."""
        return self._output.read_text(encoding="utf-8", errors="replace")

    @property
    def has_ended(self) -> bool:
        """Whether the command is over."""
        return self._running.poll() is not None

    @property
    def origin(self) -> str:
        """The address that the terminal shows."""
        return f"http://localhost:{self.port}"

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        assert self._make is not None
        return self._make


def plain_environment(caches: Path) -> dict[str, str]:
    """The settings of a machine that has never seen Balon; where its packages come from stays."""
    kept = {name: value for name, value in os.environ.items() if name in KEPT or CONFIGURATION.match(name)}
    folders = ("PIP_CACHE_DIR", "UV_CACHE_DIR", "npm_config_cache", "XDG_CACHE_HOME")
    return {**kept, **{name: str(caches / name.lower()) for name in folders}}


def wait_until(condition: Callable[[], bool], timeout_s: float, report: Callable[[], object]) -> None:
    """Waits for a condition to hold, or fails with a report."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, report()
        time.sleep(0.05)


def descendants(ancestor: int) -> list[int]:
    """The processes that a process started, and theirs, in whichever session they are."""
    children: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = status.read_text().rpartition(")")[2].split()
            children.setdefault(int(fields[1]), []).append(int(status.parent.name))
    found = [ancestor]
    for each in found:
        found += children.get(each, [])
    return found[1:]


def commands(processes: list[int]) -> list[str]:
    """What each process that still runs was started with."""
    alive = filter(is_alive, processes)
    return [Path(f"/proc/{each}/cmdline").read_bytes().replace(b"\0", b" ").decode() for each in alive]


def is_alive(process: int) -> bool:
    """Whether a process runs; a zombie that nobody has reaped does not."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def is_answered(url: str) -> bool:
    """Whether a URL answers 200."""
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
        return bool(answer.status == 200)
    return False


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    """A fresh clone of what is committed."""
    clone = Checkout(tmp_path)
    yield clone
    clone.kill()
    shutil.rmtree(tmp_path, ignore_errors=True)


@pytest.fixture
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    with sync_playwright() as playwright:
        launched = chromium.launch(playwright)
        yield launched
        launched.close()


def test_one_command_sets_up_survives_interruptions_and_serves_a_chat(checkout: Checkout, browser: Browser) -> None:
    for step in ("Installing the Python packages", "Installing the npm packages"):
        checkout.start()
        checkout.wait_for(step)
        checkout.interrupt()
        assert "Ready" not in checkout.output
        assert "Run the same command again to go on." in checkout.output
        assert "Traceback" not in checkout.output

    checkout.start()
    checkout.wait_for(f"Ready.  Open {checkout.origin}")
    assert is_answered(f"{checkout.origin}/readyz")
    assert is_answered(checkout.origin)
    chat_with_the_embedded_model(browser.new_page(base_url=checkout.origin))
    checkout.interrupt()
    assert "Stopped." in checkout.output
    assert not is_answered(f"{checkout.origin}/healthz")

    checkout.start()
    assert checkout.wait_for("Ready.") < WARM_START_LIMIT_S
    assert "Installing" not in checkout.output
    checkout.interrupt()
    assert subprocess.check_output(["git", "status", "--porcelain"], cwd=checkout.folder) == b""


def chat_with_the_embedded_model(page: Page) -> None:
    """Signs up, asks, and sees a reply that comes in more than one frame. What a toy model says is not asserted."""
    frames: list[str | bytes] = []

    def keep(payload: str | bytes) -> None:
        frames.append(payload)

    def follow(websocket: WebSocket) -> None:
        websocket.on("framereceived", keep)

    page.on("websocket", follow)
    person = Person(page)
    person.sign_up()
    person.send("What is the capital of France?")
    reply = person.articles("Assistant").locator(".body")
    expect(reply).to_have_text(re.compile(r"\w"), timeout=60_000)
    wait_until(lambda: bool(reply.count()) and sum('"frame"' in str(each) for each in frames) > 2, 60, lambda: frames)
