"""Conversations from before encryption: encrypted, paused, rolled back, finished, and read meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playwright.sync_api import Page, expect

from tests.page.conftest import OPEN, SIGNED_IN, OpenPage, calls, emit, expect_calls, release
from tests.page.views import OLDER

if TYPE_CHECKING:
    from playwright.sync_api import Locator

BROKEN = {
    "code": "migration-broken-off",
    "title": "The server did not take more.",
    "detail": "Later.",
    "action": "retry",
}

OVER = {"code": "migration-over", "title": "All of your conversations are encrypted.", "detail": "No.", "action": None}
OFFLINE = {"code": "network", "title": "Balon's server cannot be reached.", "detail": "Later.", "action": "retry"}
LOOK_AGAIN_MS = 15_000


def open_chat(open_page: OpenPage, state: str, path: str = OPEN, **scenario: Any) -> Page:
    return open_page({**SIGNED_IN, "migration": state, **scenario}, path)


def region(page: Page) -> Locator:
    return page.get_by_role("region", name="Encrypt your older conversations")


def press(page: Page, name: str) -> None:
    region(page).get_by_role("button", name=name, exact=True).click()


def test_nothing_is_shown_where_there_is_nothing_to_do(open_page: OpenPage) -> None:
    page = open_chat(open_page, "none")
    expect(page.get_by_role("article").first).to_be_visible()
    expect_calls(page, "migration_status", 1)
    expect(region(page)).to_have_count(0)
    expect(page.get_by_text("Not yet encrypted")).to_have_count(0)
    assert calls(page, "legacy_conversations") == []


def test_from_start_to_finish(open_page: OpenPage) -> None:
    page = open_chat(open_page, "ready", held=["migration", "purge"])
    expect(region(page)).to_contain_text("12 messages in 3 conversations")
    region(page).get_by_role("button", name="Start").focus()
    page.keyboard.press("Enter")
    expect(region(page).get_by_role("button", name="Pause")).to_be_focused()
    expect(region(page).get_by_role("progressbar")).to_have_attribute("value", "33")
    expect(region(page)).to_contain_text(
        "4 of 12 messages · 1 of 3 conversations · 4.2 a second · about 2 minutes left"
    )
    page.get_by_role("textbox", name="Message").fill("Chatting goes on")
    press(page, "Pause")
    expect_calls(page, "pause_migration", 1)
    release(page, "migration")
    expect(region(page)).to_contain_text("6 of 12 messages are encrypted")
    press(page, "Resume")
    expect(region(page)).to_contain_text("All 12 messages are encrypted, and each was read back")
    press(page, "Finish")
    question = page.get_by_role("alertdialog", name="Delete the plaintext?")
    expect(question).to_contain_text("no way back")
    question.get_by_role("button", name="Finish").click()
    expect(region(page).get_by_role("progressbar", name="Deleting the plaintext")).to_be_visible()
    release(page, "purge")
    expect(region(page)).to_contain_text("Balon refuses plaintext in this account from now on.")
    expect(page.get_by_role("list", name="Not yet encrypted")).to_have_count(0)
    press(page, "Understood")
    expect(region(page)).to_have_count(0)
    assert calls(page, "start_migration") == [[None], [None]]


def test_where_nothing_is_from_before_encryption_one_can_refuse_plaintext(open_page: OpenPage) -> None:
    page = open_chat(open_page, "verified", older=0, held=["purge"])
    empty = page.get_by_role("region", name="No older conversations")
    expect(empty).to_contain_text("There is nothing from before encryption. Finish, and plaintext is refused for ever.")
    expect(empty.get_by_role("button")).to_have_text(["Finish", "Later"])
    empty.get_by_role("button", name="Finish").click()
    question = page.get_by_role("alertdialog", name="Refuse plaintext?")
    expect(question).to_contain_text("no way back")
    assert calls(page, "finish_migration") == []
    question.get_by_role("button", name="Finish").click()
    expect(empty).to_contain_text("Finishing.")
    expect(empty.get_by_role("progressbar")).to_have_count(0)
    release(page, "purge")
    expect(region(page)).to_contain_text("Balon refuses plaintext in this account from now on.")


def test_rolling_back_asks_first(open_page: OpenPage) -> None:
    page = open_chat(open_page, "verified")
    press(page, "Roll back")
    question = page.get_by_role("alertdialog", name="Roll back?")
    page.keyboard.press("Enter")  # the focus is on Cancel
    expect(question).to_have_count(0)
    assert calls(page, "roll_back_migration") == []
    press(page, "Roll back")
    question.get_by_role("button", name="Roll back").click()
    expect(region(page)).to_contain_text("Rolled back.")
    expect(region(page).get_by_role("button", name="Start")).to_be_visible()


def test_the_settings_say_how_many_at_once_and_later_is_not_never(open_page: OpenPage) -> None:
    page = open_chat(open_page, "ready")
    press(page, "Later")
    expect(region(page)).to_have_count(0)
    expect(page.get_by_role("textbox", name="Message")).to_be_focused()
    page.get_by_role("button", name="Account").click()
    page.get_by_role("menuitem", name="Settings").click()
    region(page).get_by_label("Messages at once").select_option("10")
    press(page, "Start")
    expect(region(page).get_by_role("button", name="Finish")).to_be_visible()
    assert calls(page, "start_migration") == [[10]]


def test_what_another_tab_does_what_failed_and_what_is_a_lie_is_said(open_page: OpenPage) -> None:
    page = open_chat(open_page, "elsewhere")
    expect(region(page)).to_contain_text("Another tab or device is encrypting them, or was until a moment ago: 9 of 12")
    page = open_chat(open_page, "paused", migrationFails=True)
    press(page, "Resume")
    expect(region(page).get_by_role("alert")).to_contain_text("The server changed an older conversation.")
    page = open_chat(open_page, "finishing")
    expect(region(page)).to_contain_text("Deleting the plaintext broke off")
    page = open_chat(open_page, "paused", problems={"start_migration": BROKEN})
    press(page, "Resume")
    expect(region(page).get_by_role("alert")).to_contain_text(BROKEN["title"])
    region(page).get_by_role("button", name="Try again").click()
    expect_calls(page, "start_migration", 2)
    lie = {**BROKEN, "code": "migration-untrue", "title": "The server claims it.", "action": None}
    page = open_chat(open_page, "ready", problems={"migration_status": lie})
    expect(region(page).get_by_role("alert")).to_contain_text("The server claims it.")


def test_another_tab_is_looked_after_again_also_when_the_network_failed_once(open_page: OpenPage) -> None:
    page = open_waiting_for_another_tab(open_page)
    page.evaluate("problem => (fakeCore.scenario.problems.migration_status = problem)", OFFLINE)
    page.clock.run_for(LOOK_AGAIN_MS)
    expect_calls(page, "migration_status", 2)
    page.evaluate("() => { fakeCore.scenario.problems = {}; fakeCore.migration = 'verified' }")
    page.clock.run_for(LOOK_AGAIN_MS)
    expect(region(page)).to_contain_text("All 12 messages are encrypted")


def test_a_look_from_before_says_nothing_of_what_was_begun_here_since(open_page: OpenPage) -> None:
    page = open_waiting_for_another_tab(open_page)
    page.evaluate("() => fakeCore.hold('legacy_conversations')")
    page.clock.run_for(LOOK_AGAIN_MS)
    expect_calls(page, "legacy_conversations", 2)
    press(page, "Resume")
    expect(region(page)).to_contain_text("All 12 messages are encrypted")
    release(page, "legacy_conversations")
    page.clock.run_for(LOOK_AGAIN_MS)
    expect(region(page)).to_contain_text("All 12 messages are encrypted")
    expect(region(page).get_by_role("button", name="Finish")).to_be_visible()
    assert len(calls(page, "migration_status")) == 2, "nobody else is at work"


def test_nothing_in_plaintext_is_shown_once_another_tab_finished(open_page: OpenPage) -> None:
    page = open_chat(open_page, "paused", OLDER)
    view = page.get_by_role("region", name="Older conversation")
    expect(view.get_by_role("article")).to_have_count(2)
    finish_elsewhere(page)
    view.get_by_role("button", name="Show more").click()
    expect(view.get_by_role("alert")).to_contain_text(OVER["title"])
    expect(view).to_contain_text("It is encrypted by now")
    expect(page.get_by_role("list", name="Not yet encrypted")).to_have_count(0)
    assert "fjord" not in page.evaluate("() => document.querySelector('balon-older').textContent")
    page = open_chat(open_page, "paused")
    expect(region(page)).to_contain_text("6 of 12 messages are encrypted")
    finish_elsewhere(page)
    press(page, "Resume")
    expect(region(page)).to_contain_text("Balon refuses plaintext in this account from now on.")
    expect(region(page).get_by_role("alert")).to_have_count(0)


def finish_elsewhere(page: Page) -> None:
    """Another tab finishes, and this one does not hear of it before it asks for something."""
    script = """over => {
        fakeCore.migration = "finished";
        fakeCore.scenario.problems = { read_legacy_conversation: over, start_migration: over };
    }"""
    page.evaluate(script, OVER)


def open_waiting_for_another_tab(open_page: OpenPage) -> Page:
    """A page whose time the test moves, and that looks now and then whether another tab is still at work."""
    page = open_chat(open_page, "elsewhere", held=["migration_status"])
    page.clock.install()
    release(page, "migration_status")
    expect(region(page)).to_contain_text("Another tab or device is encrypting them")
    return page


def test_an_older_conversation_is_read_with_its_mark_and_locking_forgets_it(open_page: OpenPage) -> None:
    page = open_chat(open_page, "ready", older=12)
    older = page.get_by_role("list", name="Not yet encrypted").get_by_role("link")
    expect(older).to_have_count(8)
    page.get_by_role("button", name="Show all 12").click()
    expect(older).to_have_count(12)
    expect(older.nth(2)).to_contain_text("waits for Finish")
    older.first.focus()
    page.keyboard.press("Enter")
    view = page.get_by_role("region", name="Older conversation")
    expect(page.get_by_role("heading", name="About fjords 1")).to_be_focused()
    expect(view.get_by_role("article")).to_have_count(2)
    expect(view.get_by_role("article").first).to_contain_text("Not encrypted: the server could have changed this.")
    expect(view.locator("strong", has_text="drowned")).to_be_visible()
    expect(page.get_by_role("textbox", name="Message")).to_have_count(0)
    view.get_by_role("button", name="Show more").click()
    expect(view.get_by_role("article")).to_have_count(4)
    session = page.evaluate("() => globalThis.fakeCore.session('locked')")
    emit(page, "session", {"session": session, "reason": "idle"})
    expect(page.get_by_role("heading", name="Locked")).to_be_visible()
    assert page.evaluate("() => document.body.textContent.includes('fjord')") is False
