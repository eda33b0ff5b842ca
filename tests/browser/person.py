"""What a person does on the page, by the accessible names of its controls."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING

from playwright.sync_api import Locator, Page, expect

if TYPE_CHECKING:
    from pathlib import Path

PASSWORD = "umbrella-cobalt-thirteen-Walrus-meadow"
CORE_TIMEOUT_MS = 60_000
KEYS_TIMEOUT_MS = 60_000
LOCK_TIMEOUT_MS = 20_000
KEPT_KEYS = """async () => {
    const databases = await indexedDB.databases();
    if (!databases.some(({ name }) => name === "balon-session")) return null;
    const settled = (request) => new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
    });
    const database = await settled(indexedDB.open("balon-session"));
    try {
        const record = await settled(database.transaction("session").objectStore("session").get("current"));
        return record === undefined ? null : record.mek !== undefined;
    } finally {
        database.close();
    }
}"""


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

    def on(self, page: Page) -> Person:
        """The same person on another page; what changes here later does not change there."""
        person = Person(page, self.login, self.password)
        person.kit_text = self.kit_text
        return person

    def enter(self) -> None:
        """Opens the page and signs in."""
        self.open()
        self.sign_in()
        expect(self.message_box).to_be_visible()

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

    # --- Lock ---

    def lock(self) -> None:
        """Locks and waits for the view that says so."""
        self.choose_in_account_menu("Lock")
        self.expect_locked()

    def expect_locked(self) -> None:
        """Waits until this tab is locked."""
        expect(self.page.get_by_role("heading", name="Locked")).to_be_visible(timeout=LOCK_TIMEOUT_MS)

    def unlock(self, password: str | None = None) -> None:
        """Types the password into the locked page; does not wait for the outcome."""
        self.page.get_by_label("Password", exact=True).fill(password or self.password)
        self.page.get_by_role("button", name="Unlock").click()

    def kept_keys(self) -> bool | None:
        """Whether this browser keeps handles of keys; None: it keeps nothing of a session."""
        kept: bool | None = self.page.evaluate(KEPT_KEYS)
        return kept

    # --- The settings ---

    @property
    def end_others(self) -> Locator:
        """The button that ends all other sessions."""
        return self.page.get_by_role("button", name="End all others", exact=True)

    def open_settings(self) -> None:
        """Opens the settings."""
        self.choose_in_account_menu("Settings")
        expect(self.page.get_by_role("heading", name="Settings", exact=True)).to_be_visible()

    def end_all_others(self) -> None:
        """Ends all other sessions in the open settings, and waits until it is done."""
        self.end_others.click()
        self.page.get_by_role("alertdialog").get_by_role("button", name="End all others").click()
        expect(self.page.get_by_text("All other devices are signed out.")).to_be_visible()

    def replace_keys(self, password: str) -> None:
        """Says in the settings that the password was exposed; does not wait for the new kit."""
        self.page.get_by_role("button", name="My password was exposed").click()
        form = self.page.get_by_role("form", name="My password was exposed")
        form.get_by_label("Current password").fill(self.password)
        form.get_by_label("New password", exact=True).fill(password)
        form.get_by_label("Confirm new password").fill(password)
        form.get_by_role("button", name="Replace my keys").click()

    def change_password(self, new: str, *, current: str | None = None) -> None:
        """Fills in the form of the settings and sends it; does not wait for the outcome."""
        self.page.get_by_role("button", name="Change password").click()
        form = self.page.get_by_role("form", name="Change password")
        form.get_by_label("Current password").fill(current or self.password)
        form.get_by_label("New password", exact=True).fill(new)
        form.get_by_label("Confirm new password").fill(new)
        form.get_by_role("button", name="Change password").click()

    def change_login(self, login: str, *, password: str | None = None) -> None:
        """Fills in the form of the settings and sends it; does not wait for the outcome."""
        self.page.get_by_role("button", name="Change login name").click()
        form = self.page.get_by_role("form", name="Change login name")
        form.get_by_role("textbox", name="New login name").fill(login)
        form.get_by_label("Password", exact=True).fill(password or self.password)
        form.get_by_role("button", name="Change login name").click()

    def request_deletion(self, password: str | None = None) -> None:
        """Asks in the open settings that the account be deleted; does not wait for the outcome."""
        self.page.get_by_role("button", name="Delete account").click()
        dialog = self.page.get_by_role("alertdialog", name="Delete your account?")
        dialog.get_by_label("Password", exact=True).fill(password or self.password)
        dialog.get_by_role("button", name="Delete account").click()

    def check_kit(self, text: str) -> None:
        """Checks a kit in the settings; does not wait for the outcome."""
        form = self.page.get_by_role("form", name="Check your kit")
        if not form.is_visible():
            self.page.get_by_role("button", name="Check your kit").click()
        form.get_by_role("textbox", name="Recovery kit").fill(text)
        form.get_by_role("button", name="Check your kit").click()

    # --- Recovery ---

    def open_recovery(self) -> None:
        """Opens the recovery view of a browser where nobody is signed in."""
        self.page.goto("/")
        self.page.get_by_role("link", name="Use your recovery kit").click()
        expect(self.page.get_by_role("button", name="Recover account")).to_be_visible()

    def recover(self, password: str, *, text: str | None = None, file: Path | None = None) -> None:
        """Fills in the recovery view, by paste or by file, and sends it; does not wait for the outcome."""
        if file:
            self.page.get_by_label("Recovery kit file").set_input_files(file)
        if text:
            self.page.get_by_role("textbox", name="Recovery kit").fill(text)
        self.page.get_by_label("New password", exact=True).fill(password)
        self.page.get_by_label("Confirm new password").fill(password)
        self.page.get_by_role("button", name="Recover account").click()
