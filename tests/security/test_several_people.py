"""A hostile server among two people: exchanged keys, an added member, somebody else's words (A6, A14, A22, A26)."""

from dataclasses import dataclass, replace
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, expect

from balon.protocol.encoding import ZERO_HASH, decode_b64u, encode_b64u
from balon.protocol.roster import Role, RosterOp
from balon.protocol.statements import Bundle, RosterEntry
from tests.browser.person import Person
from tests.fakes.openai_server import FakeOpenAIServer, Script
from tests.keys import Keys, another_spki, public_bytes, signed
from tests.security.evidence import Evidence, settle
from tests.security.lies import Lie, lie_about_conversation
from tests.stack.fixtures import PATIENCE_MS
from tests.stack.installation import Installation
from tests.stack.wiretap import Rule, Wiretap

KEYS_REFUSED = "The keys of this conversation do not hold."
MEMBERS_ROLLBACK = "The server gave back an old list of the members of this conversation."
CHANGED = "A message was changed on the server."
PERSON_REFUSED = "The keys that the server gives for somebody in this conversation do not hold."
KEY_CHANGED = "other keys in place of theirs"
BOBS_WORDS = "Bob says that he agrees."
MALLORY = Keys("mallory")


@dataclass
class Pair:
    """A conversation of Alice and Bob, and another one of Alice alone. Bob's browser is closed."""

    alice: Person
    bob: str
    id: str
    other_id: str

    def open_invite_form(self, conversation_id: str, count: int) -> Locator:
        """Opens a conversation of so many messages, and the form that invites into it."""
        page = self.alice.page
        page.goto(f"/c/{conversation_id}")
        expect(self.alice.articles()).to_have_count(count)
        expect(self.alice.message_box).to_be_enabled()
        page.get_by_role("button", name="Members").click()
        return page.get_by_role("dialog", name="Members").get_by_role("form", name="Invite")


@pytest.fixture(scope="module")
def met(
    account: Person,
    browser: Browser,
    whole_installation: tuple[Installation, Wiretap],
    upstream: FakeOpenAIServer,
) -> Pair:
    """Alice and Bob, who talked while the server was honest."""
    tap = whole_installation[1]
    ids = []
    for name in ("Alone", "Together"):
        account.page.get_by_role("button", name="New conversation").click()
        upstream.script = Script.of(f"Reply to {name}.")
        account.send(name)
        account.expect_reply(f"Reply to {name}.")
        ids.append(account.page.url.rpartition("/")[2])
    with browser.new_context(base_url=tap.origin, viewport={"width": 1280, "height": 800}) as context:
        context.set_default_timeout(PATIENCE_MS)
        bob = Person(context.new_page(), login=account.login.replace("alice", "bob"))
        bob.sign_up()
        met = Pair(account, bob.login, ids[1], ids[0])
        _bring_in(met, bob)
        upstream.script = Script.of("Reply to Bob.")
        bob.send(BOBS_WORDS)
        bob.expect_reply("Reply to Bob.")
        account.expect_reply("Reply to Bob.")
        settle(tap)
    expect(account.articles(bob.login)).to_contain_text(BOBS_WORDS)
    expect(account.articles()).to_have_count(4)
    expect(account.alert).to_have_count(0)
    return met


def _bring_in(met: Pair, bob: Person) -> None:
    page = met.alice.page
    form = met.open_invite_form(met.id, 2)
    form.get_by_role("textbox", name="Login name").fill(bob.login)
    form.get_by_label("Share earlier messages").check()
    form.get_by_role("button", name="Invite").click()
    expect(form.get_by_text(f"{bob.login} is invited")).to_be_visible()
    page.keyboard.press("Escape")
    bob.page.get_by_role("button", name="Accept").click()
    expect(bob.articles()).to_have_count(2)


@pytest.fixture
def pair(met: Pair, alice: Person) -> Pair:
    """Both conversations, neither on screen."""
    alice.page.goto("about:blank")
    return met


def of_bob(answer: Any) -> Bundle:
    """The bundle in an answer about Bob."""
    return Bundle.parse(decode_b64u(answer["bundle"]["statement"]))


def _other_encryption_key(answer: Any) -> Any:
    spki = another_spki()
    statement = replace(of_bob(answer), spki=spki).serialize()
    return {**answer, "bundle": {**answer["bundle"], "statement": encode_b64u(statement)}}


def _signed_by_another(answer: Any) -> Any:
    return {**answer, "bundle": signed(MALLORY.idk, of_bob(answer).serialize())}


def _all_of_it_anothers(answer: Any) -> Any:
    keys = {"idk_pub": public_bytes(MALLORY.idk), "spki": MALLORY.spki, "rsa_kid": MALLORY.rsa_kid}
    return {**answer, "bundle": signed(MALLORY.idk, replace(of_bob(answer), **keys).serialize())}


EXCHANGED: dict[str, tuple[Lie, str]] = {
    "another-key-for-encryption": (_other_encryption_key, PERSON_REFUSED),
    "signed-by-another": (_signed_by_another, PERSON_REFUSED),
    "all-of-it-anothers": (_all_of_it_anothers, KEY_CHANGED),
}


def test_nothing_is_sealed_to_a_contacts_exchanged_key(pair: Pair, wiretap: Wiretap, evidence: Evidence) -> None:
    form = pair.open_invite_form(pair.other_id, 2)
    for rewrite, alarm in EXCHANGED.values():
        lie = wiretap.lie("POST", "/keys/lookup", rewrite)
        form.get_by_role("textbox", name="Login name").fill(pair.bob)
        form.get_by_role("button", name="Invite").click()
        expect(form.get_by_role("alert").filter(has_text=alarm).first).to_be_visible()
        wrapped = [each.path for each in wiretap.since(lie) if each.method == "POST" and "lookup" not in each.path]
        assert not wrapped
        wiretap.rules.clear()
        form.get_by_role("textbox", name="Login name").fill("")
    evidence.verify_nothing_changed()


def _add_mallory(record: Any) -> Any:
    """The server puts somebody on the list in Alice's name."""
    newest = RosterEntry.parse(decode_b64u(record["roster"][-1]["statement"]))
    entry = replace(
        newest,
        seq=newest.seq + 1,
        prev_hash=newest.hash,
        op=RosterOp.INVITE,
        actor_id=RosterEntry.parse(decode_b64u(record["roster"][0]["statement"])).actor_id,
        target_id=MALLORY.user_id,
        role=Role.MEMBER,
        members_hash=ZERO_HASH,
    )
    subject = {"idk_pub": encode_b64u(public_bytes(MALLORY.idk)), "rsa_kid": encode_b64u(MALLORY.rsa_kid)}
    added = {**signed(MALLORY.idk, entry.serialize()), "subject": subject}
    return {**record, "roster": [*record["roster"], added]}


def _hide_bob(record: Any) -> Any:
    return {**record, "roster": record["roster"][:-1]}


def _give_bobs_words_to_alice(page: Any) -> Any:
    first = page["messages"][0]["sender_id"]
    return {**page, "messages": [{**each, "sender_id": first} for each in page["messages"]]}


def tell_list(tap: Wiretap, pair: Pair, lie: Lie) -> Rule:
    """Lies about the conversation, in the list and alone."""
    return lie_about_conversation(tap, pair.id, lie)


def tell_messages(tap: Wiretap, pair: Pair, lie: Lie) -> Rule:
    """Lies about its messages."""
    return tap.lie("GET", f"/conversations/{pair.id}/messages", lie)


AMONG: dict[str, tuple[Any, Lie, str]] = {
    "an-added-member": (tell_list, _add_mallory, KEYS_REFUSED),
    "a-hidden-member": (tell_list, _hide_bob, MEMBERS_ROLLBACK),
    "anothers-words": (tell_messages, _give_bobs_words_to_alice, CHANGED),
}


@pytest.mark.parametrize("name", AMONG)
def test_a_lie_about_who_is_in_or_who_wrote_ends_the_writing(
    name: str, pair: Pair, wiretap: Wiretap, evidence: Evidence
) -> None:
    tell, rewrite, alarm = AMONG[name]
    lie = tell(wiretap, pair, rewrite)
    person = pair.alice
    person.page.goto(f"/c/{pair.id}")
    expect(person.alert.filter(has_text=alarm).first).to_be_visible(timeout=20_000)
    expect(person.message_box).to_be_disabled()
    assert str(MALLORY.user_id) not in person.page.content()
    if name == "anothers-words":
        expect(person.articles().filter(has_text=BOBS_WORDS)).to_have_count(0)
    evidence.verify_refused(lie)
