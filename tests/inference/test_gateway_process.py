"""`python -m inference`: starts at once, keeps its identity, ends cleanly, says what is wrong with its settings."""

import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.fakes.openai_server import Script, run_in_thread
from tests.inference.gateway_process import ROOT, run_gateway
from tests.inference.sealed_client import check_config


def test_it_keeps_its_identity_and_changes_its_key_over_a_restart(tmp_path: Path):
    configs = []
    with run_in_thread(Script()) as upstream:
        for _ in range(2):
            with run_gateway(tmp_path, BALON_UPSTREAM_URL=upstream.url) as gateway:
                gateway.wait_until_ready()
                configs.append(httpx.get(f"{gateway.url}/v1/keys", trust_env=False).json())
                gateway.end()
    first, second = map(check_config, configs)
    assert first.gateway_id == second.gateway_id
    assert first.key_id != second.key_id


def test_it_listens_before_the_model_answers(tmp_path: Path):
    with run_gateway(tmp_path, BALON_UPSTREAM_URL="http://127.0.0.1:9/v1") as gateway:
        deadline = time.monotonic() + 20
        while True:
            try:
                response = httpx.get(f"{gateway.url}/readyz", trust_env=False)
                break
            except httpx.TransportError:
                assert time.monotonic() < deadline, gateway.log
                time.sleep(0.05)
        assert response.status_code == 503
        assert httpx.get(f"{gateway.url}/healthz", trust_env=False).status_code == 200
        assert httpx.get(f"{gateway.url}/v1/keys", trust_env=False).status_code == 200


def test_it_serves_on_a_unix_socket(tmp_path: Path):
    path = tmp_path / "gateway.sock"
    with (
        run_in_thread(Script()) as upstream,
        run_gateway(tmp_path, BALON_UPSTREAM_URL=upstream.url, BALON_GATEWAY_SOCKET=str(path)) as gateway,
    ):
        deadline = time.monotonic() + 20
        while not path.exists():
            assert time.monotonic() < deadline, gateway.log
            time.sleep(0.05)
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(path))) as http:
            assert http.get("http://gateway/healthz").status_code == 200


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"BALON_GATEWAY_PORT": "high"}, "BALON_GATEWAY_PORT"),
        ({"BALON_MODEL_FILE": "/does/not/exist.gguf"}, "BALON_MODEL_FILE"),
        ({"BALON_GATEWAY_STATE": "/proc/nowhere"}, "/proc/nowhere"),
    ],
)
def test_a_wrong_setting_ends_it_with_one_sentence(environ: dict[str, str], said: str):
    done = subprocess.run(
        [sys.executable, "-m", "inference"], cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
