"""Whose keys one needs to verify a conversation, and who is there right now."""

from typing import Any

import pytest

from accounts.models import User
from conversations import consumers
from tests.browsers import Browser
from tests.keys import uuid7
from tests.rosters import Room
from tests.sockets import calling, open_socket

pytestmark = pytest.mark.django_db


@pytest.fixture
def room(alice: Browser) -> Room:
    return Room(alice)


def logins(person: Browser, room: Room) -> list[str]:
    answer = person.get(f"{room.path}/people")
    assert answer.status_code == 200
    return sorted(each["login"] for each in answer.json()["people"])


class TestPeople:
    def test_tells_everyone_who_is_or_was_there(self, room: Room, alice: Browser, bob: Browser, charlie: Browser):
        room.admit(alice, bob)
        room.act("invite", alice, charlie, role="reader")
        everyone = ["alice@example.org", "bob@example.org", "charlie@example.org"]
        assert logins(alice, room) == logins(charlie, room) == everyone
        room.act("remove", alice, charlie)
        room.act("leave", bob)
        assert logins(alice, room) == everyone

    def test_gives_the_bundles_on_record(self, room: Room, alice: Browser):
        content = alice.get(f"{room.path}/people").json()
        assert content == {"people": [alice.get(f"keys/users/{alice.keys.user_id}").json()]}

    def test_tells_nobody_else(self, room: Room, alice: Browser, bob: Browser, charlie: Browser):
        elsewhere = Room(bob)
        room.admit(alice, bob)
        elsewhere.act("invite", bob, charlie, role="member")
        assert logins(alice, room) == ["alice@example.org", "bob@example.org"]

    def test_leaves_out_whose_account_is_gone(self, room: Room, alice: Browser, bob: Browser):
        room.admit(alice, bob)
        User.objects.filter(pk=bob.keys.user_id).delete()
        assert logins(alice, room) == ["alice@example.org"]

    def test_charlie_gets_404_as_for_nothing(self, room: Room, charlie: Browser):
        answers = [charlie.get(f"conversations/{place}/people") for place in (room.id, uuid7())]
        assert {answer.status_code for answer in answers} == {404}
        assert answers[0].content == answers[1].content

    def test_bob_gets_404_once_he_is_out(self, room: Room, alice: Browser, bob: Browser):
        room.admit(alice, bob)
        room.act("remove", alice, bob)
        assert bob.get(f"{room.path}/people").status_code == 404


def presence(room: Room, state: Any = "here") -> dict[str, Any]:
    return {"type": "presence", "conversation_id": room.id, "state": state}


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_process")
class TestPresence:
    @pytest.mark.parametrize("state", ["here", "typing", "away"])
    async def test_reaches_the_others_alone(
        self, room: Room, alice: Browser, bob: Browser, charlie: Browser, state: str
    ):
        await calling(room.admit, alice, bob, "reader")
        async with (
            open_socket(alice) as hers, open_socket(alice) as second, open_socket(bob) as his,
            open_socket(charlie) as strangers,
        ):  # fmt: skip
            await hers.send(presence(room, state))
            assert await his.receive("presence") == {**presence(room, state), "user_id": str(alice.keys.user_id)}
            for socket in (hers, second, strangers):
                await socket.expect_nothing("presence")

    async def test_a_reader_tells_it_too(self, room: Room, alice: Browser, bob: Browser):
        await calling(room.admit, alice, bob, "reader")
        async with open_socket(alice) as hers, open_socket(bob) as his:
            await his.send(presence(room, "typing"))
            assert (await hers.receive("presence"))["user_id"] == str(bob.keys.user_id)

    async def test_the_invited_neither_tell_nor_learn_it(self, room: Room, alice: Browser, bob: Browser):
        await calling(lambda: room.act("invite", alice, bob, role="member"))
        async with open_socket(alice) as hers, open_socket(bob) as his:
            await his.send(presence(room))
            assert (await his.receive("refused"))["code"] == "not-found"
            await hers.send(presence(room))
            await hers.expect_nothing("refused")
            await his.expect_nothing("presence")

    async def test_charlie_is_refused_as_for_nothing(self, room: Room, charlie: Browser, alice: Browser):
        async with open_socket(alice) as hers, open_socket(charlie) as strangers:
            told = []
            for place in (room.id, str(uuid7())):
                await strangers.send({**presence(room), "conversation_id": place})
                told.append(await strangers.receive("refused"))
            assert told[0] == told[1]
            assert told[0]["code"] == "not-found"
            await hers.expect_nothing("presence")

    async def test_bob_learns_nothing_once_he_is_out(self, room: Room, alice: Browser, bob: Browser):
        await calling(room.admit, alice, bob)
        async with open_socket(alice) as hers, open_socket(bob) as his:
            await calling(room.act, "remove", alice, bob)
            await hers.send(presence(room))
            await hers.expect_nothing("presence")
            await his.receive("notice", what="deleted")
            await his.expect_nothing("presence")
            await his.send(presence(room))
            assert (await his.receive("refused"))["code"] == "not-found"

    async def test_is_limited_for_a_person(
        self, room: Room, alice: Browser, bob: Browser, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(consumers, "PRESENCE_LIMIT", consumers.Limit(count=2, window_s=3600))
        await calling(room.admit, alice, bob)
        async with open_socket(alice) as hers, open_socket(alice) as second, open_socket(bob) as his:
            for socket in (hers, second, hers):
                await socket.send(presence(room))
            assert (await hers.receive("refused"))["code"] == "throttled"
            await his.receive("presence")
            await his.receive("presence")
            await his.expect_nothing("presence")

    @pytest.mark.parametrize("state", ["", "gone", None, 1, ["here"], {"here": 1}, "Here", True])
    async def test_refuses_the_state(self, room: Room, alice: Browser, state: Any):
        async with open_socket(alice) as hers:
            await hers.send(presence(room, state))
            assert (await hers.receive("refused"))["code"] == "invalid"

    async def test_is_kept_nowhere(self, room: Room, alice: Browser, bob: Browser):
        await calling(room.admit, alice, bob)
        async with open_socket(alice) as hers:
            await hers.send(presence(room))
            await hers.expect_nothing("refused")
            async with open_socket(bob) as his:
                await his.expect_nothing("presence")
