"""What a change of the roster does to whoever is connected, and to replies on their way (A22, A23)."""

import time
from typing import Any

import pytest

from conversations.models import Stream
from tests.browsers import Browser
from tests.gateways import FRAME, NONCE, FakeGateway, framed
from tests.keys import uuid7
from tests.rosters import Room
from tests.sockets import Socket, calling, open_socket, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("_process")]


@pytest.fixture
def room(alice: Browser, bob: Browser) -> Room:
    """Alice owns, Bob is a member."""
    shared = Room(alice)
    shared.admit(alice, bob)
    return shared


async def ask(socket: Socket, person: Browser, room: Room) -> dict[str, Any]:
    """Asks for a reply, whose first frame came."""
    request = person.keys.infer(room.id, epoch=room.state.epoch)
    await socket.send(request)
    await socket.receive("accepted")
    return request


def subscribe(request: dict[str, Any]) -> dict[str, Any]:
    place = {name: request[name] for name in ("conversation_id", "stream_id")}
    return {"type": "subscribe", **place, "after": -1}


@pytest.mark.parametrize("deed", ["remove", "leave"])
async def test_bob_gets_nothing_within_a_second_of_being_out(
    room: Room, alice: Browser, bob: Browser, gateway: FakeGateway, deed: str
):
    async with open_socket(alice) as hers, open_socket(bob) as his:
        request = await ask(hers, alice, room)
        gateway.say(NONCE)
        await his.send(subscribe(request))
        assert await his.receive_frames(1) == [(0, NONCE)]
        began = time.monotonic()
        await calling(room.act, deed, *((alice, bob) if deed == "remove" else (bob,)))
        await his.receive("notice", what="deleted", conversation_id=room.id)
        assert (await his.receive("stream-ended"))["reason"] == "gone"
        assert time.monotonic() - began < 1
        gateway.say(framed(FRAME))
        assert await hers.receive_frames(2) == [(0, NONCE), (1, FRAME)]
        for message in (subscribe(request), bob.keys.infer(room.id), {**subscribe(request), "type": "stop"}):
            await his.send(
                {name: value for name, value in message.items() if message["type"] != "stop" or name != "after"}
            )
            assert (await his.receive("refused"))["code"] == "not-found"
        for kind in ("frame", "presence"):
            await his.expect_nothing(kind)
        gateway.finish()
        await hers.receive("stream-ended")


async def test_bob_who_comes_back_at_once_follows_nothing_of_before(
    room: Room, alice: Browser, bob: Browser, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
):
    """He is told at once, whatever the watch over all sockets sees of it."""
    monkeypatch.setattr("conversations.watch.INTERVAL_S", 3600)
    async with open_socket(alice) as hers, open_socket(bob) as his:
        request = await ask(hers, alice, room)
        gateway.say(NONCE)
        await his.send(subscribe(request))
        await his.receive_frames(1)
        await calling(room.act, "remove", alice, bob)
        await calling(lambda: room.admit(alice, bob, fresh=True))
        assert (await his.receive("stream-ended"))["reason"] == "gone"
        gateway.say(framed(FRAME))
        gateway.finish()
        await hers.receive("stream-ended")
        await his.expect_nothing("frame")


async def test_a_request_that_was_taken_is_so_again_in_a_later_epoch(room: Room, alice: Browser, gateway: FakeGateway):
    async with open_socket(alice) as hers:
        request = await ask(hers, alice, room)
        await calling(room.act, "rotate", alice)
        await hers.send(request)
        await hers.receive("accepted")
        gateway.finish()
        await hers.receive("stream-ended")
    assert len(gateway.requests) == 1


async def test_everyone_concerned_gets_notice(room: Room, alice: Browser, bob: Browser, charlie: Browser):
    async with open_socket(alice) as hers, open_socket(bob) as his, open_socket(charlie) as others:
        await calling(lambda: room.act("invite", alice, charlie, role="member"))
        for socket in (hers, his, others):
            await socket.receive("notice", what="roster", conversation_id=room.id)
        await others.receive("notice", what="created", conversation_id=room.id)
        await calling(room.act, "decline", charlie)
        for socket in (hers, his):
            await socket.receive("notice", what="roster", conversation_id=room.id)
            await socket.expect_nothing("notice")
        await others.receive("notice", what="deleted", conversation_id=room.id)
        await others.expect_nothing("notice")


async def test_a_refused_change_gives_no_notice(room: Room, alice: Browser, bob: Browser):
    async with open_socket(alice) as hers, open_socket(bob) as his:
        body = await calling(room.draft, "rotate", alice)
        body["grants"].pop()
        assert (await calling(room.post, alice, body)).status_code == 400
        for socket in (hers, his):
            await socket.expect_nothing("notice")


async def test_the_invited_learn_of_the_roster_and_the_title_alone(
    room: Room, alice: Browser, charlie: Browser, gateway: FakeGateway
):
    await calling(lambda: room.act("invite", alice, charlie, role="member"))
    async with open_socket(alice) as hers, open_socket(charlie) as his:
        await calling(alice.send_messages, room.id, 1)
        await ask(hers, alice, room)
        gateway.finish()
        await calling(room.rename, alice)
        assert (await his.receive("notice"))["what"] == "meta"
        await calling(room.act, "rotate", alice)
        told = [(await his.receive("notice"))["what"] for _ in range(2)]
        assert sorted(told) == ["meta", "roster"]
        await his.expect_nothing("notice")
        await hers.receive("stream-ended")


async def test_a_new_epoch_stops_replies_of_older_ones(room: Room, alice: Browser, bob: Browser, gateway: FakeGateway):
    async with open_socket(alice) as hers:
        request = await ask(hers, alice, room)
        gateway.say(NONCE)
        await hers.receive_frames(1)
        await calling(room.act, "remove", alice, bob)
        assert gateway.stopped == [request["stream_id"]]
        gateway.say(framed(FRAME))
        gateway.finish()
        assert await hers.receive_frames(1) == [(1, FRAME)]
        assert (await hers.receive("stream-ended"))["reason"] == "complete"
        late = alice.keys.message(room.id, 1, message_id=uuid7())
        assert (await calling(alice.post, f"{room.path}/messages", late)).json()["code"] == "epoch-conflict"


async def test_a_reply_of_the_new_epoch_and_of_elsewhere_goes_on(
    room: Room, alice: Browser, bob: Browser, gateway: FakeGateway
):
    await calling(room.act, "rotate", alice)
    elsewhere = await calling(Room, alice)
    async with open_socket(alice) as hers:
        await ask(hers, alice, elsewhere)
        gateway.finish()
        await calling(room.act, "remove", alice, bob)
        await hers.receive("stream-ended")
        request = await ask(hers, alice, room)
        gateway.finish()
        assert (await hers.receive("stream-ended"))["stream_id"] == request["stream_id"]
        assert gateway.stopped == []


async def test_a_change_within_the_epoch_stops_nothing(
    room: Room, alice: Browser, charlie: Browser, gateway: FakeGateway
):
    async with open_socket(alice) as hers:
        await ask(hers, alice, room)
        await calling(lambda: room.act("invite", alice, charlie, role="member"))
        assert gateway.stopped == []
        gateway.finish()
        await hers.receive("stream-ended")


async def test_a_request_that_was_on_its_way_is_stopped_once_it_arrives(
    room: Room, alice: Browser, bob: Browser, gateway: FakeGateway
):
    gateway.accepting.clear()
    async with open_socket(alice) as hers:
        request = alice.keys.infer(room.id)
        await hers.send(request)
        await wait_until(lambda: gateway.requests)
        await calling(room.act, "remove", alice, bob)
        gateway.stopped.clear()  # It said that it knows no such reply.
        gateway.accepting.set()
        await hers.receive("accepted")
        await wait_until(lambda: gateway.stopped)
        assert gateway.stopped == [request["stream_id"]]
        gateway.finish()
        await hers.receive("stream-ended")


async def test_a_gateway_that_is_away_keeps_nobody_from_removing(
    room: Room, alice: Browser, bob: Browser, settings: Any
):
    from balon.protocol.envelope import Kind
    from tests.keys import envelope

    stream = {"epoch": 0, "sender_id": alice.keys.user_id, "stream_env": envelope(Kind.STREAM, 64), "state": "live"}
    await calling(lambda: Stream.objects.create(stream_id=uuid7(), conversation_id=room.id, **stream))
    await calling(room.act, "remove", alice, bob)
    assert (await calling(bob.get, room.path)).status_code == 404


async def test_nothing_is_asked_under_a_key_that_is_used_no_more(
    room: Room, alice: Browser, bob: Browser, gateway: FakeGateway
):
    await calling(room.act, "leave", bob)
    async with open_socket(alice) as hers:
        await hers.send(alice.keys.infer(room.id))
        assert (await hers.receive("refused"))["code"] == "epoch-conflict"
        await calling(room.act, "rotate", alice)
        await ask(hers, alice, room)
        gateway.finish()
        await hers.receive("stream-ended")
    assert len(gateway.requests) == 1
