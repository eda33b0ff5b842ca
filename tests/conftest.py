"""People and clean state for tests of the web tier: Alice, Bob, and Charlie who is a stranger to them."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.browsers import Browser


IN_BROWSERS = frozenset({"contract", "page", "browser", "security", "engines"})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Runs what drives a browser last: Playwright keeps an event loop going, which async tests cannot share.

    Where several processes share the work, modules with slow tests come first, so that none of them is left at the end.
    """
    tests = Path(__file__).parent
    slow = {item.path for item in items if item.get_closest_marker("slow")} if is_shared() else set()
    items.sort(key=lambda item: (item.path.relative_to(tests).parts[0] in IN_BROWSERS, item.path not in slow))


def is_shared() -> bool:
    """Whether this process runs a part of the tests."""
    return "PYTEST_XDIST_WORKER" in os.environ


@pytest.fixture(autouse=True)
def _fresh_process(request: pytest.FixtureRequest) -> Iterator[None]:
    """Forgets what a web process keeps in memory, for tests that use its database."""
    if not request.node.get_closest_marker("django_db") and not {"db", "transactional_db"} & set(request.fixturenames):
        yield
        return
    from django.core.cache import cache

    from conversations.frames import get_frame_log
    from conversations.relay import get_relays

    cache.clear()
    get_frame_log.cache_clear()
    get_relays.cache_clear()
    yield
    cache.clear()


@pytest.fixture
def alice(db: None) -> "Browser":
    """Alice, who owns things."""
    from tests.browsers import signed_up

    return signed_up("alice@example.org")


@pytest.fixture
def bob(db: None) -> "Browser":
    """Bob, who may be let in."""
    from tests.browsers import signed_up

    return signed_up("bob@example.org")


@pytest.fixture
def charlie(db: None) -> "Browser":
    """Charlie, a stranger with an account."""
    from tests.browsers import signed_up

    return signed_up("charlie@example.org")
