"""The calls of docs/worker.md about the account: sign-in, password, login name, the kit and recovery."""

from collections.abc import Awaitable, Callable

from balon.protocol.password import DEFAULT_ITERATIONS
from balon_client.account_session import AccountSession
from balon_client.accounts import Begun, import_password
from balon_client.alarms import AlarmError
from balon_client.credentials import Credentials, OutcomeUnknownError
from balon_client.devices import Devices
from balon_client.errors import ClientError
from balon_client.kit_reminder import is_kit_due, note_kit_checked, put_off_kit
from balon_client.leaving import Leaving
from balon_client.opening import OpenedAccount
from balon_client.ports import PasswordBuffer, PasswordKey, Platform
from balon_client.problems import AccountChangedError
from balon_client.recovering import Recovery
from balon_client.rotating import Rotation
from balon_client.views import View


class AccountCalls:
    """What the page may ask about the account itself."""

    def __init__(self, platform: Platform, session: AccountSession) -> None:
        self._platform = platform
        self._session = session
        self._credentials = Credentials(platform, session.accounts)
        self._recovery = Recovery(platform, session.accounts)
        self._rotation = Rotation(platform, session)
        self._devices = Devices(session)
        self._leaving = Leaving(platform, session)

    @property
    def calls(self) -> dict[str, Callable[..., Awaitable[object]]]:
        """Every call by its name, but for those that begin a session."""
        return {
            "change_password": self.change_password,
            "change_login": self.change_login,
            "rotate_account_keys": self.rotate_account_keys,
            "check_kit": self.check_kit,
            "kit_reminder": self.kit_reminder,
            "put_off_kit_reminder": self.put_off_kit_reminder,
            "list_sessions": self._devices.list_sessions,
            "end_session": self._devices.end_session,
            "end_other_sessions": self._devices.end_other_sessions,
            "disclosure": self._devices.disclosure,
            "deletion": self._leaving.deletion,
            "request_deletion": self._leaving.request_deletion,
            "cancel_deletion": self._leaving.cancel_deletion,
        }

    # --- Sign-in ---

    async def sign_in(self, login: object, password: PasswordBuffer) -> OpenedAccount:
        """Signs in, and raises an outdated number of iterations by the way; raises as `Accounts.sign_in`.

        Whatever becomes of the upgrade, the sign-in stands: where its answer was lost, the handle signs in again.
        """
        try:
            begun = await self._session.accounts.begin(login)
        except BaseException:
            self._platform.crypto.zero(password)
            raise
        if begun.terms.iterations >= DEFAULT_ITERATIONS:
            return await self._session.accounts.finish(begun, password)
        return await self._sign_in_upgrading(begun, await import_password(self._platform, password))

    async def _sign_in_upgrading(self, begun: Begun, key: PasswordKey) -> OpenedAccount:
        opened = await self._session.accounts.finish(begun, key)
        try:
            return await self._credentials.upgrade_kdf(opened, key)
        except (AccountChangedError, OutcomeUnknownError):
            again = await self._session.accounts.begin(opened.account.login)
            return await self._session.accounts.finish(again, key)
        except AlarmError:
            raise
        except ClientError:
            return opened

    # --- Changes ---

    async def change_password(self, old: PasswordBuffer, new: PasswordBuffer) -> View:
        """Replaces the password; all other sessions end. Zeroes both passwords."""
        async with self._session.changing():
            before = await self._before(old, new)
            after = await self._credentials.change_password(before, old, new)
            return await self._session.exchange(before.account, after)

    async def change_login(self, login: object, password: PasswordBuffer) -> View:
        """Replaces the login name; all other sessions end. Zeroes the password."""
        async with self._session.changing():
            before = await self._before(password)
            after = await self._credentials.change_login(before, login, password)
            return await self._session.exchange(before.account, after)

    async def rotate_account_keys(self, old: PasswordBuffer, new: PasswordBuffer, new_identity: object) -> View:
        """Replaces password, master key, RSA pair and kit, in every conversation too. Zeroes both passwords."""
        return await self._rotation.rotate(old, new, new_identity=new_identity is True)

    async def _before(self, *passwords: PasswordBuffer) -> OpenedAccount:
        try:
            return await self._session.opened_account()
        except BaseException:
            for password in passwords:
                self._platform.crypto.zero(password)
            raise

    # --- The kit ---

    async def check_kit(self, text: object) -> None:
        """Shows that a kit opens this account, without using it up."""
        await self._recovery.check(text, await self._session.opened_account())
        (await self._session.signed_in()).parts.keyring.change(note_kit_checked(self._platform.clock.now_ms()))

    async def kit_reminder(self) -> View:
        """Whether it is time to check the kit, and when that was last done."""
        settings = (await self._session.signed_in()).parts.keyring.content.settings
        due = is_kit_due(settings, self._platform.clock.now_ms())
        return {"due": due, "checked_ms": settings.kit_checked_ms}

    async def put_off_kit_reminder(self) -> None:
        """Asks again in a month: the person said that the kit is safe, or that it can wait."""
        (await self._session.signed_in()).parts.keyring.change(put_off_kit(self._platform.clock.now_ms()))

    async def recover(self, text: object, new_password: PasswordBuffer) -> View:
        """Gives the kit's account a new password, master key and kit, and begins its session."""
        made = await self._recovery.recover(text, new_password)
        return {"session": await self._session.enter(made.opened), "kit": made.kit}
