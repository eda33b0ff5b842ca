"""Drives a real browser on the harness page, from a thread of its own: Playwright's loop must not meet pytest's."""

from concurrent.futures import ThreadPoolExecutor

from playwright.sync_api import sync_playwright

from tests.stack import chromium

CHECK_TIMEOUT_MS = 120_000


class Chromium:
    """One page with one worker, in which checks run one after the other."""

    def __init__(self, origin: str) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._thread.submit(self._start, origin).result()

    def _start(self, origin: str) -> None:
        self._playwright = sync_playwright().start()
        self._browser = chromium.launch(self._playwright)
        self._page = self._browser.new_page()
        self.console: list[str] = []
        self._page.on("console", lambda message: self.console.append(message.text))
        self._page.goto(f"{origin}/harness/")
        self._page.set_default_timeout(CHECK_TIMEOUT_MS)

    def run(self, name: str) -> dict:
        """Runs `module:function` in the worker; gives {"value"} or {"error"}."""
        return self._thread.submit(self._run, name).result()

    def _run(self, name: str) -> dict:
        import json

        return json.loads(self._page.evaluate("(name) => window.runInWorker(name)", name))

    def close(self) -> None:
        self._thread.submit(self._stop).result()
        self._thread.shutdown()

    def _stop(self) -> None:
        self._browser.close()
        self._playwright.stop()
