"""The page in a real browser, under the policy of production, on a fake worker."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.page.server import build, serve
from tests.stack import chromium

SIGNED_IN = {"session": "signed-in"}
CONVERSATION = "01890000-0000-7000-8000-0000000003ea"
OPEN = f"/c/{CONVERSATION}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks every test of this folder as a browser test."""
    for item in items:
        if "tests/page" in str(item.path):
            item.add_marker(pytest.mark.browser)


@dataclass
class Site:
    """Where the page is served, and how large its parts are."""

    url: str
    sizes: dict[str, int]


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The page, bundled once."""
    out = tmp_path_factory.mktemp("page")
    sizes = build(out)
    server = serve(out)
    yield Site(f"http://localhost:{server.server_address[1]}", sizes)
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, headless."""
    expect.set_options(timeout=10_000)
    with sync_playwright() as playwright:
        launched = chromium.launch(playwright)
        yield launched
        launched.close()


@dataclass
class Watch:
    """Console errors, exceptions, and every request of the pages of a test."""

    problems: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def follow(self, context: BrowserContext) -> None:
        """Watches every page of a context."""
        context.on("console", lambda message: message.type == "error" and self.problems.append(message.text))
        context.on("weberror", lambda error: self.problems.append(f"uncaught: {error.error}"))
        context.on("request", lambda request: self.requests.append(request.url))

    def left(self) -> list[str]:
        """What was seen and not expected, and what went off loopback."""
        problems = [each for each in self.problems if not any(text in each for text in self.expected)]
        off = [
            url
            for url in self.requests
            if urlsplit(url).scheme.startswith("http") and urlsplit(url).hostname != "localhost"
        ]
        return problems + off


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Fails the test on a console error, an exception or a request off loopback."""
    watcher = Watch()
    yield watcher
    assert not watcher.left()


OpenPage = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, site: Site, watch: Watch) -> Iterator[OpenPage]:
    """Opens the page in a fresh profile, on a fake worker that does what the scenario says."""
    with contextlib.ExitStack() as stack:

        def open_one(
            scenario: dict[str, Any] | None = None, path: str = "/", *, script: str = "", **options: Any
        ) -> Page:
            options.setdefault("viewport", {"width": 1280, "height": 800})
            context = browser.new_context(
                base_url=site.url, permissions=["clipboard-read", "clipboard-write"], **options
            )
            stack.callback(context.close)
            watch.follow(context)
            page = context.new_page()
            page.set_default_timeout(10_000)
            page.add_init_script(f"globalThis.fakeScenario = {json.dumps(scenario or {})};{script}")
            page.goto(path)
            return page

        yield open_one


def calls(page: Page, name: str) -> list[list[Any]]:
    """The arguments of each call of a name that the page made."""
    found: list[list[Any]] = page.evaluate(
        "name => (globalThis.fakeCore?.calls ?? []).filter(call => call.name === name).map(call => call.args)", name
    )
    return found


def expect_calls(page: Page, name: str, count: int) -> list[list[Any]]:
    """Waits until the page made that many calls of a name."""
    for _ in range(100):
        found = calls(page, name)
        if len(found) >= count:
            break
        page.wait_for_timeout(50)
    assert len(found) == count, f"{name}: {found}"
    return found


def emit(page: Page, event: str, detail: dict[str, Any]) -> None:
    """Lets the worker say something."""
    page.evaluate("([type, detail]) => globalThis.fakeCore.emit(type, detail)", [event, detail])


def release(page: Page, name: str) -> None:
    """Lets the fake worker do what the scenario's `held` names: become "ready", or answer a call."""
    expect(page.locator("html")).to_have_attribute("data-core", re.compile("loading|ready"))
    page.evaluate("name => globalThis.fakeCore.release(name)", name)


def wait_for_core(page: Page) -> None:
    """Waits until the fake worker is ready."""
    expect(page.locator("html")).to_have_attribute("data-core", "ready")


def message(number: int, kind: str, text: str | None, **rest: Any) -> dict[str, Any]:
    """A message as the worker gives it."""
    names = {"you": "alice", "person": "bob", "assistant": "Assistant"}
    return {
        "id": f"01890000-0000-7000-9000-{number:012x}",
        "author": {"user_id": None, "name": names[kind], "kind": kind},
        "text": text,
        "created_ms": 1_760_000_000_000 + number * 60_000,
        "model": None,
        "state": "saved",
        "finish": "stop" if kind == "assistant" else None,
        "mark": None,
        "sealed_for_model": True,
        **rest,
    }
