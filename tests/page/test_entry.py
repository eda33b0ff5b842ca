"""Sign-in, sign-up, the recovery kit, lock and recovery, by the names that docs/page.md promises."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.page.conftest import OPEN, SIGNED_IN, OpenPage, Watch, calls, emit, expect_calls, release, wait_for_core

STRONG = "umbrella-cobalt-thirteen-Walrus-meadow"
REFUSED = {
    "code": "sign-in-refused",
    "title": "Sign-in was refused",
    "detail": "The login name or the password is not right.",
    "action": "retry",
}


def sign_in(page: Page, password: str = STRONG) -> None:
    page.get_by_role("textbox", name="Login name").fill("alice")
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()


def fill_sign_up(page: Page, password: str = STRONG, confirmation: str | None = None) -> None:
    page.get_by_role("link", name="Create an account").click()
    page.get_by_role("textbox", name="Login name").fill("Alice")
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_label("Confirm password").fill(confirmation or password)


def marks(page: Page) -> list[str]:
    names: list[str] = page.evaluate("performance.getEntriesByType('mark').map(({name}) => name)")
    return names


def test_sign_in_has_its_names_and_opens_the_chat(open_page: OpenPage) -> None:
    page = open_page()
    expect(page.get_by_role("link", name="Create an account")).to_be_visible()
    expect(page.get_by_role("link", name="Use your recovery kit")).to_be_visible()
    sign_in(page)
    expect(page.get_by_role("textbox", name="Message", exact=True)).to_be_visible()
    assert {"balon:form", "balon:signed-in"} <= set(marks(page))


def test_the_form_is_usable_before_the_worker(open_page: OpenPage) -> None:
    page = open_page({"held": ["ready"]})
    sign_in(page)
    expect(page.get_by_role("button", name="Starting encryption")).to_be_visible()
    release(page, "ready")
    expect(page.get_by_role("textbox", name="Message", exact=True)).to_be_visible()
    form, core = (
        page.evaluate(f"performance.getEntriesByName('balon:{name}')[0].startTime") for name in ("form", "core")
    )
    assert form < core
    assert len(calls(page, "sign_in")) == 1


def test_the_password_goes_to_the_worker_as_nfkc(open_page: OpenPage) -> None:
    page = open_page()
    sign_in(page, "\ufb01ve \uff57ords \u2460  ")
    assert expect_calls(page, "sign_in", 1) == [["alice", "five words 1  "]]


FIRST = {**REFUSED, "code": "first-sign-in", "title": "This is the first sign-in since Balon encrypts."}


def test_an_account_from_before_encryption_gets_keys_only_once_its_person_says_so(open_page: OpenPage) -> None:
    page = open_page({"problems": {"sign_in": FIRST}})
    typed = "corr\u00e9ct horse \ufb01ve"
    sign_in(page, typed)
    expect(page.get_by_role("heading", name="Your first sign-in since Balon encrypts")).to_be_focused()
    assert calls(page, "first_sign_in") == []
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_label("Password", exact=True)).to_have_value(typed)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Make my keys").click()
    dialog = page.get_by_role("dialog", name="Save your recovery kit")
    expect(dialog).to_contain_text("Choose a new password soon")
    expect(dialog).not_to_contain_text("no longer works")
    assert calls(page, "first_sign_in") == [["alice", typed, "corr\u00e9ct horse five"]]
    dialog.get_by_role("checkbox", name="I have saved my recovery kit").check()
    dialog.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("textbox", name="Message", exact=True)).to_be_visible()


def test_a_refused_first_sign_in_leads_back_to_the_form(open_page: OpenPage) -> None:
    page = open_page({"problems": {"sign_in": FIRST, "first_sign_in": REFUSED}})
    sign_in(page)
    page.get_by_role("button", name="Make my keys").click()
    expect(page.get_by_role("alert")).to_contain_text(REFUSED["title"])
    expect(page.get_by_label("Password", exact=True)).to_be_focused()


def test_a_refused_password_is_an_alert_and_the_field_is_ready_again(open_page: OpenPage) -> None:
    page = open_page({"problems": {"sign_in": REFUSED}})
    sign_in(page, "wrong")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text(REFUSED["title"])
    expect(alert).to_contain_text(REFUSED["detail"])
    expect(page.get_by_label("Password", exact=True)).to_be_focused()


def test_enter_submits_once(open_page: OpenPage) -> None:
    page = open_page({"held": ["sign_in"]})
    page.get_by_role("textbox", name="Login name").fill("alice")
    page.get_by_label("Password", exact=True).fill(STRONG)
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    release(page, "sign_in")
    expect(page.get_by_role("textbox", name="Message", exact=True)).to_be_visible()
    assert len(calls(page, "sign_in")) == 1


def test_a_deep_link_survives_sign_in(open_page: OpenPage) -> None:
    page = open_page(path=OPEN)
    sign_in(page)
    expect(page.get_by_role("heading", name="SQL window functions", level=1)).to_be_visible()
    assert page.url.endswith(OPEN)


def test_sign_up_generates_keys_while_the_form_is_filled_and_shows_the_kit_once(open_page: OpenPage) -> None:
    page = open_page({"keysAfterMs": 400})
    fill_sign_up(page)
    progress = page.get_by_role("progressbar", name="Generating your keys")
    expect(progress).to_be_visible()
    expect(progress).to_have_attribute("aria-valuenow", "100")
    page.get_by_role("button", name="Create account").click()
    dialog = page.get_by_role("dialog", name="Save your recovery kit")
    expect(dialog).to_contain_text("7QK2-9F4M")
    for name in ("Download", "Copy", "Print"):
        expect(dialog.get_by_role("button", name=name)).to_be_enabled()
    with page.expect_download() as download:
        dialog.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == "balon-recovery-kit-alice.txt"
    assert "BALON-RECOVERY-1." in download.value.path().read_text()
    proceed = dialog.get_by_role("button", name="Continue")
    expect(proceed).to_be_disabled()
    assert calls(page, "put_off_kit_reminder") == []
    dialog.get_by_role("checkbox", name="I have saved my recovery kit").check()
    proceed.click()
    assert expect_calls(page, "put_off_kit_reminder", 1) == [[]]
    expect(page.get_by_role("textbox", name="Message", exact=True)).to_be_visible()
    assert "BALON-RECOVERY" not in page.content()
    assert calls(page, "sign_up") == [["alice", STRONG]]


def test_escape_does_not_close_the_kit(open_page: OpenPage) -> None:
    page = open_page()
    fill_sign_up(page)
    page.get_by_role("button", name="Create account").click()
    dialog = page.get_by_role("dialog", name="Save your recovery kit")
    expect(dialog).to_be_visible()
    for _ in range(3):
        page.keyboard.press("Escape")
    expect(dialog).to_be_visible()
    page.on("dialog", lambda question: question.accept())  # leaving now is asked about


def test_the_kit_can_be_copied_and_only_the_kit_is_printed(open_page: OpenPage) -> None:
    page = open_page()
    fill_sign_up(page)
    page.get_by_role("button", name="Create account").click()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_text("Copied. Paste it somewhere safe")).to_be_visible()
    assert "BALON-RECOVERY-1." in page.evaluate("navigator.clipboard.readText()")
    page.emulate_media(media="print")
    expect(page.locator(".kit-print")).to_be_visible()
    expect(page.get_by_role("heading", name="Create an account", include_hidden=True)).to_be_hidden()
    expect(page.get_by_role("button", name="Print", include_hidden=True)).to_be_hidden()
    page.on("dialog", lambda question: question.accept())


def test_a_weak_password_is_refused_before_anything_is_called(open_page: OpenPage) -> None:
    page = open_page()
    fill_sign_up(page, "Password1234!")
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("alert")).to_contain_text("Too easy to guess")
    expect(page.get_by_label("Password", exact=True)).to_be_focused()
    assert calls(page, "sign_up") == []


def test_a_confirmation_that_differs_and_a_bad_login_are_refused(open_page: OpenPage) -> None:
    page = open_page()
    fill_sign_up(page, STRONG, "something else entirely, long")
    page.get_by_role("textbox", name="Login name").fill("no spaces allowed")
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("alert")).to_have_count(2)
    expect(page.get_by_role("textbox", name="Login name")).to_be_focused()
    assert calls(page, "sign_up") == []


def test_a_suggested_passphrase_is_shown_filled_in_and_accepted(open_page: OpenPage) -> None:
    page = open_page()
    page.get_by_role("link", name="Create an account").click()
    page.get_by_role("textbox", name="Login name").fill("alice")
    page.get_by_role("button", name="Suggest a passphrase").click()
    words = page.locator(".suggestion-words").inner_text()
    assert re.fullmatch(r"[a-z]+( [a-z]+){5}", words)
    expect(page.get_by_label("Password", exact=True)).to_have_value(words)
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("dialog", name="Save your recovery kit")).to_be_visible()
    assert calls(page, "sign_up") == [["alice", words]]
    page.on("dialog", lambda question: question.accept())


def test_the_strength_meter_follows_what_is_typed(open_page: OpenPage) -> None:
    page = open_page()
    page.get_by_role("link", name="Create an account").click()
    meter = page.get_by_role("meter", name="Password strength")
    value = lambda: page.locator("meter").evaluate("meter => meter.value")  # noqa: E731 - shorter than a function here
    password = page.get_by_label("Password", exact=True)
    password.fill("correct")
    expect(meter).to_have_attribute("aria-valuetext", "too weak")
    expect(page.get_by_text("Make it longer")).to_be_visible()
    weak = value()
    password.fill(STRONG)
    expect(meter).to_have_attribute("aria-valuetext", "strong enough")
    expect(page.get_by_text("Strong enough to protect your keys.")).to_be_visible()
    assert value() > weak + 30
    password.fill("")
    expect(page.get_by_text("At least as strong as five random words.")).to_be_visible()
    assert value() == 0


def test_the_login_name_is_known_to_who_guesses(open_page: OpenPage) -> None:
    page = open_page()
    page.get_by_role("link", name="Create an account").click()
    page.get_by_role("textbox", name="Login name").fill("brzpfltkxwq.vmnhgdsjcyu")
    page.get_by_label("Password", exact=True).fill("brzpfltkxwqvmnhgdsjcyu")
    expect(page.get_by_role("meter")).to_have_attribute("aria-valuetext", "too weak")


def test_what_was_typed_can_be_shown_and_hidden(open_page: OpenPage) -> None:
    page = open_page()
    password = page.get_by_label("Password", exact=True)
    password.fill(STRONG)
    toggle = page.get_by_role("button", name="Show what is typed")
    toggle.click()
    expect(password).to_have_attribute("type", "text")
    expect(toggle).to_have_attribute("aria-pressed", "true")
    toggle.click()
    expect(password).to_have_attribute("type", "password")
    expect(password).to_have_value(STRONG)


def test_keys_that_take_long_are_waited_for_and_said(open_page: OpenPage) -> None:
    page = open_page({"held": ["keys"]})
    fill_sign_up(page)
    expect(page.get_by_role("progressbar", name="Generating your keys")).not_to_have_attribute("aria-valuenow", "100")
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("button", name="Waiting for your keys")).to_be_visible()
    release(page, "keys")
    expect(page.get_by_role("dialog", name="Save your recovery kit")).to_be_visible()
    page.on("dialog", lambda question: question.accept())


def test_a_login_name_that_is_taken_is_an_alert_and_nothing_is_lost(open_page: OpenPage) -> None:
    taken = {**REFUSED, "code": "login-taken", "title": "This login name is taken."}
    page = open_page({"problems": {"sign_up": taken}})
    fill_sign_up(page)
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("alert")).to_contain_text("This login name is taken.")
    expect(page.get_by_label("Password", exact=True)).to_have_value(STRONG)
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_kit_is_printed_by_the_browser_and_leaving_is_asked_about(open_page: OpenPage) -> None:
    page = open_page(script="globalThis.print = () => { globalThis.printed = true; };")
    fill_sign_up(page)
    page.get_by_role("button", name="Create account").click()
    page.get_by_role("button", name="Print").click()
    assert page.evaluate("globalThis.printed") is True
    box = page.get_by_role("checkbox", name="I have saved my recovery kit")
    box.check()
    box.uncheck()
    expect(page.get_by_role("button", name="Continue")).to_be_disabled()
    asked = []
    page.on("dialog", lambda question: (asked.append(question.type), question.accept()))
    page.reload()
    assert asked == ["beforeunload"]


def test_a_wrong_password_does_not_unlock(open_page: OpenPage) -> None:
    wrong = {**REFUSED, "code": "wrong-password", "title": "This is not your password."}
    page = open_page({"session": "locked", "problems": {"unlock": wrong}})
    expect(page.get_by_role("heading", name="Locked")).to_be_visible()  # until boot answers, sign-in shows
    page.get_by_label("Password", exact=True).fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("This is not your password.")
    expect(page.get_by_role("heading", name="Locked")).to_be_visible()
    assert expect_calls(page, "unlock", 1) == [["wrong"]]


def test_signing_out_from_the_lock_needs_no_password(open_page: OpenPage) -> None:
    page = open_page({"session": "locked"})
    page.add_init_script("globalThis.fakeScenario = {}")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def test_leaving_sign_up_drops_the_generated_keys(open_page: OpenPage) -> None:
    page = open_page()
    page.get_by_role("link", name="Create an account").click()
    expect_calls(page, "prepare_sign_up", 1)
    page.go_back()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    expect_calls(page, "cancel_sign_up", 1)


def test_a_locked_session_opens_with_the_password(open_page: OpenPage) -> None:
    page = open_page({"session": "locked"}, OPEN)
    expect(page.get_by_role("heading", name="Locked")).to_be_visible()
    page.get_by_label("Password", exact=True).fill(STRONG)
    page.get_by_role("button", name="Unlock").click()
    expect(page.get_by_role("heading", name="SQL window functions")).to_be_visible()


def test_locking_takes_what_was_decrypted_off_the_page(open_page: OpenPage) -> None:
    page = open_page(SIGNED_IN, OPEN)
    expect(page.get_by_text("A window function computes")).to_be_visible()
    page.get_by_role("textbox", name="Message", exact=True).fill("a thought not yet sent")
    session = page.evaluate("globalThis.fakeCore.session('locked')")
    emit(page, "session", {"session": session, "reason": "idle"})
    expect(page.get_by_role("button", name="Unlock")).to_be_visible()
    content = page.content()
    assert "window function" not in content
    assert "a thought" not in content
    page.get_by_label("Password", exact=True).fill(STRONG)
    page.get_by_role("button", name="Unlock").click()
    expect(page.get_by_text("A window function computes")).to_be_visible()
    expect(page.get_by_role("textbox", name="Message", exact=True)).to_have_value("")


def test_signing_out_loads_a_fresh_document_and_shows_no_form_before_it(open_page: OpenPage) -> None:
    page = open_page({**SIGNED_IN, "held": ["sign_out"]}, OPEN)
    page.evaluate("globalThis.sameDocument = true")
    page.get_by_role("button", name="Account").click()
    page.add_init_script("globalThis.fakeScenario = {}")
    page.get_by_role("menuitem", name="Sign out").click()
    expect(page.get_by_role("heading", name="Signing out")).to_be_focused()
    session = page.evaluate("globalThis.fakeCore.session('signed-out')")
    emit(page, "session", {"session": session, "reason": "signed-out"})
    page.evaluate("document.querySelector('balon-app').updateComplete")
    expect(page.get_by_role("textbox")).to_have_count(0)
    release(page, "sign_out")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert page.evaluate("globalThis.sameDocument") is None
    assert page.url.endswith("/")


def test_another_tab_that_signs_out_takes_this_one_along(open_page: OpenPage) -> None:
    page = open_page(SIGNED_IN, OPEN)
    expect(page.get_by_text("A window function computes")).to_be_visible()
    page.add_init_script("globalThis.fakeScenario = {}")
    session = page.evaluate("globalThis.fakeCore.session('signed-out')")
    emit(page, "session", {"session": session, "reason": "other-tab"})
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def test_an_expired_session_says_so_at_sign_in(open_page: OpenPage) -> None:
    page = open_page(SIGNED_IN, OPEN)
    expect(page.get_by_text("A window function computes")).to_be_visible()
    session = page.evaluate("globalThis.fakeCore.session('signed-out')")
    emit(page, "session", {"session": session, "reason": "expired"})
    expect(page.get_by_text("Your session has ended")).to_be_visible()
    assert "window function" not in page.content()


def test_a_likely_session_shows_the_chat_while_the_worker_loads(open_page: OpenPage) -> None:
    page = open_page({**SIGNED_IN, "held": ["ready"]}, script="indexedDB.open('balon-session');")
    page.reload()
    box = page.get_by_role("textbox", name="Message", exact=True)
    box.fill("Early bird")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Waiting for encryption to start")).to_be_visible()
    assert calls(page, "send") == []
    release(page, "ready")
    expect_calls(page, "send", 1)


def test_what_was_typed_early_is_kept_when_there_is_no_session_after_all(open_page: OpenPage) -> None:
    page = open_page({"held": ["ready"]}, script="indexedDB.open('balon-session');")
    page.reload()
    page.get_by_role("textbox", name="Message", exact=True).fill("Early bird")
    page.keyboard.press("Enter")
    release(page, "ready")
    sign_in(page)
    expect(page.get_by_role("textbox", name="Message", exact=True)).to_have_value("Early bird")
    assert calls(page, "send") == []


def test_a_worker_that_does_not_start_is_said_with_a_way_out(open_page: OpenPage, watch: Watch) -> None:
    watch.expected.append("core-failed")
    page = open_page({"failsToStart": True})
    expect(page.get_by_role("heading", name="Balon could not start")).to_be_visible()
    expect(page.get_by_role("button", name="Reload")).to_be_visible()


def test_an_old_browser_is_told_so(open_page: OpenPage) -> None:
    refuse = "SubtleCrypto.prototype.generateKey = async () => { throw new DOMException('no', 'NotSupportedError'); };"
    page = open_page(script=refuse)
    expect(page.get_by_role("heading", name="This browser is too old")).to_be_visible()
    assert page.evaluate("globalThis.fakeCore") is None


def test_an_insecure_address_is_told_that_it_needs_https(open_page: OpenPage) -> None:
    page = open_page(script="Object.defineProperty(globalThis, 'isSecureContext', {value: false});")
    expect(page.get_by_role("heading", name="Balon needs HTTPS")).to_be_visible()


def test_nothing_is_kept_in_storage_and_the_title_tells_nothing(open_page: OpenPage) -> None:
    page = open_page(SIGNED_IN, OPEN)
    expect(page.get_by_text("A window function computes")).to_be_visible()
    wait_for_core(page)
    assert page.title() == "Balon"
    assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
