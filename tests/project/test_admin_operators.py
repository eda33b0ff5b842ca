"""What operators may do: see sizes, counts and times, end sessions, suspend, reinstate. Nothing as anyone else."""

import re
import time
from io import StringIO
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.management import call_command
from django.test import Client

from accounts.admin import OPERATOR_SESSION_S
from accounts.decoys import derive_decoy
from accounts.models import SignInSession, User
from conversations.models import Message
from tests.browsers import Browser
from tests.keys import Keys
from tests.sockets import calling, open_socket

pytestmark = pytest.mark.django_db

PASSWORD = "a long operator's password"
USERS = "/admin/accounts/user/"


@pytest.fixture(autouse=True)
def _quick_hashes(settings: Any) -> None:
    """Django's own hash takes half a second each time, and is not the matter here."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def make_operator(login: str = "operator@example.org") -> User:
    return User.objects.create_superuser(login=login, password=PASSWORD)


def sign_in(client: Client, login: str = "operator@example.org", password: str = PASSWORD) -> Any:
    return client.post("/admin/login/", {"username": login, "password": password, "next": "/admin/"})


@pytest.fixture
def operator(db: None, client: Client) -> Client:
    make_operator()
    assert sign_in(client).status_code == 302
    return client


def act(client: Client, action: str, *accounts: Any, confirmed: bool = True) -> Any:
    content = {"action": action, "_selected_action": [str(account) for account in accounts], "index": "0"}
    return client.post(USERS, {**content, **({"confirmed": "yes"} if confirmed else {})})


def test_createsuperuser_makes_an_operator_that_gets_in(client: Client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    call_command("createsuperuser", "--noinput", "--login", "operator@example.org", stdout=StringIO())
    row = User.objects.get()
    assert (row.is_operator, row.has_usable_password()) == (True, True)
    assert sign_in(client).status_code == 302
    assert "Log out" in client.get("/admin/").content.decode()


def test_an_operator_cannot_sign_in_to_the_page():
    make_operator()
    browser = Browser(Keys("operator@example.org"))
    content = browser.prelogin()
    assert content["user_id"] == str(derive_decoy("operator@example.org").user_id)
    answer = browser.post("accounts/login", browser.keys.prove(content))
    assert (answer.status_code, answer.json()["code"]) == (401, "sign-in-refused")


def test_an_operator_is_nobody_to_the_api(alice: Browser, operator: Client):
    room = alice.create_conversation()
    paths = ("accounts/self", "accounts/sessions", "keys/keyring", "conversations", f"conversations/{room}/messages")
    assert [operator.get(f"/api/v1/{path}").status_code for path in paths] == [401] * len(paths)
    assert operator.get("/api/v1/session").json()["state"] == "none"


def test_the_admins_cookie_ends_after_eight_hours(operator: Client):
    assert operator.session.get_expiry_age() == OPERATOR_SESSION_S == 8 * 3600


def test_guessing_an_operators_password_is_throttled(client: Client, settings: Any):
    settings.BALON_LIMIT_LOGIN = (2, 300)
    make_operator()
    for _ in range(2):
        assert "Please enter the correct login" in sign_in(client, password="wrong").content.decode()
    assert "Too many attempts" in sign_in(client, password="wrong").content.decode()
    assert "Too many attempts" in sign_in(client).content.decode()
    assert client.get("/admin/").status_code == 302


def test_shows_counts_and_sizes(alice: Browser, operator: Client):
    room = alice.create_conversation()
    alice.send_messages(room, 3)
    Browser(alice.keys).sign_in()
    size = sum(len(message.envelope) for message in Message.objects.all())
    text = operator.get("/admin/conversations/conversation/").content.decode()
    assert re.search(r'field-messages">3<', text)
    assert f'field-size">{size}<' in text
    text = operator.get(f"{USERS}?q=alice").content.decode()
    assert re.search(r'field-sessions">2<', text)
    assert re.search(r'field-conversations">1<', text)
    text = operator.get("/admin/keystore/keyring/").content.decode()
    assert re.search(r'field-size">360<', text)
    assert "Unknown browser" in operator.get("/admin/accounts/signinsession/").content.decode()


def test_never_shows_a_cookie(alice: Browser, operator: Client):
    session = SignInSession.objects.get()
    for path in ("", f"{session.pk}/change/"):
        text = operator.get(f"/admin/accounts/signinsession/{path}").content.decode()
        assert str(session.pk) in text
        assert session.cookie_key not in text


def test_asks_before_it_does_anything(alice: Browser, operator: Client):
    for action, words in {
        "end_all_sessions": "signed out everywhere within a second",
        "suspend": "cannot sign in until they are reinstated",
        "reinstate": "They can sign in again.",
    }.items():
        text = act(operator, action, alice.keys.user_id, confirmed=False).content.decode()
        assert words in text
        assert "alice@example.org" in text
        assert 'name="confirmed"' in text
        assert "<script>" not in text
    assert alice.get("accounts/self").status_code == 200
    assert not LogEntry.objects.exists()


def test_ends_all_sessions_of_one_account_alone(alice: Browser, bob: Browser, operator: Client):
    elsewhere = Browser(alice.keys)
    elsewhere.sign_in()
    assert act(operator, "end_all_sessions", alice.keys.user_id).status_code == 302
    assert [one.get("accounts/self").status_code for one in (alice, elsewhere, bob)] == [401, 401, 200]
    assert Browser(alice.keys).sign_in().status_code == 200


def test_a_suspended_account_meets_the_one_answer_until_it_is_reinstated(alice: Browser, operator: Client):
    known = Browser(alice.keys).prelogin()
    act(operator, "suspend", alice.keys.user_id)
    assert alice.get("accounts/self").status_code == 401
    elsewhere = Browser(alice.keys)
    refusals = [elsewhere.sign_in(), elsewhere.post("accounts/login", alice.keys.prove(known))]
    stranger = Browser(Keys("nobody@example.org")).sign_in()
    assert {answer.content for answer in refusals} == {stranger.content}
    assert {answer.status_code for answer in refusals} == {401}
    assert elsewhere.prelogin()["user_id"] == str(derive_decoy("alice@example.org").user_id)
    act(operator, "reinstate", alice.keys.user_id)
    assert alice.get("accounts/self").status_code == 401  # What ended does not come back.
    assert elsewhere.sign_in().status_code == 200


def test_notes_who_did_what(alice: Browser, operator: Client):
    act(operator, "suspend", alice.keys.user_id)
    entry = LogEntry.objects.get()
    assert (entry.user.login, entry.object_id) == ("operator@example.org", str(alice.keys.user_id))
    assert "Suspended." in entry.get_change_message()
    assert "alice" not in f"{entry.object_repr} {entry.change_message}"


def test_leaves_operators_out(operator: Client):
    other = make_operator("other@example.org")
    me = User.objects.get(login="operator@example.org")
    act(operator, "suspend", other.pk, me.pk)
    assert User.objects.filter(is_active=True).count() == 2
    assert not LogEntry.objects.exists()


def test_offers_no_other_action(operator: Client, alice: Browser):
    text = operator.get(USERS).content.decode()
    assert set(re.findall(r'<option value="(\w+)"', text)) == {"end_all_sessions", "suspend", "reinstate"}
    act(operator, "delete_selected", alice.keys.user_id)
    assert User.objects.filter(pk=alice.keys.user_id).exists()
    for path in ("accounts/signinsession", "conversations/message", "keystore/grant"):
        assert '<option value="' not in operator.get(f"/admin/{path}/").content.decode()


def test_people_and_visitors_cannot_act(alice: Browser, bob: Browser):
    bob.client.force_login(User.objects.get(pk=bob.keys.user_id))
    for browser in (Browser(), bob):
        browser.fetch_session()
        answer = browser.client.post(
            USERS,
            {"action": "suspend", "_selected_action": [str(alice.keys.user_id)], "confirmed": "yes", "index": "0"},
            headers={"X-CSRFToken": browser.csrf},
        )
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith("/admin/login/")
    assert alice.get("accounts/self").status_code == 200


def test_an_action_needs_the_forms_token(alice: Browser):
    forged = Client(enforce_csrf_checks=True)
    forged.force_login(make_operator())
    assert act(forged, "suspend", alice.keys.user_id).status_code == 403
    assert alice.get("accounts/self").status_code == 200


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("action", ["suspend", "end_all_sessions"])
async def test_sockets_close_within_a_second(alice: Browser, bob: Browser, action: str):
    client = Client()
    await calling(lambda: client.force_login(make_operator()))
    async with open_socket(alice) as socket, open_socket(bob) as other:
        began = time.monotonic()
        await calling(act, client, action, alice.keys.user_id)
        await socket.receive("session-ended")
        assert await socket.receive_close() == 4401
        assert time.monotonic() - began < 1
        await other.expect_nothing("session-ended")
