"""One profile and one account for each module of attacks: making an account costs an RSA key.

Each test begins with an honest server. The page is left as the test before left it: a test opens what it needs.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.browser.person import Person
from tests.security.evidence import Evidence
from tests.stack.fixtures import (
    PATIENCE_MS,
    Watch,
    browser,
    installation,
    open_profile,
    ordinary_model,
    page,
    upstream,
    watch,
    whole_installation,
    wiretap,
)
from tests.stack.installation import Installation
from tests.stack.wiretap import Wiretap

__all__ = [
    "browser",
    "installation",
    "open_profile",
    "ordinary_model",
    "page",
    "upstream",
    "watch",
    "whole_installation",
    "wiretap",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks every test of this folder as a browser test."""
    for item in items:
        if "tests/security" in str(item.path):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="module")
def profile(browser: Browser, whole_installation: tuple[Installation, Wiretap]) -> Iterator[BrowserContext]:
    """A browser profile for all tests of a module."""
    context = browser.new_context(base_url=whole_installation[1].origin, viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE_MS)
    yield context
    context.close()


@pytest.fixture(scope="module")
def account(profile: BrowserContext, whole_installation: tuple[Installation, Wiretap]) -> Person:
    """Alice of a module: an account in the module's profile."""
    whole_installation[1].forget()
    person = Person(profile.new_page())
    person.sign_up()
    return person


@pytest.fixture
def alice(account: Person, wiretap: Wiretap, watch: Watch) -> Iterator[Person]:
    """Alice, in her profile, with a watch on what no page may do, not even under attack."""
    watch.follow(account.page.context)
    yield account
    watch.leave(account.page.context)


@pytest.fixture
def evidence(wiretap: Wiretap, installation: Installation) -> Evidence:
    """What the server stores and what it was sent, to compare."""
    return Evidence(wiretap, installation)
