"""The list of sessions: what it tells, who may end what, and what an ended one can still do."""

import time
import uuid
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from accounts.models import SignInSession, User
from keystore.clock import now_ms
from tests.browsers import Browser
from tests.sockets import calling, open_socket

pytestmark = pytest.mark.django_db

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:153.0) Gecko/20100101 Firefox/153.0"


def signed_in(alice: Browser, user_agent: str = FIREFOX) -> Browser:
    browser = Browser(alice.keys)
    browser.client.defaults["HTTP_USER_AGENT"] = user_agent
    assert browser.sign_in().status_code == 200
    return browser


def listed(browser: Browser) -> list[dict[str, Any]]:
    answer = browser.get("accounts/sessions")
    assert answer.status_code == 200
    rows: list[dict[str, Any]] = answer.json()["sessions"]
    return rows


def session_id(browser: Browser) -> str:
    return str(browser.fetch_session()["session_id"])


def test_lists_ones_own_sessions_with_device_times_and_which_is_this(alice: Browser, bob: Browser):
    elsewhere = signed_in(alice)
    rows = {row["session_id"]: row for row in listed(elsewhere)}
    assert set(rows) == {session_id(alice), session_id(elsewhere)}
    mine = rows[session_id(elsewhere)]
    assert set(mine) == {"session_id", "created_ms", "last_used_ms", "expires_ms", "device", "current"}
    assert (mine["device"], mine["current"]) == ("Firefox on Windows", True)
    assert rows[session_id(alice)]["current"] is False
    assert 0 <= now_ms() - mine["last_used_ms"] < 60_000
    assert mine["expires_ms"] - mine["created_ms"] == 14 * 24 * 3_600_000


def test_the_one_used_last_comes_first(alice: Browser):
    elsewhere = signed_in(alice)
    SignInSession.objects.filter(pk=session_id(elsewhere)).update(last_used_ms=5)
    assert [row["current"] for row in listed(alice)] == [True, False]


def test_sessions_that_do_not_stand_are_not_listed(alice: Browser):
    SignInSession.objects.filter(pk=session_id(signed_in(alice))).update(expires_ms=1)
    SignInSession.objects.filter(pk=session_id(signed_in(alice))).update(account_version=7)
    assert len(listed(alice)) == 1


def test_use_is_noted_at_most_once_a_minute(alice: Browser, django_assert_num_queries: Any):
    SignInSession.objects.update(last_used_ms=now_ms() - 61_000)
    before = now_ms()
    with django_assert_num_queries(3):
        alice.get("session")
    noted = SignInSession.objects.get().last_used_ms
    assert noted >= before
    with django_assert_num_queries(2):
        alice.get("session")
    assert SignInSession.objects.get().last_used_ms == noted


def test_ends_one_at_its_next_request(alice: Browser):
    elsewhere = signed_in(alice)
    assert elsewhere.get("accounts/self").status_code == 200
    answer = alice.delete(f"accounts/sessions/{session_id(elsewhere)}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert elsewhere.get("accounts/self").status_code == 401
    assert elsewhere.get("conversations").status_code == 401
    assert alice.get("accounts/self").status_code == 200
    assert len(listed(alice)) == Session.objects.count() == 1


def test_ends_all_others(alice: Browser, bob: Browser):
    others = [signed_in(alice) for _ in range(3)]
    assert alice.delete("accounts/sessions").status_code == 204
    assert [other.get("accounts/self").status_code for other in others] == [401] * 3
    assert alice.get("accounts/self").status_code == bob.get("accounts/self").status_code == 200
    assert SignInSession.objects.count() == Session.objects.count() == 2


def test_charlie_gets_404_and_ends_nothing(alice: Browser, charlie: Browser):
    real = charlie.delete(f"accounts/sessions/{session_id(alice)}")
    made_up = charlie.delete(f"accounts/sessions/{uuid.uuid4()}")
    assert real.status_code == made_up.status_code == 404
    assert real.content == made_up.content
    assert alice.get("accounts/self").status_code == 200


def test_a_visitor_gets_401(alice: Browser):
    visitor = Browser()
    answers = [
        visitor.get("accounts/sessions"),
        visitor.delete("accounts/sessions"),
        visitor.delete(f"accounts/sessions/{session_id(alice)}"),
    ]
    assert [answer.status_code for answer in answers] == [401] * 3
    assert SignInSession.objects.count() == 1


def test_an_end_needs_the_token_of_the_page(alice: Browser):
    mine, alice.csrf = session_id(alice), "nonsense"
    assert alice.delete(f"accounts/sessions/{mine}").json()["code"] == "csrf-refused"
    assert alice.delete("accounts/sessions").json()["code"] == "csrf-refused"
    assert SignInSession.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("end", ["one", "others"])
async def test_its_sockets_close_within_a_second(alice: Browser, end: str):
    elsewhere = await calling(signed_in, alice)
    path = {"one": f"accounts/sessions/{await calling(session_id, elsewhere)}", "others": "accounts/sessions"}[end]
    async with open_socket(elsewhere) as socket, open_socket(alice) as mine:
        began = time.monotonic()
        await calling(alice.delete, path)
        await socket.receive("session-ended")
        assert await socket.receive_close() == 4401
        assert time.monotonic() - began < 1
        await mine.expect_nothing("session-ended")


DEVICES = {
    FIREFOX: "Firefox on Windows",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36": (
        "Chrome on Linux"
    ),
    "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0 Safari/537.36 Edg/156.0": (
        "Edge on Windows"
    ),
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26 Safari/605": (
        "Safari on macOS"
    ),
    "Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) AppleWebKit/605 CriOS/156.0 Mobile Safari/604": (
        "Chrome on iPhone"
    ),
    "Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 Chrome/156.0 Mobile Safari/537.36": "Chrome on Android",
    "Mozilla/5.0 (X11; CrOS x86_64 16000.0) AppleWebKit/537.36 Chrome/156.0 Safari/537.36": "Chrome on ChromeOS",
    "": "Unknown browser on an unknown system",
    "a secret that someone typed into a header": "Unknown browser on an unknown system",
    "x" * 100_000 + " Firefox/1 Windows": "Unknown browser on an unknown system",
    "<script>alert(1)</script> Firefox/1.0 \x00 Linux": "Firefox on Linux",
}


@pytest.mark.parametrize("user_agent", DEVICES)
def test_names_the_device_in_words_of_its_own(user_agent: str):
    from accounts.sessions_devices import describe_device

    assert describe_device(user_agent) == DEVICES[user_agent]


def test_no_device_is_longer_than_its_column():
    from accounts.sessions_devices import _BROWSERS, _SYSTEMS

    longest = max(len(name) for name, _ in (*_BROWSERS, ("Unknown browser", None)))
    assert longest + len(" on ") + max(len(name) for name, _ in (*_SYSTEMS, ("an unknown system", None))) <= 64


def test_an_operators_session_in_the_admin_is_no_session_here():
    operator = User.objects.create_superuser(login="operator", password="a long operator's password")
    browser = Browser()
    browser.client.force_login(operator)
    assert isinstance(browser.client, Client)
    assert browser.get("accounts/sessions").status_code == 401
