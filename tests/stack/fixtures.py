"""The real page in a real browser against a real installation, with a wire tap in between.

Fixtures for whole folders: a `conftest.py` imports those that its tests use. They live as long as that folder's tests,
since Playwright's event loop must have ended before tests with one of their own begin.
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    WebError,
    expect,
    sync_playwright,
)

from tests.browser.person import Person
from tests.fakes.openai_server import MODEL, FakeOpenAIServer, Script, run_in_thread
from tests.stack import chromium
from tests.stack.installation import Installation, free_port
from tests.stack.wiretap import Wiretap

PATIENCE_MS = 20_000
"""How long a test waits for what must come: a worker starts in seconds, and on a busy machine in several."""
LOOPBACK = {"localhost", "127.0.0.1", "::1", ""}


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, headless."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        launched = chromium.launch(playwright)
        yield launched
        launched.close()


@pytest.fixture(scope="package")
def upstream() -> Iterator[FakeOpenAIServer]:
    """An OpenAI-compatible server whose replies a test chooses."""
    with run_in_thread() as server:
        yield server


@pytest.fixture(scope="package")
def whole_installation(
    tmp_path_factory: pytest.TempPathFactory, upstream: FakeOpenAIServer
) -> Iterator[tuple[Installation, Wiretap]]:
    """One installation for all tests of this folder; each test has its own people in it."""
    tap = Wiretap(free_port())
    settings = {
        "BALON_UPSTREAM_URL": upstream.url,
        "BALON_UPSTREAM_MODELS": MODEL,
        "BALON_UPSTREAM_API_KEY": "test-key",
        "BALON_LIMIT_ADDRESS": "100000/60",
        "BALON_LIMIT_LOGIN": "100000/60",
        "BALON_LIMIT_INFERENCE": "100000/60",
    }
    installation = Installation(tmp_path_factory.mktemp("installation") / "var", tap.origin, settings)
    try:
        installation.start()
        tap.start(installation.port)
        yield installation, tap
    finally:
        tap.close()
        installation.close()


@pytest.fixture
def installation(whole_installation: tuple[Installation, Wiretap]) -> Installation:
    """The processes and the folder behind the page."""
    return whole_installation[0]


@pytest.fixture
def wiretap(whole_installation: tuple[Installation, Wiretap]) -> Iterator[Wiretap]:
    """What crosses the wire; honest and empty at the start of each test."""
    tap = whole_installation[1]
    tap.forget()
    yield tap
    tap.forget()


@pytest.fixture(autouse=True)
def ordinary_model(upstream: FakeOpenAIServer) -> Iterator[None]:
    """Whatever a test let the model say, it says ordinary things after it."""
    yield
    upstream.script = Script()


class Watch:
    """What no page may do: console errors, uncaught exceptions, requests off loopback."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.expected: list[str] = []

    def expect(self, text: str) -> None:
        """A console error with this text is part of the test (a refused answer shows as one)."""
        self.expected.append(text)

    def follow(self, context: BrowserContext) -> None:
        """Watches every page and worker of a context."""
        context.on("console", self._on_console)
        context.on("weberror", self._on_error)
        context.on("request", self._on_request)

    def leave(self, context: BrowserContext) -> None:
        """Stops to watch a context that outlives the test."""
        context.remove_listener("console", self._on_console)
        context.remove_listener("weberror", self._on_error)
        context.remove_listener("request", self._on_request)

    def _on_error(self, error: WebError) -> None:
        self.problems.append(f"uncaught: {error.error}")

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.problems.append(f"console: {message.text} ({message.location.get('url', '')})")

    def _on_request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in {"http", "https", "ws", "wss"} and parts.hostname not in LOOPBACK:
            self.problems.append(f"request off loopback: {request.url}")

    def verify(self) -> None:
        """Fails with everything that was seen and not expected."""
        left = [each for each in self.problems if not any(text in each for text in self.expected)]
        assert not left, "\n".join(left)


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Fails the test on any console error and any request that leaves loopback."""
    watcher = Watch()
    yield watcher
    watcher.verify()


@pytest.fixture
def open_profile(browser: Browser, wiretap: Wiretap, watch: Watch) -> Iterator[Callable[[], BrowserContext]]:
    """Opens browser profiles that share nothing, each like a device of its own."""
    with contextlib.ExitStack() as stack:

        def open_one() -> BrowserContext:
            context = browser.new_context(base_url=wiretap.origin, viewport={"width": 1280, "height": 800})
            stack.callback(context.close)
            context.set_default_timeout(PATIENCE_MS)
            watch.follow(context)
            return context

        yield open_one


@pytest.fixture
def page(open_profile: Callable[[], BrowserContext]) -> Page:
    """A page of a new profile, not yet on the site."""
    return open_profile().new_page()


@pytest.fixture
def alice(page: Page) -> Person:
    """Alice with a new account, signed in, the kit put away."""
    person = Person(page)
    person.sign_up()
    return person


@pytest.fixture
def screenshots(request: pytest.FixtureRequest) -> Path:
    """Where a test may leave pictures."""
    folder = Path("test-results") / request.node.name
    folder.mkdir(parents=True, exist_ok=True)
    return folder
