"""Long conversations: the place on screen, older pages, and what thousands of messages may cost."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.page.conftest import CONVERSATION, OPEN, SIGNED_IN, OpenPage, calls, emit, message

LONG = {**SIGNED_IN, "messages": 400}
FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
FIRST_VISIBLE = """log => {
  const top = log.getBoundingClientRect().top;
  const article = [...log.querySelectorAll('article')].find(each => each.getBoundingClientRect().bottom > top + 1);
  return [article.querySelector('.body').textContent.slice(0, 40), article.getBoundingClientRect().top - top];
}"""


def log(page: Page) -> Locator:
    return page.get_by_role("log", name="Messages")


def distance(page: Page) -> float:
    """How far the log is from its end, in px."""
    page.evaluate(FRAMES)
    found: float = log(page).evaluate("log => log.scrollHeight - log.scrollTop - log.clientHeight")
    return found


def open_long(open_page: OpenPage, **scenario: Any) -> Page:
    page = open_page({**LONG, **scenario}, OPEN)
    expect(log(page).get_by_role("article").last).to_contain_text("Answer")
    expect(log(page).get_by_role("article").last.locator("strong")).to_be_attached()
    return page


def wheel(page: Page, dy: int) -> None:
    """Turns the wheel over the log and waits until it moved."""
    before = log(page).evaluate("log => log.scrollTop")
    log(page).hover()
    page.mouse.wheel(0, dy)
    for _ in range(100):
        page.evaluate(FRAMES)
        if log(page).evaluate("log => log.scrollTop") != before:
            return
    raise AssertionError("the log did not move")


def send(page: Page, text: str = "Go on") -> None:
    page.get_by_role("textbox", name="Message", exact=True).fill(text)
    page.keyboard.press("Enter")


def test_a_conversation_opens_at_its_end(open_page: OpenPage) -> None:
    page = open_long(open_page)
    assert distance(page) < 2
    expect(page.get_by_role("button", name="Jump to newest")).to_have_count(0)


def test_the_end_is_followed_while_a_reply_streams(open_page: OpenPage) -> None:
    page = open_long(open_page, tokens=["A line.\n\n"] * 120, tokenMs=2)
    send(page)
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    expect(log(page).get_by_role("article").last).to_contain_text("A line. A line.")
    assert distance(page) < 2
    expect(page.get_by_role("status")).to_have_text("Saved, encrypted")
    assert distance(page) < 2


def test_who_scrolled_up_stays_there_until_they_jump(open_page: OpenPage) -> None:
    page = open_long(open_page, tokens=["A line.\n\n"] * 80, tokenMs=15)
    send(page)
    expect(log(page).get_by_role("article").last).to_contain_text("A line.")
    wheel(page, -900)
    expect(page.get_by_role("button", name="Jump to newest")).to_be_visible()
    before = log(page).evaluate(FIRST_VISIBLE)
    expect(page.get_by_role("status")).to_have_text("Saved, encrypted")
    after = log(page).evaluate(FIRST_VISIBLE)
    assert after[0] == before[0]
    assert after[1] == pytest.approx(before[1], abs=2)
    page.get_by_role("button", name="Jump to newest").click()
    expect(page.get_by_role("button", name="Jump to newest")).to_have_count(0)
    expect(log(page).get_by_role("article").last).to_be_in_viewport()


def test_what_one_sends_is_shown_even_when_scrolled_up(open_page: OpenPage) -> None:
    page = open_long(open_page, tokens=["Here."])
    wheel(page, -900)
    send(page, "Where did I go?")
    expect(page.get_by_text("Where did I go?")).to_be_in_viewport()


def test_older_pages_come_while_scrolling_back_and_keep_the_place(open_page: OpenPage) -> None:
    page = open_long(open_page, delays={"older_messages": 150})
    articles = log(page).get_by_role("article")
    expect(articles).to_have_count(50)
    log(page).evaluate("log => { log.scrollTop = 300; }")
    expect(page.get_by_text("Loading earlier messages")).to_be_attached()
    before = log(page).evaluate(FIRST_VISIBLE)
    expect(articles).to_have_count(100)
    page.evaluate(FRAMES)
    after = log(page).evaluate(FIRST_VISIBLE)
    assert after[0] == before[0]
    assert after[1] == pytest.approx(before[1], abs=4)


def test_the_beginning_is_said_and_nothing_more_is_asked(open_page: OpenPage) -> None:
    page = open_long(open_page, messages=130)
    articles = log(page).get_by_role("article")
    for count in (100, 130):
        log(page).evaluate("log => { log.scrollTop = 0; }")
        expect(articles).to_have_count(count)
    log(page).evaluate("log => { log.scrollTop = 0; }")
    expect(page.get_by_text("The beginning of this conversation")).to_be_in_viewport()
    expect(articles.first).to_contain_text("Question 0?")
    assert len(calls(page, "older_messages")) == 2


def test_an_older_page_that_does_not_come_can_be_asked_for_again(open_page: OpenPage) -> None:
    problem = {"code": "network", "title": "The server cannot be reached.", "detail": "Try later.", "action": "retry"}
    page = open_long(open_page, problems={"older_messages": problem})
    log(page).evaluate("log => { log.scrollTop = 0; }")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("The server cannot be reached.")
    page.evaluate("globalThis.fakeCore.scenario.problems = {}")
    alert.get_by_role("button", name="Try again").click()
    expect(log(page).get_by_role("article")).to_have_count(100)
    expect(alert).to_have_count(0)


def test_a_conversation_that_is_shorter_than_the_screen_fills_it_with_older_pages(open_page: OpenPage) -> None:
    page = open_page({**SIGNED_IN, "messages": 60, "page": 2}, OPEN, viewport={"width": 1280, "height": 2000})
    expect(log(page).get_by_role("article")).to_have_count(52)


def test_ten_thousand_messages_open_on_their_last_fifty(open_page: OpenPage) -> None:
    """How fast that is, `make bench` tells."""
    page = open_page({**SIGNED_IN, "messages": 10_000}, OPEN)
    expect(log(page).get_by_role("article")).to_have_count(50)
    expect(log(page).get_by_role("article").last).to_be_in_viewport()
    assert calls(page, "older_messages") == []


def test_a_view_with_thousands_of_messages_formats_only_those_near_the_screen(open_page: OpenPage) -> None:
    """All on screen at once is worse than scrolling back can make it."""
    page = open_page({**SIGNED_IN, "messages": 10_000, "page": 2_000, "tokens": ["Yes."]}, OPEN)
    expect(log(page).get_by_role("article")).to_have_count(2_000, timeout=20_000)
    formatted = "log => log.querySelectorAll('.body:not(.plain)').length"
    assert log(page).evaluate(formatted) < 100
    new = message(9, "person", "Just now", id="01890000-0000-7000-9000-00000000ffff")
    page.evaluate(
        "([id, message]) => globalThis.fakeCore.emit('message', {conversation_id: id, message})", [CONVERSATION, new]
    )
    expect(page.get_by_text("Just now")).to_be_in_viewport()
    assert log(page).evaluate(formatted) < 100


def test_a_message_from_another_tab_is_shown_once_and_in_its_place(open_page: OpenPage) -> None:
    page = open_page(SIGNED_IN, OPEN)
    expect(log(page).get_by_role("article")).to_have_count(6)
    new = message(9, "you", "From the other tab")
    for state in ("sending", "saved", "saved"):
        emit(page, "message", {"conversation_id": CONVERSATION, "message": {**new, "state": state}})
    elsewhere = message(10, "you", "Of another conversation")
    emit(page, "message", {"conversation_id": "01890000-0000-7000-8000-0000000003e8", "message": elsewhere})
    expect(log(page).get_by_role("article")).to_have_count(7)
    expect(log(page).get_by_role("article").last).to_contain_text("From the other tab")
    assert distance(page) < 2


def test_a_reply_that_another_tab_started_streams_here_too(open_page: OpenPage) -> None:
    page = open_page(SIGNED_IN, OPEN)
    expect(log(page).get_by_role("article")).to_have_count(6)
    reply = message(9, "assistant", "It ", state="streaming", finish=None)
    emit(page, "message", {"conversation_id": CONVERSATION, "message": reply})
    for text in ("comes ", "here."):
        emit(page, "reply", {"conversation_id": CONVERSATION, "message_id": reply["id"], "text": text})
    expect(log(page).get_by_role("article").last).to_contain_text("It comes here.")
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    done = {**reply, "text": "It comes here.", "state": "saved", "finish": "stop"}
    emit(page, "message", {"conversation_id": CONVERSATION, "message": done})
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)
    expect(log(page).get_by_role("article")).to_have_count(7)
