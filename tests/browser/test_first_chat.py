"""The main job: an account, a question, a reply token by token, and the same after a reload and a new sign-in."""

import re
import time
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.person import Person
from tests.fakes.openai_server import FakeOpenAIServer, Script
from tests.stack.wiretap import Wiretap

QUESTION = "What is the capital of France?"
NOTHING = {"databases": [], "local": 0, "session": 0, "caches": []}
EMPTY_AFTER_S = 20
ANSWER = ("The", " capital", " of", " France", " is", " **Paris**", ".")


def test_a_stranger_chats_reloads_signs_out_and_comes_back(
    alice: Person, wiretap: Wiretap, upstream: FakeOpenAIServer
) -> None:
    upstream.script = Script(chunks=ANSWER)
    alice.send(QUESTION)
    alice.expect_reply("The capital of France is Paris.")
    expect(alice.articles("You")).to_have_text(re.compile(re.escape(QUESTION)))
    expect(alice.page).to_have_url(re.compile(r"/c/[0-9a-f-]{36}$"))

    alice.page.reload()
    alice.expect_reply("The capital of France is Paris.")
    expect(alice.articles()).to_have_count(2)

    alice.sign_out()
    alice.wait_for_core()
    alice.sign_in()
    conversations = alice.page.get_by_role("navigation", name="Conversations").get_by_role("link")
    conversations.filter(has_text="capital of France").click()
    alice.expect_reply("The capital of France is Paris.")
    expect(alice.articles("You")).to_have_text(re.compile(re.escape(QUESTION)))


def test_tokens_show_before_the_reply_is_complete(alice: Person, upstream: FakeOpenAIServer) -> None:
    upstream.script = Script(chunks=("First. ", *("word " for _ in range(30)), "Last."), delay_s=0.1)
    alice.send("Take your time.")
    reply = alice.articles("Assistant").last
    expect(reply).to_contain_text("First.")
    assert "Last." not in reply.inner_text()
    expect(alice.page.get_by_role("button", name="Stop")).to_be_visible()
    alice.expect_reply("Last.")


def test_a_thousand_chunks_arrive_whole_and_in_order(alice: Person, upstream: FakeOpenAIServer) -> None:
    upstream.script = Script.numbered(1000)
    alice.send("Count.")
    reply = alice.expect_reply("w999")
    words = re.findall(r"w\d+", reply.inner_text())
    assert words == [f"w{number}" for number in range(1000)]


def test_stop_keeps_what_came(alice: Person, upstream: FakeOpenAIServer) -> None:
    upstream.script = Script.numbered(400, delay_s=0.05)
    alice.send("Go on for long.")
    reply = alice.articles("Assistant").last
    expect(reply).to_contain_text("w5")
    alice.page.get_by_role("button", name="Stop").click()
    expect(alice.page.get_by_role("button", name="Stop")).to_be_hidden()
    shown = reply.inner_text()
    assert "w5" in shown
    assert "w399" not in shown
    alice.page.reload()
    expect(alice.articles("Assistant").last).to_contain_text("w5")


def test_a_reload_in_the_middle_of_a_reply_goes_on(alice: Person, upstream: FakeOpenAIServer) -> None:
    upstream.script = Script.numbered(100, delay_s=0.06)
    alice.send("Count slowly.")
    expect(alice.articles("Assistant").last).to_contain_text("w10")
    alice.page.reload()
    reply = alice.expect_reply("w99")
    assert re.findall(r"w\d+", reply.inner_text()) == [f"w{number}" for number in range(100)]


def test_a_dropped_socket_resumes_from_the_last_frame(
    alice: Person, wiretap: Wiretap, upstream: FakeOpenAIServer
) -> None:
    upstream.script = Script.numbered(120, delay_s=0.05)
    alice.send("Count slowly.")
    for marker in ("w10", "w40"):
        expect(alice.articles("Assistant").last).to_contain_text(marker)
        wiretap.cut_sockets()
    reply = alice.expect_reply("w119")
    assert re.findall(r"w\d+", reply.inner_text()) == [f"w{number}" for number in range(120)]
    saved = [each for each in wiretap.requests("POST", "/messages") if each.status == 201]
    assert len(saved) == 2, "one question and one reply were saved"


def test_two_tabs_stay_in_step(alice: Person, upstream: FakeOpenAIServer) -> None:
    upstream.script = Script.numbered(60, delay_s=0.05)
    alice.send("First question")
    expect(alice.articles("Assistant").last).to_contain_text("w2")
    other = Person(alice.page.context.new_page(), alice.login)
    other.page.goto(alice.page.url)
    expect(other.articles("Assistant").last).to_contain_text("w5", timeout=20_000)
    alice.expect_reply("w59")
    other.expect_reply("w59")
    upstream.script = Script.of("Second reply.")
    other.send("Second question")
    other.expect_reply("Second reply.")
    alice.expect_reply("Second reply.")
    for tab in (alice, other):
        expect(tab.articles()).to_have_count(4)


def test_titles_are_encrypted_and_can_be_changed(alice: Person, wiretap: Wiretap, upstream: FakeOpenAIServer) -> None:
    alice.send("Plan a trip to Reykjavik in winter")
    alice.expect_reply("fake model")
    links = alice.page.get_by_role("navigation", name="Conversations").get_by_role("link")
    expect(links).to_have_text(re.compile("Plan a trip to Reykjavik"))
    alice.page.get_by_role("button", name="Conversation", exact=True).click()
    alice.page.get_by_role("menuitem", name="Rename").click()
    alice.page.get_by_role("textbox", name=re.compile("Title|Name")).fill("Iceland holiday")
    alice.page.keyboard.press("Enter")
    expect(links).to_have_text(re.compile("Iceland holiday"))
    alice.page.reload()
    expect(links).to_have_text(re.compile("Iceland holiday"))
    assert b"Iceland" not in wiretap.all_bytes()


def test_a_wrong_password_is_refused_in_words(alice: Person, watch: object) -> None:
    watch.expect("401")  # type: ignore[attr-defined]
    alice.sign_out()
    alice.wait_for_core()
    alice.sign_in(password="not-the-password-of-alice")
    expect(alice.alert).to_contain_text(re.compile("password|login", re.IGNORECASE))
    alice.sign_in()
    expect(alice.message_box).to_be_visible()


@pytest.mark.parametrize("name", ["chromium"])
def test_what_the_person_typed_survives_a_lost_network(
    alice: Person, upstream: FakeOpenAIServer, name: str, watch: object
) -> None:
    watch.expect("ERR_INTERNET_DISCONNECTED")  # type: ignore[attr-defined]
    alice.send("Before")
    alice.expect_reply("fake model")
    alice.page.context.set_offline(True)
    alice.send("Sent without a network")
    expect(alice.articles("You").last).to_contain_text("Sent without a network")
    alice.page.context.set_offline(False)
    alice.expect_reply("fake model")
    expect(alice.articles()).to_have_count(4, timeout=60_000)


def test_sign_out_leaves_nothing_behind(alice: Person) -> None:
    alice.send("Something private")
    alice.expect_reply("fake model")
    alice.sign_out()
    assert "balon-session" not in left_in_browser(alice.page)["databases"]
    alice.wait_for_core()
    # Pyodide's loader opens an empty cache of packages at each start, which the page deletes seconds later.
    deadline = time.monotonic() + EMPTY_AFTER_S
    while (left := left_in_browser(alice.page)) != NOTHING and time.monotonic() < deadline:
        alice.page.wait_for_timeout(100)
    assert left == NOTHING


def left_in_browser(page: Page) -> dict[str, Any]:
    """What the origin still has in a browser profile."""
    result: dict[str, Any] = page.evaluate(
        """async () => ({
            databases: (await indexedDB.databases()).map((each) => each.name),
            local: localStorage.length, session: sessionStorage.length,
            caches: await caches.keys(),
        })"""
    )
    return result
