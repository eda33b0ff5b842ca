"""Keys change hourly, old ones work until they expire, and no request is answered twice."""

import json

import pytest

from balon.protocol.encoding import decode_b64u
from inference import keys
from inference.errors import BadRequestError, BusyError, ReplayedError, UnknownKeyError
from inference.gateway import Gateway
from inference.identity import Identity
from tests.inference.doubles import FakeClock, ScriptedBackend
from tests.inference.sealed_client import check_config, seal_prompt

TWO_HOURS_MS = 2 * 60 * 60 * 1000


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def gateway(identity: Identity, clock: FakeClock) -> Gateway:
    return Gateway(identity, ScriptedBackend(), clock=clock)


def test_the_key_config_is_signed_and_names_the_models(gateway: Gateway, identity: Identity):
    config = gateway.key_config()
    assert check_config(config).gateway_id == identity.gateway_id
    assert json.loads(decode_b64u(config["models"])) == [
        {"id": "scripted", "name": "Scripted", "context_tokens": 1000, "demonstration": False}
    ]


def test_a_key_is_new_at_each_start(identity: Identity):
    first, second = (Gateway(identity, ScriptedBackend()).key_config() for _ in range(2))
    assert first["key_id"] != second["key_id"]
    assert first["hpke_pub"] != second["hpke_pub"]
    assert first["identity"] == second["identity"]


def test_keys_change_hourly_and_expire_within_two_hours(gateway: Gateway, clock: FakeClock):
    seen = set()
    for _ in range(10):
        key = check_config(gateway.key_config())
        assert clock.now_ms < key.not_after_ms <= clock.now_ms + TWO_HOURS_MS
        seen.add(key.key_id)
        clock.advance(minutes=30)
    assert len(seen) == 5


def test_the_key_before_is_accepted_until_it_expires(gateway: Gateway, clock: FakeClock):
    config = gateway.key_config()
    clock.advance(minutes=61)
    assert gateway.key_config()["key_id"] != config["key_id"]
    gateway.accept(seal_prompt(config).wire)
    late = seal_prompt(config)
    clock.now_ms = config["not_after_ms"] - 1
    gateway.accept(seal_prompt(config).wire)
    clock.now_ms = config["not_after_ms"]
    with pytest.raises(UnknownKeyError):
        gateway.accept(late.wire)


def test_an_expired_key_leaves_memory(identity: Identity, clock: FakeClock):
    ring = keys.KeyRing(clock)
    first = ring.current()
    clock.advance(minutes=200)
    ring.refresh()
    assert first not in ring._keys.values()
    assert len(ring._keys) == 1


def test_another_gateways_key_is_unknown(gateway: Gateway, identity: Identity):
    other = Gateway(identity, ScriptedBackend())
    with pytest.raises(UnknownKeyError):
        gateway.accept(seal_prompt(other.key_config()).wire)


def test_a_request_is_answered_once(gateway: Gateway, clock: FakeClock):
    prompt = seal_prompt(gateway.key_config())
    gateway.accept(prompt.wire)
    for minutes in (0, 61, 40):
        clock.advance(minutes=minutes)
        with pytest.raises(ReplayedError):
            gateway.accept(prompt.wire)


def test_a_request_that_does_not_open_takes_no_memory(gateway: Gateway):
    key = gateway._keys.current()
    wire = seal_prompt(gateway.key_config()).wire
    for position in range(40, 100):
        broken = bytearray(wire)
        broken[position] ^= 1
        with pytest.raises(BadRequestError):
            gateway.accept(bytes(broken))
    assert not key.answered
    gateway.accept(wire)
    assert len(key.answered) == 1


def test_a_full_memory_refuses_instead_of_forgetting(gateway: Gateway, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(keys, "MAX_REMEMBERED", 2)
    config = gateway.key_config()
    prompts = [seal_prompt(config) for _ in range(3)]
    gateway.accept(prompts[0].wire)
    gateway.accept(prompts[1].wire)
    with pytest.raises(BusyError):
        gateway.accept(prompts[2].wire)
    with pytest.raises(ReplayedError):
        gateway.accept(prompts[0].wire)
