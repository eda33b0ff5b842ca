"""The real page in a real browser against a real installation, with a wire tap in between."""

import pytest

from tests.stack.fixtures import (
    alice,
    browser,
    installation,
    open_profile,
    ordinary_model,
    page,
    screenshots,
    upstream,
    watch,
    whole_installation,
    wiretap,
)

__all__ = [
    "alice",
    "browser",
    "installation",
    "open_profile",
    "ordinary_model",
    "page",
    "screenshots",
    "upstream",
    "watch",
    "whole_installation",
    "wiretap",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks every test of this folder as a browser test."""
    for item in items:
        if "tests/browser" in str(item.path):
            item.add_marker(pytest.mark.browser)
