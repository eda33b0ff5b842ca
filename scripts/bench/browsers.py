"""Chromium for measurements: a new profile on disk, since caches of compiled code live there alone."""

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from playwright.sync_api import BrowserContext, Playwright

from tests.stack import chromium
from tests.stack.installation import free_port, wait_for


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


@dataclass(frozen=True)
class Unwatched:
    """A Chromium that goes on while nobody is connected: a debugger keeps what goes over the network in memory."""

    process: psutil.Process
    address: str

    @contextlib.contextmanager
    def watched(self, playwright: Playwright) -> Iterator[BrowserContext]:
        """Connects for a while."""
        browser = playwright.chromium.connect_over_cdp(self.address)
        try:
            yield browser.contexts[0]
        finally:
            browser.close()

    @property
    def page_bytes(self) -> int:
        """What the largest page holds in memory of its own: files that it maps are not counted."""
        children = self.process.children(recursive=True)
        return max(own_bytes(each) for each in children if "--type=renderer" in each.cmdline())


@contextlib.contextmanager
def unwatched_chromium() -> Iterator[Unwatched]:
    """Starts one with a new profile and a blank page."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="balon-bench-", ignore_cleanup_errors=True) as profile:
        own = (f"--remote-debugging-port={port}", f"--user-data-dir={profile}", "about:blank")
        command = [chromium.EXECUTABLE, "--headless=new", *chromium.FLAGS, *own]
        log = Path(profile, "output.log")
        with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
            try:
                wait_for(f"http://localhost:{port}/json/version", process, log)
                yield Unwatched(psutil.Process(process.pid), f"http://localhost:{port}")
            finally:
                process.terminate()


def own_bytes(process: psutil.Process) -> int:
    """Resident memory but for mapped files and what is shared."""
    memory = process.memory_info()
    return int(memory.rss - memory.shared)
