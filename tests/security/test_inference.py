"""A hostile relay between browser and gateway: keys, frames and replies (A49 to A52)."""

import copy
import hashlib
import json
import os
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from playwright.sync_api import expect

from balon.protocol.encoding import decode_b64u, encode_b64u
from balon.protocol.statements import GatewayKey
from balon.protocol.types import PublicKey
from tests.browser.person import Person
from tests.fakes.openai_server import FakeOpenAIServer, Script
from tests.security.evidence import Evidence, settle
from tests.security.lies import Lie, flipped, setting
from tests.stack.installation import Installation
from tests.stack.wiretap import Wiretap

CONFIG = "/api/v1/inference/config"
KEY_REFUSED = "The key of the gateway does not hold."
GATEWAY_CHANGED = "The gateway that reads your prompts is not the one you know."
INTERRUPTED = "Interrupted: this reply was cut before its end."
WORDS = 24


@pytest.fixture
def empty_chat(alice: Person) -> Person:
    """Alice before an empty conversation."""
    alice.page.get_by_role("button", name="New conversation").click()
    expect(alice.articles()).to_have_count(0)
    return alice


def frames_of(tap: Wiretap) -> list[dict[str, Any]]:
    """The frames that reached the browser."""
    messages = [json.loads(each.request) for each in tap.requests("down")]
    return [message for message in messages if message["type"] == "frame"]


# --- A49: sizes ---


def test_frames_of_a_long_reply_take_few_sizes(
    empty_chat: Person, wiretap: Wiretap, upstream: FakeOpenAIServer
) -> None:
    words = ("a ", "of ", "token ", "encyclopaedia ", "internationalisation ") * 12
    upstream.script = Script.of(*words, delay_s=0.01)
    empty_chat.send("Use short words and long ones.")
    empty_chat.expect_reply("internationalisation")
    sizes = [len(decode_b64u(frame["frame"])) for frame in frames_of(wiretap) if frame["number"] > 0]
    assert len(sizes) > 5, "frames are captured"
    assert len(sizes) < len(words), "words are put together"
    assert {size % 64 for size in sizes} == {16}, "padded to 64 bytes, and the tag"
    assert len(set(sizes)) <= 6


# --- A50: frames ---


class Frames:
    """A relay that rewrites the frames of one stream, by number."""

    def __init__(self, change: Callable[[int, dict[str, Any]], Any]) -> None:
        self.change = change

    def __call__(self, message: Any) -> Any:
        return self.change(message["number"], message) if message["type"] == "frame" else message


def frame_changed(at: int, value: Callable[[str], str]) -> Callable[[], Frames]:
    """Changes one frame's bytes, each time that it is sent."""

    def change(number: int, message: dict[str, Any]) -> Any:
        return {**message, "frame": value(message["frame"])} if number == at else message

    return lambda: Frames(change)


def dropped(at: int) -> Callable[[], Frames]:
    """Leaves a frame out, each time."""
    return lambda: Frames(lambda number, message: None if number == at else message)


def swapped(at: int) -> Callable[[], Frames]:
    """Sends two frames in each other's place, under each other's number."""

    def make() -> Frames:
        held: list[dict[str, Any]] = []

        def change(number: int, message: dict[str, Any]) -> Any:
            if number == at:
                held.append(message)
                return None
            if number == at + 1 and held:
                first = held[0]
                return [{**first, "frame": message["frame"]}, {**message, "frame": first["frame"]}]
            return message

        return Frames(change)

    return make


def replayed(at: int) -> Callable[[], Frames]:
    """Sends a frame a second time, under the next number."""

    def make() -> Frames:
        held: list[dict[str, Any]] = []

        def change(number: int, message: dict[str, Any]) -> Any:
            if number == at:
                held.append(message)
            if number == at + 1 and held:
                return {**message, "frame": held[0]["frame"]}
            return message

        return Frames(change)

    return make


def ended(at: int, reason: str) -> Callable[[], Frames]:
    """Says after a frame that there are no more."""

    def change(number: int, message: dict[str, Any]) -> Any:
        end = {"type": "stream-ended", "stream_id": message["stream_id"], "number": at, "reason": reason}
        return None if number > at else [message, end] if number == at else message

    return lambda: Frames(change)


DAMAGE: dict[str, Callable[[], Frames]] = {
    "flipped": frame_changed(3, flipped(5)),
    "tag-flipped": frame_changed(3, flipped(-1)),
    "emptied": frame_changed(3, lambda _frame: ""),
    "made-up": frame_changed(3, lambda frame: encode_b64u(os.urandom(len(decode_b64u(frame))))),
    "no-base64": frame_changed(3, lambda frame: frame + "="),
    "dropped": dropped(3),
    "swapped": swapped(3),
    "replayed": replayed(2),
    "cut": ended(3, "cut"),
    "called-complete": ended(3, "complete"),
    "expired": ended(3, "expired"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_stream_is_shown_as_interrupted_with_the_text_before(
    name: str, empty_chat: Person, wiretap: Wiretap, upstream: FakeOpenAIServer
) -> None:
    upstream.script = Script.numbered(WORDS, delay_s=0.045)
    wiretap.lie_on_socket("down", DAMAGE[name]())
    empty_chat.send("Count.")
    verify_interrupted(empty_chat)
    assert frames_of(wiretap), "frames are captured"
    asked = [each for each in wiretap.requests("up") if b'"infer"' in each.request]
    assert len({each.request for each in asked}) == 1, "nothing is asked of the model again"


def verify_interrupted(person: Person) -> None:
    """The reply says that it was cut; what came first stands, in order, and no more."""
    reply = person.articles("Assistant").last
    expect(reply).to_contain_text(INTERRUPTED, timeout=20_000)
    words = re.findall(r"w\d+", reply.inner_text())
    assert words == [f"w{number}" for number in range(len(words))]
    assert 0 < len(words) < WORDS


def test_a_frame_of_another_stream_is_no_frame_of_this_one(
    empty_chat: Person, wiretap: Wiretap, upstream: FakeOpenAIServer
) -> None:
    upstream.script = Script.of("Something ", "else ", "was ", "said ", "here.", delay_s=0.045)
    empty_chat.send("Another question")
    empty_chat.expect_reply("here.")
    others = {frame["number"]: frame["frame"] for frame in frames_of(wiretap)}
    assert 2 in others
    empty_chat.page.get_by_role("button", name="New conversation").click()
    upstream.script = Script.numbered(WORDS, delay_s=0.045)
    wiretap.lie_on_socket("down", frame_changed(3, lambda _frame: others[2])())
    empty_chat.send("Count.")
    verify_interrupted(empty_chat)
    assert "else" not in empty_chat.articles("Assistant").last.inner_text()


def test_a_frame_that_comes_twice_or_once_not_at_all_harms_nothing(
    empty_chat: Person, wiretap: Wiretap, upstream: FakeOpenAIServer
) -> None:
    upstream.script = Script.numbered(WORDS, delay_s=0.03)
    lost: set[int] = set()

    def shake(number: int, message: dict[str, Any]) -> Any:
        if number in {3, 5} and number not in lost:
            lost.add(number)
            return None
        return [message, message]

    wiretap.lie_on_socket("down", Frames(shake))
    empty_chat.send("Count.")
    reply = empty_chat.expect_reply(f"w{WORDS - 1}")
    assert re.findall(r"w\d+", reply.inner_text()) == [f"w{number}" for number in range(WORDS)]
    assert lost
    expect(reply).not_to_contain_text("Interrupted")


def test_a_cut_reply_stays_marked_after_it_was_stored(
    empty_chat: Person, wiretap: Wiretap, upstream: FakeOpenAIServer
) -> None:
    upstream.script = Script.numbered(WORDS, delay_s=0.045)
    wiretap.lie_on_socket("down", DAMAGE["flipped"]())
    empty_chat.send("Count to be cut.")
    verify_interrupted(empty_chat)
    while len([each for each in wiretap.requests("POST", "/messages") if each.status == 201]) < 2:
        empty_chat.page.wait_for_timeout(20)
    path = empty_chat.page.url
    empty_chat.page.get_by_role("button", name="New conversation").click()
    wiretap.forget()
    conversation = empty_chat.page.locator(f'a[href$="{path.rpartition("/")[2]}"]')
    conversation.click()
    verify_interrupted(empty_chat)


# --- A51: the gateway's key ---


def resigned(answer: Any, key: Ed25519PrivateKey | None = None, **changes: Any) -> Any:
    """A key config with changed fields, all of it in agreement, signed by a key or with the old signature."""
    config = copy.deepcopy(answer)
    statement = GatewayKey.parse(decode_b64u(config["statement"]))
    if key is not None:
        identity = key.public_key().public_bytes_raw()
        changes = {"gateway_id": hashlib.sha256(identity).digest(), **changes}
        config["identity"] = encode_b64u(identity)
    values = {name: getattr(statement, name) for name in ("gateway_id", "key_id", "hpke_pub", "not_after_ms")}
    changed = GatewayKey(**{**values, "models_hash": statement.models_hash, **changes})
    raw = changed.serialize()
    config |= {"statement": encode_b64u(raw), "not_after_ms": changed.not_after_ms}
    config |= {"hpke_pub": encode_b64u(changed.hpke_pub), "key_id": encode_b64u(changed.key_id)}
    return config | ({"signature": encode_b64u(key.sign(raw))} if key else {})


def now_ms() -> int:
    """The time now, in milliseconds."""
    return time.time_ns() // 1_000_000


ATTACKER = Ed25519PrivateKey.generate()
OWN_KEY = PublicKey(os.urandom(32))

SWAPPED: dict[str, tuple[Lie, str]] = {
    "swapped-beside-the-statement": (setting("hpke_pub", encode_b64u(OWN_KEY)), KEY_REFUSED),
    "swapped-in-the-statement": (lambda answer: resigned(answer, hpke_pub=OWN_KEY), KEY_REFUSED),
    "unsigned": (setting("signature", flipped(3)), KEY_REFUSED),
    "expired": (lambda answer: resigned(answer, not_after_ms=now_ms() - 60_000), KEY_REFUSED),
    "longer-lived": (lambda answer: resigned(answer, not_after_ms=now_ms() + 3_600_000), KEY_REFUSED),
    "other-models": (setting("models", encode_b64u(b"[]")), KEY_REFUSED),
    "other-identity-beside": (setting("identity", flipped(0)), KEY_REFUSED),
    "another-gateway": (lambda answer: resigned(answer, ATTACKER, hpke_pub=OWN_KEY), GATEWAY_CHANGED),
    "another-gateway-expired": (
        lambda answer: resigned(answer, ATTACKER, not_after_ms=now_ms() - 60_000),
        KEY_REFUSED,
    ),
    "another-gateway-for-ever": (
        lambda answer: resigned(answer, ATTACKER, not_after_ms=now_ms() + 3 * 3_600_000),
        KEY_REFUSED,
    ),
}


@pytest.fixture(scope="module")
def pinned(account: Person, whole_installation: tuple[Installation, Wiretap]) -> Person:
    """Alice, who has used the gateway: her keyring is stored, and with it the gateway's identity."""
    expect(account.page.get_by_role("combobox", name="Model")).to_be_enabled()
    settle(whole_installation[1])
    return account


@pytest.fixture
def without_key(pinned: Person, empty_chat: Person, wiretap: Wiretap) -> Person:
    """Alice after a reload that could fetch no key: each sending asks for it anew. The gateway is pinned."""
    if not wiretap.rules and empty_chat.page.get_by_role("combobox", name="Model").is_disabled():
        return empty_chat
    wiretap.lie("GET", CONFIG, setting("signature", flipped(0)))
    empty_chat.page.goto("/")
    empty_chat.wait_for_core()
    expect(empty_chat.page.get_by_role("combobox", name="Model")).to_have_text(re.compile("No model"))
    wiretap.forget()
    return empty_chat


@pytest.mark.parametrize("name", SWAPPED)
def test_nothing_is_stored_or_sealed_to_a_gateway_that_does_not_hold(
    name: str, without_key: Person, wiretap: Wiretap, evidence: Evidence
) -> None:
    rewrite, alarm = SWAPPED[name]
    lie = wiretap.lie("GET", CONFIG, rewrite)
    without_key.send("For the true gateway alone")
    expect(without_key.alert.filter(has_text=alarm).first).to_be_visible()
    evidence.verify_refused(lie)
    without_key.page.get_by_role("button", name="Edit").click()
    without_key.message_box.fill("")
