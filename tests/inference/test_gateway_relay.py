"""The whole way: sealed request, gateway over HTTP, OpenAI-compatible server over HTTP, sealed frames."""

import asyncio
from collections import Counter

import httpx
import pytest

from balon.protocol.frames import FRAME_OVERHEAD
from inference.backends.openai import OpenAIBackend, Upstream
from tests.fakes.openai_server import FakeOpenAIServer, Script
from tests.inference.conftest import RunningGateway, Serve
from tests.inference.doubles import until
from tests.inference.sealed_client import check_config, seal_prompt


async def test_a_thousand_chunks_arrive_whole_and_signed(relayed: RunningGateway, upstream: FakeOpenAIServer):
    upstream.script = Script.numbered(1000)
    text, final = await relayed.client.ask()
    assert text == "".join(f"w{number} " for number in range(1000))
    assert final["finish"] == "stop"
    assert upstream.chunks_sent == 1000


async def test_tokens_arrive_before_the_reply_is_complete(relayed: RunningGateway, upstream: FakeOpenAIServer):
    upstream.script = Script.numbered(40, delay_s=0.02)
    prompt = seal_prompt(await relayed.client.config())
    arrived = [upstream.chunks_sent async for _ in relayed.client.stream(prompt)]
    assert arrived[1] <= 3
    assert len(arrived) > 10


async def test_the_prompt_and_allowed_options_reach_the_model(relayed: RunningGateway, upstream: FakeOpenAIServer):
    options = {"max_tokens": 99_999, "temperature": 9, "tools": ["no"], "stream": False, "n": 5}
    await relayed.client.ask("What is the capital of France?", options=options)
    (request,) = upstream.requests
    assert request == {
        "model": "fake-model",
        "messages": [{"role": "user", "content": "What is the capital of France?"}],
        "stream": True,
        "max_tokens": 500,
        "temperature": 2.0,
    }
    assert upstream.headers[0]["authorization"] == "Bearer sk-canary-api-key"


async def test_the_key_config_names_the_servers_models(relayed: RunningGateway):
    check_config(config := await relayed.client.config())
    assert seal_prompt(config).request.key_id


async def test_frame_sizes_take_few_values(relayed: RunningGateway, upstream: FakeOpenAIServer):
    """A49: whatever the words are, frames of a reply at a usual pace have one or two sizes."""
    sizes: Counter[int] = Counter()
    for words in ("a", "words ", "née ", "\n"):
        upstream.script = Script.of(*[words] * 60, delay_s=0.012)
        prompt = seal_prompt(await relayed.client.config())
        _, *frames, _final = [part async for part in relayed.client.stream(prompt)]
        assert len(frames) < 60, "tokens were not coalesced"
        sizes.update(len(frame) for frame in frames)
    assert all((size - FRAME_OVERHEAD) % 64 == 0 for size in sizes)
    assert len(sizes) <= 3, sizes


async def test_all_endings_have_one_size(relayed: RunningGateway, upstream: FakeOpenAIServer):
    sizes = set()
    for script in (
        Script(),
        Script(finish="length"),
        Script(mode="error-500"),
        Script(mode="too-long"),
        Script(mode="cut"),
    ):
        upstream.script = script
        prompt = seal_prompt(await relayed.client.config())
        sizes.add(len([part async for part in relayed.client.stream(prompt)][-1]))
    assert len(sizes) == 1


@pytest.mark.parametrize(
    ("script", "text", "ending"),
    [
        (Script(mode="error-500"), "", {"error": "model-unavailable"}),
        (Script(mode="unauthorized"), "", {"error": "model-unavailable"}),
        (Script(mode="redirect"), "", {"error": "model-unavailable"}),
        (Script(mode="too-long"), "", {"error": "too-long"}),
        (Script(mode="rate-limited"), "", {"error": "busy"}),
        (Script.of("a", "b", "c", "d", mode="cut"), "abc", {"error": "interrupted"}),
        (Script.of("a", "b", "c", "d", mode="filtered"), "abc", {"error": "filtered"}),
        (Script.of("a", "b", mode="no-finish"), "ab", {"error": "interrupted"}),
        (Script.of(mode="no-finish"), "", {"error": "model-unavailable"}),
        (Script.of("a", "b", finish="length"), "ab", {"finish": "length"}),
        (Script.of("a", "b", finish="tool_calls"), "ab", {"finish": "stop"}),
    ],
    ids=lambda value: f"{value.mode}-{value.finish}" if isinstance(value, Script) else "",
)
async def test_every_failure_is_a_signed_final_frame(
    relayed: RunningGateway, upstream: FakeOpenAIServer, script: Script, text: str, ending: dict[str, str]
):
    upstream.script = script
    got, final = await relayed.client.ask()
    assert got == text
    assert ending.items() <= final.items()


@pytest.mark.parametrize(
    ("script", "text"),
    [(Script(mode="hang"), ""), (Script.of("a", "b", "c", "d", mode="hang-midway"), "abc")],
    ids=["from the start", "in the middle"],
)
async def test_a_model_that_falls_silent_is_a_time_out(
    serve: Serve, upstream: FakeOpenAIServer, script: Script, text: str
):
    upstream.script = script
    async with serve(OpenAIBackend(Upstream(url=upstream.url, silence_s=0.5))) as running:
        await until(lambda: running.gateway.readiness().ready)
        got, final = await running.client.ask()
    assert (got, final["error"]) == (text, "model-timeout")
    await until(lambda: upstream.streams_open == 0)


async def test_a_model_that_is_not_offered_is_refused(relayed: RunningGateway, upstream: FakeOpenAIServer):
    _, final = await relayed.client.ask(model="another-model")
    assert final["error"] == "unknown-model"
    assert not upstream.requests


async def test_a_server_that_is_gone_is_model_unavailable(relayed: RunningGateway, upstream: FakeOpenAIServer):
    await upstream.stop()
    _, final = await relayed.client.ask()
    assert final["error"] == "model-unavailable"
    await until(lambda: not relayed.gateway.readiness().ready)
    assert (await relayed.client.http.get("/readyz")).status_code == 503
    assert (await relayed.client.http.get("/healthz")).status_code == 200


async def test_stop_ends_the_reply_and_the_servers_work(relayed: RunningGateway, upstream: FakeOpenAIServer):
    upstream.script = Script.numbered(10_000, delay_s=0.005)
    prompt = seal_prompt(await relayed.client.config())
    parts = []
    async for part in relayed.client.stream(prompt):
        parts.append(part)
        if len(parts) == 4:
            assert await relayed.client.stop(prompt.request.stream_id) == 204
    text, final = prompt.open(parts)
    assert final["finish"] == "stopped"
    assert text.startswith("w0 w1 ")
    await until(lambda: upstream.streams_aborted == 1)
    assert upstream.chunks_sent < 1000
    assert await relayed.client.stop(prompt.request.stream_id) == 404


async def test_stop_before_the_first_token(relayed: RunningGateway, upstream: FakeOpenAIServer):
    upstream.script = Script(first_delay_s=60)
    prompt = seal_prompt(await relayed.client.config())
    parts = []
    async for part in relayed.client.stream(prompt):
        parts.append(part)
        if len(parts) == 1:
            assert await relayed.client.stop(prompt.request.stream_id) == 204
    text, final = prompt.open(parts)
    assert (text, final["finish"]) == ("", "stopped")


async def test_a_client_that_leaves_stops_the_servers_work(relayed: RunningGateway, upstream: FakeOpenAIServer):
    upstream.script = Script.numbered(10_000, delay_s=0.005)
    prompt = seal_prompt(await relayed.client.config())
    async with httpx.AsyncClient(base_url=relayed.url, trust_env=False) as http:  # noqa: SIM117 - closed before the checks
        async with http.stream("POST", "/v1/sealed", content=prompt.wire) as response:
            async for _ in response.aiter_raw():
                if upstream.chunks_sent > 3:
                    break
    await until(lambda: upstream.streams_open == 0)
    assert upstream.streams_aborted == 1
    assert upstream.chunks_sent < 1000
    assert await relayed.client.stop(prompt.request.stream_id) == 404


async def test_a_client_that_leaves_before_the_first_token_stops_the_server(
    relayed: RunningGateway, upstream: FakeOpenAIServer
):
    upstream.script = Script(first_delay_s=60)
    prompt = seal_prompt(await relayed.client.config())
    async with relayed.client.http.stream("POST", "/v1/sealed", content=prompt.wire) as response:
        async for _ in response.aiter_raw():
            await until(lambda: upstream.streams_open == 1)
            break
    await until(lambda: upstream.streams_open == 0)
    assert upstream.streams_aborted == 1


async def test_a_gateway_that_ends_says_interrupted(relayed: RunningGateway, upstream: FakeOpenAIServer):
    upstream.script = Script.numbered(10_000, delay_s=0.005)
    prompt = seal_prompt(await relayed.client.config())
    parts = []
    async for part in relayed.client.stream(prompt):
        parts.append(part)
        if len(parts) == 4:
            relayed.server.should_exit = True
    text, final = prompt.open(parts)
    assert final["error"] == "interrupted"
    assert text.startswith("w0 ")


async def test_a_hundred_streams_at_once(relayed: RunningGateway, upstream: FakeOpenAIServer):
    upstream.script = Script.numbered(30, delay_s=0.02)
    config = await relayed.client.config()

    async def ask() -> str:
        prompt = seal_prompt(config)
        text, final = prompt.open([part async for part in relayed.client.stream(prompt)])
        assert final["finish"] == "stop"
        return text

    async with httpx.AsyncClient(
        base_url=relayed.url, trust_env=False, timeout=60, limits=httpx.Limits(max_connections=100)
    ) as http:
        relayed.client.http, before = http, relayed.client.http
        texts = await asyncio.gather(*(ask() for _ in range(100)))
        relayed.client.http = before
    assert set(texts) == {"".join(f"w{number} " for number in range(30))}
