"""An account with a room of many people or of many epochs, made through the API by the real client on its CPython ports.

    python -m tests.fakes.rooms LOGIN PASSWORD PEOPLE EPOCHS

runs in the environment of an installation whose web tier is up, and prints the room's id. The others are called
`guest-1.LOGIN` and so on; the last of them has an account and is not in the room. They all have one RSA key and one
password: whoever measures does not look behind them.
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from uuid import UUID

from cryptography.hazmat.primitives.serialization import load_der_private_key

from balon.protocol.roster import RosterOp
from balon_client.client import Client
from balon_client.entries import Deed
from tests.client.doubles.crypto import PycaCrypto
from tests.fakes.long_conversation import build_platform

PATIENCE_S = 30
VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "balon1_kat.json"


def guest(number: int, host: str) -> str:
    """The login name of a guest, from 1."""
    return f"guest-{number}.{host}"


class Caller:
    """A signed-in client, by the calls of docs/worker.md."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def call(self, name: str, *arguments: object) -> object:
        """Calls as the page does."""
        return await self.client.calls[name](*arguments)

    async def make_room(self, title: str) -> UUID:
        """A conversation with one message, which asks nobody."""
        made = await self.client._session._open.chat.library.create()
        await self.call("set_assistant", str(made.id), "mention")
        await self.call("rename", str(made.id), title)
        return made.id

    async def until_listed(self, room: UUID) -> None:
        """Reads the list until the room is in it: the invitation is news, which takes its time."""
        library = self.client._session._open.chat.library
        async with asyncio.timeout(PATIENCE_S):
            while library.get(room) is None:
                await library.refresh()

    async def rotate(self, room: UUID, times: int) -> None:
        """Begins one epoch after the other."""
        chat = self.client._session._open.chat._chat
        for _ in range(times):
            deeds = iter([Deed(op=RosterOp.ROTATE), None])
            await chat.rosters.change(chat.library.get(room), lambda _, deeds=deeds: next(deeds))


async def sign_up(login: str, password: str, rsa_key: object) -> Caller:
    """Somebody with a new account."""
    client = Client(build_platform(os.environ["BALON_ORIGIN"], PycaCrypto(rsa_key=rsa_key)))
    await client.calls["boot"]()
    await client.calls["sign_up"](login, bytearray(password.encode()))
    return Caller(client)


async def fill(host: Caller, login: str, room: UUID, people: int, credentials: tuple[str, object]) -> None:
    """Lets guests in until so many are in the room; makes one guest more."""
    for number in range(1, people + 1):
        caller = await sign_up(guest(number, login), *credentials)
        if number < people:
            await host.call("invite", str(room), guest(number, login), "member", True)  # noqa: FBT003 - as the page calls
            await caller.until_listed(room)
            await caller.call("accept_invitation", str(room))
        await caller.client.close()


async def make(login: str, password: str, people: int, epochs: int) -> UUID:
    """Makes all of it; gives the room's id."""
    pkcs8 = bytes.fromhex(json.loads(VECTORS.read_text())["identity"]["pkcs8"])
    rsa_key = load_der_private_key(pkcs8, None, unsafe_skip_rsa_key_validation=True)
    host = await sign_up(login, password, rsa_key)
    room = await host.make_room(f"{people} people, {epochs} epochs")
    await fill(host, login, room, people, (password, rsa_key))
    await host.rotate(room, epochs - 1)
    await host.client.close()
    return room


def main() -> None:
    """Makes what the command line asks for."""
    login, password, people, epochs = sys.argv[1:]
    print(asyncio.run(make(login, password, int(people), int(epochs))))  # noqa: T201 - what the caller asked for


if __name__ == "__main__":
    main()
