"""The calls of docs/worker.md: what the page may ask of the worker."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

from balon_client.account_calls import AccountCalls
from balon_client.account_session import AccountSession
from balon_client.alarms import KdfRefusedError
from balon_client.chat import CHAT_CALLS
from balon_client.errors import ClientError
from balon_client.events import Events
from balon_client.keyring_model import IDLE_MINUTES, choose_settings
from balon_client.making import SignedUp
from balon_client.ports import AccountGeneration, PasswordBuffer, Platform
from balon_client.problems import SettingsRefusedError
from balon_client.views import View

Call = Callable[..., Awaitable[object]]
_MOST_MODEL_NAME: Final = 200


class Client:
    """One tab's client. Arguments come from the page: texts and identifiers are checked where they are used."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._events = Events()
        self._session = AccountSession(platform, self._events)
        self._account = AccountCalls(platform, self._session)
        self._generation: AccountGeneration | None = None
        self._announcing: asyncio.Task[None] | None = None

    @property
    def calls(self) -> dict[str, Call]:
        """Every call by its name."""
        return {
            "boot": self._session.boot,
            "prepare_sign_up": self.prepare_sign_up,
            "cancel_sign_up": self.cancel_sign_up,
            "sign_up": self.sign_up,
            "sign_in": self.sign_in,
            "first_sign_in": self.first_sign_in,
            "lock": self._session.lock,
            "unlock": self._session.unlock,
            "sign_out": self._session.sign_out,
            "touch": self._session.touch,
            "settings": self.settings,
            "update_settings": self.update_settings,
            "recover": self.recover,
            "next_events": self._events.next_events,
            **self._account.calls,
            **{name: self._chat_call(name) for name in CHAT_CALLS},
        }

    def _chat_call(self, name: str) -> Call:
        async def call(*arguments: Any) -> object:
            opened = await self._session.signed_in()
            await opened.parts.keyring.confirm()
            return await opened.chat.calls[name](*arguments)

        return call

    # --- Signing up and in ---

    async def prepare_sign_up(self) -> None:
        """Starts to generate account keys, once."""
        if self._generation is None:
            self._generate()

    def _generate(self) -> None:
        self._generation = self._platform.crypto.generate_account_keys()
        self._events.publish("key-generation", state="running")
        self._announcing = asyncio.ensure_future(self._announce(self._generation))

    async def _announce(self, generation: AccountGeneration) -> None:
        try:
            await generation.public_keys()
        except RuntimeError:
            return  # They were used or dropped before anybody heard of them.
        except ClientError as error:
            self._events.publish_alarm(error.problem)
        else:
            self._events.publish("key-generation", state="done")

    async def cancel_sign_up(self) -> None:
        """Drops the generated keys."""
        if self._announcing is not None:
            self._announcing.cancel()
        if self._generation is not None:
            self._generation.drop()
        self._generation = self._announcing = None

    async def sign_up(self, login: object, password: PasswordBuffer) -> View:
        """Makes an account, signs in to it, and gives the recovery kit, this once.

        Generated keys are used for one account at most: after a failure new ones are made.
        """
        make = partial(self._session.accounts.sign_up, login, password)
        return await self._enter_new(make)

    async def first_sign_in(self, login: object, typed: PasswordBuffer, password: PasswordBuffer) -> View:
        """Gives an account from before encryption its keys, signs in to it, and gives the recovery kit, this once.

        Raises:
            KdfRefusedError: This tab knows the account, so that the server lies about it (A53).
        """
        if isinstance(login, str) and self._session.view["login"] == login.strip().lower():
            self._platform.crypto.zero(typed)
            self._platform.crypto.zero(password)
            raise KdfRefusedError
        return await self._enter_new(partial(self._session.legacy.first_sign_in, login, typed, password))

    async def _enter_new(self, make: Callable[[AccountGeneration], Awaitable[SignedUp]]) -> View:
        await self.prepare_sign_up()
        generation, self._generation = self._generation, None
        if generation is None:
            raise ClientError
        try:
            made = await make(generation)
        except BaseException as error:
            generation.drop()
            if isinstance(error, ClientError):
                self._generate()
            raise
        return {"session": await self._session.enter(made.opened), "kit": made.kit}

    async def sign_in(self, login: object, password: PasswordBuffer) -> View:
        """Proves knowledge of the password, opens the account's keys, begins the session.

        Keys that were generated for an account that nobody made are dropped.
        """
        opened = await self._account.sign_in(login, password)
        await self.cancel_sign_up()
        return await self._session.enter(opened)

    async def recover(self, text: object, new_password: PasswordBuffer) -> View:
        """Gives the account of a recovery kit a new password and a new kit, and begins its session."""
        recovered = await self._account.recover(text, new_password)
        await self.cancel_sign_up()
        return recovered

    # --- Settings ---

    async def settings(self) -> View:
        """What the person chose; it rests in the keyring and follows them to other devices."""
        chosen = (await self._session.signed_in()).parts.keyring.content.settings
        return {"idle_minutes": chosen.idle_minutes, "model": chosen.model}

    async def update_settings(self, changes: object) -> View:
        """Changes what is given.

        Raises:
            SettingsRefusedError: Of the wrong form; nothing was changed.
        """
        idle_minutes, model = _read_settings(changes)
        (await self._session.signed_in()).parts.keyring.change(choose_settings(idle_minutes, model))
        if idle_minutes is not None:
            await self._session.set_idle_minutes(idle_minutes)
        return await self.settings()

    async def close(self) -> None:
        """Stops all work, as closing the tab does."""
        await self.cancel_sign_up()
        await self._session.close()


def _read_settings(changes: object) -> tuple[int | None, str | None]:
    if not isinstance(changes, dict) or not set(changes) <= {"idle_minutes", "model"}:
        raise SettingsRefusedError
    idle_minutes, model = changes.get("idle_minutes"), changes.get("model")
    if idle_minutes is not None and (type(idle_minutes) is not int or idle_minutes not in IDLE_MINUTES):
        raise SettingsRefusedError
    if model is not None and (not isinstance(model, str) or not 0 < len(model) <= _MOST_MODEL_NAME):
        raise SettingsRefusedError
    return idle_minutes, model
