"""Replies: sealed frames in order, resumed, saved once, and never the assistant's without its signature (A49 to A52)."""

import asyncio
import hashlib
from dataclasses import replace
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from balon.protocol.encoding import decode_b64u, encode_b64u
from balon.protocol.statements import GatewayKey
from balon_client.errors import ProblemError
from balon_client.messages import Draft
from balon_client.payloads import Payload, ReplyProof
from inference.identity import Identity
from tests.client.conftest import ALICE
from tests.client.doubles.platform import settle
from tests.client.lies import changed, flip
from tests.client.tab import password, refused

CONFIG = "/api/v1/inference/config"
MESSAGES = "/api/v1/conversations/[^/]+/messages"
DELTAS = tuple(f"w{number} " for number in range(8))
WHOLE = "".join(DELTAS)


@pytest.fixture(autouse=True)
def _words(server):
    server.gateway.deltas = DELTAS


def replies_in(view) -> list:
    return [message for message in view["messages"] if message["author"]["kind"] == "assistant"]


async def last_reply(tab, conversation_id) -> dict:
    return replies_in(await tab.open_conversation(conversation_id))[-1]


def saved(server) -> list[str]:
    return [message["message_id"] for message in server.only_conversation["messages"]]


# --- Honest ---


async def test_a_reply_streams_in_order_and_is_saved_with_the_gateways_signature(alice, server):
    sent = await alice.say("Count")
    assert "".join(event["text"] for event in alice.told("reply")) == WHOLE
    reply = await last_reply(alice, sent["conversation_id"])
    assert (reply["id"], reply["text"], reply["finish"], reply["mark"]) == (sent["reply_id"], WHOLE, "stop", None)
    assert server.state.streams == {}
    assert server.gateway.prompts == [[("user", "Count")]]


async def test_the_prompt_holds_what_was_said_before(alice, server):
    sent = await alice.say("One")
    await alice.say("Two", sent["conversation_id"])
    assert server.gateway.prompts[-1] == [("user", "One"), ("assistant", WHOLE), ("user", "Two")]


async def test_asking_again_leaves_the_first_answer_out(alice, server):
    sent = await alice.say("One")
    again = await alice.ask_again(sent["conversation_id"], None)
    await alice.until(lambda: alice.is_saved(again["reply_id"]))
    assert server.gateway.prompts[-1] == [("user", "One")]


async def test_a_stopped_reply_keeps_what_came(alice, server):
    server.gateway.ending = ("finish", "stopped")
    server.hold_frames_after = 3
    sent = await alice.send(None, "Count", None)
    await alice.until(lambda: alice.told("reply"))
    assert await refused(alice.send(sent["conversation_id"], "Too soon", None)) == "reply-running"
    await alice.stop(sent["conversation_id"], sent["reply_id"])
    await alice.until(lambda: alice.is_saved(sent["reply_id"]))
    assert (await last_reply(alice, sent["conversation_id"]))["finish"] == "stopped"


async def test_an_error_of_the_model_is_saved_as_one(alice, server):
    server.gateway.deltas, server.gateway.ending = (), ("error", "model-timeout")
    sent = await alice.say("Count")
    reply = await last_reply(alice, sent["conversation_id"])
    assert (reply["finish"], reply["mark"]["code"]) == ("error", "reply-failed")


# --- Loss and resumption ---


async def test_a_lost_socket_resumes_from_the_last_frame(alice, server, clock):
    server.hold_frames_after = 4
    sent = await alice.send(None, "Count", None)
    await alice.until(lambda: "".join(e["text"] for e in alice.told("reply")).endswith("w3 "))
    server.drop_sockets()
    await settle(50)
    server.hold_frames_after = None
    await clock.advance(1)
    await alice.until(lambda: alice.is_saved(sent["reply_id"]))
    assert "".join(event["text"] for event in alice.told("reply")) == WHOLE
    (subscribed,) = [m for c in [server.connections[0]] for m in c.sent if m["type"] == "subscribe"]
    assert subscribed["after"] == 4


async def test_a_request_that_was_never_accepted_is_sent_again_as_it_was(alice, server, clock):
    sent_on = server.connections[0]
    server.hear, hear = (lambda connection, message: None), server.hear
    sent = await alice.send(None, "Count", None)
    first = next(m for m in sent_on.sent if m["type"] == "infer")
    server.hear = hear
    server.drop_sockets()
    await clock.advance(1)
    await alice.until(lambda: alice.is_saved(sent["reply_id"]))
    again = next(m for m in server.connections[0].sent if m["type"] == "infer")
    assert again == first


async def test_a_message_sent_without_a_socket_is_asked_when_it_is_back(alice, server, clock):
    alice.platform.socket.is_dead = True
    server.drop_sockets()
    await settle()
    sent = await alice.send(None, "Count", None)
    alice.platform.socket.is_dead = False
    await clock.advance(40)
    await alice.until(lambda: alice.is_saved(sent["reply_id"]))


async def test_a_reload_in_the_middle_follows_the_reply_to_its_end(alice, alices_browser, server):
    server.hold_frames_after = 3
    sent = await alice.send(None, "Count", None)
    await alice.until(lambda: alice.told("reply"))
    await alice.close()
    tab = alices_browser.open_tab()
    await tab.boot()
    await tab.online()
    view = await tab.open_conversation(sent["conversation_id"])
    assert replies_in(view)[0]["state"] == "streaming"
    server.release()
    for _ in range(4):
        await tab.clock.advance(1)
    await tab.until(lambda: tab.is_saved(sent["reply_id"]))
    reply = await last_reply(tab, sent["conversation_id"])
    assert (reply["text"], reply["mark"], reply["state"]) == (WHOLE, None, "saved")


async def test_two_tabs_show_a_reply_and_save_it_once(alice, other_tab, server, clock):
    server.hold_frames_after = 3
    sent = await alice.send(None, "Count", None)
    await other_tab.list_conversations()
    await other_tab.open_conversation(sent["conversation_id"])
    server.release()
    await clock.advance(10)
    await alice.until(lambda: alice.is_saved(sent["reply_id"]))
    await settle(200)
    assert saved(server) == [sent["message_id"], sent["reply_id"]]
    for tab in (alice, other_tab):
        reply = await last_reply(tab, sent["conversation_id"])
        assert (reply["text"], reply["mark"]) == (WHOLE, None)
        assert tab.alarms == []


async def test_a_reply_whose_asker_is_gone_is_saved_by_the_other_tab(alice, other_tab, server, clock):
    server.hold_frames_after = 3
    sent = await alice.send(None, "Count", None)
    await other_tab.list_conversations()
    await other_tab.open_conversation(sent["conversation_id"])
    await alice.close()
    server.release()
    await clock.advance(10)
    await other_tab.until(lambda: other_tab.is_saved(sent["reply_id"]))
    assert (await last_reply(other_tab, sent["conversation_id"]))["text"] == WHOLE


async def test_a_reply_that_cannot_be_saved_at_first_is_saved_later(alice, server, clock):
    sent = await alice.say("Warm up")

    def overloaded(_):
        server.only_conversation["messages"] = [
            m for m in server.only_conversation["messages"] if m["message_id"] not in asked
        ]
        raise ProblemError(503, "overloaded")

    asked: set[str] = set()
    sent = await alice.send(sent["conversation_id"], "Count", None)
    asked.add(sent["reply_id"])
    server.lie("POST", MESSAGES, overloaded, times=1)
    for _ in range(4):
        await clock.advance(30)
    await alice.until(lambda: alice.is_saved(sent["reply_id"]))


# --- Lies about frames ---


def _cut_frames(frames, keep):
    return frames[:keep]


def _drop_frame(number):
    return lambda frames: [frame for frame in frames if frame[0] != number]


def _renumber(frames):
    return [(number, frame) for number, (_, frame) in enumerate(frames)] if frames and frames[0][0] == 0 else frames


def _swap_frames(frames):
    return [(n, dict(frames).get({2: 3, 3: 2}.get(n, n), f)) for n, f in frames]


def _repeat_frame(frames):
    known = dict(frames)
    return [(n, known.get(3, f) if n == 4 else f) for n, f in frames]


def _flip_frame(frames):
    return [(n, flip(f, -1) if n == 4 else f) for n, f in frames]


def _flip_nonce(frames):
    return [(n, flip(f, 0) if n == 0 else f) for n, f in frames]


def _final_early(frames):
    last = frames[-1][1] if frames else ""
    return [(n, last if n == 4 else f) for n, f in frames]


FRAME_LIES = {
    "a frame left out": _drop_frame(4),
    "a frame left out and the rest renumbered": lambda frames: _renumber(_drop_frame(4)(frames)),
    "two exchanged": _swap_frames,
    "one repeated in another's place": _repeat_frame,
    "one changed": _flip_frame,
    "the nonce changed": _flip_nonce,
    "the end too early": _final_early,
    "the end left out": _drop_frame(len(DELTAS) + 1),
}


@pytest.mark.parametrize("what", FRAME_LIES)
async def test_a_damaged_reply_is_cut_there_and_what_came_before_stands(alice, server, clock, what):
    server.frame_lie = FRAME_LIES[what]
    sent = await alice.send(None, "Count", None)
    await alice.until(lambda: alice.is_saved(sent["reply_id"]), what)
    reply = await last_reply(alice, sent["conversation_id"])
    assert WHOLE.startswith(reply["text"])
    assert (reply["finish"], reply["mark"]["code"]) == ("interrupted", "interrupted")


async def test_a_frame_that_is_repeated_adds_nothing(alice, server):
    server.frame_lie = lambda frames: [each for frame in frames for each in (frame, frame)]
    sent = await alice.say("Count")
    reply = await last_reply(alice, sent["conversation_id"])
    assert (reply["text"], reply["mark"]) == (WHOLE, None)


async def test_frames_of_another_stream_do_not_open(alice, server):
    one = await alice.say("One")
    frames = []
    server.frame_lie = lambda given: frames.extend(given) or given
    await alice.say("Two", one["conversation_id"])
    server.frame_lie = lambda given: [frame for frame in frames if frame[0] >= (given[0][0] if given else 99)]
    sent = await alice.send(one["conversation_id"], "Three", None)
    await alice.until(lambda: alice.is_saved(sent["reply_id"]))
    reply = await last_reply(alice, one["conversation_id"])
    assert (reply["text"], reply["mark"]["code"]) == ("", "interrupted")


@pytest.mark.parametrize("reason", ["cut", "expired", "complete", "whatever"])
async def test_a_relay_that_ends_too_early_leaves_an_interrupted_reply(alice, server, reason):
    server.hold_frames_after = 3
    sent = await alice.send(None, "Count", None)
    await alice.until(lambda: alice.told("reply"))
    connection = server.connections[0]
    for _ in range(8):
        connection.deliver({"type": "stream-ended", "stream_id": sent["reply_id"], "number": 9, "reason": reason})
        await settle(50)
    await alice.until(lambda: alice.is_saved(sent["reply_id"]))
    reply = await last_reply(alice, sent["conversation_id"])
    assert (reply["text"], reply["finish"]) == ("".join(DELTAS[:3]), "interrupted")


@pytest.mark.parametrize(
    "message",
    [
        {"type": "frame", "stream_id": "x", "number": 1, "frame": "QUJD"},
        {"type": "frame", "stream_id": "01890000-0000-7000-8000-000000000001", "number": -4, "frame": "QUJD"},
        {"type": "frame", "stream_id": "01890000-0000-7000-8000-000000000001", "number": 2, "frame": "?"},
        {"type": "accepted"},
        {"type": "notice", "what": "keyring", "conversation_id": 7},
        {"type": "notice", "what": "messages", "conversation_id": "../../x"},
        {"type": "notice", "what": "created", "conversation_id": "01890000-0000-7000-8000-000000000001"},
        {"type": "stream-ended", "stream_id": None, "number": "9", "reason": []},
        {"type": "what"},
        {"type": None},
    ],
)
async def test_junk_on_the_socket_changes_nothing(alice, server, message):
    server.connections[0].deliver(message)
    await settle(100)
    sent = await alice.say("Count")
    assert (await last_reply(alice, sent["conversation_id"]))["text"] == WHOLE
    assert alice.alarms == []


async def test_a_socket_survives_a_server_that_fails_while_a_reply_ends(alice, server, clock):
    """What fails while a message is handled ends that socket, never the holding of sockets."""
    server.hold_frames_after = 3
    sent = await alice.send(None, "Count", None)
    await alice.until(lambda: alice.told("reply"))
    server.offline = True
    server.connections[0].deliver(
        {"type": "stream-ended", "stream_id": sent["reply_id"], "number": 3, "reason": "gone"}
    )
    await settle(100)
    server.offline, server.hold_frames_after = False, None
    await clock.advance(60)
    await alice.until(lambda: alice.is_saved(sent["reply_id"]))
    assert alice.alarms == []


# --- The gateway's key ---


async def test_an_unknown_key_is_fetched_and_the_prompt_sealed_again_once(alice, server):
    await alice.say("Warm up")
    server.gateway.restart()
    before = len(server.asked("GET", CONFIG))
    sent = await alice.send(None, "Count", None)
    await alice.until(lambda: alice.is_saved(sent["reply_id"]))
    assert len(server.asked("GET", CONFIG)) == before + 1
    requests = [m["request"] for m in server.connections[0].sent if m["type"] == "infer"][-2:]
    assert requests[0] != requests[1]


async def test_a_gateway_that_never_knows_its_key_is_given_up_after_one_more_try(alice, server):
    server.infer_refusals = ["unknown-key"] * 9
    await alice.send(None, "Count", None)
    await alice.until(lambda: any(e["message"]["state"] == "failed" for e in alice.told("message")))
    assert len([m for m in server.connections[0].sent if m["type"] == "infer"]) == 2


async def test_no_prompt_is_sealed_again_once_a_frame_has_come(alice, server):
    server.hold_frames_after = 3
    sent = await alice.send(None, "Count", None)
    await alice.until(lambda: alice.told("reply"))
    refusal = {"type": "refused", "ref": "x", "stream_id": sent["reply_id"], "code": "unknown-key"}
    server.connections[0].deliver(refusal)
    await alice.until(lambda: alice.is_saved(sent["reply_id"]))
    assert len([m for m in server.connections[0].sent if m["type"] == "infer"]) == 1
    assert (await last_reply(alice, sent["conversation_id"]))["finish"] == "interrupted"


async def test_a_request_called_replayed_is_followed_and_not_sent_again(alice, server):
    await alice.say("Warm up")
    connection = server.connections[0]
    server.hold_frames_after = -1
    sent = await alice.send(None, "Count", None)
    refusal = {"type": "refused", "ref": "x", "stream_id": sent["reply_id"], "code": "replayed"}
    connection.deliver(refusal)
    await settle(50)
    assert connection.sent[-1] | {"conversation_id": ""} == {
        "type": "subscribe",
        "conversation_id": "",
        "stream_id": sent["reply_id"],
        "after": -1,
    }
    server.release()
    await alice.until(lambda: alice.is_saved(sent["reply_id"]))


@pytest.mark.parametrize("code", ["busy", "throttled", "gateway-unavailable", "not-found", "<script>"])
async def test_a_refused_request_is_told_in_the_reply_and_the_message_stays(alice, server, code):
    server.infer_refusals = [code]
    sent = await alice.send(None, "Count", None)
    await alice.until(lambda: any(e["message"]["state"] == "failed" for e in alice.told("message")))
    failed = alice.told("message")[-1]["message"]
    assert failed["mark"]["code"] == "reply-failed"
    assert "<" not in failed["mark"]["title"]
    again = await alice.ask_again(sent["conversation_id"], None)
    await alice.until(lambda: alice.is_saved(again["reply_id"]))


async def refuses_everything(alice, server, code):
    before = len(server.asked("POST", ".*/conversations.*"))
    assert await refused(alice.send(None, "A secret", None)) == code
    assert len(server.asked("POST", ".*/conversations.*")) == before, "not even the message was stored"
    assert not any(m["type"] == "infer" for c in server.connections for m in c.sent)


async def test_another_gateway_than_the_pinned_one_gets_nothing(alice, server, alices_browser):
    await alice.models()
    server.gateway.identity = Identity(Ed25519PrivateKey.generate())
    tab = alices_browser.open_tab()
    await tab.boot()
    await refuses_everything(tab, server, "gateway-changed")
    assert await refused(tab.models()) == "gateway-changed"


@pytest.mark.parametrize(
    ("status", "code", "told"),
    [(503, "unavailable", "unavailable"), (409, "version-conflict", "server-answer-refused")],
)
async def test_a_gateway_is_pinned_for_good_before_anything_is_sealed_to_it(alice, server, status, code, told):
    account = server.account_of(ALICE)
    before = dict(account["keyring"])

    def keep_none(_answer):
        account["keyring"] = before
        raise ProblemError(status, code)

    server.lie("PUT", ".*/keys/keyring", keep_none)
    for _ in range(2):
        await refuses_everything(alice, server, told)


async def test_a_gateway_that_changes_within_the_hour_gets_nothing_after_an_unknown_key(alice, server):
    await alice.say("Warm up")
    server.gateway.identity = Identity(Ed25519PrivateKey.generate())
    server.gateway.restart()
    await alice.send(None, "Count", None)
    await alice.until(lambda: any(e["message"]["state"] == "failed" for e in alice.told("message")))
    failed = next(e["message"] for e in alice.told("message") if e["message"]["state"] == "failed")
    assert failed["mark"]["code"] == "gateway-changed"
    assert len(server.gateway.prompts) == 1


def _resigned(server, **changes):
    """A config that the gateway's own identity signed, with other fields."""

    def rewrite(config):
        statement = replace(GatewayKey.parse(_raw(config["statement"])), **changes)
        signature = server.gateway.identity.sign_statement(statement.serialize())
        return config | {
            "statement": encode_b64u(statement.serialize()),
            "signature": encode_b64u(signature),
            "not_after_ms": statement.not_after_ms,
        }

    return rewrite


def _raw(text):
    return decode_b64u(text)


@pytest.mark.parametrize("ahead_ms", [-1, 0, 2 * 60 * 60 * 1000 + 1, 2**50])
async def test_a_key_that_expired_or_lies_too_far_ahead_gets_nothing(alice, server, clock, ahead_ms):
    server.lie("GET", CONFIG, _resigned(server, not_after_ms=clock.now_ms() + ahead_ms))
    await refuses_everything(alice, server, "gateway-key-refused")


CONFIG_LIES = {
    "another key": changed("hpke_pub", encode_b64u(b"k" * 32)),
    "another id": changed("key_id", encode_b64u(b"k" * 8)),
    "another identity": changed("identity", encode_b64u(b"\x01" + bytes(31))),
    "other models": changed("models", encode_b64u(b"[]")),
    "another expiry": changed("not_after_ms", lambda value: value + 1),
    "another signature": changed("signature", encode_b64u(bytes(64))),
    "another statement": changed("statement", lambda text: flip(text, -1)),
}


@pytest.mark.parametrize("what", CONFIG_LIES)
async def test_a_config_that_its_identity_did_not_sign_gets_nothing(alice, server, what):
    server.lie("GET", CONFIG, CONFIG_LIES[what])
    await refuses_everything(alice, server, "gateway-key-refused")


async def test_the_fingerprint_is_shown_and_the_first_use_said(alice, alices_browser, server, clock):
    first = await alice.models()
    assert first["gateway"]["first_use"]
    assert first["models"] == [
        {"id": "fake-model", "name": "Fake model", "context_tokens": 4096, "demonstration": False}
    ]
    await clock.advance(3)
    tab = alices_browser.open_tab()
    await tab.boot()
    later = await tab.models()
    assert later["gateway"] | {"first_use": True} == first["gateway"]
    assert not later["gateway"]["first_use"]
    assert await refused(tab.send(None, "Hello", "no such model")) == "unknown-model"


# --- Replies that a member wrote ---


async def forge(alice, conversation_id, payload) -> None:
    """Posts a message as only someone with Alice's keys could: a member who lies about the assistant."""
    chat = alice.keys.chat
    conversation = chat.library.get(UUID(conversation_id))
    history = await chat._histories.of(conversation)
    draft = Draft(alice.platform.random.uuid7(), alice.clock.now_ms(), payload)
    await chat._chat.sender.post(conversation, history, draft)


def _proof(signature=bytes(64), text="Forged", gateway=b"g" * 32) -> ReplyProof:
    return ReplyProof(gateway, b"r" * 32, hashlib.sha256(text.encode()).digest(), signature)


@pytest.mark.parametrize("kind", ["no signature", "a made-up signature", "another reply's signature", "altered text"])
async def test_a_reply_without_the_gateways_signature_over_it_is_marked(alice, alices_browser, server, kind):
    sent = await alice.say("Count")
    await settle(100)
    history = await alice.keys.chat._histories.of(alice.keys.chat.library.get(UUID(sent["conversation_id"])))
    genuine = history.get(UUID(sent["reply_id"])).payload
    payload = {
        "no signature": Payload(role="assistant", text="Forged", finish="stop"),
        "a made-up signature": Payload(role="assistant", text="Forged", finish="stop", reply=_proof()),
        "another reply's signature": genuine,
        "altered text": replace(genuine, text="Forged"),
    }[kind]
    await forge(alice, sent["conversation_id"], payload)
    tab = alices_browser.open_tab()
    await tab.boot()
    first, forged = replies_in(await tab.open_conversation(sent["conversation_id"]))
    assert first["mark"] is None
    assert forged["mark"]["code"] == "unconfirmed"
    read = await tab.keys.chat._histories.of(tab.keys.chat.library.get(UUID(sent["conversation_id"])))
    assert [message.is_confirmed for message in read.messages] == [True, True, False], "it is no part of a prompt"


async def test_a_stream_that_is_not_sealed_by_a_member_is_passed_over(alice, other_tab, server):
    server.hold_frames_after = 3
    sent = await alice.send(None, "Count", None)
    server.state.streams[sent["reply_id"]]["sender_id"] = "00000000-0000-4000-8000-000000000001"
    await other_tab.list_conversations()
    view = await other_tab.open_conversation(sent["conversation_id"])
    assert replies_in(view) == []


async def test_safety_names_the_members_and_where_plaintext_is(alice):
    sent = await alice.say("Count")
    safety = await alice.safety(sent["conversation_id"])
    assert [(m["you"], m["role"]) for m in safety["members"]] == [(True, "owner")]
    assert len(safety["plaintext_places"]) == 2
    assert safety["gateway"]["fingerprint"]


async def test_locking_in_the_middle_of_a_reply_loses_nothing(alice, server, clock):
    server.hold_frames_after = 3
    sent = await alice.send(None, "Count", None)
    await alice.until(lambda: alice.told("reply"))
    await alice.lock()
    told = len(alice.told("reply"))
    server.release()
    await settle(100)
    assert len(alice.told("reply")) == told, "nothing is shown while it is locked"
    await alice.unlock(password())
    await alice.online()
    await alice.list_conversations()
    opening = asyncio.ensure_future(alice.open_conversation(sent["conversation_id"]))
    await clock.advance(10)
    await opening
    await alice.until(lambda: alice.is_saved(sent["reply_id"]))
    assert (await last_reply(alice, sent["conversation_id"]))["text"] == WHOLE
