"""A member who does not keep to the client: Alice's own keys, under CPython, sealing and signing what they like."""

import asyncio
import dataclasses
import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from balon_client.accounts import Accounts
from balon_client.api import Api
from balon_client.grants import GrantVerifier
from balon_client.messages import Draft, open_messages, seal_message
from balon_client.payloads import Payload, hash_text
from balon_client.ports import PasswordBuffer
from tests.browser.person import Person
from tests.contract.cpython_world import CPythonWorld


def forge_replies(person: Person, origin: str, conversation_id: str) -> list[str]:
    """Saves replies that no gateway gave. Each is built on the newest true one.

    Returns:
        The texts.
    """
    forge = _forge(person, origin, UUID(conversation_id))
    # Playwright's event loop is this thread's.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, forge).result(60)


def forgeries_of(true: Payload) -> list[Payload]:
    """Altered text, altered text with its hash, the same text as another stream's, none, and another gateway's word."""
    assert true.reply is not None
    altered, rehashed = "Altered text.", "Altered text and its hash."
    other_hash = dataclasses.replace(true.reply, text_hash=hash_text(rehashed))
    stranger = dataclasses.replace(true.reply, gateway_id=hashlib.sha256(b"stranger").digest())
    replace = dataclasses.replace
    return [
        replace(true, text=altered),
        replace(true, text=rehashed, reply=other_hash),
        true,
        replace(true, text="Without a signature.", reply=None),
        replace(true, reply=stranger),
    ]


async def _forge(person: Person, origin: str, conversation_id: UUID) -> list[str]:
    world = CPythonWorld(origin)
    try:
        return await _forge_in(world, person, conversation_id)
    finally:
        await world.close()


async def _forge_in(world: CPythonWorld, person: Person, conversation_id: UUID) -> list[str]:
    platform = world.platform
    api, crypto = Api(platform.http), platform.crypto
    password = PasswordBuffer(bytearray(person.password.encode()))
    opened = await Accounts(platform, api).sign_in(person.login, password)
    verifier = GrantVerifier(crypto, opened.account)
    ((_, conversation),) = await verifier.verify([await api.conversation(conversation_id)], opened.keyring)
    records = (await api.messages(conversation_id)).messages
    gateways = {gateway.gateway_id: gateway.identity for gateway in opened.keyring.gateways}
    *_, (_, newest) = await open_messages(crypto, conversation, records, gateways)
    assert newest.payload is not None
    assert newest.mark is None
    forged = forgeries_of(newest.payload)
    seq, prev_hash = records[-1].seq, hashlib.sha256(records[-1].envelope).digest()
    for payload in forged:
        seq += 1
        draft = Draft(platform.random.uuid7(), platform.clock.now_ms(), payload)
        record = await seal_message(crypto, opened.account, conversation, draft, (seq, prev_hash))
        await api.post_message(conversation_id, record)
        prev_hash = hashlib.sha256(record.envelope).digest()
    return _texts(forged)


def _texts(payloads: Sequence[Payload]) -> list[str]:
    return [payload.text for payload in payloads]
