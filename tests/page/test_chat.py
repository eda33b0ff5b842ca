"""The chat: list, messages, sending, dialogs, alarms, by their accessible names."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.page.conftest import CONVERSATION, OPEN, SIGNED_IN, OpenPage, calls, emit, expect_calls, message

PROBLEM = {
    "code": "roster-invalid",
    "title": "The list of members is not right",
    "detail": "Nothing was sent.",
    "action": "retry",
}
SLOW = {**SIGNED_IN, "tokens": ["One "] * 200, "tokenMs": 30}


def box(page: Page):
    return page.get_by_role("textbox", name="Message", exact=True)


def log(page: Page):
    return page.get_by_role("log", name="Messages")


def test_the_chat_has_its_names(open_page: OpenPage) -> None:
    page = open_page(SIGNED_IN, OPEN)
    navigation = page.get_by_role("navigation", name="Conversations")
    expect(navigation.get_by_role("link")).to_have_count(12)
    expect(navigation.get_by_role("link").first).to_have_attribute("href", "/c/01890000-0000-7000-8000-0000000003e8")
    expect(page.get_by_role("button", name="New conversation")).to_be_visible()
    expect(page.get_by_role("combobox", name="Model")).to_be_visible()
    expect(page.get_by_role("button", name="Send")).to_be_disabled()
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)
    expect(page.get_by_role("status")).to_have_text("Connected, encrypted")
    expect(page.get_by_role("button", name="Members")).to_be_visible()
    articles = log(page).get_by_role("article")
    expect(articles).to_have_count(6)
    expect(log(page).get_by_role("article", name="You")).to_have_count(3)
    expect(log(page).get_by_role("article", name="Assistant")).to_have_count(3)
    assert "balon:conversation" in page.evaluate("performance.getEntriesByType('mark').map(({name}) => name)")


def test_a_message_in_an_empty_chat_makes_a_conversation(open_page: OpenPage) -> None:
    page = open_page(SIGNED_IN)
    box(page).fill("What is the capital of France?")
    page.keyboard.press("Enter")
    expect(log(page).get_by_role("article", name="You")).to_contain_text("What is the capital of France?")
    expect(log(page).get_by_role("article", name="Assistant")).to_contain_text("The capital of France is Paris.")
    assert calls(page, "send") == [[None, "What is the capital of France?", "smollm2-135m"]]
    expect(box(page)).to_have_value("")
    expect(page.get_by_role("status")).to_have_text("Saved, encrypted")
    assert "/c/" in page.url
    names = page.evaluate("performance.getEntriesByType('mark').map(({name}) => name)")
    assert {"balon:first-token", "balon:reply-saved"} <= set(names)


def test_the_second_message_goes_to_the_same_conversation(open_page: OpenPage) -> None:
    page = open_page({**SIGNED_IN, "tokens": ["Yes."]})
    for text in ("First", "Second"):
        box(page).fill(text)
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Send")).to_be_visible()
        expect(log(page).get_by_role("article", name="Assistant").last).to_contain_text("Yes.")
        expect(page.get_by_role("status")).to_have_text("Saved, encrypted")
    first, second = expect_calls(page, "send", 2)
    assert first[0] is None
    assert page.url.endswith(f"/c/{second[0]}")
    expect(log(page).get_by_role("article")).to_have_count(4)


def test_shift_enter_is_a_new_line_and_composing_does_not_send(open_page: OpenPage) -> None:
    page = open_page(SIGNED_IN)
    box(page).press_sequentially("one")
    page.keyboard.press("Shift+Enter")
    box(page).press_sequentially("two")
    expect(box(page)).to_have_value("one\ntwo")
    box(page).dispatch_event("keydown", {"key": "Enter", "isComposing": True})
    box(page).dispatch_event("keydown", {"key": "Enter", "keyCode": 229})
    assert calls(page, "send") == []
    page.keyboard.press("Enter")
    assert expect_calls(page, "send", 1)[0][1] == "one\ntwo"


def test_the_text_box_grows_and_stops_growing(open_page: OpenPage) -> None:
    page = open_page(SIGNED_IN)
    height = lambda: box(page).bounding_box()["height"]  # noqa: E731
    one = height()
    box(page).fill("a\nb\nc")
    three = height()
    assert three > one + 30
    box(page).fill("line\n" * 60)
    assert page.locator(".grow").bounding_box()["height"] <= 260


def test_drafts_are_kept_for_each_conversation(open_page: OpenPage) -> None:
    page = open_page(SIGNED_IN, OPEN)
    box(page).fill("for this one")
    page.get_by_role("link", name="Leaving notice for the flat").click()
    expect(box(page)).to_have_value("")
    box(page).fill("for the other")
    page.go_back()
    expect(box(page)).to_have_value("for this one")
    page.go_forward()
    expect(box(page)).to_have_value("for the other")


def test_stop_ends_the_reply_and_keeps_what_came(open_page: OpenPage) -> None:
    page = open_page(SLOW, OPEN)
    box(page).fill("Go on")
    page.keyboard.press("Enter")
    stop = page.get_by_role("button", name="Stop")
    expect(log(page).get_by_role("article", name="Assistant").last).to_contain_text("One One One")
    expect(page.get_by_role("button", name="Send")).to_have_count(0)
    stop.click()
    expect(page.get_by_role("button", name="Send")).to_be_visible()
    expect(log(page).get_by_role("article").last).to_contain_text("Stopped.")
    expect(log(page).get_by_role("article").last).to_contain_text("One One One")
    assert len(calls(page, "stop")) == 1


def test_the_log_is_busy_while_a_reply_streams(open_page: OpenPage) -> None:
    page = open_page(SLOW, OPEN)
    expect(log(page)).to_have_attribute("aria-busy", "false")
    box(page).fill("Go on")
    page.keyboard.press("Enter")
    expect(log(page)).to_have_attribute("aria-busy", "true")
    expect(log(page).get_by_role("article").last).to_have_attribute("aria-busy", "true")


def test_an_interrupted_reply_can_be_asked_for_again(open_page: OpenPage) -> None:
    mark = {"code": "unconfirmed", "title": "Unconfirmed.", "detail": "Its end carries no signature.", "action": None}
    messages = [message(1, "you", "Hello?"), message(2, "assistant", "The rules now", finish="interrupted", mark=mark)]
    page = open_page({**SIGNED_IN, "messages": messages}, OPEN)
    reply = log(page).get_by_role("article").last
    expect(reply).to_contain_text("Interrupted")
    expect(reply).to_contain_text("Unconfirmed. Its end carries no signature.")
    reply.get_by_role("button", name="Try again").click()
    expect(log(page).get_by_role("article")).to_have_count(3)
    assert calls(page, "ask_again") == [[CONVERSATION, "smollm2-135m"]]


def test_a_message_that_could_not_be_sent_can_be_sent_again_or_edited(open_page: OpenPage) -> None:
    page = open_page({**SIGNED_IN, "problems": {"send": PROBLEM}}, OPEN)
    box(page).fill("Precious words")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text(PROBLEM["title"])
    page.get_by_role("button", name="Try again").click()
    expect_calls(page, "send", 2)
    page.get_by_role("button", name="Edit").click()
    expect(box(page)).to_have_value("Precious words")
    expect(page.get_by_role("alert")).to_have_count(0)


def test_an_unreadable_message_shows_its_mark(open_page: OpenPage) -> None:
    mark = {
        "code": "unreadable",
        "title": "This message cannot be opened.",
        "detail": "It was altered on its way.",
        "action": None,
    }
    page = open_page({**SIGNED_IN, "messages": [message(1, "person", None, mark=mark)]}, OPEN)
    expect(log(page).get_by_role("article", name="bob")).to_contain_text(
        "This message cannot be opened. It was altered on its way."
    )


def test_messages_can_be_copied(open_page: OpenPage) -> None:
    page = open_page(
        {**SIGNED_IN, "messages": [message(1, "assistant", "Some **bold** text\n\n```js\nlet a = 1;\n```")]}, OPEN
    )
    page.get_by_role("button", name="Copy code").click()
    expect(page.get_by_text("Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == "let a = 1;"
    page.get_by_role("button", name="Copy message").click()
    assert page.evaluate("navigator.clipboard.readText()").startswith("Some **bold** text")


def test_back_and_forward_move_between_conversations(open_page: OpenPage) -> None:
    page = open_page(SIGNED_IN)
    page.get_by_role("link", name="SQL window functions").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("SQL window functions")
    expect(page.get_by_role("link", name="SQL window functions")).to_have_attribute("aria-current", "page")
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("New conversation")
    page.go_forward()
    expect(log(page).get_by_role("article")).to_have_count(6)


def test_older_conversations_are_listed_on_demand(open_page: OpenPage) -> None:
    page = open_page(SIGNED_IN)
    navigation = page.get_by_role("navigation", name="Conversations")
    page.get_by_role("button", name="Show older conversations").click()
    expect(navigation.get_by_role("link")).to_have_count(22)
    expect(page.get_by_role("button", name="Show older conversations")).to_have_count(0)


def test_renaming_changes_the_list_and_the_heading(open_page: OpenPage) -> None:
    page = open_page(SIGNED_IN, OPEN)
    page.get_by_role("button", name="Conversation", exact=True).click()
    page.get_by_role("menu", name="Conversation").get_by_role("menuitem", name="Rename").click()
    page.get_by_role("dialog", name="Rename").get_by_role("textbox", name="Title").fill("Frames and ranks")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Frames and ranks")
    expect(page.get_by_role("link", name="Frames and ranks")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert calls(page, "rename") == [[CONVERSATION, "Frames and ranks"]]


def test_deleting_asks_once_and_says_that_there_is_no_way_back(open_page: OpenPage) -> None:
    page = open_page(SIGNED_IN, OPEN)
    page.get_by_role("button", name="Conversation", exact=True).click()
    page.get_by_role("menuitem", name="Delete").click()
    question = page.get_by_role("alertdialog", name="Delete this conversation?")
    expect(question).to_contain_text("cannot be undone")
    expect(question.get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Escape")
    expect(question).to_have_count(0)
    assert calls(page, "delete_conversation") == []
    page.get_by_role("button", name="Conversation", exact=True).click()
    page.get_by_role("menuitem", name="Delete").click()
    question.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("New conversation")
    expect(page.get_by_role("link", name="SQL window functions")).to_have_count(0)


def test_a_conversation_deleted_elsewhere_leaves_the_page(open_page: OpenPage) -> None:
    page = open_page(SIGNED_IN, OPEN)
    expect(log(page).get_by_role("article")).to_have_count(6)
    emit(page, "removed", {"conversation_id": CONVERSATION})
    expect(page.get_by_role("heading", level=1)).to_have_text("New conversation")
    assert page.url.endswith("/")


def test_members_and_places_of_plaintext(open_page: OpenPage) -> None:
    page = open_page(SIGNED_IN, OPEN)
    page.get_by_role("button", name="Members").click()
    members = page.get_by_role("dialog", name="Members")
    expect(members.get_by_role("listitem")).to_have_count(1)
    expect(members.get_by_role("listitem")).to_contain_text("alice")
    members.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Where is plaintext").click()
    places = page.get_by_role("dialog", name="Where is plaintext")
    expect(places.get_by_role("listitem")).to_have_count(3)
    expect(places).to_contain_text("3f9a c81d")


def test_the_model_can_be_chosen_and_the_demonstration_model_says_what_it_is(open_page: OpenPage) -> None:
    page = open_page({**SIGNED_IN, "demonstration": False})
    page.get_by_role("combobox", name="Model").select_option("Llama 3.3 70B")
    assert expect_calls(page, "update_settings", 1) == [[{"model": "llama3.3"}]]
    expect(page.get_by_role("button", name="Demonstration model")).to_have_count(0)
    demonstration = open_page(SIGNED_IN)
    demonstration.get_by_role("button", name="Demonstration model").click()
    expect(demonstration.get_by_role("dialog")).to_contain_text("BALON_UPSTREAM_URL")


def test_settings_change_the_idle_time(open_page: OpenPage) -> None:
    page = open_page(SIGNED_IN, OPEN)
    page.get_by_role("button", name="Account").click()
    page.get_by_role("menuitem", name="Settings").click()
    expect(page.get_by_role("heading", name="Settings", level=1)).to_be_focused()
    page.get_by_label("Lock when nothing happens for").select_option("30")
    assert expect_calls(page, "update_settings", 1) == [[{"idle_minutes": 30}]]
    page.get_by_role("link", name="Done").click()
    expect(log(page).get_by_role("article")).to_have_count(6)


def test_an_alarm_says_what_why_and_what_to_do_and_forbids_sending(open_page: OpenPage) -> None:
    page = open_page({**SIGNED_IN, "alarms": [PROBLEM], "writable": False}, OPEN)
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text(PROBLEM["title"])
    expect(alert).to_contain_text(PROBLEM["detail"])
    expect(alert.get_by_role("button", name="Try again")).to_be_visible()
    expect(box(page)).to_be_disabled()
    expect(box(page)).to_have_attribute("placeholder", "Nothing can be sent here")


def test_an_alarm_that_no_call_asked_for_is_shown_once(open_page: OpenPage) -> None:
    page = open_page(SIGNED_IN, OPEN)
    expect(log(page).get_by_role("article")).to_have_count(6)
    for _ in range(2):
        emit(page, "alarm", {"problem": PROBLEM, "conversation_id": None})
    expect(page.get_by_role("alert")).to_have_count(1)
    page.get_by_role("button", name="Dismiss").click()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_conversation_that_does_not_open_can_be_tried_again(open_page: OpenPage) -> None:
    page = open_page({**SIGNED_IN, "problems": {"open_conversation": PROBLEM}}, OPEN)
    expect(page.get_by_role("alert")).to_contain_text(PROBLEM["title"])
    page.evaluate("globalThis.fakeCore.scenario.problems = {}")
    page.get_by_role("button", name="Try again").click()
    expect(log(page).get_by_role("article")).to_have_count(6)


def test_the_status_tells_of_the_connection_and_of_saving(open_page: OpenPage) -> None:
    page = open_page(SIGNED_IN, OPEN)
    status = page.get_by_role("status")
    expect(status).to_have_text("Connected, encrypted")
    for event, state, text in (
        ("connection", "offline", "Offline"),
        ("connection", "connecting", "Connecting"),
        ("connection", "online", "Connected"),
        ("saving", "saving", "Saving"),
        ("saving", "failed", "Not saved"),
        ("saving", "saved", "Saved"),
    ):
        emit(page, event, {"state": state})
        expect(status).to_contain_text(text)


def test_a_browser_that_cannot_store_keys_is_told(open_page: OpenPage) -> None:
    page = open_page({**SIGNED_IN, "persistent": False})
    expect(page.get_by_text("could not store your keys")).to_be_visible()
    page.get_by_role("button", name="Understood").click()
    expect(page.get_by_text("could not store your keys")).to_have_count(0)


def test_activity_touches_the_session_at_most_every_20_seconds(open_page: OpenPage) -> None:
    page = open_page(SIGNED_IN, OPEN)
    expect(log(page).get_by_role("article")).to_have_count(6)
    box(page).press_sequentially("typing")
    assert len(expect_calls(page, "touch", 1)) == 1


def test_on_a_phone_the_list_is_a_drawer(open_page: OpenPage) -> None:
    page = open_page(SIGNED_IN, OPEN, viewport={"width": 360, "height": 740})
    navigation = page.get_by_role("navigation", name="Conversations")
    expect(navigation).to_have_count(0)
    page.get_by_role("button", name="Show the list").click()
    expect(navigation).to_be_visible()
    expect(page.get_by_role("button", name="Close the list")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Show the list")).to_be_focused()
    page.get_by_role("button", name="Show the list").click()
    page.get_by_role("link", name="Leaving notice for the flat").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Leaving notice for the flat")
    expect(navigation).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_an_empty_list_says_what_will_be_there(open_page: OpenPage) -> None:
    page = open_page({**SIGNED_IN, "conversations": 0})
    expect(page.get_by_text("Your conversations will be listed here.")).to_be_visible()
    expect(page.get_by_role("heading", name="What is on your mind?")).to_be_visible()


def test_a_conversation_of_another_tab_comes_into_the_list_on_top(open_page: OpenPage) -> None:
    page = open_page({**SIGNED_IN, "conversations": 2})
    links = page.get_by_role("navigation", name="Conversations").get_by_role("link")
    expect(links).to_have_count(2)
    items = page.evaluate("globalThis.fakeCore.items")
    new = {**items[0], "id": CONVERSATION, "title": "From the other tab", "streaming": True, "alarm": PROBLEM}
    emit(page, "conversations", {"conversations": [new, *items], "more": False})
    expect(links).to_have_count(3)
    expect(links.first).to_contain_text("From the other tab")
    expect(links.first).to_have_accessible_name(f"From the other tab Reply in progress {PROBLEM['title']}")


def test_a_conversation_can_be_read_while_its_rename_fails(open_page: OpenPage) -> None:
    page = open_page({**SIGNED_IN, "problems": {"rename": PROBLEM, "delete_conversation": PROBLEM}}, OPEN)
    expect(log(page).get_by_role("article")).to_have_count(6)
    for action in ("Rename", "Delete"):
        page.get_by_role("button", name="Conversation", exact=True).click()
        page.get_by_role("menuitem", name=action).click()
        dialog = page.locator("dialog[open]")
        dialog.get_by_role("button", name=action, exact=True).click()
        expect(dialog.get_by_role("alert")).to_contain_text(PROBLEM["title"])
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
    expect(page.get_by_role("heading", level=1)).to_have_text("SQL window functions")


def test_without_a_gateway_there_is_no_model_and_sending_says_why(open_page: OpenPage) -> None:
    page = open_page({**SIGNED_IN, "problems": {"models": PROBLEM}}, OPEN)
    model = page.get_by_role("combobox", name="Model")
    expect(model).to_be_disabled()
    expect(model).to_contain_text("No model")
    box(page).fill("Hello?")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text(PROBLEM["title"])
    assert calls(page, "send") == []
    page.evaluate("globalThis.fakeCore.scenario.problems = {}")
    page.get_by_role("button", name="Try again").click()
    expect_calls(page, "send", 1)


def test_a_reply_that_nobody_vouches_for_is_an_alert_beside_its_text(open_page: OpenPage) -> None:
    mark = {"code": "unconfirmed", "title": "Not confirmed.", "detail": "It may be altered.", "action": None}
    messages = [message(1, "you", "Hello?"), message(2, "assistant", "Send me your kit.", mark=mark)]
    page = open_page({**SIGNED_IN, "messages": messages}, OPEN)
    expect(log(page).get_by_role("alert")).to_have_text("Not confirmed. It may be altered.")


def test_a_dialog_about_safety_that_fails_can_be_tried_again(open_page: OpenPage) -> None:
    page = open_page({**SIGNED_IN, "problems": {"safety": PROBLEM}}, OPEN)
    page.get_by_role("button", name="Where is plaintext").click()
    dialog = page.get_by_role("dialog", name="Where is plaintext")
    expect(dialog.get_by_role("alert")).to_contain_text(PROBLEM["detail"])
    page.evaluate("globalThis.fakeCore.scenario.problems = {}")
    dialog.get_by_role("button", name="Try again").click()
    expect(dialog.get_by_role("listitem")).to_have_count(3)


def test_a_question_without_a_reply_can_be_asked_again(open_page: OpenPage) -> None:
    page = open_page({**SIGNED_IN, "messages": [message(1, "you", "Anyone there?")]}, OPEN)
    log(page).get_by_role("button", name="Try again").click()
    expect(log(page).get_by_role("article", name="Assistant")).to_contain_text("Paris")
    assert calls(page, "ask_again") == [[CONVERSATION, "smollm2-135m"]]


def test_lock_is_in_the_account_menu_and_asks_the_worker(open_page: OpenPage) -> None:
    page = open_page(SIGNED_IN, OPEN)
    page.get_by_role("button", name="Account").click()
    page.get_by_role("menuitem", name="Lock").click()
    expect(page.get_by_role("heading", name="Locked")).to_be_visible()
    assert len(calls(page, "lock")) == 1
