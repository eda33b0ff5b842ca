"""Chromium for measurements: a new profile on disk, since caches of compiled code live there alone."""

import contextlib
import tempfile
from collections.abc import Iterator

from playwright.sync_api import BrowserContext, Playwright

from tests.stack import chromium


@contextlib.contextmanager
def in_chromium(playwright: Playwright) -> Iterator[BrowserContext]:
    """A Chromium of its own with a new profile."""
    with tempfile.TemporaryDirectory(prefix="balon-bench-", ignore_cleanup_errors=True) as profile:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=chromium.EXECUTABLE, args=chromium.FLAGS
        )
        try:
            yield context
        finally:
            context.close()
