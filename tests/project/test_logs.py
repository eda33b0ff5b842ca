"""Logs say that something happened, never what was in it."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from balon.logs import FIELDS
from tests.browsers import Browser
from tests.keys import Keys

CANARY = "canary-7d1f0c"


@pytest.fixture
def lines() -> Iterator[Any]:
    """What the one handler of production writes."""
    (handler,) = [one for one in logging.getLogger().handlers if type(one) is logging.StreamHandler]
    stream = io.StringIO()
    before = handler.setStream(stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    handler.setStream(before)


@pytest.mark.django_db
def test_a_request_leaves_one_line_without_content(lines: Any):
    browser = Browser(Keys(f"{CANARY}@example.org"))
    browser.sign_up()
    conversation_id = browser.create_conversation()
    browser.get(f"conversations/{conversation_id}/messages", before=CANARY)
    browser.post("accounts/login", {"proof": CANARY})
    browser.client.get(f"/{CANARY}?{CANARY}")
    browser.client.get("/healthz", headers={"User-Agent": CANARY, "Referer": CANARY})
    written = lines()
    assert len(written) == 8
    text = json.dumps(written)
    session_cookie = browser.client.cookies["balon-session"].value
    for secret in (CANARY, browser.csrf, session_cookie, conversation_id, str(browser.keys.user_id)):
        assert secret not in text
    assert {line["route"] for line in written} >= {"prelogin", "sign-up", "messages", "none", "health"}
    assert all(set(line) <= FIELDS for line in written)
    assert len({line["request_id"] for line in written}) == 8


def test_an_exception_leaves_its_type_and_places(lines: Any):
    try:
        raise ValueError(CANARY)
    except ValueError:
        structlog.get_logger("balon.test").exception("failed", body=CANARY, error=None)
        logging.getLogger("some.library").exception("it said %s", CANARY)
        logging.getLogger("some.library").error(f"it said {CANARY}")  # noqa: G004, TRY400 - as careless libraries do
    written = lines()
    assert CANARY not in json.dumps(written)
    assert [line["event"] for line in written] == ["failed", "it said %s", "library-record"]
    assert written[1]["error"] == "ValueError"
    assert "test_logs.py" in written[1]["places"][-1]


@pytest.mark.django_db
def test_a_failure_in_a_view_leaves_no_value(lines: Any, monkeypatch: Any):
    from accounts import services

    def fail(**_: Any) -> None:
        raise RuntimeError(CANARY)

    monkeypatch.setattr(services, "begin_sign_in", fail)
    browser = Browser(Keys(f"{CANARY}@example.org"))
    browser.client.raise_request_exception = False
    assert browser.post("accounts/prelogin", {"login": f"{CANARY}@example.org"}).status_code == 500
    written = lines()
    assert CANARY not in json.dumps(written)
    assert "RuntimeError" in {line.get("error") for line in written}
