"""The one way back: kit and new password in, new kit out; and the check of a kit that does not use it up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

from tests.page.conftest import SIGNED_IN, OpenPage, Watch, calls, emit, expect_calls

if TYPE_CHECKING:
    from playwright.sync_api import Locator

STRONG = "umbrella-cobalt-thirteen-Walrus-meadow"
KIT = "Balon recovery kit\n\nRecovery code: 7QK2-9F4M\n\nBALON-RECOVERY-1.q7Zt0vK3mXb9\n"
ABOUT_THE_KIT = (
    "kit-damaged-code",
    "kit-damaged-credential",
    "kit-mismatch",
    "kit-other-account",
    "kit-used",
    "recovery-refused",
)


def problem(code: str) -> dict[str, str | None]:
    return {"code": code, "title": f"Refused: {code}.", "detail": f"Why {code} matters.", "action": None}


def kit_box(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Recovery kit", exact=True)


def choose(page: Page, name: str, content: bytes) -> None:
    file = {"name": name, "mimeType": "text/plain", "buffer": content}
    page.get_by_label("Recovery kit file").set_input_files([file])  # type: ignore[list-item]  # a FilePayload


def recover(page: Page, kit: str = KIT, password: str = STRONG, confirmation: str | None = None) -> None:
    kit_box(page).fill(kit)
    page.get_by_label("New password", exact=True).fill(password)
    page.get_by_label("Confirm new password").fill(confirmation or password)
    page.get_by_role("button", name="Recover account").click()


def open_recovery(open_page: OpenPage, scenario: dict[str, object] | None = None) -> Page:
    page = open_page(scenario)
    page.get_by_role("link", name="Use your recovery kit").click()
    expect(kit_box(page)).to_be_focused()
    return page


def check_kit(page: Page, text: str) -> None:
    page.get_by_role("button", name="Check your kit").click()
    kit_box(page).fill(text)
    page.get_by_role("button", name="Check your kit").click()


def test_a_pasted_kit_and_a_new_password_lead_to_a_new_kit_and_then_the_chat(open_page: OpenPage) -> None:
    page = open_recovery(open_page)
    recover(page)
    dialog = page.get_by_role("dialog", name="Save your recovery kit")
    expect(dialog).to_contain_text("M1ZE-S4GQ")
    assert calls(page, "recover") == [[KIT, STRONG]]
    with page.expect_download() as download:
        dialog.get_by_role("button", name="Download").click()
    assert "NewKit0vK3mX" in download.value.path().read_text()
    dialog.get_by_role("checkbox", name="I have saved my recovery kit").check()
    dialog.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("textbox", name="Message", exact=True)).to_be_focused()
    assert page.url.endswith("/")
    assert "BALON-RECOVERY" not in page.content()


def test_the_kit_may_come_from_its_file(open_page: OpenPage) -> None:
    page = open_recovery(open_page)
    choose(page, "balon-recovery-kit-alice.txt", KIT.encode())
    expect(kit_box(page)).to_have_value(KIT)
    page.get_by_label("New password", exact=True).fill(STRONG)
    page.get_by_label("Confirm new password").fill(STRONG)
    page.get_by_role("button", name="Recover account").click()
    assert expect_calls(page, "recover", 1) == [[KIT, STRONG]]
    page.on("dialog", lambda question: question.accept())


def test_a_file_that_is_no_kit_is_refused_before_it_is_read(open_page: OpenPage) -> None:
    page = open_recovery(open_page)
    choose(page, "holiday.jpg", b"x" * 70_000)
    expect(page.get_by_role("alert")).to_contain_text("This file is not a recovery kit.")
    expect(kit_box(page)).to_have_value("")
    choose(page, "kit.txt", KIT.encode())
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(kit_box(page)).to_have_value(KIT)


@pytest.mark.parametrize("code", ABOUT_THE_KIT)
def test_a_refusal_of_the_kit_stands_at_the_kit_and_nothing_typed_is_lost(open_page: OpenPage, code: str) -> None:
    page = open_recovery(open_page, {"problems": {"recover": problem(code)}})
    recover(page)
    alert = page.locator("balon-kit-input").get_by_role("alert")
    expect(alert).to_contain_text(f"Refused: {code}.")
    expect(alert).to_contain_text(f"Why {code} matters.")
    expect(page.get_by_role("alert")).to_have_count(1)
    expect(kit_box(page)).to_be_focused()
    expect(kit_box(page)).to_have_attribute("aria-describedby", "kit-fault")
    expect(page.get_by_label("New password", exact=True)).to_have_value(STRONG)
    kit_box(page).press_sequentially("x")
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_refusal_that_is_not_about_the_kit_stands_over_the_form_and_can_be_tried_again(open_page: OpenPage) -> None:
    offline = {**problem("offline"), "action": "retry"}
    page = open_recovery(open_page, {"problems": {"recover": offline}})
    recover(page)
    expect(page.get_by_role("alert")).to_contain_text("Refused: offline.")
    expect(page.locator("balon-kit-input").get_by_role("alert")).to_have_count(0)
    page.evaluate("globalThis.fakeCore.scenario.problems = {}")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("dialog", name="Save your recovery kit")).to_be_visible()
    page.on("dialog", lambda question: question.accept())


def test_an_empty_kit_a_weak_password_and_a_typo_are_refused_before_anything_is_called(open_page: OpenPage) -> None:
    page = open_recovery(open_page)
    recover(page, kit="  ", password="Password1234!", confirmation="something else")
    expect(page.get_by_role("alert")).to_have_count(3)
    expect(page.get_by_role("alert").first).to_contain_text("There is no recovery kit yet.")
    expect(kit_box(page)).to_be_focused()
    assert calls(page, "recover") == []


def test_the_chat_does_not_show_while_the_new_kit_is_not_saved(open_page: OpenPage) -> None:
    page = open_recovery(open_page)
    recover(page)
    dialog = page.get_by_role("dialog", name="Save your recovery kit")
    expect(dialog).to_be_visible()
    emit(page, "session", {"session": page.evaluate("globalThis.fakeCore.session('locked')"), "reason": "idle"})
    page.keyboard.press("Escape")
    expect(dialog).to_be_visible()
    page.emulate_media(media="print")
    expect(page.locator(".kit-print")).to_contain_text("NewKit0vK3mX")
    expect(page.get_by_role("button", name="Print", include_hidden=True)).to_be_hidden()
    page.emulate_media(media="screen")
    page.on("dialog", lambda question: question.accept())


def test_the_lock_leads_to_recovery_without_the_password(open_page: OpenPage) -> None:
    page = open_page({"session": "locked"})
    page.add_init_script("globalThis.fakeScenario = {}")
    page.get_by_role("button", name="Use your recovery kit").click()
    expect(page.get_by_role("heading", name="Use your recovery kit")).to_be_visible()
    expect(kit_box(page)).to_be_focused()


def test_a_good_kit_is_checked_without_being_used_up(open_page: OpenPage) -> None:
    page = open_page(SIGNED_IN, "/#settings")
    check_kit(page, KIT)
    expect(page.get_by_text("Your kit is good")).to_be_visible()
    assert calls(page, "check_kit") == [[KIT]]
    assert calls(page, "recover") == []
    expect(kit_box(page)).to_have_count(0)
    expect(page.get_by_role("button", name="Check your kit")).to_be_focused()


@pytest.mark.parametrize("code", ABOUT_THE_KIT[:-1])
def test_a_bad_kit_is_told_at_the_kit(open_page: OpenPage, code: str) -> None:
    page = open_page({**SIGNED_IN, "problems": {"check_kit": problem(code)}}, "/#settings")
    check_kit(page, KIT)
    expect(page.locator("balon-kit-input").get_by_role("alert")).to_contain_text(f"Refused: {code}.")
    expect(kit_box(page)).to_be_focused()
    expect(page.get_by_text("Your kit is good")).to_have_count(0)


def test_an_answer_that_is_none_is_no_good_kit(open_page: OpenPage, watch: Watch) -> None:
    watch.expected.append("check_kit gave no answer")
    page = open_page(SIGNED_IN, "/#settings")
    expect(page.get_by_text("Chrome on Android")).to_be_visible()
    page.evaluate("globalThis.fakeCore.call_check_kit = () => undefined")
    check_kit(page, KIT)
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_text("Your kit is good")).to_have_count(0)
