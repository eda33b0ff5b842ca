"""Changes of an account and recovery against the real web tier: two sides written apart agree on every byte."""

from uuid import uuid4

import pytest_asyncio

from balon.protocol.password import DEFAULT_ITERATIONS
from balon_client import account_calls, credentials, making
from tests.client.tab import password, refused
from tests.client.test_against_server import _short_reply, alice, installation, login, open_tab, upstream

__all__ = ["_short_reply", "alice", "installation", "login", "open_tab", "upstream"]
NEW = "a whole new password, quite long"


async def entered(open_tab, login, secret):
    """A device that knows nothing and signs in."""
    tab = open_tab()
    await tab.boot()
    await tab.sign_in(login, secret)
    return tab


async def test_a_password_is_changed(alice, open_tab, login):
    sent = await alice.say("kept")
    other = await entered(open_tab, login, password())
    beside = open_tab(alice)
    await beside.boot()
    assert (await alice.change_password(password(), password(NEW)))["state"] == "signed-in"
    await other.until(lambda: other.client._session.view["state"] == "signed-out")
    await beside.until(lambda: beside.told("session") and beside.told("session")[-1]["reason"] == "account-changed")
    await alice.open_conversation(sent["conversation_id"])
    await alice.say("and on", sent["conversation_id"])
    assert await refused(entered(open_tab, login, password())) == "sign-in-refused"
    device = await entered(open_tab, login, password(NEW))
    assert len((await device.open_conversation(sent["conversation_id"]))["messages"]) == 4


async def test_a_login_name_is_changed(alice, open_tab, login):
    name = f"renamed-{uuid4().hex}@example.org"
    assert (await alice.change_login(name, password()))["login"] == name
    assert await refused(entered(open_tab, login, password())) == "sign-in-refused"
    assert (await entered(open_tab, name, password())).client._session.view["login"] == name


async def test_iterations_rise_at_sign_in(alice, open_tab, login, monkeypatch):
    for module in (account_calls, credentials, making):
        monkeypatch.setattr(module, "DEFAULT_ITERATIONS", DEFAULT_ITERATIONS + 7)
    device = await entered(open_tab, login, password())
    assert device.storage.record.metadata["n"] == DEFAULT_ITERATIONS + 7
    monkeypatch.undo()
    assert (await entered(open_tab, login, password())).storage.record.metadata["n"] == DEFAULT_ITERATIONS + 7


@pytest_asyncio.fixture
async def kit(open_tab):
    """The kit of a new account that has a conversation."""
    tab, name = open_tab(), f"lost-{uuid4().hex}@example.org"
    await tab.boot()
    made = (await tab.sign_up(name, password()))["kit"]
    await tab.say("kept")
    assert await tab.check_kit(made["text"]) is None
    await tab.sign_out()
    return made


async def test_a_kit_recovers_once(kit, open_tab):
    tab = open_tab()
    await tab.boot()
    made = await tab.recover(kit["text"], password(NEW))
    assert (made["session"]["state"], made["session"]["login"]) == ("signed-in", kit["login"])
    await tab.until(lambda: tab.told("conversations") and tab.told("conversations")[-1]["conversations"])
    assert await tab.check_kit(made["kit"]["text"]) is None
    assert await refused(tab.check_kit(kit["text"])) == "kit-used"
    await tab.sign_out()
    assert await refused(tab.recover(kit["text"], password())) == "kit-used"
    assert await refused(entered(open_tab, kit["login"], password())) == "sign-in-refused"
    await entered(open_tab, kit["login"], password(NEW))
