"""Once a month: can you still recover your account?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playwright.sync_api import Page, expect

from tests.page.conftest import OPEN, SIGNED_IN, OpenPage, calls, expect_calls

if TYPE_CHECKING:
    from playwright.sync_api import Locator

OFFLINE = {"code": "offline", "title": "No connection.", "detail": "It will ask again.", "action": None}


def open_chat(open_page: OpenPage, **scenario: Any) -> Page:
    page = open_page({**SIGNED_IN, "kitDue": True, **scenario}, OPEN)
    expect(page.get_by_role("article").first).to_be_visible()
    return page


def note(page: Page) -> Locator:
    return page.get_by_role("region", name="Can you still recover your account?")


def test_it_leads_to_the_open_form_and_is_gone_after_a_good_check(open_page: OpenPage) -> None:
    page = open_chat(open_page)
    note(page).get_by_role("button", name="Check your kit").press("Enter")
    form = page.get_by_role("form", name="Check your kit")
    expect(form.get_by_role("textbox", name="Recovery kit")).to_be_focused()
    form.get_by_role("textbox", name="Recovery kit").fill("a kit")
    form.get_by_role("button", name="Check your kit").click()
    expect(page.get_by_text("Your kit is good")).to_be_visible()
    page.get_by_role("link", name="Done").click()
    expect(page.get_by_role("article").first).to_be_visible()
    expect(note(page)).to_have_count(0)


def test_the_settings_open_as_always_the_next_time(open_page: OpenPage) -> None:
    page = open_chat(open_page)
    note(page).get_by_role("button", name="Check your kit").click()
    expect(page.get_by_role("form", name="Check your kit")).to_be_visible()
    page.go_back()
    page.go_forward()
    expect(page.get_by_role("heading", name="Settings", level=1)).to_be_focused()
    expect(page.get_by_role("form", name="Check your kit")).to_have_count(0)


def test_later_puts_it_off_and_the_text_box_has_the_focus(open_page: OpenPage) -> None:
    page = open_chat(open_page)
    note(page).get_by_role("button", name="Later").click()
    expect(note(page)).to_have_count(0)
    expect(page.get_by_role("textbox", name="Message", exact=True)).to_be_focused()
    expect_calls(page, "put_off_kit_reminder", 1)


def test_it_stays_where_it_could_not_be_put_off(open_page: OpenPage) -> None:
    page = open_chat(open_page, problems={"put_off_kit_reminder": OFFLINE})
    note(page).get_by_role("button", name="Later").click()
    expect(page.get_by_role("alert")).to_contain_text("It will ask again.")
    expect(note(page)).to_be_visible()


def test_nobody_is_reminded_before_it_is_due(open_page: OpenPage) -> None:
    page = open_chat(open_page, kitDue=False)
    expect_calls(page, "kit_reminder", 1)
    expect(note(page)).to_have_count(0)


def test_a_reminder_that_cannot_be_asked_for_is_none(open_page: OpenPage) -> None:
    page = open_chat(open_page, problems={"kit_reminder": OFFLINE})
    expect_calls(page, "kit_reminder", 1)
    expect(note(page)).to_have_count(0)
    expect(page.get_by_role("alert")).to_have_count(0)
    assert calls(page, "put_off_kit_reminder") == []


def test_whoever_just_saved_a_new_kit_is_not_reminded_of_it(open_page: OpenPage) -> None:
    page = open_page({}, "/#sign-up")
    page.get_by_role("textbox", name="Login name").fill("alice")
    page.get_by_label("Password", exact=True).fill("umbrella-cobalt-thirteen-Walrus-meadow")
    page.get_by_label("Confirm password").fill("umbrella-cobalt-thirteen-Walrus-meadow")
    page.get_by_role("button", name="Create account").click()
    expect_calls(page, "kit_reminder", 1)
    page.get_by_role("checkbox", name="I have saved my recovery kit").check()
    page.get_by_role("button", name="Continue").click()
    expect_calls(page, "put_off_kit_reminder", 1)
    expect(page.get_by_role("textbox", name="Message", exact=True)).to_be_visible()
    expect(note(page)).to_have_count(0)
