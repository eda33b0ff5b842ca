"""A new login name: the KEK is bound to it, and a bundle that states it is signed (docs/protocol.md section 5)."""

import pytest

from balon.protocol.encoding import decode_b64u
from balon.protocol.statements import Bundle
from tests.client.changing import changing_server, signs_in_elsewhere
from tests.client.conftest import ALICE, BOB
from tests.client.lies import changed, flip
from tests.client.tab import password, refused

NEW = "alice.new@example.org"
PATH = "/api/v1/accounts/login-name"


@pytest.fixture
def server(town, clock):
    return changing_server(town, clock)


@pytest.fixture
def elsewhere(server, clock, rsa_key):
    return signs_in_elsewhere(server, clock, rsa_key)


async def test_the_new_name_signs_in_with_the_same_password(alice, server, elsewhere):
    view = await alice.change_login(f" {NEW.upper()} ", password())
    assert (view["state"], view["login"]) == ("signed-in", NEW)
    assert await elsewhere(ALICE, password()) == "sign-in-refused"
    assert not isinstance(await elsewhere(NEW, password()), str)


async def test_the_bundle_states_the_new_name_with_the_same_keys(alice, server):
    before = Bundle.parse(decode_b64u(server.account_of(ALICE)["bundle"]["statement"]))
    await alice.change_login(NEW, password())
    after = Bundle.parse(decode_b64u(server.account_of(NEW)["bundle"]["statement"]))
    assert (after.login, after.bundle_seq) == (NEW, before.bundle_seq + 1)
    assert (after.user_id, after.idk_pub, after.rsa_kid) == (before.user_id, before.idk_pub, before.rsa_kid)


async def test_reload_lock_and_conversations_go_on(alice, alices_browser):
    sent = await alice.say("hello")
    await alice.change_login(NEW, password())
    await alice.lock()
    assert (await alice.unlock(password()))["login"] == NEW
    await alice.close()
    again = alices_browser.open_tab()
    assert (await again.boot())["login"] == NEW
    assert len((await again.open_conversation(sent["conversation_id"]))["messages"]) == 2


async def test_the_other_tab_shows_the_new_name(alice, other_tab):
    await alice.change_login(NEW, password())
    await other_tab.left("account-changed")
    assert other_tab.session["login"] == NEW


@pytest.mark.parametrize(
    ("login", "secret", "code"),
    [
        ("no", password(), "invalid-login"),
        (None, password(), "invalid-login"),
        (ALICE, password(), "login-taken"),
        (NEW, password("not the password"), "wrong-password"),
        (NEW, bytearray(), "invalid-password"),
    ],
)
async def test_what_is_noticed_here_is_not_sent(alice, server, login, secret, code):
    typed = bytearray(secret)
    assert await refused(alice.change_login(login, typed)) == code
    assert server.derived == []
    assert not any(typed)


async def test_a_name_of_someone_else_changes_nothing(alice, server, elsewhere):
    assert await refused(alice.change_login(BOB, password())) == "login-taken"
    assert not isinstance(await elsewhere(ALICE, password()), str)


@pytest.mark.parametrize(
    "lie",
    [
        changed("login", ALICE),
        changed("records.bundle.statement", lambda text: flip(text, -1)),
        changed("records.bundle.signature", lambda text: flip(text, 0)),
        changed("records.mek_env", lambda text: flip(text, -1)),
    ],
)
async def test_an_answer_that_is_not_what_was_sent_is_an_alarm(alice, server, lie):
    server.lie("POST", PATH, lie)
    assert await refused(alice.change_login(NEW, password())) == "account-keys-refused"
    assert server.derived == [PATH]
