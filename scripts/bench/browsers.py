"""Chromium for measurements: a new profile on disk, since caches of compiled code live there alone."""

import contextlib
import tempfile
from collections.abc import Iterator

from playwright.sync_api import BrowserContext, Playwright

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextlib.contextmanager
def in_chromium(playwright: Playwright) -> Iterator[BrowserContext]:
    """A Chromium of its own with a new profile."""
    with tempfile.TemporaryDirectory(prefix="balon-bench-", ignore_cleanup_errors=True) as profile:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path="/usr/bin/chromium", args=FLAGS
        )
        try:
            yield context
        finally:
            context.close()
