"""Sealed requests go to the gateway, sealed frames come back: numbered, resumable, lost for no one."""

from typing import Any
from uuid import UUID

import pytest

from balon.protocol.encoding import decode_b64u, encode_b64u
from balon.protocol.envelope import Kind
from conversations.models import Stream
from conversations.subscriptions import WINDOW
from tests.browsers import Browser
from tests.gateways import FRAME, NONCE, FakeGateway, framed
from tests.keys import envelope, uuid7
from tests.people import admit
from tests.sockets import Socket, calling, open_socket, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("_process")]


@pytest.fixture
def room(alice: Browser) -> str:
    return alice.create_conversation()


def frames(count: int, first: int = 1) -> list[bytes]:
    return [f"frame {number}".encode().ljust(80) for number in range(first, first + count)]


def subscribe(request: dict[str, Any], after: int = -1) -> dict[str, Any]:
    return {
        "type": "subscribe",
        "conversation_id": request["conversation_id"],
        "stream_id": request["stream_id"],
        "after": after,
    }


async def ask(socket: Socket, person: Browser, room: str) -> dict[str, Any]:
    """Asks for a reply that the gateway accepts."""
    request = person.keys.infer(room)
    await socket.send(request)
    accepted = await socket.receive("accepted", ref=1)
    assert accepted == {"type": "accepted", "ref": 1, "stream_id": request["stream_id"]}
    return request


async def refusal(socket: Socket, request: dict[str, Any]) -> str:
    await socket.send(request)
    message = await socket.receive("refused")
    assert (message["ref"], message["stream_id"]) == (request["ref"], request["stream_id"])
    assert message["title"]
    assert message["detail"]
    return str(message["code"])


async def test_relays_the_request_as_it_is_and_every_frame(alice: Browser, room: str, gateway: FakeGateway):
    async with open_socket(alice) as socket:
        request = await ask(socket, alice, room)
        assert gateway.requests == [decode_b64u(request["request"])]
        body = NONCE + b"".join(framed(frame) for frame in frames(3))
        gateway.say(body[:50], body[50:51], body[51:])
        gateway.finish()
        assert await socket.receive_frames(4) == list(enumerate([NONCE, *frames(3)]))
        assert await socket.receive("stream-ended") == {
            "type": "stream-ended", "stream_id": request["stream_id"], "number": 3, "reason": "complete",
        }  # fmt: skip
        (stream,) = (await calling(alice.get, f"conversations/{room}/streams")).json()["streams"]
        assert (stream["ended"], stream["stream_env"]) == (True, request["stream_env"])


async def test_frames_come_as_the_gateway_sends_them(alice: Browser, room: str, gateway: FakeGateway):
    async with open_socket(alice) as socket:
        await ask(socket, alice, room)
        for number, part in enumerate([NONCE, *map(framed, frames(3))]):
            gateway.say(part)
            assert (await socket.receive_frames(1))[0][0] == number
        gateway.finish()
        await socket.receive("stream-ended")


async def test_resumes_after_the_last_number_seen(alice: Browser, room: str, gateway: FakeGateway):
    async with open_socket(alice) as socket:
        request = await ask(socket, alice, room)
        gateway.say(NONCE, *map(framed, frames(5)))
        assert len(await socket.receive_frames(6)) == 6
    gateway.say(*map(framed, frames(3, first=6)))  # The relay goes on without any socket.
    async with open_socket(alice) as socket:
        await socket.send(subscribe(request, after=3))
        assert await socket.receive_frames(5) == list(enumerate(frames(5, first=4), start=4))
        gateway.finish()
        assert (await socket.receive("stream-ended"))["number"] == 8


async def test_ten_cuts_lose_nothing(alice: Browser, room: str, gateway: FakeGateway):
    async with open_socket(alice) as socket:
        request = await ask(socket, alice, room)
        gateway.say(NONCE)
        await socket.receive_frames(1)
    seen = [NONCE]
    for cut in range(10):
        gateway.say(*map(framed, frames(20, first=1 + 20 * cut)))
        async with open_socket(alice) as socket:
            await socket.send(subscribe(request, after=len(seen) - 1))
            found = await socket.receive_frames(20)
            assert [number for number, _ in found] == list(range(len(seen), len(seen) + 20))
            seen += [frame for _, frame in found]
    gateway.finish()
    assert seen == [NONCE, *frames(200)]


async def test_a_second_tab_and_bob_follow_from_the_start(
    alice: Browser, bob: Browser, room: str, gateway: FakeGateway
):
    await calling(admit, bob, room, "reader")
    async with open_socket(alice) as first, open_socket(alice) as second, open_socket(bob) as his:
        request = await ask(first, alice, room)
        gateway.say(NONCE, framed(FRAME))
        for socket in (second, his):
            await socket.receive("notice", what="streams", conversation_id=room)
            await socket.send(subscribe(request))
        for socket in (first, second, his):
            assert await socket.receive_frames(2) == [(0, NONCE), (1, FRAME)]
        gateway.finish()
        for socket in (first, second, his):
            await socket.receive("stream-ended")


async def test_charlie_follows_nothing(alice: Browser, charlie: Browser, room: str, gateway: FakeGateway):
    async with open_socket(alice) as hers, open_socket(charlie) as strangers:
        request = await ask(hers, alice, room)
        gateway.say(NONCE)
        await hers.receive_frames(1)
        stop = {"type": "stop", "conversation_id": room, "stream_id": request["stream_id"]}
        for message in (subscribe(request), stop):
            await strangers.send(message)
            assert (await strangers.receive("refused"))["code"] == "not-found"
        await strangers.send({"type": "ack", "stream_id": request["stream_id"], "number": 0})
        assert await refusal(strangers, charlie.keys.infer(room)) == "not-found"
        await strangers.expect_nothing("frame")
        assert gateway.stopped == []
        assert len(gateway.requests) == 1
        gateway.finish()
        await hers.receive("stream-ended")


async def test_a_reader_follows_and_neither_asks_nor_stops(
    alice: Browser, bob: Browser, room: str, gateway: FakeGateway
):
    await calling(admit, bob, room, "reader")
    async with open_socket(bob) as his:
        assert await refusal(his, bob.keys.infer(room)) == "not-found"
        await his.send({"type": "stop", "conversation_id": room, "stream_id": str(uuid7())})
        assert (await his.receive("refused"))["code"] == "not-found"
    assert gateway.requests == []
    assert not await calling(Stream.objects.exists)


async def test_sends_no_more_than_the_window_beyond_what_was_acknowledged(
    alice: Browser, room: str, gateway: FakeGateway
):
    async with open_socket(alice) as socket:
        request = await ask(socket, alice, room)
        gateway.say(NONCE, b"".join(map(framed, frames(WINDOW * 3))))
        gateway.finish()
        assert [number for number, _ in await socket.receive_frames(WINDOW)] == list(range(WINDOW))
        await socket.expect_nothing("frame")
        await socket.send({"type": "ack", "stream_id": request["stream_id"], "number": 9})
        assert [number for number, _ in await socket.receive_frames(10)] == list(range(WINDOW, WINDOW + 10))
        await socket.expect_nothing("frame")
        # Numbers that were never sent open the window no further than the last one that was.
        await socket.send({"type": "ack", "stream_id": request["stream_id"], "number": 2**53 - 1})
        await socket.receive_frames(WINDOW)
        await socket.expect_nothing("frame")


async def test_stops_sending_when_asked(alice: Browser, room: str, gateway: FakeGateway):
    async with open_socket(alice) as socket:
        request = await ask(socket, alice, room)
        gateway.say(NONCE)
        await socket.receive_frames(1)
        await socket.send({"type": "unsubscribe", "stream_id": request["stream_id"]})
        await socket.send({"type": "ping", "ref": 5})
        await socket.receive("pong", ref=5)
        gateway.say(framed(FRAME))
        gateway.finish()
        async with open_socket(alice) as other:
            await other.send(subscribe(request))
            await other.receive_frames(2)
        await socket.expect_nothing("frame")


async def test_stop_reaches_the_gateway(alice: Browser, room: str, gateway: FakeGateway):
    async with open_socket(alice) as socket:
        request = await ask(socket, alice, room)
        stop = {"type": "stop", "conversation_id": room, "stream_id": request["stream_id"]}
        await socket.send(stop)
        await wait_until(lambda: gateway.stopped)
        gateway.say(NONCE, framed(FRAME))
        await socket.receive_frames(2)
        gateway.finish()
        await socket.receive("stream-ended")
        assert gateway.stopped == [request["stream_id"]]
        gateway.stop_status = 500
        await socket.send(stop)
        assert (await socket.receive("refused"))["code"] == "gateway-unavailable"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (421, "unknown-key"), (409, "replayed"), (400, "invalid"), (413, "invalid"), (503, "busy"),
        (500, "gateway-unavailable"), (404, "gateway-unavailable"), (302, "gateway-unavailable"),
    ],
)  # fmt: skip
async def test_says_why_the_gateway_refuses_and_lets_one_ask_again(
    alice: Browser, room: str, gateway: FakeGateway, status: int, code: str
):
    async with open_socket(alice) as socket:
        request = alice.keys.infer(room)
        gateway.status = status
        assert await refusal(socket, request) == code
        assert not await calling(Stream.objects.exists)
        await socket.expect_nothing("frame")
        gateway.status = 200
        await socket.send(request)
        await socket.receive("accepted")
        gateway.finish()
        await socket.receive("stream-ended")


async def test_says_when_the_gateway_is_away(alice: Browser, room: str):
    async with open_socket(alice) as socket:
        assert await refusal(socket, alice.keys.infer(room)) == "gateway-unavailable"
        assert not await calling(Stream.objects.exists)


ENDINGS: dict[str, Any] = {
    "in the middle of a frame": ([NONCE, framed(FRAME)[:40]], True, 0),
    "in the middle of the nonce": ([NONCE[:5]], True, -1),
    "before anything": ([], True, -1),
    "with the connection": ([NONCE, framed(FRAME)], False, 1),
    "with an impossible frame": ([NONCE, framed(FRAME), b"\xff" * 40], True, 1),
    "with an empty frame": ([NONCE, bytes(4)], True, 0),
}


@pytest.mark.parametrize("ending", ENDINGS)
async def test_a_reply_is_cut_that_ends(alice: Browser, room: str, gateway: FakeGateway, ending: str):
    chunks, whole, last = ENDINGS[ending]
    async with open_socket(alice) as socket:
        request = await ask(socket, alice, room)
        gateway.say(*chunks)
        if whole:
            gateway.finish()
        else:
            await socket.receive_frames(last + 1)
            gateway.break_off()
        ended = await socket.receive("stream-ended")
        assert (ended["number"], ended["reason"]) == (last, "cut")
        await socket.send(subscribe(request, after=last))
        assert (await socket.receive("stream-ended"))["reason"] == "cut"


async def test_asking_again_with_the_same_bytes_follows_the_same_stream(
    alice: Browser, room: str, gateway: FakeGateway
):
    async with open_socket(alice) as socket, open_socket(alice) as other:
        request = await ask(socket, alice, room)
        await other.send(request)
        await other.receive("accepted")
        gateway.say(NONCE, framed(FRAME))
        gateway.finish()
        for one in (socket, other):
            assert len(await one.receive_frames(2)) == 2
            await one.receive("stream-ended")
        assert len(gateway.requests) == 1


async def test_refuses_the_same_id_for_another_reply(alice: Browser, room: str, gateway: FakeGateway):
    async with open_socket(alice) as socket:
        request = await ask(socket, alice, room)
        other = {**request, "stream_env": encode_b64u(envelope(Kind.STREAM, 64))}
        assert await refusal(socket, other) == "replayed"
        gateway.finish()


async def test_refuses_the_id_of_a_saved_message(alice: Browser, room: str, gateway: FakeGateway):
    saved = alice.keys.message(room, 1)
    await calling(alice.post, f"conversations/{room}/messages", saved)
    async with open_socket(alice) as socket:
        request = alice.keys.infer(room, UUID(saved["message_id"]))
        assert await refusal(socket, request) == "replayed"


async def test_refuses_another_epoch(alice: Browser, room: str, gateway: FakeGateway):
    async with open_socket(alice) as socket:
        assert await refusal(socket, alice.keys.infer(room, epoch=1)) == "epoch-conflict"
        assert gateway.requests == []


async def test_refuses_too_many_at_once_and_too_many_in_a_while(
    alice: Browser, room: str, gateway: FakeGateway, settings: Any
):
    settings.BALON_MAX_STREAMS = 1
    settings.BALON_LIMIT_INFERENCE = (2, 60)
    async with open_socket(alice) as socket:
        await ask(socket, alice, room)
        assert await refusal(socket, alice.keys.infer(room)) == "busy"
        assert await refusal(socket, alice.keys.infer(room)) == "throttled"
        gateway.finish()


async def test_a_reply_counts_until_it_is_saved(alice: Browser, room: str, gateway: FakeGateway, settings: Any):
    settings.BALON_MAX_STREAMS = 1
    async with open_socket(alice) as socket:
        request = await ask(socket, alice, room)
        gateway.finish()
        await socket.receive("stream-ended")
        assert await refusal(socket, alice.keys.infer(room)) == "busy"
        reply = alice.keys.message(room, 1, message_id=UUID(request["stream_id"]))
        assert (await calling(alice.post, f"conversations/{room}/messages", reply)).status_code == 201
        await ask(socket, alice, room)
        gateway.finish()


async def test_a_saved_reply_ends_the_stream_for_all(alice: Browser, room: str, gateway: FakeGateway):
    async with open_socket(alice) as socket:
        request = await ask(socket, alice, room)
        gateway.say(NONCE, framed(FRAME))
        await socket.receive_frames(2)
        reply = alice.keys.message(room, 1, message_id=UUID(request["stream_id"]))
        answer = await calling(alice.post, f"conversations/{room}/messages", reply)
        assert answer.status_code == 201
        assert (await socket.receive("stream-ended"))["reason"] == "gone"
        await socket.send(subscribe(request))
        assert (await socket.receive("stream-ended"))["reason"] == "gone"
        gateway.finish()
        streams = await calling(alice.get, f"conversations/{room}/streams")
        assert streams.json() == {"streams": []}


async def test_a_deleted_conversation_ends_its_streams(alice: Browser, room: str, gateway: FakeGateway):
    async with open_socket(alice) as socket:
        await ask(socket, alice, room)
        gateway.say(NONCE)
        await socket.receive_frames(1)
        await calling(alice.delete, f"conversations/{room}")
        assert (await socket.receive("stream-ended"))["reason"] == "gone"
        gateway.finish()


async def test_a_stream_of_yesterday_is_expired(alice: Browser, room: str, gateway: FakeGateway):
    async with open_socket(alice) as socket:
        request = await ask(socket, alice, room)
        gateway.finish()
        await socket.receive("stream-ended")
        await calling(lambda: Stream.objects.update(created_ms=1))
        await socket.send(subscribe(request))
        assert (await socket.receive("stream-ended"))["reason"] == "expired"


BAD: dict[str, Any] = {
    "a request of another conversation": lambda one, other: one.update(request=other["request"]),
    "a request too short": lambda one, other: one.update(request=encode_b64u(bytes(87))),
    "an envelope of another kind": lambda one, other: one.update(stream_env=encode_b64u(envelope(Kind.META))),
    "an envelope too long": lambda one, other: one.update(stream_env=encode_b64u(envelope(Kind.STREAM, 65))),
    "a prompt in plain": lambda one, other: one.update(prompt="hello"),
    "no ref": lambda one, other: one.pop("ref"),
}


@pytest.mark.parametrize("case", BAD)
async def test_refuses_to_infer_with(alice: Browser, room: str, gateway: FakeGateway, case: str):
    request = alice.keys.infer(room)
    BAD[case](request, alice.keys.infer(str(uuid7())))
    async with open_socket(alice) as socket:
        await socket.send(request)
        assert (await socket.receive("refused"))["code"] == "invalid"
    assert gateway.requests == []
