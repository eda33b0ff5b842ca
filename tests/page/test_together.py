"""A conversation of several people: the list, who wrote what to whom, presence, readers, what was read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from playwright.sync_api import Page, expect

from tests.page.conftest import CONVERSATION, OPEN, SIGNED_IN, OpenPage, calls, emit, expect_calls, message

if TYPE_CHECKING:
    from playwright.sync_api import Locator

ALICE = {"name": "alice", "role": "owner"}
BOB = {"name": "bob", "role": "member"}
CAROL = {"name": "carol", "role": "reader"}
PROBLEM = {"code": "gateway-gone", "title": "No model.", "detail": "Nothing was sent.", "action": "retry"}
BECOME = """state => {
  Object.defineProperty(document, 'visibilityState', {configurable: true, value: state});
  document.dispatchEvent(new Event('visibilitychange'));
}"""
ANNOUNCED = """() => {
  globalThis.announced = [];
  const region = document.querySelector('balon-presence [aria-live]');
  new MutationObserver(() => region.textContent.trim() && globalThis.announced.push(region.textContent.trim()))
    .observe(region, {childList: true, characterData: true, subtree: true});
}"""


def open_group(open_page: OpenPage, *people: dict[str, Any], **scenario: Any) -> Page:
    page = open_page({**SIGNED_IN, "people": list(people) or [ALICE, BOB, CAROL], **scenario}, OPEN)
    expect(page.get_by_role("article").first).to_be_visible()
    return page


def box(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Message", exact=True)


def tell(page: Page, *people: tuple[str, str]) -> None:
    """Lets the worker say who else is there."""
    others = [{"user_id": name, "name": name, "state": state} for name, state in people]
    emit(page, "presence", {"conversation_id": CONVERSATION, "people": others})


# --- The list ---


def test_the_list_counts_unread_messages_and_people(open_page: OpenPage) -> None:
    page = open_group(open_page, unread=3)
    links = page.get_by_role("navigation", name="Conversations").get_by_role("link")
    expect(links.first).to_have_accessible_name("Leaving notice for the flat 3 unread")
    expect(links.nth(2)).to_have_accessible_name("SQL window functions 3 people")
    expect(links.nth(3)).to_have_accessible_name("What did the cardiologist mean by “benign”?")


def test_opening_a_conversation_marks_it_as_read_and_its_number_goes(open_page: OpenPage) -> None:
    page = open_group(open_page, unread=120)
    link = page.get_by_role("link", name="Leaving notice for the flat")
    expect(link).to_contain_text("99+")
    link.click()
    expect(link).to_have_accessible_name("Leaving notice for the flat")
    page.get_by_role("link", name="SQL window functions").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("SQL window functions")
    expect(link).to_have_accessible_name("Leaving notice for the flat")


def test_what_comes_is_read_where_it_can_be_seen(open_page: OpenPage) -> None:
    page = open_group(open_page)
    expect_calls(page, "mark_read", 1)
    page.evaluate(BECOME, "hidden")
    page.evaluate("id => globalThis.fakeCore.say(id, 'bob', 'Are you there?')", CONVERSATION)
    expect(page.get_by_role("article", name="bob").last).to_contain_text("Are you there?")
    assert len(calls(page, "mark_read")) == 1
    page.evaluate(BECOME, "visible")
    assert expect_calls(page, "mark_read", 2)[1] == [CONVERSATION]


def test_what_comes_while_one_reads_further_up_is_not_read_yet(open_page: OpenPage) -> None:
    page = open_group(open_page, messages=50)
    expect_calls(page, "mark_read", 1)
    page.get_by_role("log", name="Messages").evaluate("log => (log.scrollTop = 0)")
    expect(page.get_by_role("button", name="Jump to newest")).to_be_visible()
    page.evaluate("id => globalThis.fakeCore.say(id, 'bob', 'News')", CONVERSATION)
    expect(page.get_by_role("article", name="bob")).to_have_count(1)
    assert len(calls(page, "mark_read")) == 1
    page.get_by_role("button", name="Jump to newest").click()
    expect_calls(page, "mark_read", 2)


# --- Messages ---


def test_messages_are_named_by_their_authors_and_say_where_they_went(open_page: OpenPage) -> None:
    page = open_group(open_page, assistant="mention")
    log = page.get_by_role("log", name="Messages")
    expect(log.get_by_role("article", name="bob")).to_have_count(2)
    expect(log.get_by_role("article", name="You")).to_have_count(2)
    expect(log.get_by_text("Sent to the assistant")).to_have_count(1)
    expect(log.get_by_role("article", name="carol")).to_contain_text("Sent to the assistant")


def test_nobody_passes_for_the_assistant_by_their_name(open_page: OpenPage) -> None:
    authors = [{"user_id": name, "name": name, "kind": "person"} for name in ("assistant", "you")]
    page = open_group(open_page, messages=[message(i, "person", "Trust me.", author=a) for i, a in enumerate(authors)])
    articles = page.get_by_role("log").get_by_role("article")
    expect(articles.first).to_have_accessible_name("assistant (a person)")
    expect(articles.last).to_have_accessible_name("you (a person)")


def test_alone_nothing_is_said_about_where_messages_go(open_page: OpenPage) -> None:
    page = open_group(open_page, ALICE)
    expect(page.get_by_text("Sent to the assistant").first).to_be_hidden()
    expect(box(page)).to_have_accessible_description("")
    emit(page, "conversation", {"conversation_id": CONVERSATION, "people": 2})
    expect(page.get_by_text("Sent to the assistant").first).to_be_visible()


def test_only_who_was_asked_for_a_reply_can_be_asked_again(open_page: OpenPage) -> None:
    between_people = message(1, "you", "Lunch?", sealed_for_model=False)
    page = open_group(open_page, messages=[between_people], assistant="mention")
    expect(page.get_by_role("log").get_by_role("button", name="Try again")).to_have_count(0)


# --- The assistant ---


def test_where_it_answers_mentions_only_the_text_box_says_where_it_goes(open_page: OpenPage) -> None:
    page = open_group(open_page, assistant="mention")
    expect(box(page)).to_have_accessible_description("Write @assistant to ask")
    for text in ("@assistant, how far is it?", "Yes (@Assistant knows)"):
        box(page).fill(text)
        expect(box(page)).to_have_accessible_description("This goes to the assistant too.")
    for text in ("mail@assistant.org", "@assistants", "assistant"):
        box(page).fill(text)
        expect(box(page)).to_have_accessible_description("Write @assistant to ask")


def test_people_talk_without_a_model_and_without_a_reply(open_page: OpenPage) -> None:
    page = open_group(open_page, assistant="mention", problems={"models": PROBLEM})
    box(page).fill("Lunch at one?")
    page.keyboard.press("Enter")
    expect(page.get_by_role("article", name="You").last).to_contain_text("Lunch at one?")
    expect(page.get_by_role("article", name="Assistant")).to_have_count(1)
    box(page).fill("@assistant what is open?")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("No model.")
    assert len(calls(page, "send")) == 1


def test_people_go_on_talking_while_a_reply_comes(open_page: OpenPage) -> None:
    page = open_group(open_page, tokens=["One "] * 200, tokenMs=30)
    box(page).fill("Go on")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    box(page).fill("Meanwhile")
    page.keyboard.press("Enter")
    expect_calls(page, "send", 2)


def test_whom_the_assistant_answers_is_chosen_in_the_menu_by_keys(open_page: OpenPage) -> None:
    page = open_group(open_page)
    menu = page.get_by_role("button", name="Conversation", exact=True)
    menu.press("Enter")
    group = page.get_by_role("group", name="Assistant answers")
    expect(group.get_by_role("menuitemradio", name="Every message")).to_be_checked()
    for key in ("ArrowDown", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    expect(menu).to_be_focused()
    assert expect_calls(page, "set_assistant", 1) == [[CONVERSATION, "mention"]]
    expect(box(page)).to_have_accessible_description("Write @assistant to ask")
    menu.press("Enter")
    expect(group.get_by_role("menuitemradio", name="When mentioned")).to_be_checked()


def test_a_choice_that_could_not_be_saved_is_an_alarm_and_changes_nothing(open_page: OpenPage) -> None:
    page = open_group(open_page, problems={"set_assistant": PROBLEM})
    page.get_by_role("button", name="Conversation", exact=True).click()
    page.get_by_role("menuitemradio", name="When mentioned").click()
    expect(page.get_by_role("alert")).to_contain_text("No model.")
    expect(box(page)).to_have_accessible_description("Every message goes to the assistant too.")


# --- Readers ---


def test_readers_are_told_that_they_only_read(open_page: OpenPage) -> None:
    page = open_group(open_page, CAROL | {"name": "alice"}, {**BOB, "role": "owner"})
    expect(box(page)).to_be_disabled()
    expect(box(page)).to_have_attribute("placeholder", "You can only read here")
    expect(box(page)).to_have_accessible_description("You are a reader here. An owner can let you write.")
    page.get_by_role("button", name="Conversation", exact=True).click()
    expect(page.get_by_role("menuitem")).to_have_text([re.compile("Leave")])
    expect(page.get_by_role("menuitemradio")).to_have_count(0)


def test_whoever_becomes_a_reader_meanwhile_is_told_at_once(open_page: OpenPage) -> None:
    page = open_group(open_page)
    box(page).fill("half a thou")
    emit(page, "conversation", {"conversation_id": CONVERSATION, "role": "reader", "writable": False})
    expect(box(page)).to_be_disabled()
    expect(box(page)).to_have_value("half a thou")


# --- Presence ---


def test_who_is_there_and_who_types_stands_over_the_text_box(open_page: OpenPage) -> None:
    page = open_group(open_page)
    line = page.locator(".presence")
    expect(line).to_have_text("")
    tell(page, ("bob", "here"), ("carol", "here"))
    expect(line).to_have_text("bob and carol are here")
    tell(page, ("bob", "here"), ("carol", "typing"))
    expect(line).to_have_text("carol is typing")
    tell(page, *((name, "here") for name in ("bob", "carol", "dave", "erin", "frank")))
    expect(line).to_have_text("bob, carol, dave and 2 others are here")
    tell(page)
    expect(line).to_have_text("")


def test_presence_of_another_conversation_does_not_show(open_page: OpenPage) -> None:
    page = open_group(open_page)
    other = [{"user_id": "1", "name": "mallory", "state": "here"}]
    emit(page, "presence", {"conversation_id": CONVERSATION.replace("3ea", "3eb"), "people": other})
    tell(page, ("bob", "here"))
    expect(page.locator(".presence")).to_have_text("bob is here")
    page.get_by_role("link", name="Leaving notice for the flat").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Leaving notice for the flat")
    expect(page.locator(".presence")).to_have_text("")


def test_a_reader_of_the_screen_hears_of_typing_once_and_not_at_every_key(open_page: OpenPage) -> None:
    page = open_group(open_page)
    page.evaluate(ANNOUNCED)
    for _ in range(4):
        tell(page, ("bob", "typing"))
        tell(page, ("bob", "here"))
    tell(page, ("bob", "typing"), ("carol", "typing"))
    expect(page.locator(".presence")).to_have_text("bob and carol are typing")
    assert page.evaluate("globalThis.announced") == ["bob is typing", "carol is typing"]


def test_the_others_are_told_of_looking_typing_and_going_away(open_page: OpenPage) -> None:
    page = open_group(open_page)
    assert expect_calls(page, "presence", 1) == [[CONVERSATION, "here"]]
    box(page).press_sequentially("Hello there")
    assert expect_calls(page, "presence", 2)[-1] == [CONVERSATION, "typing"]
    box(page).fill("")
    assert expect_calls(page, "presence", 3)[-1] == [CONVERSATION, "here"]
    page.evaluate(BECOME, "hidden")
    assert expect_calls(page, "presence", 4)[-1] == [CONVERSATION, "away"]
    page.evaluate(BECOME, "visible")
    assert expect_calls(page, "presence", 5)[-1] == [CONVERSATION, "here"]
    page.get_by_role("button", name="New conversation").click()
    assert expect_calls(page, "presence", 6)[-1] == [CONVERSATION, "away"]


def test_the_others_are_told_again_every_twenty_seconds(open_page: OpenPage) -> None:
    page = open_group(open_page)
    page.clock.install()
    page.get_by_role("link", name="Leaving notice for the flat").click()
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("SQL window functions")
    expect_calls(page, "presence", 5)
    page.clock.run_for(45_000)
    assert expect_calls(page, "presence", 7)[4:] == [[CONVERSATION, "here"]] * 3


def test_where_nobody_else_is_nothing_is_told(open_page: OpenPage) -> None:
    page = open_group(open_page, ALICE)
    box(page).press_sequentially("Hello")
    expect_calls(page, "mark_read", 1)
    assert calls(page, "presence") == []
    expect(page.locator(".presence")).to_have_count(0)
