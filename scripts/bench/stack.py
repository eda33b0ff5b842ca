"""Whole installations and signed-up people for measurements, over real HTTP."""

import contextlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from balon.protocol.statements import AuthAction
from tests.keys import Keys
from tests.stack.installation import Installation, free_port

# One person asks for everything here, as fast as it goes.
NO_LIMITS = {
    "BALON_LIMIT_ADDRESS": "1000000/60",
    "BALON_LIMIT_LOGIN": "1000000/60",
    "BALON_LIMIT_INFERENCE": "1000000/60",
    "BALON_LIMIT_WRITES": "1000000/60",
    "BALON_LIMIT_ROSTERS": "1000000/60",
    "BALON_MAX_STREAMS": "1000",
    "BALON_GATEWAY_MAX_STREAMS": "1000",
}


@contextlib.contextmanager
def running_installation(**settings: str) -> Iterator[Installation]:
    """Web tier and gateway as processes of their own, in a folder that goes away with the block."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="balon-bench-") as folder:
        installation = Installation(
            Path(folder) / "var", origin=f"http://localhost:{port}", settings={**NO_LIMITS, **settings}, port=port
        )
        try:
            installation.start()
            yield installation
        finally:
            installation.close()


class Caller:
    """A person's browser as far as HTTP goes: cookies, CSRF token, proofs."""

    def __init__(self, installation: Installation, login: str = "alice@example.org") -> None:
        self.keys = Keys(login)
        self._origin = installation.origin
        self._http = httpx.Client(
            base_url=f"{installation.origin}/api/v1/", headers={"Origin": installation.origin}, trust_env=False
        )
        self._csrf: str = self._http.get("session").json()["csrf"]

    @property
    def cookie(self) -> str:
        """The header that a socket of this person needs."""
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in self._http.cookies.jar)

    def get(self, path: str) -> Any:
        """Asks below /api/v1/."""
        return self._http.get(path).raise_for_status().json()

    def post(self, path: str, content: Any = None, **headers: str) -> httpx.Response:
        """Sends JSON below /api/v1/; whatever the answer is comes back."""
        body = json.dumps(content).encode()
        headers |= {"X-CSRFToken": self._csrf, "Content-Type": "application/json"}
        answer = self._http.post(path, content=body, headers=headers)
        if answer.is_success and answer.content:
            self._csrf = answer.json().get("csrf", self._csrf)
        return answer

    def prelogin(self, login: str | None = None) -> httpx.Response:
        """The first step of sign-in."""
        return self.post("accounts/prelogin", {"login": login or self.keys.login})

    def sign_up(self) -> None:
        """Creates this person's account and signs in."""
        content = self.keys.sign_up_body()
        body = json.dumps(content).encode()
        proof = self._prove(AuthAction.SIGN_UP, body)
        self.post("accounts", content, **{"Balon-Proof": ".".join(proof.values())}).raise_for_status()

    def _prove(self, action: AuthAction, body: bytes | None) -> dict[str, str]:
        challenge = self.prelogin().raise_for_status().json()
        return self.keys.prove(challenge, action, body, origin=self._origin)

    def create_conversation(self) -> str:
        """Creates a conversation and returns its id."""
        content = self.keys.new_conversation()
        self.post("conversations", content).raise_for_status()
        return str(content["conversation_id"])

    def close(self) -> None:
        """Lets go of the connections."""
        self._http.close()
