"""Safety numbers, and what happens when somebody's key changes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from playwright.sync_api import Page, expect

from tests.page.conftest import CONVERSATION, OPEN, SIGNED_IN, OpenPage, calls, expect_calls

if TYPE_CHECKING:
    from playwright.sync_api import Locator

ALICE = {"name": "alice", "role": "owner"}
BOB = {"name": "bob", "role": "member"}
BOB_ID = "01890000-0000-7000-8000-000000000002"
NEW_KEY = {**BOB, "key_changed": True}
OFFLINE = {"code": "offline", "title": "No connection.", "detail": "Nothing was changed.", "action": "retry"}
DRAWN = """svg => {
  const {width, height} = svg.viewBox.baseVal;
  const rows = Array.from({length: height}, () => Array(width).fill(0));
  for (const [, x, y] of svg.querySelector('path').getAttribute('d').matchAll(/M(\\d+) (\\d+)h1v1h-1z/g)) rows[y][x] = 1;
  return rows;
}"""


def open_conversation(open_page: OpenPage, *people: dict[str, Any], **scenario: Any) -> Page:
    page = open_page({**SIGNED_IN, "people": [ALICE, *people], **scenario}, OPEN)
    expect(page.get_by_role("article").first).to_be_visible()
    return page


def members(page: Page) -> Locator:
    page.get_by_role("button", name="Members").click()
    return page.get_by_role("dialog", name="Members")


def verify(page: Page) -> Locator:
    row = members(page).get_by_role("listitem").filter(has_text="bob")
    row.get_by_role("button", name="Verify").click()
    return page.get_by_role("dialog", name="Safety number")


def test_the_number_is_twelve_groups_of_five_that_a_reader_spells(open_page: OpenPage) -> None:
    page = open_conversation(open_page, BOB)
    number = verify(page)
    expect(page.get_by_text("Safety number")).to_have_count(1)
    groups = number.get_by_role("listitem")
    expect(groups).to_have_count(12)
    for group in groups.all():
        assert re.fullmatch(r"\d{5}", group.inner_text())
        expect(group.get_by_role("img", name=" ".join(group.inner_text()), exact=True)).to_be_visible()


def test_the_qr_code_holds_the_same_digits(open_page: OpenPage) -> None:
    page = open_conversation(open_page, BOB)
    number = verify(page)
    digits = " ".join(number.get_by_role("listitem").all_inner_texts())
    rows = number.get_by_role("img", name="The same digits as a QR code").evaluate(DRAWN)
    assert page.evaluate("rows => import('/static/fences.js').then(({readQr}) => readQr(rows))", rows) == digits


def test_the_number_can_be_copied_for_another_channel(open_page: OpenPage) -> None:
    page = open_conversation(open_page, BOB)
    number = verify(page)
    number.get_by_role("button", name="Copy").click()
    expect(number).to_contain_text("Copied.")
    digits = " ".join(number.get_by_role("listitem").all_inner_texts())
    assert page.evaluate("navigator.clipboard.readText()") == digits


def test_verifying_is_told_taken_back_and_gives_the_focus_back(open_page: OpenPage) -> None:
    page = open_conversation(open_page, BOB)
    number = verify(page)
    number.get_by_role("button", name="Mark as verified").press("Enter")
    expect(number).to_contain_text("Marked as verified, on all your devices.")
    expect(number.get_by_role("button", name="Take it back")).to_be_focused()
    page.keyboard.press("Escape")
    row = page.get_by_role("dialog", name="Members").get_by_role("listitem").filter(has_text="bob")
    expect(row).to_contain_text("Verified")
    expect(row.get_by_role("button", name="Verify")).to_be_focused()
    page.keyboard.press("Enter")
    number.get_by_role("button", name="Take it back").click()
    expect(number).to_contain_text("Not verified any more.")
    digits = " ".join(number.get_by_role("listitem").all_inner_texts())
    assert calls(page, "verify_member") == [[BOB_ID, True, digits], [BOB_ID, False, digits]]


def test_what_was_compared_is_verified_and_no_key_that_came_meanwhile(open_page: OpenPage) -> None:
    page = open_conversation(open_page, BOB)
    number = verify(page)
    page.evaluate("globalThis.fakeCore.directory.get('bob').has_new_key = true")
    number.get_by_role("button", name="Mark as verified").click()
    expect(number.get_by_role("alert")).to_contain_text("The key of this person has changed.")
    expect(number).to_contain_text("Not verified")


def test_a_mark_that_could_not_be_saved_is_none(open_page: OpenPage) -> None:
    page = open_conversation(open_page, BOB, problems={"verify_member": OFFLINE})
    number = verify(page)
    number.get_by_role("button", name="Mark as verified").click()
    expect(number.get_by_role("alert")).to_contain_text("No connection.")
    expect(number).to_contain_text("Not verified")


def test_a_changed_key_stops_the_conversation_and_says_what_it_may_mean(open_page: OpenPage) -> None:
    page = open_conversation(open_page, NEW_KEY)
    alert = page.get_by_role("log", name="Messages").get_by_role("alert")
    expect(alert).to_contain_text("The key of a member has changed.")
    expect(alert).to_contain_text("Or somebody stands between you.")
    expect(alert).to_contain_text("by phone or in person")
    expect(alert.get_by_role("listitem")).to_contain_text("bob")
    expect(page.get_by_role("textbox", name="Message", exact=True)).to_be_disabled()


def test_a_changed_key_is_compared_and_accepted_behind_a_question(open_page: OpenPage) -> None:
    page = open_conversation(open_page, NEW_KEY)
    alert = page.get_by_role("log", name="Messages").get_by_role("alert")
    alert.get_by_role("button", name="Compare").click()
    number = page.get_by_role("dialog", name="Safety number")
    expect(number.get_by_role("button", name="Mark as verified")).to_have_count(0)
    digits = " ".join(number.get_by_role("listitem").all_inner_texts())
    page.keyboard.press("Escape")
    alert.get_by_role("button", name="Accept new key").click()
    question = page.get_by_role("alertdialog", name="Accept the new key?")
    expect(question).to_contain_text("they can read what is written together")
    page.keyboard.press("Escape")
    assert calls(page, "accept_key") == []
    alert.get_by_role("button", name="Accept new key").click()
    question.get_by_role("button", name="Accept new key").click()
    expect(alert).to_have_count(0)
    assert expect_calls(page, "accept_key", 1) == [[BOB_ID, digits]]
    expect(page.get_by_role("textbox", name="Message", exact=True)).to_be_enabled()
    expect(members(page).get_by_role("listitem").filter(has_text="bob")).to_contain_text("Not verified")


def test_a_changed_key_is_an_alert_in_its_row_and_accepted_there(open_page: OpenPage) -> None:
    page = open_conversation(open_page, NEW_KEY)
    dialog = members(page)
    row = dialog.get_by_role("listitem").filter(has_text="bob")
    expect(row.get_by_role("alert")).to_contain_text("bob has a new key.")
    row.get_by_role("button", name="Accept new key").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Accept new key").click()
    expect(row.get_by_role("alert")).to_have_count(0)
    expect(dialog.get_by_role("heading", name="Members")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_new_key_accepted_in_the_number_can_then_be_verified(open_page: OpenPage) -> None:
    page = open_conversation(open_page, NEW_KEY)
    number = verify(page)
    number.get_by_role("button", name="Accept new key").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Accept new key").click()
    expect(number.get_by_role("heading", name="Safety number")).to_be_focused()
    number.get_by_role("button", name="Mark as verified").click()
    expect(number).to_contain_text("Marked as verified")


def test_nobody_is_invited_under_a_key_that_changed(open_page: OpenPage) -> None:
    page = open_conversation(open_page)
    page.evaluate("globalThis.fakeCore.directory.get('bob').key_changed = true")
    dialog = members(page)
    dialog.get_by_role("textbox", name="Login name").fill("bob")
    dialog.get_by_role("button", name="Invite").click()
    expect(dialog.get_by_role("alert")).to_contain_text("The key of this person has changed.")
    dialog.get_by_role("alert").get_by_role("button", name="Accept new key").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Accept new key").click()
    expect(dialog.get_by_role("alert")).to_have_count(0)
    dialog.get_by_role("button", name="Invite").click()
    expect(dialog.get_by_role("listitem").filter(has_text="bob")).to_contain_text("Invited as member")
    assert len(calls(page, "invite")) == 2
    assert [user_id for user_id, _ in calls(page, "accept_key")] == [BOB_ID]


def test_a_key_that_could_not_be_accepted_is_not(open_page: OpenPage) -> None:
    page = open_conversation(open_page, NEW_KEY, problems={"accept_key": OFFLINE})
    alert = page.get_by_role("log", name="Messages").get_by_role("alert")
    alert.get_by_role("button", name="Accept new key").click()
    question = page.get_by_role("alertdialog")
    question.get_by_role("button", name="Accept new key").click()
    expect(question.get_by_role("alert")).to_contain_text("No connection.")
    assert len(calls(page, "open_conversation")) == 1
    assert CONVERSATION in page.url
