"""Importing conversations from another product: a file is chosen, looked at, imported, stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playwright.sync_api import Page, expect

from tests.page.conftest import OPEN, SIGNED_IN, OpenPage, calls, emit, expect_calls, release
from tests.page.views import choose_export

if TYPE_CHECKING:
    from playwright.sync_api import Locator

DROP = """() => {
    const transfer = new DataTransfer();
    transfer.items.add(new File(["[]"], "conversations.json"));
    const zone = document.querySelector("balon-import-section .drop");
    for (const type of ["dragover", "drop"])
        zone.dispatchEvent(new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true }));
}"""


def open_import(open_page: OpenPage, **scenario: Any) -> Page:
    page = open_page({**SIGNED_IN, **scenario}, f"{OPEN}#settings")
    expect(page.get_by_role("heading", name="Import conversations")).to_be_visible()
    return page


def boxes(page: Page) -> Locator:
    return page.get_by_role("list", name="Conversations in the file").get_by_role("checkbox")


def test_a_file_is_chosen_from_and_imported(open_page: OpenPage) -> None:
    page = open_import(open_page)
    choose_export(page)
    expect(page.get_by_role("heading", name="4 conversations from ChatGPT")).to_be_visible()
    expect(boxes(page).nth(3)).to_be_disabled()
    expect(page.get_by_text("Left out: 2 images, 1 use of a tool")).to_be_visible()
    page.get_by_role("checkbox", name="Select all").uncheck()
    expect(page.get_by_role("button", name="Import 0 conversations")).to_have_attribute("aria-disabled", "true")
    boxes(page).nth(0).focus()
    page.keyboard.press("Space")
    boxes(page).nth(2).check()
    page.get_by_role("button", name="Import 2 conversations").click()
    expect(page.get_by_text("2 conversations imported.")).to_be_visible()
    expect(page.get_by_role("list", name="Imported").get_by_role("link")).to_have_text(
        ["Imported talk 1", "Imported talk 3"]
    )
    assert len(calls(page, "begin_import")[0][0]) == 2
    expect(boxes(page).nth(0)).to_be_disabled()
    expect(page.get_by_role("button", name="Import 0 conversations")).to_be_visible()


def test_a_file_may_be_dropped(open_page: OpenPage) -> None:
    page = open_import(open_page)
    page.evaluate(DROP)
    expect(boxes(page)).to_have_count(4)
    assert len(calls(page, "preview_import")) == 1


def test_a_long_list_is_searched_and_selected_by_what_was_found(open_page: OpenPage) -> None:
    page = open_import(open_page, importable=450)
    choose_export(page)
    expect(boxes(page)).to_have_count(200)
    expect(page.get_by_text("And 250 more: search to see them.")).to_be_visible()
    page.get_by_role("searchbox", name="Search titles").fill("talk 44")
    expect(boxes(page)).to_have_count(11)
    page.get_by_role("checkbox", name="Select all that were found").uncheck()
    expect(page.get_by_role("button", name="Import 438 conversations")).to_be_visible()


def test_an_import_is_stopped_and_goes_on(open_page: OpenPage) -> None:
    page = open_import(open_page, held=["import"])
    choose_export(page)
    page.get_by_role("button", name="Import 3 conversations").click()
    expect(page.get_by_role("progressbar", name="Importing conversations")).to_be_visible()
    expect(page.get_by_text("1 of 3 conversations, 5 of 15 messages")).to_be_visible()
    page.get_by_role("button", name="Stop", exact=True).click()
    expect_calls(page, "stop_import", 1)
    release(page, "import")
    expect(page.get_by_text("Stopped: what is left is still selected.")).to_be_visible()
    page.get_by_role("button", name="Import 1 conversation").click()
    expect(page.get_by_text("1 conversation imported.")).to_be_visible()


def test_what_cannot_be_imported_is_said_in_words(open_page: OpenPage) -> None:
    problem = {"code": "import-unknown", "title": "This file is no export that Balon can read.", "detail": "It reads."}
    page = open_import(open_page, problems={"preview_import": {**problem, "action": None}})
    page.get_by_label("Export file").set_input_files({"name": "a.txt", "mimeType": "text/plain", "buffer": b"a"})
    expect(page.get_by_role("alert").filter(has_text=problem["title"])).to_be_visible()
    expect(page.get_by_role("button", name="Choose a file")).to_be_visible()


def test_locking_forgets_the_file(open_page: OpenPage) -> None:
    page = open_import(open_page, held=["import"])
    choose_export(page)
    page.get_by_role("button", name="Import 3 conversations").click()
    expect(page.get_by_role("progressbar", name="Importing conversations")).to_be_visible()
    session = page.evaluate("() => globalThis.fakeCore.session('locked')")
    emit(page, "session", {"session": session, "reason": "idle"})
    expect(page.get_by_role("heading", name="Locked")).to_be_visible()
    release(page, "import")
    assert page.evaluate("() => document.body.textContent.includes('Imported talk')") is False
