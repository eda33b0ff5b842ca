"""The form "My password was exposed": every key is replaced, and the new kit is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playwright.sync_api import Page, expect

from tests.page.conftest import OPEN, SIGNED_IN, OpenPage, calls, emit, expect_calls

if TYPE_CHECKING:
    from playwright.sync_api import Locator

OLD = "umbrella-cobalt-thirteen-Walrus-meadow"
NEW = "lantern-quarry-seventeen-Otter-violin"
NAME = "My password was exposed"
WRONG = {"code": "wrong-password", "title": "This is not your password.", "detail": "Try again.", "action": None}
OFFLINE = {"code": "not-changed", "title": "No connection.", "detail": "All is as before.", "action": "retry"}


def open_form(open_page: OpenPage, **scenario: Any) -> tuple[Page, Locator]:
    page = open_page({**SIGNED_IN, **scenario}, f"{OPEN}#settings")
    page.get_by_role("button", name=NAME).click()
    return page, page.get_by_role("form", name=NAME)


def fill(form: Locator, *, current: str = OLD, new: str = NEW, confirmation: str = NEW) -> None:
    form.get_by_label("Current password").fill(current)
    form.get_by_label("New password", exact=True).fill(new)
    form.get_by_label("Confirm new password").fill(confirmation)


def replace(form: Locator) -> None:
    form.get_by_role("button", name="Replace my keys").click()


def kit(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Save your recovery kit")


def test_keys_are_replaced_the_kit_is_saved_and_the_focus_goes_back(open_page: OpenPage) -> None:
    page, form = open_form(open_page)
    expect(form.get_by_label("Current password")).to_be_focused()
    fill(form)
    page.keyboard.press("Enter")
    expect(kit(page)).to_contain_text("M1ZE-S4GQ")
    expect(kit(page)).to_contain_text("The kit that you had before no longer works.")
    assert calls(page, "rotate_account_keys") == [[OLD, NEW, False]]
    kit(page).get_by_role("checkbox", name="I have saved my recovery kit").check()
    kit(page).get_by_role("button", name="Continue").press("Enter")
    expect(page.get_by_role("heading", name="Settings", level=1)).to_be_visible()
    expect(page.get_by_text("Your keys are replaced.")).to_be_visible()
    expect(page.get_by_role("button", name=NAME)).to_be_focused()
    expect(page.get_by_label("Current password")).to_have_count(0)


def test_the_identity_is_replaced_on_request_and_contacts_are_thought_of(open_page: OpenPage) -> None:
    page, form = open_form(open_page)
    identity = form.get_by_role("checkbox", name="Also replace my identity key")
    expect(identity).not_to_be_checked()
    expect(form).to_contain_text("told that your key changed, cannot write there until they accept the new one")
    identity.check()
    fill(form)
    replace(form)
    expect(kit(page)).to_be_visible()
    assert calls(page, "rotate_account_keys") == [[OLD, NEW, True]]


def test_progress_is_told_and_nothing_can_be_asked_for_twice(open_page: OpenPage) -> None:
    page, form = open_form(open_page, held=["rotation"])
    fill(form)
    replace(form)
    progress = page.get_by_role("progressbar", name="Replacing your keys")
    expect(progress).to_be_visible()
    emit(page, "progress", {"task": "rotation", "done": 3, "total": 4})
    emit(page, "progress", {"task": "export", "done": 1, "total": 2})
    expect(form).to_contain_text("All of it is done, or nothing.")
    for name in ("Replace my keys", "Cancel"):
        form.get_by_role("button", name=name).click(force=True)
    expect(form).to_be_visible()
    assert len(expect_calls(page, "rotate_account_keys", 1)) == 1


def test_a_wrong_password_is_said_at_its_field_and_the_form_keeps_the_rest(open_page: OpenPage) -> None:
    page, form = open_form(open_page, problems={"rotate_account_keys": WRONG})
    fill(form, current="wrong")
    replace(form)
    expect(form.get_by_role("alert")).to_contain_text("This is not your password.")
    expect(form.get_by_label("Current password")).to_be_focused()
    expect(form.get_by_label("New password", exact=True)).to_have_value(NEW)
    expect(page.get_by_role("progressbar", name="Replacing your keys")).to_have_count(0)
    expect(kit(page)).to_have_count(0)


def test_what_did_not_go_through_can_be_tried_again(open_page: OpenPage) -> None:
    page, form = open_form(open_page, problems={"rotate_account_keys": OFFLINE})
    fill(form)
    replace(form)
    expect(form.get_by_role("alert")).to_contain_text("All is as before.")
    page.evaluate("globalThis.fakeCore.scenario.problems = {}")
    form.get_by_role("button", name="Try again").click()
    expect(kit(page)).to_be_visible()


def test_nothing_is_sent_without_what_is_needed(open_page: OpenPage) -> None:
    page, form = open_form(open_page)
    fill(form, current="", confirmation="another")
    replace(form)
    expect(form.get_by_role("alert")).to_have_count(2)
    expect(form.get_by_label("Current password")).to_be_focused()
    assert calls(page, "rotate_account_keys") == []


def test_locking_does_not_take_the_unsaved_kit_away(open_page: OpenPage) -> None:
    page, form = open_form(open_page)
    fill(form)
    replace(form)
    expect(kit(page)).to_be_visible()
    session = page.evaluate("globalThis.fakeCore.session('locked')")
    emit(page, "session", {"session": session, "reason": "idle"})
    expect(page.get_by_role("heading", name="Locked")).to_be_attached()
    expect(kit(page)).to_contain_text("M1ZE-S4GQ")
    kit(page).get_by_role("checkbox").check()
    kit(page).get_by_role("button", name="Continue").click()
    expect(kit(page)).to_have_count(0)
    assert "M1ZE-S4GQ" not in page.content()


def test_the_kit_alone_is_printed(open_page: OpenPage) -> None:
    page, form = open_form(open_page)
    fill(form)
    replace(form)
    expect(kit(page)).to_be_visible()
    page.emulate_media(media="print")
    expect(page.locator(".kit-print")).to_be_visible()
    expect(page.get_by_role("heading", name="Settings", level=1)).to_be_hidden()
