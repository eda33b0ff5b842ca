"""Tabs, clock and random ports."""

import asyncio

from balon_client.errors import RandomnessError
from balon_client.randomness import CheckedRandom
from tests.contract.world import raises


async def check_messages_reach_the_other_tab_only(world):
    here, there = world.platform.tabs, world.other_tabs
    here.post({"kind": "one", "n": 1})
    here.post({"kind": "two", "text": "é"})
    seen = []
    while len(seen) < 2:
        seen += await asyncio.wait_for(there.receive(), 5)
    assert seen == [{"kind": "one", "n": 1}, {"kind": "two", "text": "é"}]
    there.post({"kind": "back"})
    assert await asyncio.wait_for(here.receive(), 5) == [{"kind": "back"}]


async def check_a_lock_is_held_by_one(world):
    order: list[str] = []

    async def work(tabs, name):
        async with tabs.lock("x"):
            order.append(f"{name} in")
            await asyncio.sleep(0.02)
            order.append(f"{name} out")

    await asyncio.gather(work(world.platform.tabs, "a"), work(world.other_tabs, "b"), work(world.platform.tabs, "c"))
    assert [entry[2:] for entry in order] == ["in", "out"] * 3


async def check_locks_of_other_names_are_free(world):
    async with world.platform.tabs.lock("x"), world.other_tabs.lock("y"):
        pass


async def check_a_lock_is_given_back_after_an_error(world):
    with raises(KeyError):
        async with world.platform.tabs.lock("x"):
            raise KeyError
    async with asyncio.timeout(5), world.other_tabs.lock("x"):
        pass


async def check_giving_up_on_a_lock_leaves_it_free(world):
    async def wait_for_it():
        async with world.other_tabs.lock("x"):
            raise AssertionError("It is held.")

    async with world.platform.tabs.lock("x"):
        waiting = asyncio.ensure_future(wait_for_it())
        await asyncio.sleep(0.05)
        waiting.cancel()
        with raises(asyncio.CancelledError):
            await waiting
    async with asyncio.timeout(5), world.other_tabs.lock("x"):
        pass


async def check_the_clock_runs(world):
    clock = world.platform.clock
    wall, steady = clock.now_ms(), clock.monotonic_s()
    assert isinstance(wall, int)
    assert wall > 1_700_000_000_000
    await clock.sleep(0.05)
    assert clock.now_ms() - wall >= 45
    assert clock.monotonic_s() - steady >= 0.045


async def check_random_bytes_and_identifiers(world):
    random = world.platform.random
    assert len({random.generate_bytes(32) for _ in range(100)}) == 100
    assert [len(random.generate_bytes(size)) for size in (0, 1, 16, 33)] == [0, 1, 16, 33]
    assert {random.uuid4().version for _ in range(10)} == {4}
    before = world.platform.clock.now_ms()
    ids = [random.uuid7() for _ in range(2000)]
    after = world.platform.clock.now_ms()
    assert ids == sorted(ids)
    assert len(set(ids)) == 2000
    assert {identifier.version for identifier in ids} == {7}
    assert {identifier.variant for identifier in ids} == {"specified in RFC 4122"}
    assert before <= ids[0].int >> 80 <= ids[-1].int >> 80 <= after + 1


async def check_a_repeating_generator_is_given_up(world):
    broken = CheckedRandom(bytes, world.platform.clock)
    broken.generate_bytes(16)
    with raises(RandomnessError):
        broken.generate_bytes(32)
