"""A hostile server that moves, alters, repeats, drops and reorders messages (A10 to A13, A15, A42)."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import expect

from balon.protocol.encoding import decode_b64u, encode_b64u
from tests.browser.person import Person
from tests.fakes.openai_server import FakeOpenAIServer, Script
from tests.security.evidence import Evidence, settle
from tests.security.lies import MISSING, Lie, constant, cut_to, flipped, overwritten, setting
from tests.stack.installation import Installation
from tests.stack.wiretap import Rule, Wiretap

CHANGED = "A message was changed on the server."
GAP = "Messages are missing from this conversation."
ORDER = "The messages of this conversation are not in their order."
REPLAY = "The server repeated or replaced a message."
ROLLBACK = "The newest messages of this conversation are gone."
NO_FORM = "The server's answer has not the form it must have."


@dataclass
class Talk:
    """A conversation with three questions and three replies, and the envelopes of another one."""

    person: Person
    id: str
    other_id: str
    other_page: dict[str, Any]
    meta: dict[str, Any]

    def show_another(self) -> None:
        """Goes where no message of this conversation is on screen."""
        self.person.page.get_by_role("button", name="New conversation").click()
        expect(self.person.articles()).to_have_count(0)
        dismiss = self.person.page.get_by_role("button", name="Dismiss")
        while dismiss.count():
            dismiss.first.click()
        expect(self.person.alert).to_have_count(0)

    def show(self) -> None:
        """Opens the conversation from the list."""
        links = self.person.page.get_by_role("navigation", name="Conversations").get_by_role("link")
        links.filter(has_text="Question 1").click()

    @property
    def texts(self) -> list[str]:
        """The bodies on screen."""
        return self.person.page.locator("article .body:not([hidden])").all_inner_texts()


@pytest.fixture(scope="module")
def talk(account: Person, whole_installation: tuple[Installation, Wiretap], upstream: FakeOpenAIServer) -> Talk:
    """What the attacks are about, made while the server was honest."""
    tap = whole_installation[1]
    account.send("Something else")
    upstream.script = Script.of("Reply of another conversation.")
    account.expect_reply("Reply of another conversation.")
    other_id = account.page.url.rpartition("/")[2]
    account.page.get_by_role("button", name="New conversation").click()
    for number in (1, 2, 3):
        upstream.script = Script.of(f"Reply {number}.")
        account.send(f"Question {number}")
        account.expect_reply(f"Reply {number}.")
    conversation_id = account.page.url.rpartition("/")[2]
    settle(tap)
    cookies = {each["name"]: each["value"] for each in account.page.context.cookies()}
    get = _reader(tap, cookies)
    other = get(f"conversations/{other_id}/messages")
    return Talk(account, conversation_id, other_id, other, get(f"conversations/{conversation_id}")["meta"])


def _reader(tap: Wiretap, cookies: dict[str, str]) -> Callable[[str], Any]:
    def get(path: str) -> Any:
        answer = httpx.get(f"{tap.origin}/api/v1/{path}", cookies=cookies, trust_env=False)
        return answer.raise_for_status().json()

    return get


@pytest.fixture
def scene(talk: Talk, alice: Person) -> Talk:
    """The conversation, not on screen."""
    talk.show_another()
    return talk


def tell(tap: Wiretap, talk: Talk, lie: Lie, **options: Any) -> Rule:
    """Lies about the messages of the conversation from now on."""
    return tap.lie("GET", f"/conversations/{talk.id}/messages", lie, **options)


def verify_read_only(talk: Talk, evidence: Evidence, lie: Rule) -> None:
    """Nothing more can be written; nothing was sent or stored."""
    expect(talk.person.message_box).to_be_disabled()
    evidence.verify_refused(lie)


def test_the_honest_conversation_is_whole_and_captured(scene: Talk, wiretap: Wiretap) -> None:
    scene.show()
    expect(scene.person.articles()).to_have_count(6)
    expect(scene.person.alert).to_have_count(0)
    expect(scene.person.message_box).to_be_enabled()
    (page,) = [each for each in wiretap.requests("GET") if f"{scene.id}/messages" in each.path]
    assert page.answer.count(b'"envelope"') == 6


# --- A10, A11, A15: what stands in a place ---


def _swap(answer: Any, fields: tuple[str, ...]) -> Any:
    first, second = answer["messages"][1], answer["messages"][3]
    for field in fields:
        first[field], second[field] = second[field], first[field]
    return answer


def _from(source: Callable[[Talk], dict[str, Any]]) -> Callable[[Talk], Lie]:
    def lie_of(talk: Talk) -> Lie:
        record = source(talk)

        def lie(answer: Any) -> Any:
            answer["messages"][2] |= {"envelope": record["envelope"], "signature": record["signature"]}
            return answer

        return lie

    return lie_of


def _always(lie: Lie) -> Callable[[Talk], Lie]:
    return lambda _talk: lie


def _third(field: str, value: Any) -> Callable[[Talk], Lie]:
    return _always(setting(f"messages.2.{field}", value))


ALTERED: dict[str, Callable[[Talk], Lie]] = {
    "envelopes-swapped": _always(lambda answer: _swap(answer, ("envelope",))),
    "envelopes-and-signatures-swapped": _always(lambda answer: _swap(answer, ("envelope", "signature"))),
    "signatures-swapped": _always(lambda answer: _swap(answer, ("signature",))),
    "another-conversations": _from(lambda talk: talk.other_page["messages"][0]),
    "the-title": _from(lambda talk: talk.meta),
    "sender": _third("sender_id", str(uuid4())),
    "time": _third("created_ms", lambda value: value + 1),
    "seq": _third("seq", lambda value: value + 1),
    "epoch": _third("epoch", 1),
    "prev-hash": _third("prev_hash", flipped(0)),
    "message-id": _third("message_id", str(uuid4())),
    "signature": _third("signature", flipped(0)),
    "magic": _third("envelope", flipped(0)),
    "version-0": _third("envelope", overwritten(3, 0)),
    "suite-0": _third("envelope", overwritten(4, 0)),
    "suite-2": _third("envelope", overwritten(4, 2)),
    "kind-legacy": _third("envelope", overwritten(5, 0x0A)),
    "flags": _third("envelope", overwritten(7, 1)),
    "kid": _third("envelope", flipped(8)),
    "salt": _third("envelope", flipped(24)),
    "commitment": _third("envelope", flipped(56)),
    "ciphertext": _third("envelope", flipped(88)),
    "tag": _third("envelope", flipped(-1)),
    "too-short": _third("envelope", cut_to(103)),
    "plaintext-in-place": _third("envelope", encode_b64u(b'{"role": "user", "text": "Injected by the server"}')),
}


@pytest.mark.parametrize("name", ALTERED)
def test_an_altered_message_is_withheld_and_ends_the_writing(
    name: str, scene: Talk, wiretap: Wiretap, evidence: Evidence
) -> None:
    lie = tell(wiretap, scene, ALTERED[name](scene))
    scene.show()
    expect(scene.person.alert.filter(has_text=CHANGED)).to_be_visible()
    texts = scene.texts
    assert ("Reply 1." if name.endswith("swapped") else "Question 2") not in texts
    assert "Injected" not in scene.person.page.content()
    assert {"Question 1", "Question 3", "Reply 3."} <= set(texts), "the others stand"
    verify_read_only(scene, evidence, lie)


def test_every_failure_to_open_a_message_looks_the_same(scene: Talk, wiretap: Wiretap) -> None:
    outcomes = set()
    for name in ("epoch", "kid", "commitment", "tag", "signature", "too-short", "version-0", "another-conversations"):
        scene.show_another()
        wiretap.forget()
        lie = tell(wiretap, scene, ALTERED[name](scene))
        scene.show()
        alert = scene.person.alert.filter(has_text=CHANGED)
        expect(alert).to_be_visible()
        trace = tuple(each.path for each in wiretap.since(lie) if "/messages" in each.path)
        outcomes.add((alert.inner_text(), tuple(scene.texts), trace))
    assert len(outcomes) == 1
    assert outcomes.pop()[2] == (), "nothing is asked again"


# --- A15, A42: answers of another form ---

FORMLESS: dict[str, Lie] = {
    "plaintext-row": lambda answer: setting("messages.2.text", "Injected by the server")(
        setting("messages.2.envelope", MISSING)(answer)
    ),
    "null-envelope": setting("messages.2.envelope", None),
    "not-json": constant(b"\x00\xff"),
    "deep": constant(b'{"messages":' + b"[" * 50_000),
    "null": constant(None),
    "no-messages": setting("messages", MISSING),
    "number-in-place": setting("messages.2", 5),
    "padded": setting("messages.2.envelope", lambda text: text + "="),
    "not-canonical": setting("messages.2.signature", lambda text: text[:-1] + chr(ord(text[-1]) + 1)),
    "short-signature": setting("messages.2.signature", cut_to(63)),
    "huge-number": setting("messages.2.seq", 1 << 60),
    "negative-epoch": setting("messages.2.epoch", -1),
    "too-many": lambda answer: setting("messages", answer["messages"] * 200)(answer),
    "head-without-hash": setting("head.envelope_hash", None),
}


@pytest.mark.parametrize("name", FORMLESS)
def test_a_page_without_the_form_shows_nothing_of_it(
    name: str, scene: Talk, wiretap: Wiretap, evidence: Evidence
) -> None:
    lie = tell(wiretap, scene, FORMLESS[name])
    scene.show()
    expect(scene.person.alert.filter(has_text="The server").first).to_be_visible()
    assert scene.texts == []
    assert "Injected" not in scene.person.page.content()
    verify_read_only(scene, evidence, lie)


# --- A12, A13: what is there, how often, in which order ---


def _without(*places: int) -> Lie:
    def lie(answer: Any) -> Any:
        return {**answer, "messages": [each for at, each in enumerate(answer["messages"]) if at not in places]}

    return lie


def _renumbered(lie: Lie) -> Lie:
    """Positions and head as if the result were all there is."""

    def renumber(answer: Any) -> Any:
        changed = lie(answer)
        for position, record in enumerate(changed["messages"], 1):
            record["position"] = position
        return _headed(changed)

    return renumber


def _headed(answer: Any) -> Any:
    newest = answer["messages"][-1]
    envelope_hash = encode_b64u(hashlib.sha256(decode_b64u(newest["envelope"])).digest())
    return {**answer, "head": {"position": newest["position"], "envelope_hash": envelope_hash}}


def _reordered(answer: Any) -> Any:
    first, second = answer["messages"][2:4]
    answer["messages"][2:4] = [second, first]
    return answer


def _again(answer: Any) -> Any:
    answer["messages"].insert(3, dict(answer["messages"][2]))
    return answer


def _again_as_another(answer: Any) -> Any:
    answer["messages"].insert(3, {**answer["messages"][2], "message_id": str(uuid4())})
    return answer


UNTRUE: dict[str, tuple[Lie, str]] = {
    "one-dropped": (_without(2), GAP),
    "one-dropped-and-renumbered": (_renumbered(_without(2)), GAP),
    "two-dropped-and-renumbered": (_renumbered(_without(2, 3)), GAP),
    "first-dropped": (_without(0), GAP),
    "first-dropped-and-renumbered": (_renumbered(_without(0)), GAP),
    "reordered-and-renumbered": (_renumbered(_reordered), ORDER),
    "repeated-in-another-place": (_renumbered(_again), REPLAY),
    "repeated-under-another-id": (_renumbered(_again_as_another), CHANGED),
    "newest-dropped": (lambda answer: _headed(_without(5)(answer)), ROLLBACK),
    "newest-exchange-dropped": (lambda answer: _headed(_without(4, 5)(answer)), ROLLBACK),
    "another-head": (setting("head.envelope_hash", flipped(0)), REPLAY),
}


@pytest.mark.parametrize("name", UNTRUE)
def test_a_history_that_is_not_whole_and_in_order_is_an_alarm(
    name: str, scene: Talk, wiretap: Wiretap, evidence: Evidence
) -> None:
    rewrite, alarm = UNTRUE[name]
    lie = tell(wiretap, scene, rewrite)
    scene.show()
    expect(scene.person.alert.filter(has_text=alarm)).to_be_visible()
    texts = scene.texts
    assert len(set(texts)) == len(texts), "shown once"
    assert "Question 3" in texts or "exchange" in name, "what is genuine stays"
    verify_read_only(scene, evidence, lie)


def test_a_message_that_comes_twice_is_shown_once(scene: Talk, wiretap: Wiretap) -> None:
    lie = tell(wiretap, scene, _again)
    scene.show()
    expect(scene.person.articles("You").filter(has_text="Question 3")).to_be_visible()
    assert lie.used
    assert scene.texts.count("Question 2") == 1


def test_messages_that_are_there_already_change_nothing_when_they_come_again(
    scene: Talk, wiretap: Wiretap, evidence: Evidence
) -> None:
    scene.show()
    expect(scene.person.articles()).to_have_count(6)
    (first,) = [json.loads(each.answer) for each in wiretap.requests("GET") if f"{scene.id}/messages" in each.path]
    notice = {"type": "notice", "what": "messages", "conversation_id": scene.id}
    wiretap.lie_on_socket("down", lambda message: [message, notice, notice] if message["type"] == "hello" else message)
    lie = tell(wiretap, scene, lambda answer: {**answer, "messages": first["messages"]})
    wiretap.cut_sockets()
    while lie.used < 2:
        scene.person.page.wait_for_timeout(20)
    expect(scene.person.articles()).to_have_count(6)
    expect(scene.person.alert).to_have_count(0)
    evidence.verify_refused(lie)
