"""The session of one tab: signed out, signed in or locked (docs/protocol.md section 11).

The session record is what all tabs share; a channel among them says when to look at it. Whatever goes wrong, a tab
ends with fewer keys, never with more, and never with those of another session (A48).
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any

from balon_client.accounts import Accounts
from balon_client.alarms import AlarmError
from balon_client.api import Api
from balon_client.background import Background, Steps, attempt_all
from balon_client.errors import StorageError
from balon_client.events import Events
from balon_client.idle import IdleWatch, Over
from balon_client.keyring import Keyring
from balon_client.migration_api import MigrationApi
from balon_client.opening import OpenedAccount
from balon_client.parts import Parts
from balon_client.ports import PasswordBuffer, Platform
from balon_client.problems import LockedError, SignedOutError
from balon_client.reopening import probe_server, reopen_with_handles, reopen_with_password
from balon_client.session_record import KeptSession, State, Times, session_view
from balon_client.session_store import Found, SessionStore
from balon_client.signed_in import SignedIn
from balon_client.tab_notices import Notice, TabNotices
from balon_client.views import View


class Session:
    """Who is signed in in this tab. Every change of state holds one lock, so changes never overlap."""

    def __init__(self, platform: Platform, events: Events) -> None:
        self._platform = platform
        self._events = events
        self._api = Api(platform.http)
        self.accounts = Accounts(platform, self._api)
        self._store = SessionStore(platform)
        self._background = Background(events)
        self._notices = TabNotices(platform.tabs, events, self._hear)
        self._change = asyncio.Lock()
        self._state: State = "signed-out"
        self._kept: KeptSession | None = None
        self._open: SignedIn | None = None
        self._person: object = None
        """Whose this tab is, until they sign out in it."""

    # --- What the page asks ---

    @property
    def view(self) -> View:
        """Session as the page gets it."""
        times = self._open.idle.times if self._open else None
        return session_view(self._state, self._kept, times, persistent=self._platform.key_store.persistent)

    async def signed_in(self) -> SignedIn:
        """The parts of the session, with its keys.

        Raises:
            SignedOutError: Nobody is signed in.
            LockedError: The keys are sealed under the password.
        """
        if self._open is not None and self._open.idle.is_over:
            await self._open.idle.look()
        if self._open is None:
            raise LockedError if self._state == "locked" else SignedOutError
        return self._open

    async def touch(self) -> None:
        """The person is active."""
        if self._open is not None:
            await self._open.idle.touch()

    async def set_idle_minutes(self, minutes: int) -> None:
        """Changes how long nothing may happen until it locks, for all tabs."""
        opened = await self.signed_in()
        await opened.idle.set_idle_minutes(minutes)
        self._notices.tell("times", opened.session_id)

    # --- Boot ---

    async def boot(self) -> View:
        """Resumes what the record and the server agree on, and wipes everything else (A48).

        Raises:
            UnsupportedBrowserError: The browser lacks a primitive.
        """
        await self._platform.crypto.verify_support()
        await self._judge(self._resume)
        self._notices.start()
        return self.view

    def changing(self) -> AbstractAsyncContextManager[None]:
        """Held during a change: until it is done, no tab judges this session by the version of the account.

        Whoever changes the account holds this before the lock of this session, so nobody may ask for it within that.
        """
        return self._platform.tabs.lock("account")

    async def _judge(self, go_on: Callable[..., Awaitable[bool]]) -> None:
        """Goes on with the record, or not; where a tab may be changing the account just now, when it is done."""
        async with self._change:
            is_judged = await go_on(is_settled=False)
        if not is_judged:
            async with self.changing(), self._change:
                await go_on(is_settled=True)

    async def _resume(self, *, is_settled: bool) -> bool:
        """Goes on with the record, unless something is open, or wipes what no session stands behind.

        Args:
            is_settled: Whether no tab is changing the account.

        Returns:
            False where one may be: nothing was done then.
        """
        while self._open is None:
            before = await self._store.load()
            active = await probe_server(self._api, self._events)
            async with self._store.lock():
                found = await self._store.load()
                if _session_of(found) != _session_of(before):
                    continue  # Another tab signed in or out meanwhile: that one is to be judged.
                if found is None or not found.kept.is_open(active, self._now_ms()):
                    if found is not None and not is_settled and found.kept.is_in_doubt(active):
                        return False
                    await self._forget()
                    return True
            await self._go_on(found)
            break
        return True

    async def _go_on(self, found: Found) -> None:
        """Goes on with the handles of the record, or locked when there are none or their time is over."""
        self._kept, self._state = found.kept, "locked"
        if found.record.keys is None:
            return
        if found.kept.times.is_over(self._now_ms()):
            await self._store.drop_handles(found.session_id)
            return
        try:
            opened = await reopen_with_handles(self._platform, found.kept, found.record.keys)
        except AlarmError as alarm:
            await self._forget()
            self._events.publish_alarm(alarm.problem)
            return
        self._begin(opened, found.kept.times)

    async def _forget(self) -> None:
        """Wipes what no session stands behind; while nothing is open."""
        self._kept, self._state = None, "signed-out"
        try:
            await self._store.wipe()
        except StorageError as error:
            self._events.publish_alarm(error.problem)

    # --- Signing in and up ---

    async def enter(self, opened: OpenedAccount) -> View:
        """Begins the session of an account that was opened, and tells the other tabs."""
        async with self._change:
            before, self._open = self._open, None
            if before is not None:
                await before.close()
                self._events.clear()
            await self._begin_anew(opened)
        self._notices.tell("signed-in", opened.account.session_id)
        return self.view

    async def _begin_anew(self, opened: OpenedAccount) -> None:
        now_ms = self._now_ms()
        times = Times(unlocked_ms=now_ms, active_ms=now_ms, idle_minutes=opened.keyring.settings.idle_minutes)
        self._kept = await self._store.save(opened, times)
        self._begin(opened, times)

    def _begin(self, opened: OpenedAccount, times: Times) -> None:
        account = opened.account
        ended = partial(self._end_soon, account.session_id)
        api = MigrationApi(self._platform.http, session_id=account.session_id, on_session_ended=ended)
        version = opened.records.keyring.version
        keyring = Keyring(self._platform, api, account, version=version, content=opened.keyring)
        parts = Parts(self._platform, api, self._events.branch(), account, keyring)
        over = partial(self._on_time, account.session_id)
        idle = IdleWatch(self._store, self._platform.clock, times, expires_at_ms=account.expires_at_ms, over=over)
        self._open, self._state = SignedIn(parts, idle, ended), "signed-in"
        self._person = account.user_id
        self._open.start()

    # --- Locking and unlocking ---

    async def lock(self, reason: str = "locked") -> View:
        """Deletes all handles here and, by a notice, in every other tab."""
        async with self._change:
            if self._open is not None:
                await self._lock(self._open, reason)
        return self.view

    async def _lock(self, opened: SignedIn, reason: str) -> None:
        self._open, self._kept, self._state = None, None, "signed-out"
        opened.silence()
        await attempt_all([partial(self._drop_handles, opened.session_id)])
        self._events.clear()
        self._publish(reason if self._kept else "other-tab")
        steps: Steps = [partial(self._tell, "locked", opened.session_id), opened.flush, opened.close]
        if self._kept is None:
            steps.append(partial(self._store.wipe_unless_other, opened.session_id))
        await attempt_all(steps)

    async def _drop_handles(self, session_id: str) -> None:
        self._kept = await self._store.drop_handles(session_id)
        self._state = "locked" if self._kept else "signed-out"

    async def unlock(self, password: PasswordBuffer) -> View:
        """Opens the sealed keys of the record with the password, without the network; then checks with the server.

        Raises:
            SignedOutError: There is nothing to unlock.
            WrongPasswordError: It does not open them.
        """
        async with self._change:
            if self._open is None:
                kept = await self._load_locked(password)
                await self._begin_anew(await reopen_with_password(self._platform, kept, password))
                self._notices.tell("unlocked", kept.session_id)
                self._background.spawn(self._check_server(kept))
            else:
                self._platform.crypto.zero(password)
        return self.view

    async def _load_locked(self, password: PasswordBuffer) -> KeptSession:
        found = await self._store.load()
        own = self._kept.session_id if self._kept else None
        if found is not None and found.session_id == own:
            return found.kept
        self._platform.crypto.zero(password)
        if own is not None:
            self._kept, self._state = None, "signed-out"
            self._publish("other-tab")
        raise SignedOutError

    async def _check_server(self, kept: KeptSession) -> None:
        """After an unlock: is this still the session and the account that the record is of?"""
        active = await probe_server(self._api, self._events)
        if not kept.is_open(active, self._now_ms()):
            self._end_soon(kept.session_id, kept.reason_to_end(active))

    async def _on_time(self, session_id: str, reason: Over) -> None:
        """The time of a session is over, or its record is gone."""
        if reason == "idle" and self._open is not None and self._open.session_id == session_id:
            await self.lock("idle")
        elif reason != "idle":
            await self._end(session_id, reason)

    # --- Leaving ---

    async def sign_out(self) -> View:
        """Does every step whatever fails: wipes, saves, logs out, forgets, tells the other tabs, sweeps again."""
        async with self._change:
            opened, self._open = self._open, None
            session_id = self._kept.session_id if self._kept else None
            self._kept, self._person, self._state = None, None, "signed-out"
            steps: Steps = [self._store.wipe]
            if opened is not None:
                opened.silence()
                steps += [opened.flush, opened.close]
            steps += [
                partial(self._log_out, session_id),
                partial(self._tell, "signed-out", session_id),
                self._store.wipe,
            ]
            *_, swept = await attempt_all(steps)
            self._events.clear()
            if swept is not None:
                self._events.publish_alarm(StorageError().problem)
        self._publish("signed-out")
        return self.view

    async def _log_out(self, session_id: str | None) -> None:
        await Api(self._platform.http, session_id=session_id).logout()

    async def _tell(self, kind: Notice, session_id: str | None) -> None:
        self._notices.tell(kind, session_id)

    def _end_soon(self, session_id: str, reason: str = "ended") -> None:
        self._background.spawn(self._end(session_id, reason))

    async def _end(self, session_id: str, reason: str) -> None:
        """A session is over for a reason outside this tab: nothing of it stays, and nothing of another goes."""
        async with self._change:
            if self._kept is None or self._kept.session_id != session_id:
                return
            opened, self._open = self._open, None
            self._kept, self._state = None, "signed-out"
            steps: Steps = [partial(self._store.wipe_unless_other, session_id)]
            if opened is not None:
                opened.silence()
                steps.append(opened.close)
            wiped, *_ = await attempt_all(steps)
            self._events.clear()
            if wiped is not None:
                self._events.publish_alarm(StorageError().problem)
        self._publish(reason)
        if reason not in {"other-tab", "account-changed"}:  # Another tab may be what changed the account.
            self._notices.tell("signed-out", session_id)

    # --- The other tabs ---

    async def _hear(self, kind: Any, session_id: Any) -> None:
        """A notice only says when to look: what counts is the record that all tabs share."""
        own = self._kept.session_id if self._kept else None
        if kind == "signed-out" and own is not None and (session_id == own or await self._is_gone(own)):
            await self._end(own, "other-tab")
        elif kind == "locked":
            await self._follow_lock()
        elif kind in {"signed-in", "unlocked"}:
            await self._follow(kind)
        elif kind == "times" and self._open is not None:
            await self._open.idle.look()

    async def _is_gone(self, own: str) -> bool:
        return _session_of(await self._store.load()) != own

    async def _follow_lock(self) -> None:
        """Locks too, unless the person has unlocked again meanwhile."""
        async with self._change:
            opened = self._open
            if opened is None:
                return
            found = await self._store.load()
            if found is None or found.session_id != opened.session_id or found.record.keys is None:
                await self._lock(opened, "locked")

    async def _follow(self, kind: str) -> None:
        """Another tab signed in or unlocked: this one does too, or leaves when it was someone else's session."""
        own = self._kept.session_id if self._kept else None
        if own is not None and await self._is_gone(own):
            await self._end(own, "other-tab")
        await self._judge(partial(self._take_over, kind))

    async def _take_over(self, kind: str, *, is_settled: bool) -> bool:
        """Goes on with the record of another tab, unless this tab belonged to another person (A48); as `_resume`."""
        found, before = await self._store.load(), self._state
        if self._open is not None or found is None or self._person not in {None, found.kept.active.user_id}:
            return True
        if not await self._resume(is_settled=is_settled):
            return False
        if self._open is not None:
            self._publish(kind)
        elif self._state != before:
            self._publish("locked" if self._state == "locked" else "ended")
        return True

    # --- The end of the tab ---

    async def close(self) -> None:
        """Stops all work and leaves the record as it is, as closing the tab does."""
        self._notices.close()
        self._background.close()
        opened, self._open = self._open, None
        if opened is not None:
            await opened.close()

    def _publish(self, reason: str) -> None:
        self._events.publish("session", session=self.view, reason=reason)

    def _now_ms(self) -> int:
        return self._platform.clock.now_ms()


def _session_of(found: Found | None) -> str | None:
    return found.session_id if found else None
