"""The OpenAPI document describes what the views do, and no request that it allows breaks anything (threat A42)."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from balon.protocol.encoding import encode_b64u
from tests.browsers import Browser
from tests.moving import Mover, give_texts
from tests.rosters import Room

pytestmark = pytest.mark.django_db


@pytest.fixture
def document(client: Client) -> dict[str, Any]:
    answer = client.get("/api/schema/")
    assert answer.status_code == 200
    content: dict[str, Any] = answer.json()
    return content


def test_names_every_address_of_the_api(document: dict[str, Any]):
    assert {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods} == {
        "GET /api/v1/session",
        "POST /api/v1/accounts",
        "POST /api/v1/accounts/prelogin",
        "POST /api/v1/accounts/login",
        "POST /api/v1/accounts/legacy",
        "POST /api/v1/accounts/logout",
        "POST /api/v1/accounts/password",
        "POST /api/v1/accounts/login-name",
        "POST /api/v1/accounts/kdf",
        "POST /api/v1/accounts/keys",
        "POST /api/v1/accounts/recovery",
        "POST /api/v1/accounts/recovery/prelogin",
        "POST /api/v1/accounts/recovery/open",
        "GET /api/v1/accounts/self",
        "GET /api/v1/accounts/sessions",
        "DELETE /api/v1/accounts/sessions",
        "DELETE /api/v1/accounts/sessions/{session_id}",
        "GET /api/v1/accounts/disclosure",
        "GET /api/v1/accounts/deletion",
        "POST /api/v1/accounts/deletion",
        "DELETE /api/v1/accounts/deletion",
        "GET /api/v1/keys/users/{user_id}",
        "POST /api/v1/keys/lookup",
        "GET /api/v1/keys/keyring",
        "PUT /api/v1/keys/keyring",
        "GET /api/v1/conversations",
        "POST /api/v1/conversations",
        "GET /api/v1/conversations/{conversation_id}",
        "DELETE /api/v1/conversations/{conversation_id}",
        "GET /api/v1/conversations/{conversation_id}/messages",
        "POST /api/v1/conversations/{conversation_id}/messages",
        "PUT /api/v1/conversations/{conversation_id}/meta",
        "GET /api/v1/conversations/{conversation_id}/people",
        "POST /api/v1/conversations/{conversation_id}/roster",
        "GET /api/v1/conversations/{conversation_id}/streams",
        "GET /api/v1/migration",
        "GET /api/v1/migration/conversations",
        "GET /api/v1/migration/conversations/{legacy_conversation_id}/messages",
        "POST /api/v1/migration/conversations/{legacy_conversation_id}/begin",
        "POST /api/v1/migration/lease",
        "POST /api/v1/migration/lease/release",
        "POST /api/v1/migration/batches",
        "POST /api/v1/migration/verified",
        "POST /api/v1/migration/rollback",
        "POST /api/v1/migration/finish",
        "GET /api/v1/inference/config",
    }


def test_every_operation_may_answer_a_problem(document: dict[str, Any]):
    for methods in document["paths"].values():
        for operation in methods.values():
            assert "application/problem+json" in operation["responses"]["4XX"]["content"]


def test_the_page_of_the_document_needs_no_inline_script(client: Client):
    text = client.get("/api/docs/").content.decode()
    assert text.count("<script") == text.count("<script src=")
    assert "<style>" not in text
    assert "http://" not in text
    assert "https://" not in text
    assert client.get("/api/docs/?script=").headers["Content-Type"].startswith("application/javascript")


JUNK: tuple[Any, ...] = (
    None, True, -1, 0, 2**53, 2**80, 1.5, "", "\x00", "\ud800", "é", "x" * 5000, "A" * 43, "AAAA=", [], [[]], {}, {"a": {}},
)  # fmt: skip


def spoiled(body: Any) -> Iterator[Any]:
    """The body with junk in place of each of its members, at every depth, and of the whole."""
    yield from JUNK
    if isinstance(body, dict):
        for name, value in body.items():
            for junk in spoiled(value):
                yield {**body, name: junk}


def test_no_body_breaks_anything(alice: Browser, settings: Any):
    settings.BALON_LIMIT_ADDRESS = settings.BALON_LIMIT_LOGIN = (100_000, 300)
    shared = Room(alice)
    room = shared.id
    give_texts(alice, 2)
    mover = Mover(alice).take()
    texts = mover.ids[0]
    assert mover.begin(texts).status_code == 201
    lease = {"lease": mover.lease}
    row = {"legacy_id": "m0", "message": mover.message(texts, 1)}
    message_ids = [row["message"]["message_id"]]
    bodies = {
        ("POST", "migration/lease"): {"tab": mover.tab},
        ("POST", "migration/lease/release"): {"lease": encode_b64u(bytes(32))},
        ("POST", f"migration/conversations/{texts}/begin"): lease | mover.beginning(texts),
        ("POST", "migration/batches"): {**lease, "legacy_conversation_id": texts, "rows": [row]},
        ("POST", "migration/verified"): {**lease, "legacy_conversation_id": texts, "message_ids": message_ids},
        ("POST", "migration/finish"): lease,
        ("POST", "migration/rollback"): {"lease": encode_b64u(bytes(32))},
        ("POST", "accounts"): alice.keys.sign_up_body(),
        ("POST", "accounts/prelogin"): {"login": "alice@example.org"},
        ("POST", "accounts/login"): alice.keys.prove(alice.prelogin()),
        ("POST", "accounts/password"): alice.keys.record_body(),
        ("POST", "accounts/login-name"): alice.keys.rename_body(),
        ("POST", "accounts/kdf"): alice.keys.record_body(),
        ("POST", "accounts/recovery"): alice.keys.recover_body(alice.keys.with_new_kit()),
        ("POST", "accounts/recovery/prelogin"): {"recovery_id": str(alice.keys.recovery_id)},
        ("POST", "accounts/recovery/open"): alice.keys.claim_body(),
        ("POST", "keys/lookup"): {"login": "alice@example.org"},
        ("PUT", "keys/keyring"): alice.keys.sign_up_body()["keyring"],
        ("POST", "conversations"): alice.keys.new_conversation(),
        ("POST", f"conversations/{room}/messages"): alice.keys.message(room, 1),
        ("PUT", f"conversations/{room}/meta"): alice.keys.meta(room, 1),
        ("POST", f"conversations/{room}/roster"): shared.draft("rotate", alice),
    }
    for (method, path), body in bodies.items():
        for junk in spoiled(body):
            answer = alice.send(method, path, junk)
            # Some junk is as good as any other value: a hash, a time, a login name.
            assert answer.status_code in {200, 201, 204, 400, 401, 404, 409}, (method, path, junk, answer.content)
    for junk in spoiled(row):
        batch = {**lease, "legacy_conversation_id": texts, "rows": [junk]}
        assert alice.post("migration/batches", batch).status_code in {200, 400, 404, 409}, junk


def test_no_address_or_query_breaks_anything(alice: Browser, document: dict[str, Any]):
    for path, methods in document["paths"].items():
        for junk in ("nonsense", "018f0000-0000-7000-8000-00000000000A", "%00", "..%2f..", "é", "x" * 3000, "%ff"):
            place = (
                path.replace("conversation_id}", "}")
                .replace("{legacy_}", junk)
                .replace("{}", junk)
                .replace("{user_id}", junk)
                .removeprefix("/api/v1/")
            )
            if "get" in methods and not path.endswith("/config"):
                assert alice.get(place, limit=junk, before=junk, after=junk, cursor=junk).status_code in {200, 400, 404}
