"""Looks at what hints are about: one after the other, and nothing is kept of what a server makes up."""

import asyncio
from uuid import uuid4

from balon_client.errors import NetworkError
from balon_client.looks import BUSY_S, Looks
from tests.client.doubles.platform import FakeClock, settle


class Looker:
    """Looks until it is told to end, and counts how many look at once."""

    def __init__(self) -> None:
        self.seen: list = []
        self.now, self.most = 0, 0
        self.gate = asyncio.Event()

    async def look(self, what, conversation_id) -> None:
        self.seen.append((what, conversation_id))
        self.now += 1
        self.most = max(self.most, self.now)
        await self.gate.wait()
        self.now -= 1


async def test_a_burst_is_two_looks_with_a_pause_between():
    clock, looker, place = FakeClock(), Looker(), uuid4()
    looks = Looks(clock, looker.look)
    hints = [asyncio.ensure_future(looks.take("messages", place)) for _ in range(30)]
    await settle()
    looker.gate.set()
    await settle()
    assert len(looker.seen) == 1
    await clock.advance(BUSY_S)
    await asyncio.gather(*hints)
    assert (len(looker.seen), looker.most) == (2, 1)


async def test_what_two_hints_are_about_is_looked_at_side_by_side():
    looker = Looker()
    looks = Looks(FakeClock(), looker.look)
    hints = [asyncio.ensure_future(looks.take("messages", uuid4())) for _ in range(2)]
    await settle()
    assert looker.most == 2
    looker.gate.set()
    await asyncio.gather(*hints)


async def test_nothing_is_kept_of_places_that_a_server_makes_up():
    async def fail(_what, _conversation_id) -> None:
        raise NetworkError

    looks = Looks(FakeClock(), fail)
    for _ in range(50):
        await asyncio.gather(looks.take("messages", uuid4()), return_exceptions=True)
    assert not looks._turns
    assert not looks._waiting
