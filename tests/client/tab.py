"""A tab of a browser profile with the whole client in it, on the doubles and the fake server."""

import asyncio
import dataclasses

import pytest

from balon_client.client import Client
from balon_client.errors import ClientError
from balon_client.ports import Platform
from tests.client.doubles.crypto import PycaCrypto
from tests.client.doubles.platform import (
    BrowserStorage,
    FakeClock,
    MemoryFiles,
    MemoryKeyStore,
    MemoryTabs,
    TabsHub,
    system_random,
)
from tests.client.fake_server import ORIGIN, FakeHttp, FakeServer, FakeSocket, Jar

PASSWORD = "correct horse battery staple"
PATIENCE = 4000


def password(text: str = PASSWORD) -> bytearray:
    return bytearray(text.encode())


async def refused(call) -> str:
    """Awaits a call that must be refused, and gives the problem's code."""
    with pytest.raises(ClientError) as caught:
        await call
    return caught.value.problem_code


class Profile:
    """A browser profile: cookies, storage, and the tabs that share them."""

    def __init__(self, server: FakeServer, clock: FakeClock, rsa_key) -> None:
        self.server = server
        self.clock = clock
        self.rsa_key = rsa_key
        self.jar = Jar()
        self.storage = BrowserStorage()
        self.hub = TabsHub()
        self.tabs: list[Tab] = []

    def open_tab(self, **ports) -> "Tab":
        """A tab before `boot`; `ports` replace some of its platform."""
        tab = Tab(self, ports)
        self.tabs.append(tab)
        return tab

    async def close(self) -> None:
        for tab in self.tabs:
            await tab.close()


class Tab:
    """The calls of one tab by name, and the events that it told its page."""

    def __init__(self, profile: Profile, ports: dict) -> None:
        self.clock = profile.clock
        self.server = profile.server
        self.profile = profile
        platform = Platform(
            crypto=PycaCrypto(rsa_key=profile.rsa_key),
            key_store=MemoryKeyStore(profile.storage),
            http=FakeHttp(profile.server, profile.jar),
            socket=FakeSocket(profile.server, profile.jar),
            tabs=MemoryTabs(profile.hub),
            clock=profile.clock,
            random=system_random(profile.clock),
            files=MemoryFiles(),
            origin=ORIGIN,
        )
        self.platform = dataclasses.replace(platform, **ports)
        self.client = Client(self.platform)
        self.events: list[dict] = []
        self._listening = asyncio.ensure_future(self._listen())

    def __getattr__(self, name: str):
        return self.client.calls[name]

    async def _listen(self) -> None:
        while True:
            self.events += await self.client.calls["next_events"]()

    def told(self, kind: str) -> list[dict]:
        return [event for event in self.events if event["type"] == kind]

    @property
    def alarms(self) -> list[str]:
        return [event["problem"]["code"] for event in self.told("alarm")]

    @property
    def session(self) -> dict:
        return self.client._session.view

    @property
    def keys(self) -> object:
        """The open part of the session, with its handles; None when locked or signed out."""
        return self.client._session._open

    async def until(self, condition, what: str = "") -> None:
        """Lets everything run until something is so."""
        for _ in range(PATIENCE):
            if condition():
                return
            await asyncio.sleep(0)
        raise AssertionError(f"never so: {what or condition}; told {[e['type'] for e in self.events]} {self.alarms}")

    async def left(self, reason: str) -> None:
        """Waits until the page was told that the session changed for this reason."""
        await self.until(lambda: self.told("session")[-1:] and self.told("session")[-1]["reason"] == reason, reason)

    async def sign_in_as(self, login: str, text: str = PASSWORD) -> dict:
        return await self.sign_in(login, password(text))

    async def say(self, text: str, conversation_id: str | None = None) -> dict:
        """Sends a message and waits until its reply is saved."""
        sent = await self.send(conversation_id, text, None)
        await self.until(lambda: self.is_saved(sent["reply_id"]), "the reply is saved")
        return sent

    def is_saved(self, message_id: str) -> bool:
        return any(
            message["message_id"] == message_id
            for conversation in self.server.state.conversations.values()
            for message in conversation["messages"]
        )

    async def online(self) -> None:
        own = self.keys.session_id
        await self.until(lambda: any(each.session_id == own for each in self.server.connections), "online")

    async def close(self) -> None:
        self._listening.cancel()
        await self.client.close()
