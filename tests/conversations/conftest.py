"""A gateway beside the web tier."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from conversations.frames import get_frame_log
from conversations.relay import get_relays
from tests.gateways import FakeGateway, run_fake_gateway


@pytest.fixture
def gateway(settings: Any) -> Iterator[FakeGateway]:
    with run_fake_gateway() as running:
        settings.BALON_INFERENCE_URL = running.url
        yield running


@pytest.fixture
async def _process() -> AsyncIterator[None]:
    """Lets go of what a web process holds open, as its end does."""
    yield
    await get_relays().close()
    await get_frame_log().close()
