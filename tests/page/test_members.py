"""Members of a conversation: who is there, roles, removal, leaving, inviting, by their accessible names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Page, expect

from tests.page.conftest import CONVERSATION, OPEN, SIGNED_IN, OpenPage, calls, emit, expect_calls, release

if TYPE_CHECKING:
    from playwright.sync_api import Locator

ALICE = {"name": "alice", "role": "owner"}
BOB = {"name": "bob", "role": "member"}
CAROL = {"name": "carol", "role": "reader"}
BOB_ID, CAROL_ID = "01890000-0000-7000-8000-000000000002", "01890000-0000-7000-8000-000000000003"
SESSION_LIKELY = 'indexedDB.open("balon-session", 1);'
OFFLINE = {"code": "offline", "title": "No connection.", "detail": "Nothing was changed.", "action": "retry"}


def open_members(open_page: OpenPage, *people: dict[str, Any], **scenario: Any) -> Page:
    page = open_page({**SIGNED_IN, "people": list(people) or [ALICE, BOB, CAROL], **scenario}, OPEN)
    expect(page.get_by_role("article").first).to_be_visible()
    page.get_by_role("button", name="Members").click()
    return page


def dialog(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Members")


def row(page: Page, name: str) -> Locator:
    return dialog(page).get_by_role("listitem").filter(has_text=name)


def invite(page: Page, login: str) -> None:
    dialog(page).get_by_role("textbox", name="Login name").fill(login)
    dialog(page).get_by_role("button", name="Invite").click()


# --- Who is there ---


def test_each_person_stands_there_with_role_and_trust(open_page: OpenPage) -> None:
    invited = {"name": "dave", "role": "invited", "invited_role": "reader"}
    page = open_members(open_page, ALICE, {**BOB, "verified": True}, CAROL, invited)
    expect(dialog(page).get_by_role("listitem")).to_have_count(4)
    expect(row(page, "alice")).to_contain_text("You")
    expect(row(page, "alice")).to_contain_text("Owner")
    expect(row(page, "alice").get_by_role("button", name="Verify")).to_have_count(0)
    expect(row(page, "bob")).to_contain_text("Verified")
    expect(row(page, "bob").get_by_role("combobox", name="Role")).to_have_value("member")
    expect(row(page, "carol")).to_contain_text("Not verified")
    expect(row(page, "dave")).to_contain_text("Invited as reader")
    expect(row(page, "dave").get_by_role("combobox")).to_have_count(0)


def test_alone_one_sees_oneself_and_can_invite_but_not_leave(open_page: OpenPage) -> None:
    page = open_members(open_page, ALICE)
    expect(dialog(page)).to_contain_text("Only you are here.")
    expect(dialog(page).get_by_role("button", name="Leave")).to_have_count(0)
    expect(dialog(page).get_by_role("button", name="Invite")).to_be_visible()


@pytest.mark.parametrize("role", ["member", "reader"])
def test_whoever_owns_nothing_can_look_verify_and_leave(open_page: OpenPage, role: str) -> None:
    page = open_members(open_page, {**ALICE, "role": role}, {**BOB, "role": "owner"})
    expect(row(page, "bob").get_by_role("button")).to_have_text(["Verify"])
    expect(dialog(page).get_by_role("combobox")).to_have_count(0)
    expect(dialog(page).get_by_role("button", name="Invite")).to_have_count(0)
    expect(row(page, "alice").get_by_role("button", name="Leave")).to_be_visible()


def test_members_that_are_asked_for_while_the_page_starts_come_once_it_has(open_page: OpenPage) -> None:
    page = open_page({**SIGNED_IN, "people": [ALICE, BOB], "held": ["boot"]}, OPEN, script=SESSION_LIKELY)
    page.get_by_role("button", name="Members").click()
    expect_calls(page, "boot", 1)
    assert calls(page, "members") == []
    release(page, "boot")
    expect(row(page, "bob")).to_be_visible()


def test_what_changes_elsewhere_shows_while_the_dialog_is_open(open_page: OpenPage) -> None:
    page = open_members(open_page)
    expect(row(page, "carol")).to_be_visible()
    page.evaluate("id => globalThis.fakeCore.rosters.get(id).pop()", CONVERSATION)
    emit(page, "conversation", {"conversation_id": CONVERSATION, "people": 2})
    expect(row(page, "carol")).to_have_count(0)
    expect(page.get_by_role("button", name="Members").locator(".tool-count")).to_have_text("3")  # the list says so
    expect(dialog(page)).to_be_visible()


def test_a_list_that_does_not_come_can_be_asked_for_again(open_page: OpenPage) -> None:
    page = open_members(open_page, problems={"members": OFFLINE})
    expect(dialog(page).get_by_role("alert")).to_contain_text("No connection.")
    page.evaluate("globalThis.fakeCore.scenario.problems = {}")
    dialog(page).get_by_role("button", name="Try again").click()
    expect(row(page, "bob")).to_be_visible()


# --- Roles ---


def test_a_role_is_chosen_then_confirmed_and_the_focus_stays(open_page: OpenPage) -> None:
    page = open_members(open_page)
    role = row(page, "bob").get_by_role("combobox", name="Role")
    role.select_option("Reader")
    expect(row(page, "bob")).to_contain_text("bob becomes a reader. Reads everything and writes nothing.")
    assert calls(page, "change_role") == []
    row(page, "bob").get_by_role("button", name="Change role").click()
    assert expect_calls(page, "change_role", 1) == [[CONVERSATION, BOB_ID, "reader"]]
    expect(dialog(page)).to_contain_text("bob is a reader now.")
    expect(role).to_be_focused()
    expect(row(page, "bob").get_by_role("button", name="Change role")).to_have_count(0)


def test_a_role_that_was_chosen_by_mistake_is_kept(open_page: OpenPage) -> None:
    page = open_members(open_page)
    role = row(page, "bob").get_by_role("combobox", name="Role")
    role.focus()
    page.keyboard.press("ArrowUp")
    expect(role).to_have_value("owner")
    row(page, "bob").get_by_role("button", name="Keep").press("Enter")
    expect(role).to_have_value("member")
    expect(role).to_be_focused()
    assert calls(page, "change_role") == []


def test_a_refused_change_of_a_role_says_why_and_changes_nothing(open_page: OpenPage) -> None:
    page = open_members(open_page, problems={"change_role": OFFLINE})
    row(page, "bob").get_by_role("combobox", name="Role").select_option("Owner")
    row(page, "bob").get_by_role("button", name="Change role").click()
    expect(dialog(page).get_by_role("alert")).to_contain_text("Nothing was changed.")
    expect(dialog(page)).not_to_contain_text("bob is an owner now")


# --- Removing and leaving ---


def test_removing_asks_once_more_and_says_what_it_means(open_page: OpenPage) -> None:
    page = open_members(open_page)
    row(page, "bob").get_by_role("button", name="Remove").click()
    question = page.get_by_role("alertdialog")
    expect(question).to_contain_text("the conversation gets a new key")
    expect(question.get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Escape")
    expect(row(page, "bob").get_by_role("button", name="Remove")).to_be_focused()
    assert calls(page, "remove_member") == []
    row(page, "bob").get_by_role("button", name="Remove").click()
    question.get_by_role("button", name="Remove").click()
    expect(row(page, "bob").get_by_role("button")).to_have_count(0)
    expect(dialog(page)).to_contain_text("bob is removed.")
    expect(dialog(page).get_by_role("heading", name="Members")).to_be_focused()
    assert calls(page, "remove_member") == [[CONVERSATION, BOB_ID]]


def test_an_invitation_is_taken_back(open_page: OpenPage) -> None:
    page = open_members(open_page, ALICE, {**CAROL, "role": "invited", "invited_role": "member"})
    row(page, "carol").get_by_role("button", name="Remove").click()
    question = page.get_by_role("alertdialog", name="Take back the invitation?")
    question.get_by_role("button", name="Remove").click()
    expect(dialog(page)).to_contain_text("The invitation of carol is taken back.")
    assert calls(page, "remove_member") == [[CONVERSATION, CAROL_ID]]


def test_a_removal_that_is_refused_stays_in_the_question(open_page: OpenPage) -> None:
    page = open_members(open_page, problems={"remove_member": OFFLINE})
    row(page, "bob").get_by_role("button", name="Remove").click()
    question = page.get_by_role("alertdialog")
    question.get_by_role("button", name="Remove").click()
    expect(question.get_by_role("alert")).to_contain_text("No connection.")
    page.keyboard.press("Escape")
    expect(row(page, "bob")).to_be_visible()


def test_the_last_owner_is_told_what_to_do_first(open_page: OpenPage) -> None:
    page = open_members(open_page)
    row(page, "alice").get_by_role("button", name="Leave").click()
    question = page.get_by_role("alertdialog", name="You cannot leave yet")
    expect(question).to_contain_text("Make somebody else an owner first")
    question.get_by_role("button", name="Close").click()
    expect(row(page, "alice").get_by_role("button", name="Leave")).to_be_focused()
    assert calls(page, "leave") == []


def test_one_of_two_owners_leaves_from_the_list(open_page: OpenPage) -> None:
    page = open_members(open_page, ALICE, {**BOB, "role": "owner"})
    row(page, "alice").get_by_role("button", name="Leave").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Leave").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("New conversation")
    expect(page.get_by_role("textbox", name="Message", exact=True)).to_be_focused()
    expect(page.get_by_text("is no longer here")).to_have_count(0)
    assert calls(page, "leave") == [[CONVERSATION]]


def test_a_member_leaves_by_the_menu_and_cannot_delete(open_page: OpenPage) -> None:
    page = open_page({**SIGNED_IN, "people": [{**ALICE, "role": "member"}, {**BOB, "role": "owner"}]}, OPEN)
    expect(page.get_by_role("article").first).to_be_visible()
    page.get_by_role("button", name="Conversation", exact=True).click()
    expect(page.get_by_role("menuitem", name="Rename")).to_be_visible()
    expect(page.get_by_role("menuitem", name="Delete")).to_have_count(0)
    page.get_by_role("menuitem", name="Leave").click()
    question = page.get_by_role("alertdialog", name="Leave this conversation?")
    expect(question).to_contain_text("Only an owner can invite you again.")
    question.get_by_role("button", name="Leave").click()
    expect(page.get_by_role("link", name="SQL window functions")).to_have_count(0)
    assert calls(page, "leave") == [[CONVERSATION]]


def test_whoever_is_removed_while_they_look_is_told(open_page: OpenPage) -> None:
    page = open_members(open_page)
    expect(row(page, "bob")).to_be_visible()
    emit(page, "removed", {"conversation_id": CONVERSATION})
    expect(dialog(page)).to_have_count(0)
    expect(page.get_by_text("SQL window functions is no longer here")).to_be_visible()
    page.get_by_role("button", name="Understood").click()
    expect(page.get_by_text("is no longer here")).to_have_count(0)
    expect(page.get_by_role("textbox", name="Message", exact=True)).to_be_focused()


# --- Inviting ---


def test_inviting_by_keys_alone_is_told_and_the_field_is_ready_for_the_next(open_page: OpenPage) -> None:
    page = open_members(open_page)
    login = dialog(page).get_by_role("textbox", name="Login name")
    login.focus()
    page.keyboard.type("  Dave ")
    page.keyboard.press("Enter")
    expect(dialog(page)).to_contain_text("dave is invited as a member.")
    assert calls(page, "invite") == [[CONVERSATION, "dave", "member", False]]
    expect(row(page, "dave")).to_contain_text("Invited as member")
    expect(login).to_be_focused()
    expect(login).to_have_value("")


def test_role_and_earlier_messages_are_chosen_and_say_what_they_mean(open_page: OpenPage) -> None:
    page = open_members(open_page)
    form = dialog(page).get_by_role("form", name="Invite")
    form.get_by_role("combobox", name="Role").select_option("Reader")
    expect(form).to_contain_text("Reads everything and writes nothing.")
    share = form.get_by_role("checkbox", name="Share earlier messages")
    expect(share).not_to_be_checked()
    expect(share).to_have_accessible_description(re.compile("nothing of what came before"))
    share.check()
    expect(share).to_have_accessible_description(re.compile("cannot be taken back"))
    invite(page, "erin")
    expect(row(page, "erin")).to_contain_text("Invited as reader")
    assert calls(page, "invite") == [[CONVERSATION, "erin", "reader", True]]


@pytest.mark.parametrize(
    ("login", "people", "text"),
    [
        ("nobody", [ALICE, BOB], "Nobody has this login name."),
        ("bob", [ALICE, BOB], "This person is here already."),
        ("dave", [ALICE, *({**BOB, "name": "carol"},) * 7], "This conversation is full."),
    ],
)
def test_what_is_wrong_with_the_person_is_said_at_the_name(
    open_page: OpenPage, login: str, people: list[dict[str, Any]], text: str
) -> None:
    page = open_members(open_page, *people)
    invite(page, login)
    field = dialog(page).get_by_role("textbox", name="Login name")
    expect(dialog(page).get_by_role("alert")).to_contain_text(text)
    expect(field).to_have_accessible_description(re.compile(re.escape(text)))
    expect(field).to_be_focused()
    expect(field).to_have_value(login)
    field.press("x")
    expect(dialog(page).get_by_role("alert")).to_have_count(0)


def test_what_is_wrong_with_the_form_of_a_name_is_said_before_anything_is_sent(open_page: OpenPage) -> None:
    page = open_members(open_page)
    invite(page, "no body")
    expect(dialog(page).get_by_role("alert")).to_contain_text("Use 3 to 254 characters")
    expect(dialog(page).get_by_role("textbox", name="Login name")).to_be_focused()
    assert calls(page, "invite") == calls(page, "find_person") == []


def test_what_does_not_concern_the_name_stands_over_the_form(open_page: OpenPage) -> None:
    page = open_members(open_page, problems={"invite": OFFLINE})
    invite(page, "dave")
    expect(dialog(page).get_by_role("alert")).to_contain_text("No connection.")
    page.evaluate("globalThis.fakeCore.scenario.problems = {}")
    dialog(page).get_by_role("button", name="Try again").click()
    expect(row(page, "dave")).to_be_visible()


def test_whoever_is_about_to_be_invited_can_be_compared_before(open_page: OpenPage) -> None:
    page = open_members(open_page)
    dialog(page).get_by_role("textbox", name="Login name").fill("dave")
    page.keyboard.press("Tab")
    dialog(page).get_by_role("button", name="Compare first").click()
    page.get_by_role("dialog", name="Safety number").get_by_role("button", name="Mark as verified").click()
    page.get_by_role("dialog", name="Safety number").get_by_role("button", name="Close").click()
    expect(dialog(page).get_by_role("form", name="Invite")).to_contain_text("Verified")
    dialog(page).get_by_role("button", name="Invite").click()
    expect(row(page, "dave")).to_contain_text("Verified")
