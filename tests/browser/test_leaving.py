"""What a person takes along, what the server could hand over, and leaving for good with a while to think better of it."""

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.browser.person import Person
from tests.browser.test_canary import places_of
from tests.fakes.openai_server import FakeOpenAIServer, Script
from tests.stack.fixtures import Watch
from tests.stack.installation import Installation
from tests.stack.wiretap import Wiretap

ASKED: Final = "kanarie-asked-Rw52Tb: is the lease signed?"
ANSWERED: Final = "kanarie-answered-Jq81Mz"
AGAIN: Final = "kanarie-again-Kc19Uy: and the deposit?"
OTHER: Final = "kanarie-other-Lp64Sd: plan the garden"


@pytest.fixture(scope="module")
def writer(browser: Browser, whole_installation: tuple[Installation, Wiretap], upstream: FakeOpenAIServer) -> Person:
    """One account with two conversations for all tests of this module."""
    context = browser.new_context(base_url=whole_installation[1].origin)
    person = Person(context.new_page())
    person.sign_up()
    upstream.script = Script(chunks=("Yes: ", ANSWERED, "."))
    for text in (ASKED, AGAIN):
        person.send(text)
        expect(person.articles("Assistant")).to_have_count(1 if text == ASKED else 2)
        person.expect_reply(ANSWERED)
    person.page.get_by_role("button", name="New conversation").click()
    expect(person.articles()).to_have_count(0)
    person.send(OTHER)
    person.expect_reply(ANSWERED)
    person.sign_out()
    context.close()
    return person


@pytest.fixture
def enter(writer: Person, open_profile: Callable[[], BrowserContext]) -> Callable[[], Person]:
    """Signs the writer in in a new browser profile."""

    def enter_one() -> Person:
        person = writer.on(open_profile().new_page())
        person.enter()
        return person

    return enter_one


def exported(person: Person) -> zipfile.ZipFile:
    """Exports everything from the open settings."""
    with person.page.expect_download() as download:
        person.page.get_by_role("button", name="Export everything").click()
    assert download.value.suggested_filename.startswith("balon-export-")
    return zipfile.ZipFile(io.BytesIO(download.value.path().read_bytes()))


def texts_of(document: dict[str, Any]) -> set[tuple[str, ...]]:
    """The texts of each conversation, in order."""
    return {tuple(each["text"] for each in found["messages"]) for found in document["conversations"]}


def keys_on_the_wire(wiretap: Wiretap) -> set[str]:
    """The sealed keys of the account as the server gave them at sign-in."""
    records = json.loads(wiretap.requests("POST", "/accounts/login")[-1].answer)["records"]
    return {records["mek_env"], records["idk_env"], records["rsa_env"], records["keyring"]["envelope"]}


def test_an_export_is_what_was_written_and_no_key(enter: Callable[[], Person], wiretap: Wiretap) -> None:
    person = enter()
    person.open_settings()
    archive = exported(person)
    expect(person.page.get_by_text("Saved to your downloads as balon-export-")).to_be_visible()
    assert archive.testzip() is None
    document = json.loads(archive.read("balon.json"))
    answer = f"Yes: {ANSWERED}."
    assert texts_of(document) == {(ASKED, answer, AGAIN, answer), (OTHER, answer)}
    assert document["account"]["login"] == person.login
    assert (document["not_given"], document["refused"]) == ([], [])

    notes = {name: archive.read(name).decode() for name in archive.namelist() if name.startswith("conversations/")}
    assert len(notes) == 2
    assert {each["file"] for each in document["conversations"]} == set(notes)
    for text in (ASKED, AGAIN, OTHER, answer):
        assert any(f"> {text}" in note for note in notes.values()), text

    everything = b"\n".join(archive.read(name) for name in archive.namelist())
    code = next(line for line in person.kit_text.splitlines() if line.count("-") == 13)
    for secret in (person.password, code, code.replace("-", ""), *keys_on_the_wire(wiretap)):
        assert secret.encode() not in everything
    for word in (b"mek", b"idk_env", b"rsa_env", b"PRIVATE KEY", b"BALON-RECOVERY"):
        assert word not in everything


def test_what_was_exported_never_crossed_the_wire(enter: Callable[[], Person], wiretap: Wiretap) -> None:
    person = enter()
    person.open_settings()
    exported(person)
    wire = {"the wire": wiretap.all_bytes()}
    assert places_of(person.login, wire)
    for text in (ASKED, AGAIN, OTHER, ANSWERED):
        assert places_of(text.split(":")[0], wire) == []


def test_the_person_sees_what_the_server_sees_and_no_word_of_theirs(
    enter: Callable[[], Person], wiretap: Wiretap
) -> None:
    person = enter()
    person.open_settings()
    person.page.get_by_role("link", name="What the server sees").click()
    view = person.page.get_by_role("region", name="What the server sees")
    headings = view.get_by_role("heading", level=2)
    expect(headings.first).to_be_visible()
    tables = json.loads(wiretap.requests("GET", "/accounts/disclosure")[-1].answer)["tables"]
    assert headings.count() == len(tables) > 5
    for summary in view.locator("summary").all():
        summary.click()
    expect(view.locator("dl.row")).to_have_count(sum(len(table["rows"]) for table in tables))
    shown = view.inner_text()
    assert person.login in shown
    for text in (ASKED, AGAIN, OTHER, ANSWERED):
        assert places_of(text.split(":")[0], {"page": shown.encode()}) == []
    assert person.password not in shown


def test_deletion_is_asked_for_announced_on_every_device_and_taken_back(
    enter: Callable[[], Person], wiretap: Wiretap, watch: Watch
) -> None:
    laptop = enter()
    laptop.open_settings()
    laptop.request_deletion("not-the-password-at-all")
    dialog = laptop.page.get_by_role("alertdialog", name="Delete your account?")
    expect(dialog.get_by_role("alert").filter(has_text="This is not your password.")).to_be_visible()
    assert not wiretap.requests("POST", "/accounts/deletion")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()

    laptop.request_deletion()
    expect(laptop.page.get_by_text("The waiting period has begun.")).to_be_visible()
    expect(laptop.page.get_by_text("Your account is deleted for good on")).to_be_visible()
    phone = enter()
    banner = phone.page.get_by_text("Your account is deleted for good on")
    expect(banner).to_be_visible()
    phone.send("everything works as before")
    phone.expect_reply("fake model")
    phone.page.get_by_role("button", name="Keep my account").click()
    expect(banner).to_be_hidden()
    phone.page.reload()
    expect(phone.message_box).to_be_visible()
    laptop.page.reload()
    expect(laptop.page.get_by_role("button", name="Delete account")).to_be_visible()
    answer = laptop.page.request.get(f"{wiretap.origin}/api/v1/accounts/deletion")
    assert answer.json() == {"delete_after_ms": None}
