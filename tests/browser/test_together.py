"""Several people and an assistant in one conversation: the real page, three profiles, one installation."""

import re
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.company import (
    PATIENCE_MS,
    accept,
    begin,
    choose_assistant,
    close,
    expect_message,
    invitations,
    invite,
    links,
    open_members,
    remove,
    row_of,
    safety_number,
    verify,
)
from tests.browser.person import Person
from tests.engines.engine import wait_until
from tests.engines.firefox import Firefox
from tests.engines.person import Person as FirefoxPerson
from tests.engines.sink import Sink
from tests.fakes.openai_server import FakeOpenAIServer, Script
from tests.stack.fixtures import Watch
from tests.stack.installation import Installation
from tests.stack.wiretap import Wiretap

pytestmark = pytest.mark.timeout(400)

FIRST = "What did the clinic write?"
PRIVATE = "Between us: the lawyer calls at noon."
AFTER = "Now that we are alone again."
SAID = tuple(text.encode() for text in (FIRST, PRIVATE, AFTER))


@pytest.fixture(scope="module")
def residents(browser: Browser, whole_installation: tuple[Installation, Wiretap]) -> Iterator[tuple[Person, Person]]:
    """Two people with accounts, each in a browser profile of their own: making an account costs an RSA key."""
    contexts = [browser.new_context(base_url=whole_installation[1].origin) for _ in range(2)]
    for context in contexts:
        context.set_default_timeout(PATIENCE_MS)
    alice, bob = (Person(context.new_page()) for context in contexts)
    for person in (alice, bob):
        person.sign_up()
    yield alice, bob
    for context in contexts:
        context.close()


@pytest.fixture
def pair(residents: tuple[Person, Person], wiretap: Wiretap, watch: Watch) -> Iterator[tuple[Person, Person]]:
    """Alice and Bob on a page that begins anew, whatever a test before left, with a watch on what no page may do."""
    watch.expect("40")  # Who was removed asks once more for what is no more theirs.
    contexts = [person.page.context for person in residents]
    for context in contexts:
        watch.follow(context)
    for person in residents:
        person.open()
    yield residents
    for context in contexts:
        watch.leave(context)


@pytest.fixture
def carol(wiretap: Wiretap, tmp_path: Path) -> Iterator[FirefoxPerson]:
    """Carol with a new account, in Firefox."""
    with Sink() as sink:
        firefox = Firefox(tmp_path / "firefox", sink.port)
        try:
            person = FirefoxPerson(firefox, wiretap.origin)
            assert person.sign_up()
            person.save_kit()
            yield person
            assert sink.asked == []
        finally:
            firefox.close()


def test_three_people_talk_with_the_assistant_and_one_is_removed(
    pair: tuple[Person, Person], carol: FirefoxPerson, upstream: FakeOpenAIServer, wiretap: Wiretap
) -> None:
    alice, bob = pair
    begin(alice, FIRST)
    invite(alice, bob)
    accept(bob, alice)
    invite(alice, carol, role="Reader", share=False)
    carol.accept_invitation(alice.login)

    # History was shared with Bob, and not with Carol.
    expect_message(bob, alice.login, FIRST)
    assert carol.articles() == []

    # Both sides see the same safety number; verifying shows in the list.
    assert safety_number(alice, bob) == safety_number(bob, alice)
    verify(alice, bob)

    # Whoever asks, everybody sees the reply while it comes.
    seen = threading.Event()
    upstream.script = Script.numbered(10, break_after=4, gate=seen)
    bob.send("And what shall we answer?")
    for person in (alice, bob):
        expect(person.articles("Assistant").last).to_contain_text("w3", timeout=PATIENCE_MS)
    wait_until(lambda: "w3" in carol.reply(), "half of the reply in Firefox")
    seen.set()
    carol.watch_reply("w9")
    for person in (alice, bob):
        expect(person.articles("Assistant").last).to_contain_text("w9", timeout=PATIENCE_MS)

    # People may talk among themselves; the model gets nothing of it, then or later.
    choose_assistant(alice, "When mentioned")
    alice.send(PRIVATE)
    expect_message(bob, alice.login, PRIVATE)
    upstream.script = Script()
    bob.send("@assistant thank you")
    bob.expect_reply("fake model")
    assert PRIVATE not in str(upstream.requests)

    # Carol, who reads, is removed; she reads nothing that comes after.
    remove(alice, carol)
    alice.send(AFTER)
    expect_message(bob, alice.login, AFTER)
    wait_until(lambda: carol.conversations() == [], "the conversation is gone from Carol's list")
    assert carol.articles() == []
    assert wiretap.requests("down"), "the sockets are captured"
    assert not any(text in exchange.answer + exchange.request for text in SAID for exchange in wiretap.exchanges)


def test_the_rows_of_a_removed_person_are_gone(pair: tuple[Person, Person], installation: Installation) -> None:
    alice, bob = pair
    begin(alice, FIRST)
    invite(alice, bob)
    accept(bob, alice)
    conversation_id = alice.page.url.rpartition("/")[2].replace("-", "")
    assert len(members_of(installation, conversation_id)) == 2
    remove(alice, bob)
    assert len(members_of(installation, conversation_id)) == 1


def members_of(installation: Installation, conversation_id: str) -> set[str]:
    """Whose grants and memberships of a conversation the database holds."""
    database = sqlite3.connect(f"file:{installation.folder / 'balon.sqlite3'}?mode=ro", uri=True)
    try:
        tables = ("keystore_grant", "keystore_membership")
        queries = (f"SELECT user_id FROM {table} WHERE conversation_id = ?" for table in tables)
        return {user for query in queries for (user,) in database.execute(query, (conversation_id,))}
    finally:
        database.close()


def test_an_invitation_is_declined_and_one_is_taken_back(pair: tuple[Person, Person]) -> None:
    alice, bob = pair
    begin(alice, FIRST)
    invite(alice, bob)
    invitations(bob, alice).click(timeout=PATIENCE_MS)
    expect(bob.page.get_by_text(alice.login).first).to_be_visible()
    expect(bob.page.get_by_text("fake model")).to_have_count(0)
    bob.page.get_by_role("button", name="Decline", exact=True).click()
    expect(invitations(bob, alice)).to_have_count(0, timeout=PATIENCE_MS)

    # What is written after it is under a key that Bob never had.
    alice.send(AFTER)
    alice.expect_reply("fake model")
    invite(alice, bob)
    expect(invitations(bob, alice)).to_have_count(1, timeout=PATIENCE_MS)
    remove(alice, bob)
    expect(invitations(bob, alice)).to_have_count(0, timeout=PATIENCE_MS)


def test_a_reply_is_saved_by_another_when_the_asker_vanishes(
    pair: tuple[Person, Person], upstream: FakeOpenAIServer
) -> None:
    alice, bob = pair
    begin(alice, FIRST)
    invite(alice, bob)
    accept(bob, alice)
    gone = threading.Event()
    upstream.script = Script.numbered(10, break_after=4, gate=gone)
    alice.send("Tell us more")
    expect(bob.articles("Assistant").last).to_contain_text("w3", timeout=PATIENCE_MS)
    context = alice.page.context
    alice.page.close()
    gone.set()
    expect(bob.articles("Assistant").last).to_contain_text("w9", timeout=PATIENCE_MS)
    bob.page.reload()
    bob.wait_for_core()
    expect(bob.articles("Assistant").last).to_contain_text("w9", timeout=PATIENCE_MS)
    expect(bob.articles("Assistant")).to_have_count(2)
    alice.page = context.new_page()


def test_unread_messages_are_counted_and_a_new_name_is_unknown(pair: tuple[Person, Person]) -> None:
    alice, bob = pair
    begin(alice, FIRST)
    dialog = open_members(alice)
    form = dialog.get_by_role("form", name="Invite")
    form.get_by_role("textbox", name="Login name").fill("nobody-has-this-name")
    form.get_by_role("button", name="Invite", exact=True).click()
    expect(form).to_contain_text("nobody", ignore_case=True)
    expect(row_of(dialog, "nobody-has-this-name")).to_have_count(0)
    close(dialog)
    invite(alice, bob)
    accept(bob, alice)
    bob.page.get_by_role("button", name="New conversation").click()
    choose_assistant(alice, "When mentioned")
    alice.send("one")
    expect_message(alice, "You", "one")
    alice.send("two")
    expect(links(bob).first).to_have_accessible_name(re.compile("2 unread"), timeout=PATIENCE_MS)
