"""What a session leaves in the browser (docs/protocol.md section 11): public metadata, and handles while unlocked."""

from dataclasses import dataclass
from typing import Final, Literal

from balon.protocol.statements import Bundle
from balon_client.account import Account
from balon_client.alarms import AnswerError
from balon_client.keyring_model import DEFAULT_IDLE_MINUTES
from balon_client.making import records_json
from balon_client.opening import Terms
from balon_client.ports import AccountKeys, JsonObject
from balon_client.records import AccountRecords, Active
from balon_client.views import View
from balon_client.wire import Fields

State = Literal["signed-out", "signed-in", "locked"]
ServerSession = Active | Literal["unreachable"] | None
"""What the server says of the open session: one, none, or nothing since it cannot be reached."""
LONGEST_MS: Final = 12 * 60 * 60 * 1000
"""Handles are dropped this long after the password was typed, however busy the person is."""
_MINUTE_MS: Final = 60_000


@dataclass(slots=True, kw_only=True)
class Times:
    """When the password was typed, when the person last did something, and how long idle may last."""

    unlocked_ms: int
    active_ms: int
    idle_minutes: int

    def is_over(self, now_ms: int) -> bool:
        """Whether the handles must go. A clock that was set back counts too: nobody knows by how much."""
        idle_ms = now_ms - self.active_ms
        return not (-_MINUTE_MS < idle_ms < self.idle_minutes * _MINUTE_MS and now_ms - self.unlocked_ms < LONGEST_MS)


@dataclass(frozen=True, slots=True)
class KeptSession:
    """The metadata of a session record, read."""

    active: Active
    records: AccountRecords
    times: Times

    @classmethod
    def parse(cls, metadata: JsonObject) -> "KeptSession":
        """Reads what `write_metadata` wrote.

        Raises:
            AnswerError: It is something else, as from another version of the page.
        """
        fields = Fields(metadata, "session-record")
        return cls(Active.parse(metadata, with_records=False), AccountRecords.parse(fields), read_times(fields))

    @property
    def session_id(self) -> str:
        """Which session of the server it is."""
        return self.active.session_id

    @property
    def terms(self) -> Terms:
        """What the password is derived with to unlock."""
        records = self.records
        return Terms(self.active.user_id, self.active.login, records.kdf, records.iterations, records.salt)

    def account(self, bundle: Bundle, keys: AccountKeys) -> Account:
        """The person, with keys that were opened and a bundle that was verified."""
        return Account(
            bundle=bundle,
            keys=keys,
            session_id=self.active.session_id,
            account_version=self.active.account_version,
            expires_at_ms=self.active.expires_at_ms,
        )

    def is_open(self, active: ServerSession, now_ms: int) -> bool:
        """Whether the session may go on; without the network, as long as it would last."""
        if isinstance(active, Active):
            return self.is_of(active)
        return active == "unreachable" and now_ms < self.active.expires_at_ms

    def reason_to_end(self, active: ServerSession) -> str:
        """Why it may not go on, as the page is told (docs/worker.md)."""
        if active == "unreachable":
            return "expired"
        is_same = isinstance(active, Active) and active.session_id == self.active.session_id
        return "account-changed" if is_same else "ended"

    def is_in_doubt(self, active: ServerSession) -> bool:
        """Whether a tab may be changing the account just now: it is of another version, or the cookie was renewed."""
        return active is None or (isinstance(active, Active) and active.session_id == self.session_id)

    def is_of(self, active: Active) -> bool:
        """Whether the server's session is the one these keys were opened in, unchanged (A48)."""
        mine = self.active
        return (mine.user_id, mine.session_id, mine.account_version) == (
            active.user_id,
            active.session_id,
            active.account_version,
        )


def write_metadata(account: Account, records: AccountRecords, times: Times) -> JsonObject:
    """The metadata of a session: ids, time stamps and sealed records; no secret."""
    return {
        "state": "active",
        "user_id": str(account.user_id),
        "login": account.login,
        "account_version": account.account_version,
        "session_id": account.session_id,
        "expires_at_ms": account.expires_at_ms,
        "csrf": "",
        **records_json(records),
        **write_times(times),
    }


def write_times(times: Times) -> JsonObject:
    """The part of the metadata that changes with the person's activity."""
    return {
        "unlocked_ms": times.unlocked_ms,
        "active_ms": times.active_ms,
        "idle_minutes": times.idle_minutes,
    }


def read_metadata(metadata: JsonObject) -> KeptSession | None:
    """Reads what `write_metadata` wrote; None for anything else."""
    try:
        return KeptSession.parse(metadata)
    except AnswerError:
        return None


def read_times(fields: Fields) -> Times:
    """Reads what `write_times` wrote.

    Raises:
        AnswerError: It is not there.
    """
    return Times(
        unlocked_ms=fields.integer("unlocked_ms"),
        active_ms=fields.integer("active_ms"),
        idle_minutes=fields.integer("idle_minutes", least=1),
    )


def session_view(state: State, kept: KeptSession | None, times: Times | None, *, persistent: bool) -> View:
    """Session as the page gets it (docs/worker.md)."""
    known = times or (kept.times if kept else None)
    return {
        "state": state,
        "login": kept.active.login if kept else None,
        "user_id": str(kept.active.user_id) if kept else None,
        "persistent": persistent,
        "idle_minutes": known.idle_minutes if known else DEFAULT_IDLE_MINUTES,
    }
