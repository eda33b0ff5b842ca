"""A hostile server that makes up titles, rosters and grants (A8 to A10, A54), and a member who makes up replies (A52)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Locator, expect

from balon.protocol.encoding import encode_b64u
from tests.browser.person import Person
from tests.fakes.openai_server import FakeOpenAIServer, Script
from tests.security.evidence import Evidence, settle
from tests.security.lies import MISSING, Lie, flipped, lie_about_conversation, overwritten, setting
from tests.security.member import forge_replies
from tests.stack.installation import Installation
from tests.stack.wiretap import Rule, Wiretap

TITLE_REFUSED = "The title or the settings of this conversation were not set by one of its members."
KEYS_REFUSED = "The keys of this conversation do not hold."
MEMBERS_ROLLBACK = "The server gave back an old list of the members of this conversation."
UNCONFIRMED = "Not confirmed to be the assistant's."


@dataclass
class Two:
    """Two conversations: the attacks are on the first."""

    person: Person
    id: str
    other: dict[str, Any]

    @property
    def link(self) -> Locator:
        """The first conversation in the list, whatever it is called."""
        return self.person.page.locator(f'nav a[href$="{self.id}"]')


@pytest.fixture(scope="module")
def made(account: Person, whole_installation: tuple[Installation, Wiretap], upstream: FakeOpenAIServer) -> Two:
    """Both, with their titles, made while the server was honest."""
    ids = []
    for name in ("First talk", "Second talk"):
        account.page.get_by_role("button", name="New conversation").click()
        upstream.script = Script.of(f"Reply to the {name}.")
        account.send(name)
        account.expect_reply(f"Reply to the {name}.")
        ids.append(account.page.url.rpartition("/")[2])
    tap = whole_installation[1]
    settle(tap)
    answer = account.page.request.get(f"/api/v1/conversations/{ids[1]}")
    return Two(account, ids[0], answer.json())


@pytest.fixture
def two(made: Two, alice: Person) -> Two:
    """Both conversations, neither on screen."""
    alice.page.get_by_role("button", name="New conversation").click()
    expect(alice.articles()).to_have_count(0)
    return made


def tell(tap: Wiretap, two: Two, lie: Lie) -> Rule:
    """Lies about the first conversation, in the list and alone; the lie may take from the second as `other`."""
    return lie_about_conversation(tap, two.id, lambda record: lie({**record, "other": two.other}))


def _from_other(*fields: str) -> Lie:
    return lambda record: {**record, **{field: record["other"][field] for field in fields}}


FORGED: dict[str, tuple[Lie, str]] = {
    "title-of-another": (_from_other("meta"), TITLE_REFUSED),
    "title-damaged": (setting("meta.envelope", flipped(-1)), TITLE_REFUSED),
    "title-resigned-by-nobody": (setting("meta.signature", flipped(0)), TITLE_REFUSED),
    "title-of-a-later-version": (setting("meta.meta_version", lambda version: version + 1), TITLE_REFUSED),
    "title-of-another-author": (setting("meta.author_id", str(uuid4())), TITLE_REFUSED),
    "title-in-suite-2": (setting("meta.envelope", overwritten(4, 2)), TITLE_REFUSED),
    "title-in-plain-text": (setting("meta.envelope", encode_b64u(b'{"title": "Injected"}')), TITLE_REFUSED),
    "title-taken-back": (setting("meta", None), TITLE_REFUSED),
    "grant-of-another": (_from_other("grants"), KEYS_REFUSED),
    "grant-unsigned": (setting("grants.0.signature", flipped(0)), KEYS_REFUSED),
    "grant-wrapped-anew": (setting("grants.0.wrapped", flipped(0)), KEYS_REFUSED),
    "no-grant": (setting("grants", []), KEYS_REFUSED),
    "roster-of-another": (_from_other("roster", "grants"), KEYS_REFUSED),
    "roster-unsigned": (setting("roster.0.signature", flipped(0)), KEYS_REFUSED),
    "roster-changed": (setting("roster.0.statement", flipped(-1)), MEMBERS_ROLLBACK),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_conversation_that_its_members_did_not_sign_is_read_only(
    name: str, two: Two, wiretap: Wiretap, evidence: Evidence
) -> None:
    rewrite, alarm = FORGED[name]
    lie = tell(wiretap, two, rewrite)
    two.person.page.goto(f"/c/{two.id}")
    expect(two.person.alert.filter(has_text=alarm).first).to_be_visible(timeout=20_000)
    assert "Injected" not in two.person.page.content()
    expect(two.person.message_box).to_be_disabled()
    evidence.verify_refused(lie)


def test_a_conversation_that_the_server_made_up_is_not_listed(two: Two, wiretap: Wiretap, evidence: Evidence) -> None:
    made_up = str(uuid4())

    def add(answer: Any) -> Any:
        first = answer["conversations"][0]
        return {**answer, "conversations": [*answer["conversations"], {**first, "id": made_up}]}

    lie = wiretap.lie("GET", "/api/v1/conversations", add)
    two.person.page.goto("/")
    expect(two.person.alert.filter(has_text=KEYS_REFUSED)).to_be_visible(timeout=20_000)
    expect(two.link).to_be_visible()
    assert made_up not in two.person.page.content()
    evidence.verify_refused(lie)


CREATED: dict[str, Callable[[Any], Any]] = {
    "another-wrap": setting("grants.0.wrapped", flipped(7)),
    "another-roster": setting("roster.0.signature", flipped(0)),
    "no-grant": setting("grants", []),
    "a-second-grant": lambda record: {**record, "grants": record["grants"] * 2},
    "an-organisations-key": setting("roster", MISSING),
}


@pytest.mark.parametrize("name", CREATED)
def test_a_key_that_is_overwritten_at_creation_is_never_used(name: str, two: Two, wiretap: Wiretap) -> None:
    two.person.page.goto("/")
    two.person.wait_for_core()
    lie = wiretap.lie("POST", "/api/v1/conversations", CREATED[name])
    two.person.send("The first words of a new conversation")
    expect(two.person.alert.first).to_be_visible()
    sent = [each.path for each in wiretap.since(lie) if each.path.endswith("/messages") and each.method == "POST"]
    assert not sent
    assert not [each for each in wiretap.requests("up") if b'"infer"' in each.request]
    two.person.page.get_by_role("button", name="Edit").click()
    two.person.message_box.fill("")


def test_a_reply_that_the_gateway_did_not_sign_is_marked(
    two: Two, wiretap: Wiretap, upstream: FakeOpenAIServer
) -> None:
    person = two.person
    person.page.goto(f"/c/{two.id}")
    reply = person.expect_reply("Reply to the First talk.")
    expect(person.articles("Assistant").filter(has_text=UNCONFIRMED)).to_have_count(0)
    expect(reply).to_be_visible()
    texts = forge_replies(person, wiretap.origin, two.id)
    forged = person.articles("Assistant").filter(has_text=UNCONFIRMED)
    expect(forged).to_have_count(len(texts))
    person.page.reload()
    expect(forged).to_have_count(len(texts), timeout=20_000)
    for number, text in enumerate(texts):
        expect(forged.nth(number)).to_contain_text(text)
        expect(forged.nth(number).get_by_role("alert")).to_contain_text(UNCONFIRMED)
    expect(person.articles("Assistant")).to_have_count(len(texts) + 1)
