"""Many replies at once: some run, some wait, the rest is told that the gateway is busy."""

import asyncio
from collections.abc import AsyncGenerator

from inference.backends.base import Delta, Prompt
from inference.settings import Limits
from tests.inference.conftest import Serve
from tests.inference.doubles import ScriptedBackend, never_end, until
from tests.inference.sealed_client import seal_prompt


async def test_one_runs_one_waits_and_the_third_is_busy(serve: Serve):
    backend = ScriptedBackend(never_end)
    async with serve(backend, limits=Limits(max_streams=1, max_waiting=1)) as running:
        config = await running.client.config()
        prompts = [seal_prompt(config) for _ in range(3)]

        async def ask(number: int) -> tuple[str, dict[str, str]]:
            prompt = prompts[number]
            return prompt.open([part async for part in running.client.stream(prompt)])

        first = asyncio.create_task(ask(0))
        await until(lambda: backend.running == 1)
        second = asyncio.create_task(ask(1))
        await until(lambda: len(running.gateway._running) == 2)
        text, final = await ask(2)
        assert (text, final["error"]) == ("", "busy")
        await running.client.stop(prompts[0].request.stream_id)
        assert (await first)[1]["finish"] == "stopped"
        await until(lambda: backend.running == 1 and backend.closed == 1)
        await running.client.stop(prompts[1].request.stream_id)
        assert (await second)[0].startswith("0 ")
        assert not running.gateway._running


async def test_waiting_too_long_is_busy(serve: Serve):
    backend = ScriptedBackend(never_end)
    async with serve(backend, limits=Limits(max_streams=1, waiting_s=0.1)) as running:
        prompt = seal_prompt(await running.client.config())

        async def hold() -> None:
            async for _ in running.client.stream(prompt):
                pass

        first = asyncio.create_task(hold())
        await until(lambda: backend.running == 1)
        assert (await running.client.ask())[1]["error"] == "busy"
        await running.client.stop(prompt.request.stream_id)
        await first


async def test_a_reply_that_is_stopped_while_it_waits_leaves_the_queue(serve: Serve):
    backend = ScriptedBackend(never_end)
    async with serve(backend, limits=Limits(max_streams=1, max_waiting=1)) as running:
        config = await running.client.config()
        prompts = [seal_prompt(config) for _ in range(3)]

        async def ask(number: int) -> tuple[str, dict[str, str]]:
            prompt = prompts[number]
            return prompt.open([part async for part in running.client.stream(prompt)])

        first = asyncio.create_task(ask(0))
        await until(lambda: backend.running == 1)
        second = asyncio.create_task(ask(1))
        await until(lambda: len(running.gateway._running) == 2)
        await running.client.stop(prompts[1].request.stream_id)
        text, final = await second
        assert (text, final["finish"]) == ("", "stopped")
        third = asyncio.create_task(ask(2))
        await until(lambda: len(running.gateway._running) == 2)
        for prompt in (prompts[0], prompts[2]):
            await running.client.stop(prompt.request.stream_id)
        await first
        await third
        assert len(backend.prompts) <= 2


async def test_a_fault_of_a_back_end_is_an_error_frame(serve: Serve):
    async def fall_over(prompt: Prompt) -> AsyncGenerator[Delta, None]:
        yield Delta("so far")
        raise ZeroDivisionError(prompt.messages[0].content)

    async with serve(ScriptedBackend(fall_over)) as running:
        text, final = await running.client.ask()
        assert (text, final["error"]) == ("so far", "internal")
        assert (await running.client.ask())[1]["error"] == "internal"
