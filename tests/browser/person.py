"""What a person does on the page, by the accessible names of its controls."""

from __future__ import annotations

import re
import uuid

from playwright.sync_api import Locator, Page, expect

PASSWORD = "umbrella-cobalt-thirteen-Walrus-meadow"
CORE_TIMEOUT_MS = 30_000
KEYS_TIMEOUT_MS = 60_000


class Person:
    """One person in one tab."""

    def __init__(self, page: Page, login: str | None = None, password: str = PASSWORD) -> None:
        self.page = page
        self.login = login or f"alice-{uuid.uuid4().hex[:12]}"
        self.password = password
        self.kit_text = ""

    def open(self, path: str = "/") -> None:
        """Opens the page and waits for the keys' side of it."""
        self.page.goto(path)
        self.wait_for_core()

    def wait_for_core(self) -> None:
        """Waits until Python is ready."""
        expect(self.page.locator("html")).to_have_attribute("data-core", "ready", timeout=CORE_TIMEOUT_MS)

    def sign_up(self) -> None:
        """Makes an account and puts the recovery kit away."""
        self.fill_sign_up()
        self.page.get_by_role("button", name="Create account").click()
        self.put_kit_away()
        expect(self.message_box).to_be_visible()

    def fill_sign_up(self) -> None:
        """Opens the sign-up view and fills it in."""
        self.page.goto("/")
        self.page.get_by_role("link", name="Create an account").click()
        self.page.get_by_role("textbox", name="Login name").fill(self.login)
        self.page.get_by_label("Password", exact=True).fill(self.password)
        self.page.get_by_label("Confirm password").fill(self.password)

    def put_kit_away(self) -> None:
        """Downloads the kit, confirms, and goes on."""
        dialog = self.page.get_by_role("dialog", name="Save your recovery kit")
        expect(dialog).to_be_visible(timeout=KEYS_TIMEOUT_MS)
        with self.page.expect_download() as download:
            dialog.get_by_role("button", name="Download").click()
        self.kit_text = download.value.path().read_text(encoding="utf-8")
        dialog.get_by_role("checkbox", name="I have saved my recovery kit").check()
        dialog.get_by_role("button", name="Continue").click()
        expect(dialog).to_be_hidden()

    def sign_in(self, password: str | None = None) -> None:
        """Fills in the sign-in form and sends it; does not wait for the outcome."""
        self.page.get_by_role("textbox", name="Login name").fill(self.login)
        self.page.get_by_label("Password", exact=True).fill(password or self.password)
        self.page.get_by_role("button", name="Sign in").click()

    def sign_out(self) -> None:
        """Signs out and waits for the sign-in view."""
        self.choose_in_account_menu("Sign out")
        expect(self.page.get_by_role("button", name="Sign in")).to_be_visible()

    def choose_in_account_menu(self, name: str) -> None:
        """Opens the account menu and chooses from it."""
        self.page.get_by_role("button", name="Account").click()
        self.page.get_by_role("menuitem", name=name).click()

    @property
    def message_box(self) -> Locator:
        """The textbox "Message"."""
        return self.page.get_by_role("textbox", name="Message", exact=True)

    def send(self, text: str) -> None:
        """Writes and sends; does not wait for the reply."""
        self.message_box.fill(text)
        self.page.get_by_role("button", name="Send").click()

    def articles(self, author: str | None = None) -> Locator:
        """The messages on screen, of one author or of all."""
        log = self.page.get_by_role("log", name="Messages")
        return log.get_by_role("article", name=re.compile(f"^{author}") if author else None)

    def expect_reply(self, text: str, *, timeout_ms: int = 30_000) -> Locator:
        """Waits until the newest reply holds a text and is complete."""
        reply = self.articles("Assistant").last
        expect(reply).to_contain_text(text, timeout=timeout_ms)
        expect(self.page.get_by_role("button", name="Stop")).to_be_hidden(timeout=timeout_ms)
        return reply

    @property
    def alert(self) -> Locator:
        """The alarm on screen."""
        return self.page.get_by_role("alert").filter(has_text=re.compile(r"\w"))
