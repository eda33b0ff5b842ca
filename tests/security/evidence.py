"""What proves that a client refused: the wire after the lie, and the rows before and after it."""

import json
import re
import sqlite3
import time
from dataclasses import dataclass, field

from playwright.sync_api import Worker

from tests.stack.installation import Installation
from tests.stack.wiretap import Exchange, Rule, Wiretap

UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
READS = re.compile(
    r"/(?:c/ID)?|/static/[\w./@-]+|/ws/v1/|/api/v1/(?:session|accounts/(?:self|deletion)|keys/keyring|inference/config"
    r"|conversations(?:\?(?:cursor=[\w=-]+|limit=\d+))?|conversations/ID"
    r"|conversations/ID/(?:people|streams|messages(?:\?(?:(?:after|before|limit)=\d+&?)+)?))".replace("ID", UUID)
)
"""Every address that reading may ask for: identifiers and positions, and room for nothing else."""
KEYRING_SETTLED_S = 2.5
"""The keyring is saved a second and a half after it changed."""
HARMLESS = {"subscribe", "unsubscribe", "ack", "ping", "presence"}
"""Socket messages of readers. Presence says that somebody looks, which the server sees anyway."""
PASSING = {"django_session", "django_migrations", "accounts_challenge", "accounts_signinsession", "sqlite_sequence"}
"""Tables of sessions and challenges: asking and signing in are no change of what is kept."""


def settle(tap: Wiretap) -> None:
    """Waits until the keyring has been saved: nothing else was written for a while."""
    while True:
        written = [each.at for each in tap.exchanges if each.method in {"PUT", "POST"}]
        if time.monotonic() - max(written, default=0) > KEYRING_SETTLED_S:
            return
        time.sleep(0.05)


def is_read(exchange: Exchange) -> bool:
    """Whether an exchange tells the server nothing but which rows are wanted."""
    if exchange.method == "up":
        message = json.loads(exchange.request)
        known = set(message) <= {"type", "ref", "conversation_id", "stream_id", "number", "after", "state"}
        return message["type"] in HARMLESS and known
    if exchange.method == "down":
        return True
    return exchange.method == "GET" and bool(READS.fullmatch(exchange.path)) and not exchange.request


@dataclass
class Evidence:
    """The records of one test. `before` is what the server kept when the test asked for this."""

    tap: Wiretap
    installation: Installation
    before: dict[str, list[str]] = field(init=False)

    def __post_init__(self) -> None:
        self.before = self.rows()

    def rows(self) -> dict[str, list[str]]:
        """Every row of every table that keeps something."""
        path = self.installation.folder / "balon.sqlite3"
        database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            listed = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            tables = {name for (name,) in listed} - PASSING
            return {name: sorted(map(repr, database.execute(f'SELECT * FROM "{name}"'))) for name in tables}
        finally:
            database.close()

    def remember(self) -> None:
        """Takes the rows as they are now for the state before the lie."""
        self.before = self.rows()

    def verify_nothing_sent(self, lie: Rule) -> None:
        """After the lie nothing went out but reads: no proof, no ciphertext, no signature."""
        sent = [(each.method, each.path, each.request[:200]) for each in self.tap.since(lie) if not is_read(each)]
        assert not sent, sent

    def verify_nothing_changed(self) -> None:
        """The rows are those of before."""
        after = self.rows()
        changed = {name for name in after if after[name] != self.before.get(name)}
        assert not changed, changed

    def verify_refused(self, lie: Rule) -> None:
        """Nothing sent and nothing changed."""
        self.verify_nothing_sent(lie)
        self.verify_nothing_changed()


WATCH_CALLS = """() => {
    self.balonCalls = [];
    for (const name of ["deriveBits", "deriveKey", "importKey", "generateKey", "exportKey", "sign", "decrypt", "encrypt"]) {
        const real = SubtleCrypto.prototype[name];
        SubtleCrypto.prototype[name] = function (...args) {
            const algorithm = args.find((each) => each?.name)?.name ?? args.find((each) => typeof each === "string");
            self.balonCalls.push(`${name} ${algorithm}`);
            return real.apply(this, args);
        };
    }
}"""


class Calls:
    """The calls of WebCrypto in the worker that holds the keys, as they are made."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        worker.evaluate(WATCH_CALLS)

    def taken(self) -> list[str]:
        """The calls since the last time: operation and algorithm."""
        calls: list[str] = self.worker.evaluate("() => self.balonCalls.splice(0)")
        return calls
