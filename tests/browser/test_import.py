"""An export of another product is read and sealed in the browser: the server never sees a word of it (A39, A52)."""

from playwright.sync_api import expect

from tests.browser.person import Person
from tests.browser.test_canary import haystacks, places_of
from tests.client.imports.exports import ChatGPT, encode
from tests.client.imports.test_archives import pack
from tests.stack.installation import Installation
from tests.stack.wiretap import Wiretap

TITLE = "kanarie-import-title-4Hq"
QUESTION = "kanarie-import-question-9Zk"
REPLY = "kanarie-import-reply-2Wm"
SOURCE_ID = "kanarie-import-id-7Bt"


def archive() -> bytes:
    chat = ChatGPT(TITLE, SOURCE_ID)
    chat.ask(QUESTION)
    chat.reply(REPLY)
    return pack({"conversations.json": encode([chat.build()])})


def test_an_archive_is_imported_and_nothing_of_it_reaches_the_server(
    alice: Person, installation: Installation, wiretap: Wiretap
) -> None:
    page = alice.page
    alice.choose_in_account_menu("Settings")
    export = {"name": "export.zip", "mimeType": "application/zip", "buffer": archive()}
    page.get_by_label("Export file").set_input_files(export)
    page.get_by_role("button", name="Import 1 conversation").click()
    page.get_by_role("list", name="Imported").get_by_role("link", name=TITLE).click()
    expect(alice.articles("Assistant")).to_contain_text(REPLY)
    page.reload()
    expect(alice.articles("You")).to_contain_text(QUESTION)
    reply = alice.articles("Assistant")
    expect(reply).to_contain_text(REPLY)
    expect(reply).to_contain_text("Imported from ChatGPT")
    expect(reply.get_by_role("note")).to_contain_text("Imported, not confirmed.")

    alice.choose_in_account_menu("Settings")
    page.get_by_label("Export file").set_input_files(export)
    expect(page.get_by_text("Imported already")).to_be_visible()

    assert len(wiretap.requests("POST", "/messages")) == 2, "the messages crossed, sealed, and once"
    found = haystacks(installation, wiretap)
    assert places_of(alice.login, found), "what the server does know is found in the same places"
    for canary in (TITLE, QUESTION, REPLY, SOURCE_ID, "gpt-imagined"):
        assert places_of(canary, found) == [], canary
