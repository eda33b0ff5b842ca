"""Settings of the account: password, login name, devices, one's data, leaving; and how a session's end is told."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Page, expect

from tests.page.conftest import OPEN, SIGNED_IN, OpenPage, calls, emit, expect_calls, release

if TYPE_CHECKING:
    from playwright.sync_api import Locator

OLD = "umbrella-cobalt-thirteen-Walrus-meadow"
NEW = "lantern-quarry-seventeen-Otter-violin"
SETTINGS = f"{OPEN}#settings"
WRONG = {"code": "wrong-password", "title": "This is not your password.", "detail": "Try again.", "action": None}
TAKEN = {"code": "login-taken", "title": "This login name is taken.", "detail": "Choose another.", "action": None}
OFFLINE = {"code": "offline", "title": "No connection.", "detail": "Nothing was changed.", "action": "retry"}
SECRETS = ("window function", "lantern-quarry", "BALON-RECOVERY", "Chrome on Android", "signinsession")


def open_settings(open_page: OpenPage, **scenario: Any) -> Page:
    page = open_page({**SIGNED_IN, **scenario}, SETTINGS)
    expect(page.get_by_role("heading", name="Settings", level=1)).to_be_focused()
    return page


def open_form(page: Page, name: str) -> Locator:
    page.get_by_role("button", name=name).click()
    return page.get_by_role("form", name=name)


def change_password(page: Page, current: str = OLD, new: str = NEW, confirmation: str | None = None) -> Locator:
    form = open_form(page, "Change password")
    form.get_by_label("Current password").fill(current)
    form.get_by_label("New password", exact=True).fill(new)
    form.get_by_label("Confirm new password").fill(confirmation or new)
    form.get_by_role("button", name="Change password").click()
    return form


def device(page: Page, name: str) -> Locator:
    return page.get_by_role("list", name="Devices").get_by_role("listitem").filter(has_text=name)


def end(page: Page, state: str, reason: str) -> None:
    """Lets the worker say that the session is locked or over."""
    session = page.evaluate("state => globalThis.fakeCore.session(state)", state)
    emit(page, "session", {"session": session, "reason": reason})


def test_the_sections_are_headings_in_one_order(open_page: OpenPage) -> None:
    page = open_settings(open_page)
    expect(page.get_by_text("Known to this account since")).to_be_visible()
    assert page.locator("main h2").all_inner_texts() == [
        "Login name",
        "Password",
        "If somebody knows your password",
        "Recovery kit",
        "Devices",
        "Lock",
        "Appearance",
        "Inference gateway",
        "Import conversations",
        "Your data",
        "Delete account",
    ]


# --- Password ---


def test_a_changed_password_is_told_and_the_focus_goes_back(open_page: OpenPage) -> None:
    page = open_settings(open_page)
    change_password(page)
    expect(page.get_by_text("Your password is changed. Your other devices were signed out")).to_be_visible()
    assert calls(page, "change_password") == [[OLD, NEW]]
    expect(page.get_by_role("button", name="Change password")).to_be_focused()
    expect(page.get_by_label("Current password")).to_have_count(0)
    assert NEW not in page.content()


def test_the_section_says_what_a_new_password_does_not_do(open_page: OpenPage) -> None:
    page = open_settings(open_page)
    expect(page.get_by_text("it does not take back keys that somebody has already copied")).to_be_visible()
    expect(page.get_by_text("Changing it signs out your other devices")).to_be_visible()


def test_a_wrong_current_password_stands_at_its_field(open_page: OpenPage) -> None:
    page = open_settings(open_page, problems={"change_password": WRONG})
    form = change_password(page, current="wrong")
    field = form.locator("balon-current-password")
    expect(field.get_by_role("alert")).to_contain_text("This is not your password.")
    expect(form.get_by_label("Current password")).to_be_focused()
    expect(form.get_by_label("New password", exact=True)).to_have_value(NEW)


def test_a_weak_password_a_typo_and_a_missing_one_are_refused_before_anything_is_called(open_page: OpenPage) -> None:
    page = open_settings(open_page)
    form = change_password(page, current="", new="Password1234!", confirmation="something else")
    expect(form.get_by_role("alert")).to_have_count(3)
    expect(form.get_by_label("Current password")).to_be_focused()
    assert calls(page, "change_password") == []


def test_a_lost_connection_can_be_tried_again(open_page: OpenPage) -> None:
    page = open_settings(open_page, problems={"change_password": OFFLINE})
    form = change_password(page)
    expect(form.get_by_role("alert")).to_contain_text("Nothing was changed.")
    page.evaluate("globalThis.fakeCore.scenario.problems = {}")
    form.get_by_role("button", name="Try again").click()
    expect(page.get_by_text("Your password is changed")).to_be_visible()


def test_enter_twice_changes_the_password_once(open_page: OpenPage) -> None:
    page = open_settings(open_page, held=["change_password"])
    form = change_password(page)
    form.get_by_label("Confirm new password").press("Enter")
    release(page, "change_password")
    expect(page.get_by_text("Your password is changed")).to_be_visible()
    assert len(calls(page, "change_password")) == 1


def test_a_form_opens_and_closes_by_keys_and_forgets_what_was_typed(open_page: OpenPage) -> None:
    page = open_settings(open_page)
    opener = page.get_by_role("button", name="Change password")
    opener.press("Enter")
    expect(page.get_by_label("Current password")).to_be_focused()
    page.keyboard.type("half a passw")
    page.get_by_role("button", name="Cancel").press("Enter")
    expect(opener).to_be_focused()
    opener.press("Enter")
    expect(page.get_by_label("Current password")).to_have_value("")


# --- Login name ---


def test_a_changed_login_name_shows_everywhere(open_page: OpenPage) -> None:
    page = open_settings(open_page)
    form = open_form(page, "Change login name")
    expect(form.get_by_label("New login name")).to_be_focused()
    page.keyboard.type("Alice.Liddell ")
    form.get_by_label("Password", exact=True).fill(OLD)
    page.keyboard.press("Enter")
    expect(page.get_by_text("Your login name is changed")).to_be_visible()
    assert calls(page, "change_login") == [["alice.liddell", OLD]]
    expect(page.get_by_text("You sign in as alice.liddell.")).to_be_visible()
    expect(page.locator(".account-login")).to_have_text("alice.liddell")
    expect(page.get_by_role("button", name="Change login name")).to_be_focused()


@pytest.mark.parametrize(
    ("refusal", "field"), [(TAKEN, "New login name"), (WRONG, "Password")], ids=["taken", "password"]
)
def test_a_refused_login_name_stands_at_the_field_it_concerns(
    open_page: OpenPage, refusal: dict[str, Any], field: str
) -> None:
    page = open_settings(open_page, problems={"change_login": refusal})
    form = open_form(page, "Change login name")
    form.get_by_label("New login name").fill("bob")
    form.get_by_label("Password", exact=True).fill(OLD)
    page.keyboard.press("Enter")
    expect(form.get_by_role("alert")).to_contain_text(refusal["title"])
    expect(form.get_by_label(field, exact=True)).to_be_focused()


@pytest.mark.parametrize("login", ["no spaces", "alice", ""])
def test_a_login_name_that_cannot_be_is_refused_before_anything_is_called(open_page: OpenPage, login: str) -> None:
    page = open_settings(open_page)
    form = open_form(page, "Change login name")
    form.get_by_label("New login name").fill(login)
    form.get_by_label("Password", exact=True).fill(OLD)
    page.keyboard.press("Enter")
    expect(form.get_by_role("alert")).to_have_count(1)
    expect(form.get_by_label("New login name")).to_be_focused()
    assert calls(page, "change_login") == []


# --- Devices ---


def test_devices_tell_this_one_apart_and_end_one_after_asking(open_page: OpenPage) -> None:
    page = open_settings(open_page)
    expect(device(page, "Firefox on Linux")).to_contain_text("This device")
    expect(device(page, "Firefox on Linux").get_by_role("button")).to_have_count(0)
    device(page, "Chrome on Android").get_by_role("button", name="End", exact=True).click()
    question = page.get_by_role("alertdialog", name="End this session?")
    expect(question).to_contain_text("Chrome on Android")
    expect(question.get_by_role("button", name="Cancel")).to_be_focused()
    assert calls(page, "end_session") == []
    question.get_by_role("button", name="End", exact=True).click()
    expect(page.get_by_text("Chrome on Android is signed out.")).to_be_visible()
    expect(device(page, "Chrome on Android")).to_have_count(0)
    expect(device(page, "Safari on iPhone")).to_be_visible()
    expect(page.get_by_role("heading", name="Devices")).to_be_focused()


def test_all_other_devices_end_after_asking(open_page: OpenPage) -> None:
    page = open_settings(open_page)
    opener = page.get_by_role("button", name="End all others")
    opener.click()
    page.keyboard.press("Escape")
    expect(opener).to_be_focused()
    assert calls(page, "end_other_sessions") == []
    opener.click()
    page.get_by_role("alertdialog").get_by_role("button", name="End all others").click()
    expect(page.get_by_text("You are signed in nowhere else.")).to_be_visible()
    expect(page.get_by_text("All other devices are signed out.")).to_be_visible()
    expect(opener).to_have_count(0)


def test_a_device_that_could_not_be_ended_is_told_where_it_was_asked(open_page: OpenPage) -> None:
    page = open_settings(open_page, problems={"end_session": OFFLINE})
    device(page, "Chrome on Android").get_by_role("button", name="End", exact=True).click()
    question = page.get_by_role("alertdialog")
    question.get_by_role("button", name="End", exact=True).click()
    expect(question.get_by_role("alert")).to_contain_text("Nothing was changed.")
    page.keyboard.press("Escape")
    expect(device(page, "Chrome on Android")).to_be_visible()


def test_a_list_that_did_not_come_can_be_asked_for_again(open_page: OpenPage) -> None:
    page = open_settings(open_page, problems={"list_sessions": OFFLINE})
    alert = page.locator("balon-devices-section").get_by_role("alert")
    expect(alert).to_contain_text("No connection.")
    page.evaluate("globalThis.fakeCore.scenario.problems = {}")
    alert.get_by_role("button", name="Try again").click()
    expect(device(page, "Chrome on Android")).to_be_visible()
    expect(alert).to_have_count(0)


# --- Your data ---


def test_everything_is_exported_with_progress_and_a_dated_name(open_page: OpenPage) -> None:
    page = open_settings(open_page, exportSteps=8, held=["export"])
    with page.expect_download() as download:
        page.get_by_role("button", name="Export everything").click()
        expect(page.get_by_role("progressbar", name="Exporting everything")).to_be_visible()
        expect(page.get_by_text("4 of 8")).to_be_visible()
        release(page, "export")
    name = download.value.suggested_filename
    assert re.fullmatch(r"balon-export-\d{4}-\d{2}-\d{2}\.zip", name)
    assert download.value.path().read_bytes().startswith(b"PK\x03\x04")
    expect(page.get_by_text(f"Saved to your downloads as {name}.")).to_be_visible()
    expect(page.get_by_role("progressbar", name="Exporting everything")).to_have_count(0)
    expect(page.get_by_role("button", name="Export everything")).to_be_focused()


def test_an_export_goes_on_while_the_person_reads(open_page: OpenPage) -> None:
    page = open_settings(open_page, held=["export"])
    page.get_by_role("button", name="Export everything").click()
    page.get_by_role("link", name="Done").click()
    expect(page.get_by_role("article").first).to_be_visible()
    with page.expect_download():
        release(page, "export")
    assert len(calls(page, "export_everything")) == 1


def test_an_export_that_outlives_the_session_is_dropped(open_page: OpenPage) -> None:
    page = open_settings(open_page, held=["export"])
    downloads: list[str] = []
    page.on("download", lambda download: downloads.append(download.suggested_filename))
    page.evaluate(
        """() => {
            const core = globalThis.fakeCore, run = core.call_export_everything;
            globalThis.exported = new Promise((resolve) => {
                core.call_export_everything = async function () {
                    const archive = await run.call(this);
                    setTimeout(resolve, 50);
                    return archive;
                };
            });
        }"""
    )
    page.get_by_role("button", name="Export everything").click()
    end(page, "locked", "idle")
    expect(page.get_by_role("heading", name="Locked")).to_be_visible()
    release(page, "export")
    page.evaluate("globalThis.exported")
    assert downloads == []


def test_an_export_that_failed_is_told_and_tried_again(open_page: OpenPage) -> None:
    page = open_settings(open_page, problems={"export_everything": OFFLINE})
    page.get_by_role("button", name="Export everything").click()
    expect(page.get_by_role("alert")).to_contain_text("No connection.")
    page.evaluate("globalThis.fakeCore.scenario.problems = {}")
    with page.expect_download():
        page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_what_the_server_sees_is_shown_word_for_word(open_page: OpenPage) -> None:
    page = open_settings(open_page)
    page.get_by_role("link", name="What the server sees").click()
    expect(page.get_by_role("heading", name="What the server sees", level=1)).to_be_focused()
    expect(page.get_by_text("the server has no key to it")).to_be_visible()
    assert page.locator(".row").count() == 0, "rows wait until they are looked at"
    page.locator("summary").filter(has_text="accounts_user").click()
    expect(page.locator(".row dd").nth(1)).to_have_text("alice")
    expect(page.locator(".row dd").nth(3)).to_contain_text("1750000000000")
    expect(page.locator(".row dd").nth(3)).to_contain_text("2025")
    expect(page.locator("summary").filter(has_text="40 of 1234 rows")).to_be_visible()
    expect(page.get_by_text("There is nothing of this kind.")).to_be_visible()
    page.get_by_role("link", name="Back").click()
    expect(page.get_by_role("heading", name="Settings", level=1)).to_be_focused()


def test_what_the_server_sees_shows_no_markup_of_the_server(open_page: OpenPage) -> None:
    row = {"login": "<img src=https://evil.example/x onerror=alert(1)>"}
    table = {"name": "<b>t</b>", "explanation": "<i>why</i>", "rows": [row], "total": 1}
    page = open_page({**SIGNED_IN, "tables": [table]}, f"{OPEN}#server")
    page.locator("summary").click()
    expect(page.locator(".row dd")).to_have_text(row["login"])
    expect(page.get_by_text("<i>why</i>")).to_be_visible()


# --- Leaving ---


def ask_to_delete(page: Page, password: str = OLD) -> Locator:
    page.get_by_role("button", name="Delete account").click()
    dialog = page.get_by_role("alertdialog", name="Delete your account?")
    dialog.get_by_label("Password", exact=True).fill(password)
    dialog.get_by_role("button", name="Delete account").click()
    return dialog


def test_deleting_asks_for_the_password_waits_and_can_be_undone(open_page: OpenPage) -> None:
    page = open_settings(open_page)
    dialog = ask_to_delete(page)
    expect(dialog).to_have_count(0)
    assert calls(page, "request_deletion") == [[OLD]]
    expect(page.get_by_text("Your account is deleted for good on")).to_be_visible()
    keep = page.get_by_role("button", name="Keep my account")
    expect(keep).to_be_focused()
    keep.press("Enter")
    expect(page.get_by_text("Your account stays. Nothing was deleted.")).to_be_visible()
    expect(page.get_by_role("button", name="Delete account")).to_be_focused()
    assert len(calls(page, "cancel_deletion")) == 1


def test_a_wrong_password_deletes_nothing(open_page: OpenPage) -> None:
    page = open_settings(open_page, problems={"request_deletion": WRONG})
    dialog = ask_to_delete(page, "wrong")
    expect(dialog.get_by_role("alert")).to_contain_text("This is not your password.")
    expect(dialog.get_by_label("Password", exact=True)).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Delete account")).to_be_focused()


def test_no_password_no_deletion(open_page: OpenPage) -> None:
    page = open_settings(open_page)
    dialog = ask_to_delete(page, "")
    expect(dialog.get_by_role("alert")).to_be_visible()
    assert calls(page, "request_deletion") == []


def test_a_pending_deletion_is_said_over_the_chat_until_the_account_is_kept(open_page: OpenPage) -> None:
    page = open_page({**SIGNED_IN, "deleteAfter": 1_790_000_000_000}, OPEN)
    expect(page.get_by_text("Your account is deleted for good on")).to_contain_text("2026")
    page.get_by_role("button", name="Keep my account").click()
    expect(page.get_by_text("Your account is deleted for good on")).to_have_count(0)
    expect(page.get_by_role("textbox", name="Message", exact=True)).to_be_focused()
    assert len(calls(page, "cancel_deletion")) == 1


def test_keeping_the_account_may_fail_and_says_so(open_page: OpenPage) -> None:
    page = open_page({**SIGNED_IN, "deleteAfter": 1_790_000_000_000, "problems": {"cancel_deletion": OFFLINE}}, OPEN)
    page.get_by_role("button", name="Keep my account").click()
    expect(page.get_by_role("alert")).to_contain_text("No connection.")
    expect(page.get_by_text("Your account is deleted for good on")).to_be_visible()


# --- The end of a session ---


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("expired", "Your session has ended"),
        ("ended", "This session was ended"),
        ("account-changed", "Your password, login name or keys were changed on another device"),
        ("anything", "Your session is over"),
    ],
)
def test_why_a_session_ended_is_said_at_sign_in(open_page: OpenPage, reason: str, words: str) -> None:
    page = open_page(SIGNED_IN, OPEN)
    expect(page.get_by_text("A window function computes")).to_be_visible()
    end(page, "signed-out", reason)
    notice = page.get_by_role("status")
    expect(notice).to_contain_text(words)
    expect(notice).to_contain_text("Nothing you wrote is lost")
    expect(page.get_by_role("textbox", name="Login name")).to_be_focused()
    assert "window function" not in page.content()


def unlocked_places(page: Page) -> dict[str, str]:
    """What is in the document, in its form fields, and in its title."""
    found: dict[str, str] = page.evaluate(
        """() => ({
            markup: document.documentElement.outerHTML,
            fields: [...document.querySelectorAll('input, textarea')].map(({value}) => value).join('|'),
            title: document.title,
        })"""
    )
    return found


@pytest.mark.parametrize("path", [OPEN, SETTINGS, f"{OPEN}#server"], ids=["chat", "settings", "server"])
@pytest.mark.parametrize("reason", ["idle", "other-tab", "locked"])
def test_a_lock_anywhere_shows_here_and_leaves_nothing(open_page: OpenPage, path: str, reason: str) -> None:
    page = open_page(SIGNED_IN, path)
    expect(page.get_by_text(re.compile("A window function computes|Chrome on Android|kind of browser"))).to_be_visible()
    if path == SETTINGS:
        open_form(page, "Check your kit").get_by_label("Recovery kit", exact=True).fill("BALON-RECOVERY-1.abc")
        open_form(page, "Change password").get_by_label("New password", exact=True).fill(NEW)
        page.get_by_role("button", name="Delete account").click()
    end(page, "locked", reason)
    expect(page.get_by_role("heading", name="Locked")).to_be_visible()
    expect(page.get_by_label("Password", exact=True)).to_be_focused()
    places = unlocked_places(page)
    assert [secret for secret in SECRETS if any(secret in text for text in places.values())] == []
    assert places["title"] == "Balon"


def test_the_passwords_of_a_change_are_zeroed(open_page: OpenPage) -> None:
    page = open_settings(open_page)
    page.evaluate(
        """() => {
            const core = globalThis.fakeCore, call = core.call;
            globalThis.seen = [];
            core.call = function (name, ...args) {
                globalThis.seen.push(...args.filter((each) => each instanceof Uint8Array));
                return call.call(this, name, ...args);
            };
        }"""
    )
    change_password(page)
    expect(page.get_by_text("Your password is changed")).to_be_visible()
    assert page.evaluate("globalThis.seen.map((bytes) => [bytes.length, bytes.every((byte) => byte === 0)])") == [
        [len(OLD), True],
        [len(NEW), True],
    ]
    assert len(expect_calls(page, "change_password", 1)) == 1
