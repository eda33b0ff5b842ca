"""A browser's HTTP half for tests: cookies, CSRF token, JSON, and a person's keys."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from django.test import Client
from django.test.client import ClientHandler

from balon.protocol.statements import AuthAction
from tests.keys import Keys


@lru_cache(maxsize=1)
def _handler() -> ClientHandler:
    """One application for all browsers of a run: making one looks at every static file and takes a tenth of a second."""
    return ClientHandler(enforce_csrf_checks=True)


class Browser:
    """Speaks to the application as the page does."""

    def __init__(self, keys: Keys | None = None, *, address: str = "127.0.0.1") -> None:
        self.keys = keys or Keys("nobody@example.org")
        self.client = Client(enforce_csrf_checks=True, SERVER_NAME="localhost", SERVER_PORT="8000", REMOTE_ADDR=address)
        self.client.handler = _handler()
        self.csrf = ""

    def fetch_session(self) -> dict[str, Any]:
        """Asks who is signed in, and keeps the token."""
        content: dict[str, Any] = self.client.get("/api/v1/session").json()
        self.csrf = content["csrf"]
        return content

    def get(self, path: str, **query: Any) -> Any:
        """A GET below /api/v1/."""
        return self.client.get(f"/api/v1/{path}", query)

    def send(self, method: str, path: str, content: Any = None, **headers: str) -> Any:
        """An unsafe request below /api/v1/; bytes go as they are, anything else as JSON."""
        if not self.csrf:
            self.fetch_session()
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        answer = self.client.generic(
            method,
            f"/api/v1/{path}",
            b"" if content is None else body,
            content_type="application/json",
            headers={"X-CSRFToken": self.csrf, **headers},
        )
        if answer.headers.get("Content-Type") == "application/json":
            self.csrf = answer.json().get("csrf", self.csrf)
        return answer

    def post(self, path: str, content: Any = None, **headers: str) -> Any:
        """A POST below /api/v1/."""
        return self.send("POST", path, content, **headers)

    def put(self, path: str, content: Any = None) -> Any:
        """A PUT below /api/v1/."""
        return self.send("PUT", path, content)

    def delete(self, path: str) -> Any:
        """A DELETE below /api/v1/."""
        return self.send("DELETE", path)

    def prelogin(self, login: str | None = None) -> dict[str, Any]:
        """The first step of sign-in."""
        answer = self.post("accounts/prelogin", {"login": login or self.keys.login})
        assert answer.status_code == 200, answer.content
        content: dict[str, Any] = answer.json()
        return content

    def sign_up(self, content: dict[str, Any] | None = None) -> Any:
        """Creates the account of this browser's keys."""
        body = json.dumps(content or self.keys.sign_up_body()).encode()
        proof = self.keys.prove(self.prelogin(), AuthAction.SIGN_UP, body)
        return self.post("accounts", body, **{"Balon-Proof": ".".join(proof.values())})

    def sign_in(self, **changes: Any) -> Any:
        """Proves knowledge of the password; `changes` alter the transcript."""
        return self.post("accounts/login", self.keys.prove(self.prelogin(), **changes))

    def create_conversation(self) -> str:
        """Creates a conversation.

        Returns:
            Its id.
        """
        body = self.keys.new_conversation()
        answer = self.post("conversations", body)
        assert answer.status_code == 201, answer.content
        return str(body["conversation_id"])

    def send_messages(self, conversation_id: str, count: int, first_seq: int = 1) -> None:
        """Sends messages one after the other."""
        for seq in range(first_seq, first_seq + count):
            answer = self.post(f"conversations/{conversation_id}/messages", self.keys.message(conversation_id, seq))
            assert answer.status_code == 201, answer.content


def signed_up(login: str) -> Browser:
    """A browser of a person who has just signed up."""
    browser = Browser(Keys(login))
    answer = browser.sign_up()
    assert answer.status_code == 201, answer.content
    return browser
