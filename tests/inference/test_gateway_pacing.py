"""Tokens wait at most 40 ms, the first not at all, and nothing is lost on the way."""

import asyncio
import itertools
import time
from collections.abc import AsyncGenerator

import pytest

from inference.backends.base import Delta
from inference.errors import ReplyError
from inference.pacing import Pace, PacedText


async def _play(*deltas: tuple[float, str], finish: str | None = "stop") -> AsyncGenerator[Delta, None]:
    for pause_s, text in deltas:
        await asyncio.sleep(pause_s)
        yield Delta(text)
    if finish:
        yield Delta("", finish)


async def _timed(text: PacedText) -> list[tuple[float, str]]:
    started = time.monotonic()
    return [(time.monotonic() - started, batch) async for batch in text.batches()]


async def test_the_first_token_and_the_last_wait_for_no_other():
    """Between them the model says nothing, and would say nothing for ever."""
    told_to_go_on = asyncio.Event()

    async def halting() -> AsyncGenerator[Delta, None]:
        yield Delta("first")
        await told_to_go_on.wait()
        yield Delta("second")
        yield Delta("third")
        await asyncio.Event().wait()

    batches = PacedText(halting(), Pace()).batches()
    async with asyncio.timeout(10):
        assert await anext(batches) == "first"
        told_to_go_on.set()
        rest = await anext(batches)
        while len(rest) < len("secondthird"):
            rest += await anext(batches)
    assert rest == "secondthird"
    await batches.aclose()


async def test_later_tokens_are_coalesced():
    text = PacedText(_play(*[(0.005, "x")] * 80), Pace())
    arrived = await _timed(text)
    assert arrived[0][1] == "x"
    assert "".join(batch for _, batch in arrived) == "x" * 80
    assert len(arrived) < 40
    gaps = [later - earlier for (earlier, _), (later, _) in itertools.pairwise(arrived[:-1])]
    assert min(gaps) > 0.035
    assert text.ending == "stop"


async def test_silence_gives_signs_of_life():
    heard_enough = asyncio.Event()

    async def silent() -> AsyncGenerator[Delta, None]:
        await heard_enough.wait()
        yield Delta("late", "stop")

    batches = []
    async with asyncio.timeout(10):
        async for batch in PacedText(silent(), Pace(keepalive_s=0.01)).batches():
            batches.append(batch)
            if len(batches) == 3:
                heard_enough.set()
    assert batches[:3] == ["", "", ""]
    assert batches[-1] == "late"


async def test_a_stop_before_the_start_gives_nothing():
    text = PacedText(_play((0.0, "x")), Pace())
    text.stop()
    assert await asyncio.wait_for(_timed(text), 5) == []
    assert text.ending == "stopped"


async def test_a_stop_keeps_what_came():
    text = PacedText(_play(*[(0.0, "x")] * 5, (9, "never")), Pace())
    asyncio.get_running_loop().call_later(0.1, text.stop)
    arrived = await asyncio.wait_for(_timed(text), 5)
    assert "".join(batch for _, batch in arrived) == "xxxxx"
    assert text.ending == "stopped"


async def test_a_stop_after_the_end_changes_nothing():
    text = PacedText(_play((0.0, "x")), Pace())
    await _timed(text)
    text.stop()
    assert text.ending == "stop"


async def test_an_error_comes_after_the_text_before_it():
    async def fail() -> AsyncGenerator[Delta, None]:
        yield Delta("some")
        raise ReplyError("model-timeout")

    batches = PacedText(fail(), Pace()).batches()
    assert await anext(batches) == "some"
    with pytest.raises(ReplyError, match="model-timeout"):
        await anext(batches)


async def test_a_model_that_never_says_it_ended_is_interrupted():
    with pytest.raises(ReplyError, match="interrupted"):
        await _timed(PacedText(_play((0.0, "x"), finish=None), Pace()))


async def test_a_reply_has_a_longest_time():
    with pytest.raises(ReplyError, match="model-timeout"):
        await _timed(PacedText(_play((9, "never")), Pace(total_s=0.05)))


async def test_a_reply_has_a_longest_text_in_batches_of_limited_size():
    pace = Pace(max_text=1000, max_batch=100)
    text = PacedText(_play(*[(0.0, "x" * 700)] * 5), pace)
    batches = [batch for _, batch in await _timed(text)]
    assert sum(map(len, batches)) == 1000
    assert max(map(len, batches)) <= 100
    assert text.ending == "length"


async def test_halves_of_characters_are_joined():
    deltas = [(0.0, "a\ud83d"), (0.06, "\ude00b"), (0.06, "\ud83d"), (0.0, "x"), (0.06, "end\ud83d")]
    arrived = await _timed(PacedText(_play(*deltas), Pace()))
    text = "".join(batch for _, batch in arrived)
    assert text == "a😀b\ufffdxend\ufffd"
    assert text.encode()


async def test_closing_stops_the_model_before_it_returns():
    ended = False

    async def endless() -> AsyncGenerator[Delta, None]:
        nonlocal ended
        try:
            while True:
                yield Delta("x")
                await asyncio.sleep(0.01)
        finally:
            await asyncio.sleep(0.01)
            ended = True

    batches = PacedText(endless(), Pace()).batches()
    await anext(batches)
    await batches.aclose()
    assert ended
