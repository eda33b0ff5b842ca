"""Somebody who moves texts from before encryption: what an honest client sends, the same bytes each time."""

from __future__ import annotations

import hashlib
import random
import uuid
from typing import TYPE_CHECKING, Any

from balon.protocol.encoding import ZERO_HASH, decode_b64u
from conversations.legacy_loading import load_legacy
from conversations.models import LegacyHolder
from tests.legacy_texts import make_conversation, to_file

if TYPE_CHECKING:
    from tests.browsers import Browser


def give_texts(browser: Browser, *lengths: int, seed: int = 1) -> None:
    """Loads conversations of so many messages each for an account that has keys already."""
    keys, rng = browser.keys, random.Random(seed)
    LegacyHolder.objects.create(user_id=keys.user_id, legacy_id=keys.login)
    lines: list[Any] = [{"type": "user", "legacy_id": keys.login, "login": keys.login, "password": ""}]
    for number, length in enumerate(lengths):
        lines += make_conversation(rng, f"c{number}", length)
    counts = load_legacy(to_file(lines), print)
    assert counts["messages loaded"] == sum(lengths)


class Mover:
    """One tab of a person who moves."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.tab = str(uuid.uuid4())
        self.lease = ""
        self._begun: dict[str, dict[str, Any]] = {}
        self._messages: dict[str, list[dict[str, Any]]] = {}

    def twin(self, browser: Browser | None = None) -> Mover:
        """Another tab, or another device, that makes the same identifiers and has made the same messages."""
        twin = Mover(browser or self.browser)
        twin._begun, twin._messages = self._begun, self._messages
        return twin

    def get(self, path: str = "", **query: Any) -> Any:
        """A read; its answer's content."""
        answer = self.browser.get(f"migration{path}", **query)
        assert answer.status_code == 200, answer.content
        return answer.json()

    def post(self, path: str, **content: Any) -> Any:
        """A write under the lease."""
        return self.browser.post(f"migration/{path}", {"lease": self.lease, **content})

    def take(self) -> Mover:
        """Takes the lease, which must be free."""
        answer = self.browser.post("migration/lease", {"tab": self.tab})
        assert answer.status_code == 200, answer.content
        self.lease = answer.json()["lease"]
        return self

    @property
    def ids(self) -> list[str]:
        """The conversations in plaintext, on however many pages."""
        found: list[str] = []
        while True:
            page = self.get("/conversations", **({"after": found[-1]} if found else {}))
            found += [each["id"] for each in page["conversations"]]
            if not page["has_more"]:
                return found

    def texts(self, legacy: str) -> list[dict[str, Any]]:
        """The messages of one."""
        rows: list[dict[str, Any]] = []
        while True:
            page = self.get(f"/conversations/{legacy}/messages", after=rows[-1]["number"] if rows else 0)
            rows += page["messages"]
            if not page["has_more"]:
                return rows

    def beginning(self, legacy: str) -> dict[str, Any]:
        """The body that begins one."""
        if legacy not in self._begun:
            body = self.browser.keys.new_conversation()
            self._begun[legacy] = {**body, "meta": self.browser.keys.meta(body["conversation_id"], 1)}
        return self._begun[legacy]

    def begin(self, legacy: str) -> Any:
        """Begins one."""
        return self.post(f"conversations/{legacy}/begin", **self.beginning(legacy))

    def conversation(self, legacy: str) -> str:
        """The conversation that it becomes."""
        return str(self.beginning(legacy)["conversation_id"])

    def message(self, legacy: str, number: int) -> dict[str, Any]:
        """The message of a row."""
        made = self._messages.setdefault(legacy, [])
        while len(made) < number:
            before = hashlib.sha256(decode_b64u(made[-1]["envelope"])).digest() if made else ZERO_HASH
            made.append(self.browser.keys.message(self.conversation(legacy), len(made) + 1, prev_hash=before))
        return made[number - 1]

    def rows(self, legacy: str, numbers: range) -> list[dict[str, Any]]:
        """Rows of a batch."""
        names = {row["number"]: row["legacy_id"] for row in self.texts(legacy)}
        return [{"legacy_id": names[number], "message": self.message(legacy, number)} for number in numbers]

    def stage(self, legacy: str, first: int = 1, last: int | None = None) -> Any:
        """Sends rows of one conversation."""
        numbers = range(first, (last or len(self.texts(legacy))) + 1)
        return self.post("batches", legacy_conversation_id=legacy, rows=self.rows(legacy, numbers))

    def verify(self, legacy: str, first: int = 1, last: int | None = None) -> Any:
        """Says that rows were read back."""
        numbers = range(first, (last or len(self.texts(legacy))) + 1)
        ids = [self.message(legacy, number)["message_id"] for number in numbers]
        return self.post("verified", legacy_conversation_id=legacy, message_ids=ids)

    def move(self) -> Mover:
        """Everything up to Finish."""
        for legacy in self.ids:
            for answer in (self.begin(legacy), self.stage(legacy), self.verify(legacy)):
                assert answer.status_code in {200, 201, 204}, answer.content
        return self

    def repeat(self, path: str, end: str) -> list[dict[str, Any]]:
        """Rolls back, or finishes; every answer up to the last."""
        states: list[dict[str, Any]] = []
        while not states or states[-1]["state"] != end:
            answer = self.post(path)
            assert answer.status_code == 200, answer.content
            states.append(answer.json())
            assert len(states) < 100
        return states
