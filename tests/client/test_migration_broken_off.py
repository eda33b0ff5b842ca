"""A migration that breaks off at any request, in any way, in any order: in the end every message is there once (A40)."""

import asyncio
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from balon_client.errors import ClientError
from tests.client.breaking import CLOSINGS, LOSSES, BreakingFakeHttp
from tests.client.conftest import ALICE
from tests.client.doubles.platform import FakeClock, settle
from tests.client.fake_gateway import FakeGateway
from tests.client.fake_migration import legacy_conversation
from tests.client.fake_server import FakeServer
from tests.client.migrating import MIGRATION, make_old, original, plaintext_of, spoken

FEW = (
    legacy_conversation("one", "a", "b", "c", "d", "e"),
    legacy_conversation("two", "f", at_ms=1_500_000_000_000),
)
BATCH = 3
HOWS = (*LOSSES, *CLOSINGS)
MOST_RUNS = 40
EXAMPLES = 12


class BreakingMigration(BreakingFakeHttp):
    """Counts what a migration asks for: its own requests, those that read back, and the keyring that is saved."""

    def is_counted(self, method: str, path: str) -> bool:
        is_own = path.startswith((MIGRATION, "/api/v1/conversations/"))
        return is_own or (method == "PUT" and path.startswith("/api/v1/keys"))


@dataclass
class Device:
    """A browser whose tabs close and open again."""

    profile: object
    tab: object = None
    http: BreakingMigration | None = None

    async def open(self) -> None:
        self.http = BreakingMigration(self.profile.server, self.profile.jar)
        self.http.break_at(0, "")
        self.tab = self.profile.open_tab(http=self.http)
        await self.tab.boot()
        await self.tab.list_conversations()

    async def carry_on(self) -> str:
        """Does what a person would: starts, or finishes what is verified. Gives the state, or why it broke off."""
        running = asyncio.ensure_future(self._press())
        for _ in range(MOST_RUNS):
            await settle(200)
            if running.done() or self.http.hangs.is_set():
                break
            await self.tab.clock.advance(16)
        if not running.done():
            running.cancel()
            await self.tab.close()
            await self.open()
            return "closed"
        try:
            return await running
        except ClientError as error:
            return error.problem_code

    async def _press(self) -> str:
        state = (await self.tab.migration_status())["state"]
        if state in {"verified", "finishing"}:
            return (await self.tab.finish_migration())["state"]
        return state if state == "finished" else (await self.tab.start_migration(BATCH))["state"]

    async def carry_through(self) -> list[str]:
        """Until it is finished; gives what was told on the way."""
        told = []
        for _ in range(MOST_RUNS):
            told.append(await self.carry_on())
            if told[-1] == "finished":
                break
            self.http.mend()
            await self.tab.clock.advance(35)  # a lease that a closed tab held has lapsed
        return told


async def check_all_is_there_once(device: Device) -> None:
    server = device.profile.server
    assert plaintext_of(server) == {}
    assert await spoken(device.tab) == original(*FEW)
    assert device.tab.alarms == []
    assert sorted(len(each["messages"]) for each in server.state.conversations.values()) == [1, 5]


async def requests_of_a_whole_one(device: Device) -> int:
    assert await device.carry_through() == ["verified", "finished"]
    return device.http.seen


async def old_device(profile) -> Device:
    device = Device(profile)
    await device.open()
    await make_old(device.tab, *FEW)
    device.http.break_at(0, "")
    return device


@pytest.mark.parametrize("how", HOWS)
async def test_wherever_it_breaks_off_everything_is_there_once(town, rsa_key, how):
    """At each request of the whole way, from the first look to the last row that is deleted."""
    at, requests = 1, None
    while requests is None or at <= requests:
        clock = FakeClock()
        server = FakeServer(clock, town.state, FakeGateway(clock.now_ms, town.identity))
        profile = town.residents[ALICE].open_browser(server, clock)
        device = await old_device(profile)
        if requests is None:
            requests = await requests_of_a_whole_one(device)
            await profile.close()
            continue
        device.http.break_at(at, how)
        told = await device.carry_through()
        assert told[-1] == "finished", (at, told)
        await check_all_is_there_once(device)
        await profile.close()
        at += 1


Kill = st.tuples(st.integers(1, 36), st.sampled_from(HOWS), st.booleans())


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(kills=st.lists(Kill, min_size=2, max_size=6))
def test_any_sequence_of_kills_ends_with_every_message_once(town, rsa_key, kills):
    """On two devices, between which the person changes; in whichever order requests, answers and tabs are lost."""
    asyncio.run(_play(town, kills))


async def _play(town, kills) -> None:
    clock = FakeClock()
    server = FakeServer(clock, town.state, FakeGateway(clock.now_ms, town.identity))
    devices = [await old_device(town.residents[ALICE].open_browser(server, clock))]
    second = Device(town.residents[ALICE].open_browser(server, clock))
    await second.open()
    devices.append(second)
    for at, how, is_second in kills:
        device = devices[is_second]
        device.http.break_at(at, how)
        await device.carry_on()
        device.http.mend()
        await clock.advance(35)
    assert (await devices[0].carry_through())[-1] == "finished"
    await check_all_is_there_once(devices[0])
    for device in devices:
        await device.profile.close()
