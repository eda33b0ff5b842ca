"""Alice, Bob and Charlie with accounts, made once; each test gets a server of its own that knows them."""

import asyncio
import copy
import functools
import itertools
import json
from dataclasses import dataclass

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_der_private_key

from balon_client.ports import SessionRecord
from tests.client.doubles import accounts as double_accounts
from tests.client.doubles import crypto as double_crypto
from tests.client.doubles.platform import FakeClock
from tests.client.fake_gateway import FakeGateway
from tests.client.fake_server import FakeServer, State
from tests.client.tab import Profile, Tab, password
from tests.keys import VECTORS

ALICE, BOB, CHARLIE = "alice@example.org", "bob@example.org", "charlie@example.org"
SPARE = "spare"


@pytest.fixture(scope="package", autouse=True)
def _derived_once():
    """PBKDF2 takes a third of a second: here each count stands for a few rounds, and each derivation is done once.

    The double itself keeps the contract with all rounds (tests/contract).
    """
    derive = functools.cache(double_accounts.pbkdf2)
    with pytest.MonkeyPatch.context() as patch:
        for module in (double_accounts, double_crypto):
            patch.setattr(module, "pbkdf2", lambda text, salt, count: derive(bytes(text), salt, count % 1009 + 2))
        yield


@pytest.fixture(scope="session")
def rsa_key():
    pkcs8 = bytes.fromhex(json.loads(VECTORS.read_text())["identity"]["pkcs8"])
    return load_der_private_key(pkcs8, None, unsafe_skip_rsa_key_validation=True)


@pytest.fixture(scope="session")
def rsa_keys(rsa_key) -> dict:
    """An RSA key for each person, and a spare one: what one of them can open says nothing about the others."""
    others = {login: rsa.generate_private_key(65537, 4096) for login in (BOB, CHARLIE, SPARE)}
    return {ALICE: rsa_key, **others}


@pytest.fixture(scope="session")
def next_rsa_keys():
    return [rsa.generate_private_key(65537, 4096) for _ in range(2)]


@pytest.fixture
def rsa_keys_at_hand(monkeypatch, next_rsa_keys):
    """Making an RSA key takes seconds: these are ready, another one each time."""
    turns = itertools.cycle(next_rsa_keys)
    monkeypatch.setattr(double_accounts.rsa, "generate_private_key", lambda *_: next(turns))


@dataclass(frozen=True)
class Resident:
    """What somebody's browser holds after signing up."""

    metadata: dict
    keys: object
    cookie: str
    rsa_key: object

    def open_browser(self, server: FakeServer, clock: FakeClock) -> Profile:
        profile = Profile(server, clock, self.rsa_key)
        profile.jar.cookie = self.cookie
        profile.storage.record = SessionRecord(copy.deepcopy(self.metadata), self.keys)
        return profile


@dataclass
class Town:
    """A server that knows Alice, Bob and Charlie, the gateway's identity, and their browsers."""

    state: State
    identity: object
    residents: dict[str, Resident]
    kit: dict
    sign_up: dict

    @property
    def metadata(self) -> dict:
        return self.residents[ALICE].metadata

    @property
    def keys(self) -> object:
        return self.residents[ALICE].keys

    @property
    def cookie(self) -> str:
        return self.residents[ALICE].cookie


@pytest.fixture(scope="package")
def town(rsa_keys, _derived_once) -> Town:
    return asyncio.run(_found_town(rsa_keys))


async def _found_town(rsa_keys) -> Town:
    clock = FakeClock()
    server = FakeServer(clock)
    residents, made = {}, {}
    for login in (CHARLIE, BOB, ALICE):
        profile = Profile(server, clock, rsa_keys[login])
        tab = profile.open_tab()
        await tab.boot()
        made = await tab.sign_up(login, password())
        await tab.close()
        record = profile.storage.record
        residents[login] = Resident(record.metadata, record.keys, profile.jar.cookie, rsa_keys[login])
    return Town(
        state=server.state,
        identity=server.gateway.identity,
        residents=residents,
        kit=made["kit"],
        sign_up=server.asked("POST", "/api/v1/accounts")[-1].body,
    )


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def server(town, clock) -> FakeServer:
    return FakeServer(clock, town.state, FakeGateway(clock.now_ms, town.identity))


@pytest_asyncio.fixture
async def profile(server, clock, rsa_key):
    """A browser in which nobody is signed in."""
    made = Profile(server, clock, rsa_key)
    yield made
    await made.close()


@pytest_asyncio.fixture
async def alices_browser(profile, town) -> Profile:
    """A browser in which Alice is signed in, before any tab is open."""
    profile.jar.cookie = town.cookie
    profile.storage.record = SessionRecord(copy.deepcopy(town.metadata), town.keys)
    return profile


@pytest_asyncio.fixture
async def alice(alices_browser) -> Tab:
    """A tab in which Alice is signed in, as after a reload."""
    tab = alices_browser.open_tab()
    await tab.boot()
    await tab.online()
    return tab


async def _tab_of(login, server, clock, town):
    profile = town.residents[login].open_browser(server, clock)
    tab = profile.open_tab()
    await tab.boot()
    await tab.online()
    yield tab
    await profile.close()


@pytest_asyncio.fixture
async def bob(server, clock, town):
    """A tab in which Bob is signed in."""
    async for tab in _tab_of(BOB, server, clock, town):
        yield tab


@pytest_asyncio.fixture
async def charlie(server, clock, town):
    """A tab in which Charlie is signed in."""
    async for tab in _tab_of(CHARLIE, server, clock, town):
        yield tab


@pytest_asyncio.fixture
async def other_tab(alices_browser, alice) -> Tab:
    """A second tab of Alice's browser."""
    tab = alices_browser.open_tab()
    await tab.boot()
    return tab


@pytest_asyncio.fixture
async def stranger(profile) -> Tab:
    """A tab in which nobody is signed in."""
    tab = profile.open_tab()
    await tab.boot()
    return tab


@pytest_asyncio.fixture
async def second_device(server, clock, rsa_key):
    """Alice signed in on another device."""
    made = Profile(server, clock, rsa_key)
    tab = made.open_tab()
    await tab.boot()
    await tab.sign_in_as(ALICE)
    yield tab
    await made.close()
