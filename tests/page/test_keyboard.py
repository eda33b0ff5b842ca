"""Everything by keyboard alone, and where the focus goes."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

from tests.page.conftest import OPEN, SIGNED_IN, OpenPage, calls, expect_calls

FOCUSED = """() => {
  const {activeElement: at} = document;
  const name = at.getAttribute('aria-label') || at.labels?.[0]?.textContent || at.textContent;
  return name.trim().replace(/\\s+/g, ' ');
}"""
VISIBLE_FOCUS = """() => {
  const at = document.activeElement;
  const style = getComputedStyle(at.closest('.composer-box:has(textarea:focus-visible)') ?? at);
  const outlined = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
  return outlined || style.boxShadow !== 'none';
}"""


def box(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Message", exact=True)


def tab_through(page: Page, count: int) -> list[str]:
    """What the Tab key reaches, one stop after the other."""
    found = []
    for _ in range(count):
        page.keyboard.press("Tab")
        found.append(page.evaluate(FOCUSED))
    return found


def test_the_sign_in_form_takes_the_focus_and_is_in_order(open_page: OpenPage) -> None:
    page = open_page()
    expect(page.get_by_role("textbox", name="Login name")).to_be_focused()
    assert tab_through(page, 5) == [
        "Password",
        "Show what is typed",
        "Sign in",
        "Create an account",
        "Use your recovery kit",
    ]


def test_the_chat_is_in_order_and_shows_where_the_focus_is(open_page: OpenPage) -> None:
    page = open_page({**SIGNED_IN, "conversations": 1, "messages": []}, OPEN)
    expect(box(page)).to_be_focused()
    assert tab_through(page, 2) == ["Model", "Demonstration model"]
    page.get_by_role("button", name="New conversation").focus()
    order = []
    for _ in range(7):
        page.keyboard.press("Tab")
        assert page.evaluate(VISIBLE_FOCUS), page.evaluate(FOCUSED)
        order.append(page.evaluate(FOCUSED))
    assert order == [
        "Leaving notice for the flat",
        "Account",
        "Where is plaintext",
        "Members",
        "Conversation",
        "Messages",
        "Message",
    ]


def test_a_whole_conversation_without_a_mouse(open_page: OpenPage) -> None:
    page = open_page()
    expect(page.get_by_role("textbox", name="Login name")).to_be_focused()
    page.keyboard.type("alice")
    page.keyboard.press("Tab")
    page.keyboard.type("umbrella-cobalt-thirteen")
    page.keyboard.press("Enter")
    expect(box(page)).to_be_focused()
    page.keyboard.type("What is the capital of France?")
    page.keyboard.press("Enter")
    expect(page.get_by_role("article", name="Assistant")).to_contain_text("Paris")
    expect(box(page)).to_be_focused()
    expect(page.get_by_role("status")).to_have_text("Saved, encrypted")
    page.keyboard.type("Thanks")
    page.keyboard.press("Enter")
    assert len(expect_calls(page, "send", 2)) == 2


def test_an_opened_conversation_puts_the_focus_into_the_text_box(open_page: OpenPage) -> None:
    page = open_page(SIGNED_IN)
    page.get_by_role("link", name="SQL window functions").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("SQL window functions")
    expect(box(page)).to_be_focused()


def test_menus_open_move_and_close_by_keys(open_page: OpenPage) -> None:
    page = open_page(SIGNED_IN)
    account = page.get_by_role("button", name="Account")
    item = lambda name: page.get_by_role("menuitem", name=name)  # noqa: E731 - shorter than a function here
    account.focus()
    page.keyboard.press("ArrowUp")
    expect(item("Sign out")).to_be_focused()
    expect(account).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("ArrowDown")
    expect(item("Settings")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(item("Lock")).to_be_focused()
    page.keyboard.press("End")
    expect(item("Sign out")).to_be_focused()
    page.keyboard.press("Home")
    expect(item("Settings")).to_be_focused()
    page.keyboard.press("l")
    expect(item("Lock")).to_be_focused()
    page.keyboard.press("Escape")
    expect(item("Lock")).to_have_count(0)
    expect(account).to_be_focused()
    page.keyboard.press("Enter")
    expect(item("Settings")).to_be_focused()
    page.keyboard.press("Tab")
    expect(item("Settings")).to_have_count(0)


def test_a_click_elsewhere_closes_a_menu(open_page: OpenPage) -> None:
    page = open_page(SIGNED_IN)
    page.get_by_role("button", name="Account").click()
    expect(page.get_by_role("menu", name="Account")).to_be_visible()
    box(page).click()
    expect(page.get_by_role("menu", name="Account")).to_have_count(0)


def test_lock_is_chosen_by_keys_and_the_password_field_is_ready(open_page: OpenPage) -> None:
    page = open_page(SIGNED_IN, OPEN)
    page.get_by_role("button", name="Account").focus()
    for key in ("ArrowDown", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    expect(page.get_by_label("Password", exact=True)).to_be_focused()
    assert len(calls(page, "lock")) == 1
    page.keyboard.type("umbrella-cobalt-thirteen")
    page.keyboard.press("Enter")
    expect(box(page)).to_be_focused()


def test_dialogs_hold_the_focus_close_with_escape_and_give_it_back(open_page: OpenPage) -> None:
    page = open_page(SIGNED_IN, OPEN)
    for name in ("Where is plaintext", "Members"):
        page.get_by_role("button", name=name).focus()
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog", name=name)
        expect(dialog.get_by_role("listitem").first).to_be_visible()
        for _ in range(4):
            page.keyboard.press("Tab")
            assert page.evaluate(
                "document.activeElement === document.body || !!document.activeElement.closest('dialog')"
            )
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
        expect(page.get_by_role("button", name=name)).to_be_focused()


def test_rename_by_keys_gives_the_focus_back_to_the_menu(open_page: OpenPage) -> None:
    page = open_page(SIGNED_IN, OPEN)
    menu = page.get_by_role("button", name="Conversation", exact=True)
    menu.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    field = page.get_by_role("textbox", name="Title")
    expect(field).to_be_focused()
    page.keyboard.type("Typed over")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Typed over")
    expect(menu).to_be_focused()


def test_the_kit_takes_the_focus_and_holds_it(open_page: OpenPage) -> None:
    page = open_page()
    page.get_by_role("link", name="Create an account").click()
    expect(page.get_by_role("textbox", name="Login name")).to_be_focused()
    page.keyboard.type("alice")
    page.get_by_role("button", name="Suggest a passphrase").press("Enter")
    expect(page.locator(".suggestion-words")).to_be_visible()
    page.get_by_label("Confirm password").press("Enter")
    dialog = page.get_by_role("dialog", name="Save your recovery kit")
    expect(dialog.get_by_role("heading", name="Save your recovery kit")).to_be_focused()
    assert tab_through(page, 5) == [
        "Recovery credential",
        "Download",
        "Copy",
        "Print",
        "I have saved my recovery kit",
    ]
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    expect(dialog.get_by_role("button", name="Continue")).to_be_focused()
    page.keyboard.press("Enter")
    expect(box(page)).to_be_focused()


def test_settings_by_keys_and_back(open_page: OpenPage) -> None:
    page = open_page(SIGNED_IN, OPEN)
    page.get_by_role("button", name="Account").press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Settings", level=1)).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Done")).to_be_focused()
    page.keyboard.press("Enter")
    expect(box(page)).to_be_focused()


def test_the_log_scrolls_by_keys(open_page: OpenPage) -> None:
    page = open_page({**SIGNED_IN, "messages": 50}, OPEN)
    log = page.get_by_role("log", name="Messages")
    expect(log.get_by_role("article")).to_have_count(50)
    log.focus()
    before = log.evaluate("log => log.scrollTop")
    page.keyboard.press("PageUp")
    expect(page.get_by_role("button", name="Jump to newest")).to_be_visible()
    assert log.evaluate("log => log.scrollTop") < before
