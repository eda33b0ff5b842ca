"""The session of one tab: signed out, signed in or locked (docs/protocol.md section 11).

The session record is what all tabs share; a channel among them says when to look at it. Whatever goes wrong, a tab
ends with fewer keys, never with more.
"""

import asyncio
import contextlib
from collections.abc import Awaitable
from typing import Any, Final, Literal

from balon_client.accounts import Accounts, derive_keys, verify_terms
from balon_client.alarms import AlarmError
from balon_client.api import Api
from balon_client.chat import Chat
from balon_client.errors import ClientError, DecryptionError, NetworkError, ProblemError, StorageError
from balon_client.events import Events
from balon_client.keyring import Keyring, open_keyring
from balon_client.keyring_model import DEFAULT_IDLE_MINUTES
from balon_client.opening import OpenedAccount, open_keys, open_mek, verify_bundle
from balon_client.parts import Parts
from balon_client.ports import PasswordBuffer, Platform, SessionRecord
from balon_client.problems import LockedError, SignedOutError, WrongPasswordError
from balon_client.records import Active
from balon_client.session_record import KeptSession, Times, read_metadata, write_metadata, write_times
from balon_client.signed_in import SignedIn
from balon_client.views import View

State = Literal["signed-out", "signed-in", "locked"]
_LOOK_S: Final = 5.0


class Session:
    """Who is signed in in this tab. Its calls are those of docs/worker.md."""

    def __init__(self, platform: Platform, events: Events) -> None:
        self._platform = platform
        self._events = events
        self._api = Api(platform.http)
        self.accounts = Accounts(platform, self._api)
        self._state: State = "signed-out"
        self._kept: KeptSession | None = None
        self._open: SignedIn | None = None
        self._change = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._api.on_session_ended = self._end_soon

    # --- What the page asks ---

    @property
    def view(self) -> View:
        """Session as the page gets it."""
        known = self._kept.active if self._kept else None
        times = self._open.times if self._open else self._kept.times if self._kept else None
        return {
            "state": self._state,
            "login": known.login if known else None,
            "user_id": str(known.user_id) if known else None,
            "persistent": self._platform.key_store.persistent,
            "idle_minutes": times.idle_minutes if times else DEFAULT_IDLE_MINUTES,
        }

    async def chat(self) -> Chat:
        """The conversations of the signed-in person.

        Raises:
            SignedOutError: Nobody is signed in.
            LockedError: The keys are sealed under the password.
        """
        return (await self._require()).chat

    async def parts(self) -> Parts:
        """The parts of the signed-in session; raises as `chat` does."""
        return (await self._require()).parts

    async def _require(self) -> SignedIn:
        if self._open is not None and self._open.times.is_over(self._now_ms()):
            await self._look()
        if self._open is None:
            raise LockedError if self._state == "locked" else SignedOutError
        return self._open

    # --- Boot ---

    async def boot(self) -> View:
        """Resumes what the record and the server agree on, and wipes everything else (A48).

        Raises:
            UnsupportedBrowserError: The browser lacks a primitive.
        """
        await self._platform.crypto.verify_support()
        async with self._change:
            await self._resume()
        self._spawn(self._watch_time())
        self._spawn(self._watch_tabs())
        return self.view

    async def _resume(self) -> None:
        record = await self._platform.key_store.load()
        kept = read_metadata(record.metadata) if record else None
        active = await self._probe()
        if record is None or kept is None or not self._is_valid(kept, active):
            await self._forget()
            return
        self._kept, self._state = kept, "locked"
        if record.keys is None:
            return
        if kept.times.is_over(self._now_ms()):
            await self._platform.key_store.save(SessionRecord(record.metadata, None))
            return
        try:
            await self._reopen(record, kept)
        except AlarmError:
            await self._forget()

    async def _probe(self) -> Active | Literal["unreachable"] | None:
        """The session that the server holds open."""
        try:
            return await self._api.session()
        except (NetworkError, ProblemError):
            return "unreachable"

    def _is_valid(self, kept: KeptSession, active: Active | Literal["unreachable"] | None) -> bool:
        if isinstance(active, Active):
            return kept.is_of(active)
        return active == "unreachable" and self._now_ms() < kept.active.expires_at_ms

    async def _reopen(self, record: SessionRecord, kept: KeptSession) -> None:
        """Goes on with the handles of the record."""
        if record.keys is None:
            return
        bundle = await verify_bundle(self._platform.crypto, kept.terms, kept.records.bundle)
        content = await open_keyring(self._platform.crypto, record.keys.mek, kept.active.user_id, kept.records.keyring)
        account = kept.account(bundle, record.keys)
        self._begin(OpenedAccount(account, kept.records, content), kept.times)

    # --- Signing in and up ---

    async def enter(self, opened: OpenedAccount) -> View:
        """Begins the session of an account that was opened, and tells the other tabs."""
        async with self._change:
            await self._drop_open()
            now = self._now_ms()
            idle_minutes = opened.keyring.settings.idle_minutes
            times = Times(unlocked_ms=now, active_ms=now, idle_minutes=idle_minutes)
            await self._store(opened, times)
            self._begin(opened, times)
        self._platform.tabs.post({"type": "signed-in"})
        return self.view

    async def _store(self, opened: OpenedAccount, times: Times) -> None:
        metadata = write_metadata(opened.account, opened.records, times)
        await self._platform.key_store.save(SessionRecord(metadata, opened.account.keys))
        self._kept = read_metadata(metadata)

    def _begin(self, opened: OpenedAccount, times: Times) -> None:
        account = opened.account
        version = opened.records.keyring.version
        keyring = Keyring(self._platform, self._api, account, version=version, content=opened.keyring)
        parts = Parts(self._platform, self._api, self._events, account, keyring)
        self._state = "signed-in"
        self._api.session_id = account.session_id
        self._open = SignedIn(parts, times, self._end_soon)
        self._open.start()

    async def unlock(self, password: PasswordBuffer) -> View:
        """Opens the sealed keys of the record with the password, without the network; then checks with the server.

        Raises:
            SignedOutError: There is nothing to unlock.
            WrongPasswordError: It does not open them.
        """
        async with self._change:
            if self._open is None:
                kept = await self._load_kept(password)
                opened = await self._open_kept(kept, password)
                now = self._now_ms()
                times = Times(unlocked_ms=now, active_ms=now, idle_minutes=opened.keyring.settings.idle_minutes)
                await self._store(opened, times)
                self._begin(opened, times)
            else:
                self._platform.crypto.zero(password)
        self._platform.tabs.post({"type": "unlocked"})
        self._spawn(self._check_server())
        return self.view

    async def _load_kept(self, password: PasswordBuffer) -> KeptSession:
        record = await self._platform.key_store.load()
        kept = read_metadata(record.metadata) if record else None
        if kept is None:
            self._platform.crypto.zero(password)
            await self._forget()
            raise SignedOutError
        return kept

    async def _open_kept(self, kept: KeptSession, password: PasswordBuffer) -> OpenedAccount:
        crypto = self._platform.crypto
        keys = await derive_keys(self._platform, password, verify_terms(kept.terms))
        try:
            mek = await open_mek(crypto, keys.kek, kept.terms, kept.records)
        except DecryptionError:
            raise WrongPasswordError from None
        bundle, account_keys = await open_keys(crypto, mek, kept.terms, kept.records)
        keyring = await open_keyring(crypto, mek, kept.active.user_id, kept.records.keyring)
        return OpenedAccount(kept.account(bundle, account_keys), kept.records, keyring)

    async def _check_server(self) -> None:
        """After an unlock: is this still the session and the account that the record is of?"""
        active = await self._probe()
        if self._kept and not self._is_valid(self._kept, active):
            await self._end("ended")

    # --- Locking ---

    async def lock(self, reason: str = "locked") -> View:
        """Deletes all handles here and, by a notice, in every other tab."""
        async with self._change:
            await self._lock(reason)
        self._platform.tabs.post({"type": "locked"})
        return self.view

    async def _lock(self, reason: str) -> None:
        opened = self._open
        if opened is None:
            return
        self._open, self._state = None, "locked"
        record = await self._platform.key_store.load()
        if record is not None and (kept := read_metadata(record.metadata)):
            self._kept = kept
            await self._platform.key_store.save(SessionRecord(record.metadata, None))
        else:
            await self._forget()
        await self._finish(opened)
        self._publish(reason)

    async def _finish(self, opened: SignedIn) -> None:
        await opened.flush()
        await opened.close()
        self._events.clear()

    async def touch(self) -> None:
        """The person is active. After sleep it is too late for that: then it locks."""
        opened = self._open
        if opened is None:
            return
        if opened.times.is_over(self._now_ms()):
            await self._look()
            return
        opened.times.active_ms = self._now_ms()
        await self._share_times(opened)

    async def set_idle_minutes(self, minutes: int) -> None:
        """Changes how long nothing may happen until it locks, for all tabs."""
        opened = await self._require()
        opened.times.idle_minutes = minutes
        await self._share_times(opened)

    async def _share_times(self, opened: SignedIn) -> None:
        session_id = opened.parts.account.session_id
        if not await self._platform.key_store.update_metadata(write_times(opened.times), session_id=session_id):
            await self._end("other-tab")

    async def _look(self) -> None:
        """Locks when the time has come, unless the person was active in another tab."""
        opened = self._open
        if opened is None:
            return
        record = await self._platform.key_store.load()
        kept = read_metadata(record.metadata) if record else None
        if kept is None:
            await self._end("other-tab")
            return
        opened.times = kept.times
        if kept.times.is_over(self._now_ms()):
            await self.lock("idle")

    async def _watch_time(self) -> None:
        while True:
            await self._platform.clock.sleep(_LOOK_S)
            if self._open is not None and self._open.times.is_over(self._now_ms()):
                await self._look()

    # --- Leaving ---

    async def sign_out(self) -> View:
        """Does every step whatever fails: saves, logs out, forgets, tells the other tabs, sweeps again."""
        async with self._change:
            opened, self._open = self._open, None
            if opened is not None:
                await self._finish(opened)
            await asyncio.gather(self._log_out(), self._wipe())
            self._platform.tabs.post({"type": "signed-out"})
            await self._forget()
        self._publish("signed-out")
        return self.view

    async def _log_out(self) -> None:
        with contextlib.suppress(ClientError):
            await self._api.logout()

    def _end_soon(self, reason: str = "ended") -> None:
        self._spawn(self._end(reason))

    async def _end(self, reason: str) -> None:
        """The session is over for a reason outside this tab: nothing of it stays."""
        async with self._change:
            if self._state == "signed-out":
                return
            opened, self._open = self._open, None
            if opened is not None:
                await opened.close()
                self._events.clear()
            await self._wipe_own()
            self._kept, self._state = None, "signed-out"
        self._publish(reason)
        if reason != "other-tab":
            self._platform.tabs.post({"type": "signed-out"})

    async def _forget(self) -> None:
        self._kept, self._state = None, "signed-out"
        await self._drop_open()
        await self._wipe()

    async def _drop_open(self) -> None:
        opened, self._open = self._open, None
        if opened is not None:
            await opened.close()
            self._events.clear()

    async def _wipe_own(self) -> None:
        """Wipes, unless another tab has begun another session meanwhile."""
        record = await self._platform.key_store.load()
        theirs = read_metadata(record.metadata) if record else None
        if not (theirs and self._kept and theirs.active.session_id != self._kept.active.session_id):
            await self._wipe()

    async def _wipe(self) -> None:
        try:
            await self._platform.key_store.wipe()
        except StorageError as error:
            self._events.publish_alarm(error.problem)

    # --- The other tabs ---

    async def _watch_tabs(self) -> None:
        while True:
            for message in await self._platform.tabs.receive():
                await self._hear(message.get("type"))

    async def _hear(self, kind: Any) -> None:
        """A notice only says when to look: what counts is the record that all tabs share."""
        if kind == "signed-out":
            await self._end("other-tab")
        elif kind == "locked" and self._open is not None:
            async with self._change:
                await self._lock("locked")
        elif kind in {"signed-in", "unlocked"}:
            await self._follow(kind)

    async def _follow(self, kind: str) -> None:
        """Another tab signed in or unlocked: this one does too, or leaves when it was someone else's."""
        async with self._change:
            before = self._kept.active.session_id if self._kept else None
            if (self._open is None and before is None) or kind == "unlocked":
                await self._take_over()
                return
        record = await self._platform.key_store.load()
        kept = read_metadata(record.metadata) if record else None
        if kept is None or kept.active.session_id != before:
            await self._end("other-tab")

    async def _take_over(self) -> None:
        if self._open is None:
            await self._resume()
            self._publish("unlocked" if self._open else "locked")

    # --- Helpers of this class ---

    def _publish(self, reason: str) -> None:
        self._events.publish("session", session=self.view, reason=reason)

    def _now_ms(self) -> int:
        return self._platform.clock.now_ms()

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
