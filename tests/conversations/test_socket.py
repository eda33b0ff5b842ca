"""The socket: who may open it, what it takes, and when it ends."""

import time
from typing import TYPE_CHECKING, Any

import pytest

from accounts.models import SignInSession, User
from conversations.models import Stream
from tests.browsers import Browser
from tests.gateways import FRAME, NONCE, FakeGateway, framed
from tests.keys import uuid7
from tests.people import admit, dismiss
from tests.sockets import calling, knock, open_socket

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("_process")]


async def test_says_hello_to_alice(alice: Browser):
    communicator = knock(alice)
    assert (await communicator.connect())[0]
    content = await communicator.receive_json_from()
    session = await calling(alice.fetch_session)
    assert content == {"type": "hello", "session_id": session["session_id"], "account_version": 1}
    await communicator.disconnect()


async def test_tells_a_visitor_and_closes():
    communicator = knock(None)
    assert (await communicator.connect())[0]
    assert await communicator.receive_json_from() == {"type": "session-ended", "reason": "none"}
    event = await communicator.receive_output()
    assert (event["type"], event["code"]) == ("websocket.close", 4401)
    await communicator.disconnect()


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "http://localhost:8001", "https://localhost:8000", "http://localhost", "null", None],
)
async def test_refuses_another_origin(alice: Browser, origin: str | None):
    communicator = knock(alice, origin)
    assert not (await communicator.connect())[0]
    await communicator.disconnect()


@pytest.mark.parametrize("end", ["logout", "deleted", "account version", "closed account", "expired"])
async def test_ends_within_a_second_of_its_session(alice: Browser, end: str):
    ends: dict[str, Callable[[], Any]] = {
        "logout": lambda: alice.post("accounts/logout"),
        "deleted": lambda: SignInSession.objects.all().delete(),
        "account version": lambda: User.objects.update(account_version=2),
        "closed account": lambda: User.objects.update(is_active=False),
        "expired": lambda: SignInSession.objects.update(expires_ms=1),
    }
    async with open_socket(alice) as socket:
        await calling(ends[end])
        began = time.monotonic()
        message = await socket.receive("session-ended")
        assert await socket.receive_close() == 4401
        assert time.monotonic() - began < 1
        assert message["reason"] == ("signed-out" if end == "logout" else "ended")


async def test_another_session_of_the_same_person_goes_on(alice: Browser):
    elsewhere = Browser(alice.keys)
    await calling(elsewhere.sign_in)
    async with open_socket(alice) as socket, open_socket(elsewhere) as other:
        await calling(alice.post, "accounts/logout")
        await socket.receive_close()
        await other.send({"type": "ping", "ref": 1})
        await other.receive("pong", ref=1)


async def test_says_nothing_more_once_its_session_ended(alice: Browser):
    async with open_socket(alice) as socket:
        await calling(alice.post, "accounts/logout")
        await socket.receive_close()
        await socket.send({"type": "ping", "ref": 1})


@pytest.mark.parametrize("ref", [0, 5, "a", "x" * 64, 2**53 - 1])
async def test_answers_a_ping(alice: Browser, ref: Any):
    async with open_socket(alice) as socket:
        await socket.send({"type": "ping", "ref": ref})
        assert await socket.receive("pong") == {"type": "pong", "ref": ref}


STREAM = str(uuid7())
MALFORMED: dict[str, Any] = {
    "no JSON": "nonsense",
    "nothing": " ",
    "a list": [],
    "null": None,
    "no type": {"ref": 1},
    "an unknown type": {"type": "decrypt"},
    "a type that is no text": {"type": ["ping"]},
    "deep nesting": "[" * 100_000,
    "a ref too long": {"type": "ping", "ref": "x" * 65},
    "a ref that is true": {"type": "ping", "ref": True},
    "an unknown member": {"type": "ping", "ref": 1, "more": 1},
    "a stream id that is none": {"type": "unsubscribe", "stream_id": "x"},
    "a number below -1": {"type": "ack", "stream_id": STREAM, "number": -2},
    "a number as text": {"type": "ack", "stream_id": STREAM, "number": "1"},
    "bytes": b'{"type": "ping", "ref": 1}',
    "too much": '{"type": "ping", "ref": 1' + " " * (3 << 19) + "}",
}


@pytest.mark.parametrize("case", MALFORMED)
async def test_refuses_and_stays_open_at(alice: Browser, case: str):
    async with open_socket(alice) as socket:
        await socket.send(MALFORMED[case])
        refusal = await socket.receive("refused")
        assert (refusal["code"], refusal["ref"], refusal["stream_id"]) == ("invalid", None, None)
        await socket.send({"type": "ping", "ref": 2})
        await socket.receive("pong", ref=2)


async def test_gives_notice_of_changes_to_members_alone(alice: Browser, bob: Browser, charlie: Browser):
    room = await calling(alice.create_conversation)
    await calling(admit, bob, room)
    async with open_socket(alice) as hers, open_socket(bob) as his, open_socket(charlie) as strangers:
        await calling(alice.send_messages, room, 1)
        for socket in (hers, his):
            assert await socket.receive("notice") == {"type": "notice", "what": "messages", "conversation_id": room}
        await calling(alice.put, f"conversations/{room}/meta", alice.keys.meta(room, 1))
        for socket in (hers, his):
            await socket.receive("notice", what="meta", conversation_id=room)
        await calling(alice.delete, f"conversations/{room}")
        for socket in (hers, his):
            await socket.receive("notice", what="deleted", conversation_id=room)
        await strangers.expect_nothing("notice")


async def test_gives_notice_of_a_new_conversation_and_keyring(alice: Browser, bob: Browser):
    from tests.keystore.test_keyring import keyring

    async with open_socket(alice) as hers, open_socket(bob) as his:
        room = await calling(alice.create_conversation)
        await hers.receive("notice", what="created", conversation_id=room)
        await calling(alice.put, "keys/keyring", keyring(2))
        await hers.receive("notice", what="keyring", conversation_id=None)
        await his.expect_nothing("notice")


async def test_gives_no_notice_of_what_was_refused(alice: Browser):
    room = await calling(alice.create_conversation)
    async with open_socket(alice) as socket:
        await calling(alice.post, f"conversations/{room}/messages", alice.keys.message(room, 9))
        await socket.expect_nothing("notice")


async def test_many_sockets_cost_two_queries_a_round(alice: Browser):
    from conversations.consumers import watch

    async with open_socket(alice), open_socket(alice), open_socket(alice):
        await watch.check()
    assert await calling(Stream.objects.count) == 0


async def test_bob_stops_getting_frames_within_a_second_of_leaving(alice: Browser, bob: Browser, gateway: FakeGateway):
    room = await calling(alice.create_conversation)
    await calling(admit, bob, room)
    async with open_socket(alice) as hers, open_socket(bob) as his:
        request = alice.keys.infer(room)
        await hers.send(request)
        gateway.say(NONCE)
        await hers.receive("accepted")
        stream = {"stream_id": request["stream_id"], "conversation_id": room}
        await his.send({"type": "subscribe", **stream, "after": -1})
        assert await his.receive_frames(1) == [(0, NONCE)]
        await calling(dismiss, bob, room)
        began = time.monotonic()
        assert (await his.receive("stream-ended"))["reason"] == "gone"
        assert time.monotonic() - began < 1
        gateway.say(framed(FRAME))
        assert await hers.receive_frames(2) == [(0, NONCE), (1, FRAME)]
        await his.expect_nothing("frame")
        gateway.finish()
        await hers.receive("stream-ended")
