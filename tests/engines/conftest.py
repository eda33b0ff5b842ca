"""One installation for both engines, straight on loopback: no wire tap, no proxy between page and web tier."""

from collections.abc import Iterator

import pytest

from tests.engines.sink import Sink
from tests.fakes.openai_server import MODEL, FakeOpenAIServer, run_in_thread
from tests.stack.installation import Installation, free_port

TIMEOUT_S = 400
"""For machines that do something else too: making an RSA key of 4096 bits is a lottery."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks every test of this folder as a browser test."""
    for item in items:
        if "tests/engines" in str(item.path):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))


@pytest.fixture(scope="package")
def upstream() -> Iterator[FakeOpenAIServer]:
    """An OpenAI-compatible server whose replies a test chooses."""
    with run_in_thread() as server:
        yield server


@pytest.fixture(scope="package")
def installation(tmp_path_factory: pytest.TempPathFactory, upstream: FakeOpenAIServer) -> Iterator[Installation]:
    """Web tier and gateway, for all tests of this folder."""
    port = free_port()
    settings = {
        "BALON_UPSTREAM_URL": upstream.url,
        "BALON_UPSTREAM_MODELS": MODEL,
        "BALON_UPSTREAM_API_KEY": "test-key",
    }
    folder = tmp_path_factory.mktemp("installation") / "var"
    running = Installation(folder, f"http://localhost:{port}", settings, port=port)
    try:
        running.start()
        yield running
    finally:
        running.close()


@pytest.fixture
def sink() -> Iterator[Sink]:
    """Where everything ends that does not stay on loopback."""
    with Sink() as refusing:
        yield refusing
