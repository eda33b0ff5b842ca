"""Alice and Bob with accounts, made once; each test gets a server of its own that knows them."""

import asyncio
import copy
import functools
import json
from dataclasses import dataclass

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.serialization import load_der_private_key

from balon_client.ports import SessionRecord
from tests.client.doubles import accounts as double_accounts
from tests.client.doubles import crypto as double_crypto
from tests.client.doubles.platform import FakeClock
from tests.client.fake_gateway import FakeGateway
from tests.client.fake_server import FakeServer, State
from tests.client.tab import Profile, Tab, password
from tests.keys import VECTORS

ALICE, BOB = "alice@example.org", "bob@example.org"


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


@dataclass
class Town:
    """A server that knows Alice and Bob, the gateway's identity, and what Alice's browser holds after signing up."""

    state: State
    identity: object
    metadata: dict
    keys: object
    cookie: str
    kit: dict
    sign_up: dict


@pytest.fixture(scope="package")
def town(rsa_key, _derived_once) -> Town:
    return asyncio.run(_found_town(rsa_key))


async def _found_town(rsa_key) -> Town:
    clock = FakeClock()
    server = FakeServer(clock)
    people = {}
    for login in (BOB, ALICE):
        profile = Profile(server, clock, rsa_key)
        tab = profile.open_tab()
        await tab.boot()
        people[login] = profile, await tab.sign_up(login, password())
        await tab.close()
    profile, made = people[ALICE]
    record = profile.storage.record
    return Town(
        state=server.state,
        identity=server.gateway.identity,
        metadata=record.metadata,
        keys=record.keys,
        cookie=profile.jar.cookie,
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
