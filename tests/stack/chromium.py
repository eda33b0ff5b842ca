"""Debian's Chromium, as tests and measurements start it."""

from playwright.sync_api import Browser, Playwright

EXECUTABLE = "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Two pages of its own interface, started for each window: a second of a processor, and nobody sees them.
    "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup",
)


def launch(playwright: Playwright) -> Browser:
    """A browser without a window."""
    return playwright.chromium.launch(executable_path=EXECUTABLE, args=FLAGS)
