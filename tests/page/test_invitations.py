"""Invitations: in the list, on the first page, opened; accepting and declining."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Page, expect

from tests.page.conftest import SIGNED_IN, OpenPage, calls, emit, expect_calls, release

if TYPE_CHECKING:
    from playwright.sync_api import Locator

SAILING = {"by": "bob", "title": "Sailing in June", "role": "member", "share_history": True}
SECRET = {"by": "carol", "title": None, "role": "reader", "share_history": False}
ID = "01890000-0000-7000-8000-000000000384"
OFFLINE = {"code": "offline", "title": "No connection.", "detail": "Nothing was changed.", "action": "retry"}
KEY_CHANGED = {
    "code": "key-changed",
    "title": "The key of a member has changed.",
    "detail": "The invitation was not accepted.",
    "action": None,
}


def open_invitation(open_page: OpenPage, *invitations: dict[str, Any], **scenario: Any) -> Page:
    return open_page({**SIGNED_IN, "invitations": list(invitations) or [SAILING], **scenario}, f"/c/{ID}")


def invitation(page: Page, name: str = "Sailing in June") -> Locator:
    return page.get_by_role("region", name=name)


def test_it_says_from_whom_to_what_as_what_and_opens_nothing(open_page: OpenPage) -> None:
    page = open_invitation(open_page)
    card = invitation(page)
    expect(card.get_by_role("heading", name="Sailing in June")).to_be_focused()
    expect(card).to_contain_text("bob invites you")
    expect(card).to_contain_text("Not verified")
    expect(card).to_contain_text("Member. Reads and writes")
    expect(card).to_contain_text("You can read what was written before.")
    expect(card).to_contain_text("carol")  # who is there already
    expect(page.get_by_role("textbox", name="Message", exact=True)).to_have_count(0)
    expect(page.get_by_role("button", name="Where is plaintext")).to_have_count(0)
    expect(page.get_by_role("button", name="Conversation", exact=True)).to_have_count(0)
    assert calls(page, "mark_read") == calls(page, "presence") == []


def test_what_is_not_shared_is_said(open_page: OpenPage) -> None:
    page = open_invitation(open_page, SECRET)
    card = invitation(page, "A conversation without a title")
    expect(card).to_contain_text("Reader. Reads everything and writes nothing.")
    expect(card).to_contain_text("You read what is written from now on.")


def test_it_stands_first_in_the_list_and_on_the_first_page(open_page: OpenPage) -> None:
    page = open_page({**SIGNED_IN, "invitations": [SAILING, SECRET]})
    navigation = page.get_by_role("navigation", name="Conversations")
    expect(navigation.get_by_role("heading").first).to_have_text("Invitations")
    expect(navigation.get_by_role("link").first).to_have_accessible_name("Sailing in June from bob")
    expect(page.get_by_role("button", name="Accept")).to_have_count(2)
    expect(invitation(page)).to_be_in_viewport()
    invitation(page, "A conversation without a title").get_by_role("button", name="Decline").click()
    expect(page.get_by_role("button", name="Accept")).to_have_count(1)
    expect(invitation(page)).to_be_visible()


def test_accepting_by_keys_opens_the_conversation_and_the_text_box_is_ready(open_page: OpenPage) -> None:
    page = open_page({**SIGNED_IN, "invitations": [SAILING]})
    page.get_by_role("button", name="Accept").press("Enter")
    expect(page.get_by_role("article").first).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sailing in June")
    expect(page.get_by_role("textbox", name="Message", exact=True)).to_be_focused()
    expect(page.get_by_role("heading", name="Invitations")).to_have_count(0)
    assert calls(page, "accept_invitation") == [[ID]]
    assert page.url.endswith(ID)


def test_accepting_where_it_is_open_opens_it_once(open_page: OpenPage) -> None:
    page = open_invitation(open_page)
    invitation(page).get_by_role("button", name="Accept").click()
    expect(page.get_by_role("article").first).to_be_visible()
    expect(page.get_by_role("textbox", name="Message", exact=True)).to_be_focused()
    opened = expect_calls(page, "accept_invitation", 1)
    assert opened == [[ID]]


def test_whoever_went_elsewhere_meanwhile_is_not_taken_back(open_page: OpenPage) -> None:
    page = open_invitation(open_page, held=["accept_invitation"])
    invitation(page).get_by_role("button", name="Accept").click()
    page.get_by_role("link", name="SQL window functions").click()
    expect(page.get_by_role("article").first).to_be_visible()
    release(page, "accept_invitation")
    expect(page.get_by_role("heading", name="Invitations")).to_have_count(0)
    expect(page.get_by_role("heading", level=1)).to_have_text("SQL window functions")


def test_declining_leads_back_without_a_word_about_being_removed(open_page: OpenPage) -> None:
    page = open_invitation(open_page)
    invitation(page).get_by_role("button", name="Decline").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("New conversation")
    expect(page.get_by_role("link", name="Sailing in June")).to_have_count(0)
    expect(page.get_by_text("is no longer here")).to_have_count(0)
    assert calls(page, "decline_invitation") == [[ID]]


@pytest.mark.parametrize("answer", ["Accept", "Decline"])
def test_an_answer_that_is_refused_can_be_given_again(open_page: OpenPage, answer: str) -> None:
    name = f"{answer.lower()}_invitation"
    page = open_invitation(open_page, problems={name: OFFLINE})
    invitation(page).get_by_role("button", name=answer).click()
    expect(invitation(page).get_by_role("alert")).to_contain_text("No connection.")
    page.evaluate("globalThis.fakeCore.scenario.problems = {}")
    invitation(page).get_by_role("button", name="Try again").click()
    expect(invitation(page)).to_have_count(0)
    assert len(calls(page, name)) == 2


def test_an_invitation_that_is_taken_back_goes(open_page: OpenPage) -> None:
    page = open_invitation(open_page)
    expect(invitation(page)).to_be_visible()
    emit(page, "removed", {"conversation_id": ID})
    expect(invitation(page)).to_have_count(0)
    expect(page.get_by_text("Sailing in June is no longer here")).to_be_visible()


def test_an_invitation_accepted_on_another_device_opens_here_too(open_page: OpenPage) -> None:
    page = open_invitation(open_page)
    expect(invitation(page)).to_be_visible()
    page.evaluate("globalThis.fakeCore.items.find(({invitation}) => invitation).invitation = null")
    items = page.evaluate("globalThis.fakeCore.items")
    emit(page, "conversations", {"conversations": items, "more": False})
    expect(page.get_by_role("article").first).to_be_visible()


def test_whoever_invites_can_be_verified_before(open_page: OpenPage) -> None:
    page = open_invitation(open_page)
    invitation(page).get_by_role("button", name="Verify").click()
    number = page.get_by_role("dialog", name="Safety number")
    number.get_by_role("button", name="Mark as verified").click()
    page.keyboard.press("Escape")
    expect(invitation(page)).to_contain_text("Verified")
    expect(invitation(page)).not_to_contain_text("So far only the server says")
    expect(invitation(page).get_by_role("button", name="Verify")).to_be_focused()


def test_under_a_changed_key_nothing_is_accepted(open_page: OpenPage) -> None:
    page = open_invitation(open_page, problems={"accept_invitation": KEY_CHANGED})
    expect(invitation(page)).to_be_visible()
    page.evaluate("globalThis.fakeCore.directory.get('bob').key_changed = true")
    invitation(page).get_by_role("button", name="Accept", exact=True).click()
    alert = invitation(page).get_by_role("alert")
    expect(alert).to_contain_text("The invitation was not accepted.")
    page.evaluate("globalThis.fakeCore.scenario.problems = {}")
    alert.get_by_role("button", name="Accept new key").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Accept new key").click()
    expect(alert).to_have_count(0)
    invitation(page).get_by_role("button", name="Accept", exact=True).click()
    expect(page.get_by_role("article").first).to_be_visible()
