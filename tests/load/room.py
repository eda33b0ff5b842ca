"""A crowded room: many people write at once, and in the end all of them hold the same verified history.

Run: ``make room ARGS="--people 20 --rate 10 --seconds 60"``. Starts PostgreSQL, Redis, web tier and gateway
of its own on loopback; the people are the browser's own Python on CPython doubles. The channel layer holds so little
that it drops hints, and the web tier is restarted in the middle. Ends with status 1 when anything was lost or doubled.

It is no benchmark: what it prints besides the verdict says how busy the machine was.
"""

import argparse
import asyncio
import hashlib
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from balon_client.errors import ClientError, NetworkError
from balon_client.problems import NotSentError
from tests.client.tab import password
from tests.client.test_against_server import RealTab
from tests.fakes.openai_server import MODEL, run_in_thread
from tests.servers import start_postgres, start_redis
from tests.stack.installation import Installation, free_port

SETTLE_S = 180.0
_LIMITS = ("ADDRESS", "LOGIN", "INFERENCE", "LOOKUP", "WRITES", "ROSTERS")


@dataclass
class Guest:
    """One person in the room."""

    login: str
    tab: RealTab
    written: list[str] = field(default_factory=list)
    """The ids of the messages that the server confirmed."""


async def gather_people(origin: str, count: int) -> tuple[list[Guest], str]:
    """Signs everybody up, makes the room, and lets everybody in."""
    guests: list[Guest] = []
    for number in range(count):
        guest = Guest(f"guest-{number}@example.org", RealTab(origin, rsa.generate_private_key(65537, 4096)))
        await guest.tab.boot()
        await guest.tab.sign_up(guest.login, password())
        guests.append(guest)
    host, *others = guests
    room = (await host.tab.say("Welcome."))["conversation_id"]
    await host.tab.set_assistant(room, "mention")
    for guest in others:
        await host.tab.invite(room, guest.login, "member", True)  # noqa: FBT003 - the page's calls are positional
        await guest.tab.opened.chat.library.refresh()  # The hint of it may have been dropped.
        await guest.tab.accept_invitation(room)
    for guest in guests:
        await guest.tab.open_conversation(room)
    return guests, room


async def write(guest: Guest, room: str, *, rate: float, until_s: float) -> None:
    """Writes at a rate, each message again until the server has it."""
    number = 0
    while time.monotonic() < until_s:
        due_s = time.monotonic() + 1 / rate
        guest.written.append(await write_one(guest, room, f"{guest.login} says {number}"))
        number += 1
        await asyncio.sleep(max(0.0, due_s - time.monotonic()))


async def write_one(guest: Guest, room: str, text: str) -> str:
    """Sends one message; what was not confirmed is sent again, as a person would."""
    while True:
        try:
            sent: dict[str, str] = await guest.tab.send(room, text, None)
        except (NotSentError, NetworkError):
            await asyncio.sleep(0.2)
        else:
            return sent["message_id"]


async def restart(installation: Installation, after_s: float) -> None:
    """Stops the web tier in the middle of everything and starts it again."""
    await asyncio.sleep(after_s)
    await asyncio.to_thread(installation.stop, "web")
    await asyncio.to_thread(installation.start_web)


async def read_all(guest: Guest, room: str) -> tuple[list[str], list[dict[str, Any]]]:
    """The whole history as this person's client verified it: message ids in order; and the alarms."""
    await guest.tab.close_conversation()
    opened = await guest.tab.open_conversation(room)
    messages, more = list(opened["messages"]), opened["more"]
    while more:
        older = await guest.tab.older_messages(room)
        messages, more = [*older["messages"], *messages], older["more"]
    return [message["id"] for message in messages if message["text"] is not None], opened["alarms"]


async def settle(guests: Sequence[Guest], room: str) -> list[tuple[list[str], list[dict[str, Any]]]]:
    """Reads until everybody sees the same, or patience ends."""
    deadline = time.monotonic() + SETTLE_S
    while True:
        found = [await read_all(guest, room) for guest in guests]
        if all(ids == found[0][0] for ids, _ in found) or time.monotonic() > deadline:
            return found
        await asyncio.sleep(1)


def judge(guests: Sequence[Guest], found: Sequence[tuple[list[str], list[dict[str, Any]]]]) -> list[str]:
    """What is wrong with what everybody sees; nothing in a good run."""
    written = [message_id for guest in guests for message_id in guest.written]
    faults = []
    for guest, (ids, alarms) in zip(guests, found, strict=True):
        lost, doubled = set(written) - set(ids), len(ids) - len(set(ids))
        if lost or doubled or alarms or ids != found[0][0]:
            codes = [alarm["code"] for alarm in alarms]
            faults.append(
                f"{guest.login}: {len(lost)} lost, {doubled} doubled, alarms {codes}, same {ids == found[0][0]}"
            )
    return faults


async def run(installation: Installation, *, people: int, rate: float, seconds: float) -> int:
    """One run from sign-up to verdict."""
    began_s = time.monotonic()
    guests, room = await gather_people(installation.origin, people)
    gathered_s = time.monotonic()
    try:
        until_s = gathered_s + seconds
        writers = [write(guest, room, rate=rate, until_s=until_s) for guest in guests]
        await asyncio.gather(restart(installation, seconds / 2), *writers)
        wrote_s = time.monotonic()
        found = await settle(guests, room)
    finally:
        for guest in guests:
            await guest.tab.close()
            await guest.tab.http.close()
    faults = judge(guests, found)
    total = sum(len(guest.written) for guest in guests)
    digest = hashlib.sha256("".join(found[0][0]).encode()).hexdigest()[:16]
    writing_s, settling_s = wrote_s - gathered_s, time.monotonic() - wrote_s
    print(f"{people} people, gathered in {gathered_s - began_s:.0f} s, wrote {total} messages in {writing_s:.0f} s,")
    print(f"{total / writing_s:.0f} a second; everybody had everything {settling_s:.0f} s later.")
    print("\n".join(faults) or f"Everybody verified the same {len(found[0][0])} messages ({digest}).")
    return int(bool(faults))


def main() -> int:
    """Starts everything, runs once, ends everything."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--rate", type=float, default=10.0, help="messages a second of each person")
    parser.add_argument("--seconds", type=float, default=60.0)
    arguments = parser.parse_args()
    port = free_port()
    with tempfile.TemporaryDirectory() as folder, run_in_thread() as upstream:
        settings = {
            "BALON_UPSTREAM_URL": upstream.url,
            "BALON_UPSTREAM_MODELS": MODEL,
            "BALON_UPSTREAM_API_KEY": "test-key",
            "DATABASE_URL": start_postgres(),
            "REDIS_URL": start_redis(),
            "DJANGO_SETTINGS_MODULE": "tests.load.settings",
            **{f"BALON_LIMIT_{name}": "1000000/60" for name in _LIMITS},
        }
        installation = Installation(Path(folder, "var"), f"http://localhost:{port}", settings, port=port)
        try:
            installation.start()
            return asyncio.run(
                run(installation, people=arguments.people, rate=arguments.rate, seconds=arguments.seconds)
            )
        except ClientError as error:
            print(f"A client refused: {error.problem}")
            return 1
        finally:
            installation.close()


if __name__ == "__main__":
    sys.exit(main())
