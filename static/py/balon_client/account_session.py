"""A session whose account changes while it lasts: this tab goes on with what is new, and the other tabs follow it."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from balon_client.account import Account
from balon_client.background import attempt_all
from balon_client.events import Events
from balon_client.keyring_model import Change
from balon_client.legacy_accounts import LegacyAccounts
from balon_client.opening import OpenedAccount
from balon_client.ports import Platform
from balon_client.problems import SignedOutError
from balon_client.session import Session
from balon_client.session_store import Found
from balon_client.views import View


class AccountSession(Session):
    """A session that survives a change of password or login name, as the server's does."""

    def __init__(self, platform: Platform, events: Events) -> None:
        super().__init__(platform, events)
        self.legacy = LegacyAccounts(platform, self._api, self.accounts)

    async def opened_account(self) -> OpenedAccount:
        """The signed-in account as it stands, with what waited for the keyring saved.

        Raises:
            SignedOutError: Nobody is signed in.
            LockedError: The keys are sealed under the password.
        """
        opened = await self.signed_in()
        await opened.flush()
        found = await self._store.load()
        if found is None or found.session_id != opened.session_id:
            raise SignedOutError
        return OpenedAccount(opened.parts.account, found.kept.records, opened.parts.keyring.content)

    async def exchange(self, before: Account, after: OpenedAccount, *, stored: Sequence[Change] = ()) -> View:
        """Goes on with an account that was changed here: the record is rewritten, with new handles where there are any.

        Args:
            before: The account as it was.
            after: As it is now, with its keyring.
            stored: Changes that wait in the keyring so far and are in that one already; all others go on into it.

        Raises:
            SignedOutError: It was locked or ended in the meantime; what was kept of it is gone, since it is outdated,
                and the server's part of it ends too, unless somebody else is signed in by now.
        """
        async with self._change:
            opened, is_current = self._open, False
            if opened is not None and self.is_open(before):
                self._open, is_current = None, True
                await opened.close()
                self._events.clear()
                await self._begin_anew(after)
                self._carry_over([change for change in opened.parts.keyring.unsaved if change not in stored])
        if not is_current:
            await self._end(before.session_id, "account-changed")
            await attempt_all([partial(self._leave, after.account.session_id)])
            raise SignedOutError
        self._notices.tell("account-changed", after.account.session_id)
        return self.view

    def is_open(self, account: Account) -> bool:
        """Whether the session with these keys is still open in this tab."""
        return self._open is not None and self._open.parts.account is account

    async def _leave(self, session_id: str) -> None:
        """The change itself signed in again, for whoever had left by then."""
        if await self._store.load() is None:
            await self._log_out(session_id)

    def _carry_over(self, changes: Sequence[Change]) -> None:
        if self._open is not None:
            for change in changes:
                self._open.parts.keyring.change(change)

    # --- What other tabs changed ---

    async def _hear(self, kind: Any, session_id: Any) -> None:
        if kind == "account-changed":
            await self._follow_change()
        else:
            await super()._hear(kind, session_id)

    async def _follow_change(self) -> None:
        """Another tab changed password or login name: this one goes on with the record that it wrote."""
        await self._judge(self._take_change)

    async def _take_change(self, *, is_settled: bool) -> bool:
        found = await self._store.load()
        if found is None or self._is_own(found) or self._person not in {None, found.kept.active.user_id}:
            return True
        before, self._open = self._open, None
        if before is not None:
            await before.close()
            self._events.clear()
        return await self._take_over("account-changed", is_settled=is_settled)

    def _is_own(self, found: Found) -> bool:
        return self._kept is not None and self._kept.is_of(found.kept.active)

    # --- What the server says ---

    def _end_soon(self, session_id: str, reason: str = "ended") -> None:
        version = self._open.parts.account.account_version if self._open else None
        self._background.spawn(self._end_unless_changed(session_id, version, reason))

    async def _end_unless_changed(self, session_id: str, version: int | None, reason: str) -> None:
        """The server speaks of one version of the account; this tab or another one may have gone on with a newer."""
        async with self.changing():
            found = await self._store.load()
        if version is None or found is None or found.session_id != session_id:
            await self._end(session_id, reason)
        elif found.kept.active.account_version > version:
            await self._follow_change()
        else:
            await self._end(session_id, reason)
