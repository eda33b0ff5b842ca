"""Nothing of a conversation and no secret reaches the logs, whatever goes wrong (A39)."""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Iterator
from io import StringIO
from pathlib import Path

import httpx
import pytest
import structlog

from inference.backends.base import Delta, Prompt
from inference.logs import configure_logs
from tests.fakes.openai_server import Script, run_in_thread
from tests.inference.conftest import Serve
from tests.inference.doubles import ScriptedBackend
from tests.inference.gateway_process import run_gateway
from tests.inference.sealed_client import SealedClient, seal_prompt

PROMPT_CANARY = "canary-prompt-5d41402a"
REPLY_CANARY = "canary-reply-bc4b2a76"
KEY_CANARY = "sk-canary-key-b9719d91"
CANARIES = (PROMPT_CANARY, REPLY_CANARY, KEY_CANARY)


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[StringIO]:
    """Logs as in production, into a text that can be read."""
    root, level = logging.getLogger(), logging.getLogger().level
    handlers, configuration = root.handlers[:], structlog.get_config()
    monkeypatch.setattr(logging, "raiseExceptions", True)
    stream = StringIO()
    configure_logs("DEBUG", stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**configuration)


def test_a_running_gateway_logs_no_canary(tmp_path: Path):
    scripts = [
        Script.of(REPLY_CANARY),
        Script(mode="error-500"),
        Script(mode="too-long"),
        Script.of(REPLY_CANARY, "x", "y", "z", mode="cut"),
        Script.of(REPLY_CANARY, mode="no-finish"),
    ]
    with run_in_thread() as upstream:
        environ = {
            "BALON_UPSTREAM_URL": upstream.url,
            "BALON_UPSTREAM_API_KEY": KEY_CANARY,
            "BALON_LOG_LEVEL": "DEBUG",
            "OPENAI_LOG": "debug",
        }
        with run_gateway(tmp_path, **environ) as gateway:
            gateway.wait_until_ready()
            endings = asyncio.run(_ask_all(gateway.url, scripts, upstream))
            gateway.end()
            log = gateway.log
        # The canaries were there to be found: the model's server got prompt and key, and the client got the reply.
        assert len(upstream.requests) >= len(scripts)
        assert all(PROMPT_CANARY in json.dumps(request) for request in upstream.requests)
        assert all(KEY_CANARY in headers["authorization"] for headers in upstream.headers)
    assert endings == ["stop", "model-unavailable", "too-long", "interrupted", "interrupted"]
    entries = [json.loads(line) for line in log.splitlines()]
    assert [entry["ending"] for entry in entries if entry["event"] == "reply"] == endings
    assert not [canary for canary in CANARIES if canary in log]


async def _ask_all(url: str, scripts: list[Script], upstream) -> list[str]:
    endings = []
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as http:
        client = SealedClient(http)
        for script in scripts:
            upstream.script = script
            text, final = await client.ask(PROMPT_CANARY)
            assert text.startswith(REPLY_CANARY) == (
                REPLY_CANARY in script.chunks and script.mode in ("ok", "cut", "no-finish")
            )
            endings.append(final.get("finish") or final["error"])
        malformed = seal_prompt(await client.config(), PROMPT_CANARY, messages=PROMPT_CANARY)
        assert (await http.post("/v1/sealed", content=malformed.wire)).status_code == 400
        assert (await http.post(f"/v1/sealed/{PROMPT_CANARY}/stop?{PROMPT_CANARY}")).status_code == 404
    return endings


async def test_a_fault_that_quotes_the_prompt_is_logged_without_it(serve: Serve, lines: StringIO):
    async def fall_over(prompt: Prompt) -> AsyncGenerator[Delta, None]:
        yield Delta("so far")
        raise ZeroDivisionError(prompt.messages[0].content)

    async with serve(ScriptedBackend(fall_over)) as running:
        await running.client.ask(PROMPT_CANARY)
    log = lines.getvalue()
    (fault,) = [entry for entry in map(json.loads, log.splitlines()) if entry["event"] == "fault"]
    assert fault["exception"] == "ZeroDivisionError"
    assert any("test_gateway_logs.py" in place for place in fault["places"])
    assert PROMPT_CANARY not in log


def test_what_libraries_say_is_not_logged_but_that_they_spoke_is(lines: StringIO):
    for name in ("openai", "httpx2", "asyncio", "some.library"):
        logging.getLogger(name).error("body %s", PROMPT_CANARY)
        try:
            raise ValueError(PROMPT_CANARY)
        except ValueError:
            logging.getLogger(name).exception(PROMPT_CANARY, extra={"body": PROMPT_CANARY})
    log = lines.getvalue()
    entries = [json.loads(line) for line in log.splitlines()]
    assert [entry["logger"] for entry in entries] == ["openai"] * 2 + ["httpx2"] * 2 + ["asyncio"] * 2 + [
        "some.library"
    ] * 2
    assert entries[1]["exception"] == "ValueError"
    assert PROMPT_CANARY not in log


def test_uvicorns_faults_keep_their_text_and_lose_the_exceptions(lines: StringIO):
    try:
        raise ValueError(PROMPT_CANARY)
    except ValueError as error:
        logging.getLogger("uvicorn.error").error("Exception in ASGI application\n", exc_info=error)  # noqa: TRY400
    log = lines.getvalue()
    assert "Exception in ASGI application" in log
    assert json.loads(log)["exception"] == "ValueError"
    assert PROMPT_CANARY not in log


def test_the_capture_would_find_a_canary(lines: StringIO):
    structlog.get_logger("inference").info("proof", text=PROMPT_CANARY)
    logging.getLogger("uvicorn.error").error("proof %s", REPLY_CANARY)
    log = lines.getvalue()
    assert PROMPT_CANARY in log
    assert REPLY_CANARY in log
