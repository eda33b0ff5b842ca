"""The client's flows against the real web tier and the real gateway, as their own processes."""

import asyncio
import time
from base64 import b64encode

import pytest
import pytest_asyncio

from balon_client import build_options
from balon_client.client import Client
from balon_client.ports import Platform
from tests.client.doubles import accounts as double_accounts
from tests.client.doubles.crypto import PycaCrypto
from tests.client.doubles.network import HttpxHttp, WebsocketsSocket
from tests.client.doubles.platform import (
    BrowserStorage,
    MemoryFiles,
    MemoryKeyStore,
    MemoryTabs,
    SystemClock,
    TabsHub,
    system_random,
)
from tests.client.tab import password, refused
from tests.client.test_legacy_accounts import SALT, TYPED, typed
from tests.fakes.openai_server import MODEL, Script, run_in_thread
from tests.stack.installation import Installation, free_port

PATIENCE_S = 20
LIMITS = ("BALON_LIMIT_ADDRESS", "BALON_LIMIT_LOGIN", "BALON_LIMIT_INFERENCE")


@pytest.fixture(scope="module")
def upstream():
    with run_in_thread() as server:
        yield server


@pytest.fixture(scope="module")
def installation(tmp_path_factory, upstream):
    port = free_port()
    settings = {
        "BALON_UPSTREAM_URL": upstream.url,
        "BALON_UPSTREAM_MODELS": MODEL,
        "BALON_UPSTREAM_API_KEY": "test-key",
    }
    settings |= dict.fromkeys(LIMITS, "100000/60")
    made = Installation(tmp_path_factory.mktemp("real") / "var", f"http://localhost:{port}", settings, port=port)
    try:
        made.start()
        yield made
    finally:
        made.close()


@pytest.fixture(autouse=True)
def _short_reply(upstream):
    upstream.script = Script()


class RealTab:
    """A tab whose network is real."""

    def __init__(self, origin: str, rsa_key, storage=None, hub=None, http=None) -> None:
        clock = SystemClock()
        self.storage, self.hub = storage or BrowserStorage(), hub or TabsHub()
        self.http = http or HttpxHttp(origin)
        self.crypto = PycaCrypto(rsa_key=rsa_key)
        self.client = Client(
            Platform(
                crypto=self.crypto,
                key_store=MemoryKeyStore(self.storage),
                http=self.http,
                socket=WebsocketsSocket(self.http),
                tabs=MemoryTabs(self.hub),
                clock=clock,
                random=system_random(clock),
                files=MemoryFiles(),
                origin=origin,
            )
        )
        self.events: list[dict] = []
        self._listening = asyncio.ensure_future(self._listen())

    def __getattr__(self, name):
        return self.client.calls[name]

    async def _listen(self) -> None:
        while True:
            self.events += await self.client.calls["next_events"]()

    @property
    def opened(self):
        """The signed-in person's parts."""
        return self.client._session._open

    def told(self, kind: str) -> list[dict]:
        return [event for event in self.events if event["type"] == kind]

    async def until(self, condition) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, [event["type"] for event in self.events]
            await asyncio.sleep(0.02)

    async def say(self, text: str, conversation_id=None) -> dict:
        sent = await self.send(conversation_id, text, None)
        await self.until(lambda: self.is_saved(sent["reply_id"]))
        return sent

    def is_saved(self, message_id: str) -> bool:
        shown = [event["message"] for event in self.told("message")]
        return any(message["id"] == message_id and message["state"] == "saved" for message in shown)

    async def close(self) -> None:
        self._listening.cancel()
        await self.client.close()


@pytest_asyncio.fixture
async def open_tab(installation, rsa_key):
    tabs: list[RealTab] = []

    def open_one(beside: RealTab | None = None) -> RealTab:
        shared = {"storage": beside.storage, "hub": beside.hub, "http": beside.http} if beside else {}
        tabs.append(RealTab(installation.origin, rsa_key, **shared))
        return tabs[-1]

    yield open_one
    for tab in tabs:
        await tab.close()
    for http in {tab.http for tab in tabs}:
        await http.close()


@pytest.fixture
def login(request):
    return f"{request.node.name.replace('test_', '')[:60]}@example.org"


@pytest_asyncio.fixture
async def alice(open_tab, login):
    tab = open_tab()
    await tab.boot()
    await tab.sign_up(login, password())
    return tab


async def test_a_stranger_signs_up_chats_signs_out_and_reads_it_again(alice, open_tab, login, upstream):
    upstream.script = Script(chunks=("The capital", " is", " Paris."))
    sent = await alice.say("What is the capital of France?")
    await alice.until(lambda: alice.told("conversations")[-1]["conversations"][0]["title"] is not None)
    await alice.rename(sent["conversation_id"], "France")
    assert (await alice.sign_out())["state"] == "signed-out"
    assert alice.storage.record is None
    device = open_tab()
    await device.boot()
    await device.sign_in(login, password())
    (item,) = await device.list_conversations()
    assert item["title"] == "France"
    view = await device.open_conversation(sent["conversation_id"])
    assert [m["text"] for m in view["messages"]] == ["What is the capital of France?", "The capital is Paris."]
    assert [m["mark"] for m in view["messages"]] == [None, None]
    assert view["alarms"] == []
    await device.delete_conversation(sent["conversation_id"])
    assert await device.list_conversations() == []


async def test_a_reload_goes_on_without_a_password_and_in_the_middle_of_a_reply(alice, open_tab, upstream):
    upstream.script = Script.numbered(40, delay_s=0.02)
    sent = await alice.send(None, "Count.", None)
    await alice.until(lambda: alice.told("reply"))
    tab = open_tab(beside=alice)
    await alice.close()
    assert (await tab.boot())["state"] == "signed-in"
    view = await tab.open_conversation(sent["conversation_id"])
    assert view["messages"][-1]["id"] == sent["reply_id"]
    await tab.until(lambda: tab.is_saved(sent["reply_id"]))
    text = (await tab.open_conversation(sent["conversation_id"]))["messages"][-1]["text"]
    assert [word for word in text.split() if word.startswith("w")] == [f"w{number}" for number in range(40)]


async def test_two_tabs_stay_in_step_and_save_a_reply_once(alice, open_tab, upstream):
    upstream.script = Script.of("First reply.")
    sent = await alice.say("First")
    other = open_tab(beside=alice)
    await other.boot()
    await other.open_conversation(sent["conversation_id"])
    upstream.script = Script.of("Second reply.")
    second = await alice.send(sent["conversation_id"], "Second", None)
    await other.until(lambda: other.is_saved(second["reply_id"]))
    view = await alice.open_conversation(sent["conversation_id"])
    assert [m["text"] for m in view["messages"]] == ["First", "First reply.", "Second", "Second reply."]


async def test_stop_keeps_what_came(alice, upstream):
    upstream.script = Script.numbered(400, delay_s=0.02)
    sent = await alice.send(None, "Go on.", None)
    await alice.until(lambda: alice.told("reply"))
    await alice.stop(sent["conversation_id"], sent["reply_id"])
    await alice.until(lambda: alice.is_saved(sent["reply_id"]))
    assert alice.told("message")[-1]["message"]["finish"] == "stopped"


async def test_locking_and_unlocking_goes_on(alice):
    await alice.lock()
    assert await refused(alice.list_conversations()) == "locked"
    assert await refused(alice.unlock(password("wrong"))) == "wrong-password"
    assert (await alice.unlock(password()))["state"] == "signed-in"
    assert await alice.list_conversations() == []


async def test_a_wrong_password_an_unknown_name_and_a_taken_name_are_refused(alice, open_tab, login):
    tab = open_tab()
    await tab.boot()
    assert await refused(tab.sign_in(login, password("wrong"))) == "sign-in-refused"
    assert await refused(tab.sign_in("nobody-at-all@example.org", password())) == "sign-in-refused"
    assert await refused(tab.sign_up(login, password())) == "login-taken"


async def test_signing_out_in_one_tab_ends_the_other(alice, open_tab):
    other = open_tab(beside=alice)
    await other.boot()
    await alice.sign_out()
    await other.until(lambda: other.told("session"))
    assert other.told("session")[-1]["session"]["state"] == "signed-out"


async def test_another_account_in_the_same_browser_ends_the_first(alice, open_tab, login):
    await alice.say("Mine")
    other = open_tab(beside=alice)
    await other.boot()
    bob = f"bob-{login}"[:80]
    await other.sign_up(bob, password())
    await alice.until(lambda: alice.told("session"))
    assert alice.told("session")[-1]["session"]["state"] == "signed-out"
    assert await other.list_conversations() == []
    assert other.storage.record.metadata["login"] == bob
    assert await refused(alice.list_conversations()) == "signed-out"


OLD = "dora.before@example.org"
LOOK_AT_OLD = f"from accounts.models import User; print(User.objects.get(login={OLD!r}).has_usable_password())"


async def test_an_account_from_before_encryption_gets_its_keys_once(installation, open_tab, monkeypatch):
    monkeypatch.setattr(build_options, "LEGACY_SIGNIN", True)
    octets = double_accounts.pbkdf2(TYPED.encode(), SALT, 600_000)  # A few rounds stand for all of them here.
    encoded = f"pbkdf2_sha256$600000${SALT.decode()}${b64encode(octets).decode()}"
    make = f"from accounts.models import User; User.objects.create(login={OLD!r}, password={encoded!r})"
    installation.manage("shell", "-v", "0", "-c", make)
    assert "1 adopted" in installation.manage("adopt_legacy_hashes")
    tab = open_tab()
    await tab.boot()
    assert await refused(tab.sign_in(OLD, typed()[1])) == "first-sign-in"
    made = await tab.first_sign_in(OLD, *typed())
    assert (made["session"]["state"], made["kit"]["login"]) == ("signed-in", OLD)
    await tab.sign_out()
    assert (await tab.sign_in(OLD, typed()[1]))["state"] == "signed-in"
    assert await refused(open_tab().first_sign_in(OLD, *typed())) == "not-legacy"
    assert installation.manage("shell", "-v", "0", "-c", LOOK_AT_OLD).strip() == "False"
