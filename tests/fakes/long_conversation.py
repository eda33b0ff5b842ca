"""An account with conversations of any length, sealed and signed as its own client would, and stored in bulk.

Account and conversations are made through the API by the real client on its CPython ports. Only the messages take the
short way, straight into the database: ten thousand requests would take minutes and prove nothing more.

    python -m tests.fakes.long_conversation LOGIN PASSWORD COUNT…

runs in the environment of an installation whose web tier is up, and prints the conversations' ids, one a line.
"""

import asyncio
import hashlib
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from balon.protocol.encoding import ZERO_HASH
from balon_client.account import Account
from balon_client.accounts import Accounts
from balon_client.api import Api
from balon_client.conversation_records import MessageRecord
from balon_client.creating import create_conversation
from balon_client.grants import GrantVerifier
from balon_client.keyring_model import KeyringContent
from balon_client.messages import Draft, seal_messages
from balon_client.payloads import Payload
from balon_client.ports import Platform
from tests.client.doubles.crypto import PycaCrypto
from tests.client.doubles.network import HttpxHttp, WebsocketsSocket
from tests.client.doubles.platform import MemoryFiles, MemoryKeyStore, MemoryTabs, SystemClock, system_random

WORDS = "a private conversation stays private when only those who take part in it can read what was said "


@dataclass(frozen=True)
class LongConversation:
    """A conversation that is empty on the server, and what belongs into it."""

    id: UUID
    records: list[MessageRecord]


def build_platform(origin: str, crypto: PycaCrypto | None = None) -> Platform:
    """The client's ports under CPython."""
    http = HttpxHttp(origin)
    return Platform(
        crypto=crypto or PycaCrypto(),
        key_store=MemoryKeyStore(),
        http=http,
        socket=WebsocketsSocket(http),
        tabs=MemoryTabs(),
        clock=SystemClock(),
        random=system_random(),
        files=MemoryFiles(),
        origin=origin,
    )


async def make_account(platform: Platform, login: str, password: str, counts: Sequence[int]) -> list[LongConversation]:
    """Signs up, and makes a conversation for each count of messages."""
    api = Api(platform.http)
    keys = platform.crypto.generate_account_keys()
    made = await Accounts(platform, api).sign_up(login, bytearray(password.encode()), keys)
    found = [await make_conversation(platform, api, made.opened.account, count) for count in counts]
    await platform.http.close()
    return found


async def make_conversation(platform: Platform, api: Api, account: Account, count: int) -> LongConversation:
    """Makes a conversation through the API, and what belongs into it."""
    now_ms = platform.clock.now_ms()
    made = await create_conversation(platform.crypto, account, platform.random.uuid7(), now_ms)
    record = await api.create_conversation(made)
    ((_, conversation),) = await GrantVerifier(platform.crypto, account).verify([record], KeyringContent())
    drafts = list(draft_messages(platform, count, now_ms))
    records = await seal_messages(platform.crypto, account, conversation, drafts, (1, ZERO_HASH))
    return LongConversation(conversation.id, records)


def draft_messages(platform: Platform, count: int, started_ms: int) -> Iterator[Draft]:
    """Messages that can be told apart, of different lengths, some with Markdown."""
    for number in range(1, count + 1):
        text = f"Message {number}: {WORDS * (number % 5 + 1)}"
        if number % 7 == 0:
            text += "\n\n```python\nprint('private')\n```\n\n- one\n- **two**"
        yield Draft(platform.random.uuid7(), started_ms + number, Payload(role="user", text=text))


def store(conversations: Sequence[LongConversation]) -> None:
    """Puts the messages into the database that the environment names."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "balon.settings")
    import django

    django.setup()
    from conversations.models import Conversation as Row
    from conversations.models import Message

    for conversation in conversations:
        rows = [
            Message(
                conversation_id=conversation.id,
                position=position,
                message_id=record.message_id,
                sender_id=record.sender_id,
                epoch=record.epoch,
                seq=record.seq,
                prev_hash=record.prev_hash,
                created_ms=record.created_ms,
                envelope=record.envelope,
                envelope_hash=hashlib.sha256(record.envelope).digest(),
                signature=record.signature,
            )
            for position, record in enumerate(conversation.records, start=1)
        ]
        Message.objects.bulk_create(rows, batch_size=500)
        Row.objects.filter(pk=conversation.id).update(head_position=len(rows), head_hash=rows[-1].envelope_hash)


def main() -> None:
    """Makes what the command line asks for."""
    login, password, *counts = sys.argv[1:]
    platform = build_platform(os.environ["BALON_ORIGIN"])
    conversations = asyncio.run(make_account(platform, login, password, [int(count) for count in counts]))
    store(conversations)
    for conversation in conversations:
        print(conversation.id)  # noqa: T201 - what the caller asked for


if __name__ == "__main__":
    main()
