"""The gateway's key config is relayed as it is: its signature is the client's matter."""

import json

import pytest

from tests.browsers import Browser
from tests.gateways import CONFIG, FakeGateway

pytestmark = pytest.mark.django_db


def test_relays_it_as_it_is(alice: Browser, gateway: FakeGateway):
    answer = alice.get("inference/config")
    assert (answer.status_code, answer.json()) == (200, CONFIG)
    gateway.config = json.dumps({**CONFIG, "not_after_ms": 0, "news": True}).encode()
    assert alice.get("inference/config").json() == {**CONFIG, "not_after_ms": 0, "news": True}


@pytest.mark.parametrize("config", [b"[]", b"nonsense", b"", b'"text"', b"\xff"])
def test_refuses_what_is_no_config(alice: Browser, gateway: FakeGateway, config: bytes):
    gateway.config = config
    answer = alice.get("inference/config")
    assert (answer.status_code, answer.json()["code"]) == (503, "gateway-unavailable")


def test_says_when_the_gateway_is_away(alice: Browser):
    answer = alice.get("inference/config")
    assert (answer.status_code, answer.json()["code"]) == (503, "gateway-unavailable")


def test_says_when_the_gateway_fails(alice: Browser, gateway: FakeGateway):
    gateway.status = 500
    assert alice.get("inference/config").status_code == 503
