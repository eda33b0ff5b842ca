"""What the gateway refuses before a reply starts, and that it says no more than it must."""

import json
import os
from collections.abc import AsyncIterator
from typing import Any

import pytest

from balon.protocol.encoding import encode_b64u
from tests.inference.conftest import RunningGateway, Serve
from tests.inference.doubles import ScriptedBackend
from tests.inference.sealed_client import seal_bytes, seal_prompt

SECRET = encode_b64u(os.urandom(32))
GOOD: dict[str, Any] = {
    "model": "scripted",
    "messages": [{"role": "user", "content": "hello"}],
    "options": {},
    "reply_secret": SECRET,
}

MALFORMED = {
    "not JSON": b"{",
    "not UTF-8": b"\xff\xfe",
    "not an object": b"[]",
    "deeply nested": b"[" * 100_000,
    "empty": b"",
    **{
        name: json.dumps(GOOD | changes).encode()
        for name, changes in {
            "no messages": {"messages": []},
            "messages are text": {"messages": "hello"},
            "a message is text": {"messages": ["hello"]},
            "a role that is none": {"messages": [{"role": "tool", "content": "x"}]},
            "a role that is a list": {"messages": [{"role": [], "content": "x"}]},
            "content is a list": {"messages": [{"role": "user", "content": []}]},
            "content has half a character": {"messages": [{"role": "user", "content": "\ud800"}]},
            "no model": {"model": None},
            "a model of endless name": {"model": "m" * 201},
            "options are text": {"options": "fast"},
            "a short reply secret": {"reply_secret": encode_b64u(bytes(31))},
            "a long reply secret": {"reply_secret": encode_b64u(bytes(33))},
            "a padded reply secret": {"reply_secret": SECRET + "="},
            "a reply secret that is null": {"reply_secret": None},
        }.items()
    },
}


@pytest.fixture
async def running(serve: Serve) -> AsyncIterator[RunningGateway]:
    async with serve(ScriptedBackend()) as running:
        yield running


async def _refusal(running: RunningGateway, wire: bytes) -> tuple[int, dict[str, Any]]:
    response = await running.client.http.post("/v1/sealed", content=wire)
    assert response.headers["content-type"] == "application/problem+json"
    return response.status_code, response.json()


BAD_REQUEST = (
    400,
    {"type": "about:blank", "title": "The request cannot be read.", "status": 400, "code": "bad-request"},
)


async def test_a_good_request_is_answered(running: RunningGateway):
    text, final = await running.client.ask()
    assert (text, final["finish"]) == ("Hello", "stop")


@pytest.mark.parametrize("name", MALFORMED)
async def test_malformed_content_is_one_and_the_same_refusal(running: RunningGateway, name: str):
    prompt = seal_bytes(await running.client.config(), MALFORMED[name])
    assert await _refusal(running, prompt.wire) == BAD_REQUEST


async def test_a_request_that_does_not_open_is_that_same_refusal(running: RunningGateway):
    wire = seal_prompt(await running.client.config()).wire
    for position in (8, 23, 24, 39, 40, 71, 72, len(wire) - 17, len(wire) - 1):
        broken = bytearray(wire)
        broken[position] ^= 1
        assert await _refusal(running, bytes(broken)) == BAD_REQUEST, position
    for length in (0, 1, 7, 8, 72, 87):
        assert await _refusal(running, wire[:length]) == BAD_REQUEST, length
    zero_point = wire[:40] + bytes(32) + wire[72:]
    assert await _refusal(running, zero_point) == BAD_REQUEST
    assert await _refusal(running, wire + b"\0") == BAD_REQUEST


async def test_an_unknown_key_is_said_so(running: RunningGateway):
    wire = bytearray(seal_prompt(await running.client.config()).wire)
    wire[0] ^= 1
    status, problem = await _refusal(running, bytes(wire))
    assert (status, problem["code"]) == (421, "unknown-key")


async def test_a_replay_is_refused(running: RunningGateway):
    prompt = seal_prompt(await running.client.config())
    prompt.open([part async for part in running.client.stream(prompt)])
    for _ in range(2):
        status, problem = await _refusal(running, prompt.wire)
        assert (status, problem["code"]) == (409, "replayed")


async def test_a_large_body_is_refused_unread(running: RunningGateway):
    status, problem = await _refusal(running, bytes((1 << 20) + 1))
    assert (status, problem["code"]) == (413, "too-large")


async def test_a_prompt_just_below_the_limit_is_taken(running: RunningGateway):
    text, _ = await running.client.ask("x" * 1_000_000)
    assert text == "Hello"


@pytest.mark.parametrize("path", ["/v1/sealed/not-an-id/stop", "/", "/docs", "/v1/sealed/../keys"])
async def test_unknown_paths_are_404(running: RunningGateway, path: str):
    assert (await running.client.http.post(path)).status_code in (404, 405)


async def test_stop_of_an_unknown_reply_is_404(running: RunningGateway):
    response = await running.client.http.post("/v1/sealed/018f0000-0000-7000-8000-0000000000e1/stop")
    assert (response.status_code, response.json()["code"]) == (404, "unknown-stream")


async def test_a_browser_is_not_served(running: RunningGateway):
    """Pages of other origins must not spend the model; the web tier sends no Origin header."""
    prompt = seal_prompt(await running.client.config())
    response = await running.client.http.post(
        "/v1/sealed", content=prompt.wire, headers={"Origin": "https://evil.example"}
    )
    assert (response.status_code, response.json()["code"]) == (403, "cross-origin")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, (None, None)),
        (None, (None, None)),
        ({"max_tokens": 7, "temperature": 0.5}, (7, 0.5)),
        ({"max_tokens": 10**9, "temperature": 100}, (4096, 2.0)),
        ({"max_tokens": -1, "temperature": -1}, (1, 0.0)),
        ({"max_tokens": "7", "temperature": "hot"}, (None, None)),
        ({"max_tokens": True, "temperature": True}, (None, None)),
        ({"max_tokens": 1.5, "temperature": float("nan")}, (None, None)),
        ({"seed": 1, "stream": False, "extra_body": {}}, (None, None)),
    ],
)
async def test_options_are_capped_and_unknown_ones_ignored(serve: Serve, options: Any, expected: tuple[Any, Any]):
    backend = ScriptedBackend()
    async with serve(backend) as running:
        await running.client.ask(options=options)
    (prompt,) = backend.prompts
    assert (prompt.max_tokens, prompt.temperature) == expected
