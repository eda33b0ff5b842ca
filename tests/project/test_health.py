"""Health and readiness."""

from typing import Any

import pytest
from cryptography.fernet import Fernet

from tests.gateways import run_fake_gateway

pytestmark = pytest.mark.django_db


def test_a_process_that_lives_says_so(client: Any):
    assert client.get("/healthz").json() == {"status": "ok"}


def test_is_ready_when_all_neighbours_are(client: Any, settings: Any):
    with run_fake_gateway() as gateway:
        settings.BALON_INFERENCE_URL = gateway.url
        answer = client.get("/readyz")
        assert answer.status_code == 200
        names = ("database", "installation-key", "channel-layer", "gateway")
        assert answer.json() == {"status": "ready", "checks": dict.fromkeys(names, "ok")}
        gateway.ready = 503
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()["checks"]["gateway"]) == (503, "failed")


def test_is_not_ready_under_another_installation_key(client: Any, settings: Any):
    settings.BALON_INSTALLATION_KEYS = [Fernet.generate_key().decode()]
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (503, "not-ready")
    assert answer.json()["checks"]["installation-key"] == "failed"
    assert answer.json()["checks"]["database"] == "ok"


def test_runs_on_the_services_that_were_asked_for():
    import os

    from django.conf import settings
    from django.db import connection

    real = os.environ.get("BALON_TEST_SERVICES") == "real"
    assert connection.vendor == ("postgresql" if real else "sqlite")
    assert settings.REDIS_URL.startswith("redis://127.0.0.1:") == real
