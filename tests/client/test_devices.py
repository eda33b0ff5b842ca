"""The list of sessions, and ending them (docs/worker.md)."""

import uuid

import pytest

from tests.client.lies import changed
from tests.client.tab import refused

SESSIONS = "/api/v1/accounts/sessions"


async def test_the_list_names_each_device_and_which_is_this_one(alice, second_device):
    listed = await alice.list_sessions()
    own, other = alice.keys.session_id, second_device.keys.session_id
    assert {each["id"]: each["current"] for each in listed} == {own: True, other: False}
    assert all(set(each) == {"id", "device", "created_ms", "last_used_ms", "current"} for each in listed)
    assert {each["device"] for each in listed} == {"Chromium on Linux"}


async def test_a_session_that_is_ended_goes(alice, second_device):
    await second_device.online()
    assert await alice.end_session(second_device.keys.session_id) is None
    await second_device.left("ended")
    assert second_device.session["state"] == "signed-out"
    assert second_device.profile.storage.record is None
    assert [each["current"] for each in await alice.list_sessions()] == [True]


async def test_all_others_go_and_this_one_stays(alice, second_device):
    assert await alice.end_other_sessions() is None
    await second_device.left("ended")
    assert [each["current"] for each in await alice.list_sessions()] == [True]
    assert alice.session["state"] == "signed-in"


async def test_a_session_that_is_gone_already_counts_as_ended(alice):
    assert await alice.end_session(str(uuid.uuid4())) is None


@pytest.mark.parametrize("raw", ["", "../../conversations/0", None, 5, "0" * 32, "A" * 36])
async def test_what_is_no_identifier_is_not_sent(alice, server, raw):
    assert await refused(alice.end_session(raw)) == "session-not-found"
    assert server.asked("DELETE") == []


async def test_other_refusals_are_told(alice, server):
    server.offline = True
    assert await refused(alice.end_session(str(uuid.uuid4()))) == "network"
    assert await refused(alice.end_other_sessions()) == "network"


async def test_nobody_lists_or_ends_without_a_session(stranger):
    assert await refused(stranger.list_sessions()) == "signed-out"
    assert await refused(stranger.end_other_sessions()) == "signed-out"


async def test_nobody_lists_or_ends_without_keys(alice):
    await alice.lock()
    assert await refused(alice.list_sessions()) == "locked"
    assert await refused(alice.end_session(str(uuid.uuid4()))) == "locked"


def doubled(answer):
    answer["sessions"] += answer["sessions"]
    return answer


@pytest.mark.parametrize(
    "lie",
    [
        changed("sessions.0.current", False),  # noqa: FBT003 - a value of JSON
        changed("sessions.0.current", None),
        changed("sessions.0.session_id", str(uuid.UUID(int=5))),
        changed("sessions.0.session_id", "../../conversations/0"),
        changed("sessions.0.device", None),
        changed("sessions.0.device", "x" * 201),
        changed("sessions.0.device", "\ud800"),
        changed("sessions.0.created_ms", "yesterday"),
        changed("sessions.0.last_used_ms", -1),
        changed("sessions.0.expires_ms", 1.5),
        changed("sessions", {}),
        doubled,
        lambda _: None,
    ],
)
async def test_a_list_of_another_form_is_refused(alice, server, lie):
    server.lie("GET", SESSIONS, lie)
    assert await refused(alice.list_sessions()) == "server-answer-refused"
