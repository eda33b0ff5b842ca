"""What every answer carries: the policy, its companions, cookies and problem details."""

import json
from typing import Any

import pytest
from django.test import Client

from tests.browsers import Browser

pytestmark = pytest.mark.django_db

POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; connect-src 'self'; "
    "style-src 'self'; img-src 'self' blob: data:; font-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
PATHS = [
    "/healthz", "/api/v1/session", "/api/v1/accounts/self", "/api/schema/", "/api/docs/", "/admin/login/",
    "/static/admin/css/base.css", "/static/nothing.js", "/nothing", "/api/v1/nothing",
]  # fmt: skip


@pytest.fixture
def visitor() -> Client:
    return Client(enforce_csrf_checks=True, SERVER_NAME="localhost", SERVER_PORT="8000")


@pytest.fixture
def page(settings: Any, tmp_path: Any) -> Any:
    """The page needs a manifest of built assets."""
    from balon.assets import load_manifest

    names = ("img/icon.svg", "app.css", "app.js")
    entries = {name: {"file": name, "integrity": "sha256-A"} for name in names}
    (tmp_path / "manifest.json").write_text(json.dumps({"entries": entries}))
    settings.BALON_ASSETS = tmp_path
    load_manifest.cache_clear()
    yield
    load_manifest.cache_clear()


@pytest.mark.parametrize("path", PATHS)
def test_the_policy_is_exactly_this_one(visitor: Client, path: str):
    headers = visitor.get(path).headers
    assert headers["Content-Security-Policy"] == POLICY
    assert headers["Referrer-Policy"] == ("same-origin" if path.startswith("/admin/") else "no-referrer")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]
    assert "Strict-Transport-Security" not in headers  # on loopback


def test_the_page_is_the_same_for_everyone_and_sets_no_cookie(page: None, visitor: Client, alice: Browser):
    answers = [visitor.get("/"), alice.client.get("/"), alice.client.get("/c/018f0000-0000-7000-8000-00000000000a")]
    assert len({answer.content for answer in answers}) == 1
    assert all(not answer.cookies for answer in answers)
    assert all(answer.headers["Content-Security-Policy"] == POLICY for answer in answers)
    assert answers[0].headers["Cache-Control"] == "no-cache"
    text = answers[0].content.decode()
    assert "<style" not in text
    assert "style=" not in text
    assert "onclick" not in text
    assert text.count("<script") == text.count('<script type="module" src=') == 1
    assert "http://" not in text
    assert "https://" not in text


@pytest.mark.parametrize("path", ["/api/v1/session", "/api/v1/accounts/self", "/api/v1/nothing", "/admin/login/"])
def test_nothing_of_the_api_is_cached(visitor: Client, path: str):
    assert "no-store" in visitor.get(path).headers["Cache-Control"]


def test_strict_transport_is_said_where_the_origin_has_it(visitor: Client, settings: Any):
    settings.BALON_HSTS = True
    assert visitor.get("/healthz").headers["Strict-Transport-Security"] == "max-age=63072000; includeSubDomains"


PROBLEMS: dict[str, Any] = {
    "no such address": ("GET", "nothing", None, 404, "not-found"),
    "no session": ("GET", "conversations", None, 401, "not-signed-in"),
    "another method": ("GET", "accounts/prelogin", None, 405, "method-not-allowed"),
    "no JSON": ("POST", "accounts/prelogin", b"nonsense", 400, "invalid"),
    "no UTF-8": ("POST", "accounts/prelogin", b'{"login": "\xff"}', 400, "invalid"),
    "a repeated name": ("POST", "accounts/prelogin", b'{"login": "abc", "login": "abd"}', 400, "invalid"),
    "NaN": ("POST", "accounts/prelogin", b'{"login": NaN}', 400, "invalid"),
    "endless nesting": ("POST", "accounts/prelogin", b"[" * 200_000, 400, "invalid"),
    "too much": ("POST", "accounts/prelogin", b" " * (2 << 20), 413, "too-large"),
}


@pytest.mark.parametrize("case", PROBLEMS)
def test_is_a_problem_detail(case: str):
    method, path, body, status, code = PROBLEMS[case]
    answer = Browser().send(method, path, body)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    content = answer.json()
    assert set(content) == {"type", "title", "status", "detail", "code"}
    assert (content["type"], content["status"], content["code"]) == ("about:blank", status, code)


def test_takes_json_alone(visitor: Client):
    token = visitor.get("/api/v1/session").json()["csrf"]
    path, headers = "/api/v1/accounts/prelogin", {"X-CSRFToken": token}
    answer = visitor.post(path, b'{"login": "abc"}', content_type="text/plain", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported-media-type")
    assert visitor.post(path, {"login": "abc"}, headers=headers).status_code == 400  # a form


def test_refuses_another_host():
    answer = Client(SERVER_NAME="evil.example").get("/api/v1/session")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_what_nobody_foresaw_tells_nothing(monkeypatch: Any):
    from accounts import services

    def fail(**_: Any) -> None:
        raise RuntimeError("the secret of the house")

    monkeypatch.setattr(services, "begin_sign_in", fail)
    browser = Browser()
    browser.client.raise_request_exception = False
    answer = browser.post("accounts/prelogin", {"login": "alice@example.org"})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert b"secret" not in answer.content
