"""The clock in the browser's Python: what scripts/bench/crypto.py reads, on the real adapters in the real worker.

Its text goes behind the worker's entry (static/py/main.py). Inputs are built before the clock starts; what is measured
is what the client awaits.
"""

import time
from collections.abc import Awaitable, Callable
from uuid import UUID

from balon.protocol import contexts
from balon.protocol.envelope import Kind
from balon.protocol.statements import Bundle
from balon_client.account import Account
from balon_client.adapters.crypto import BrowserCrypto
from balon_client.adapters.javascript import js_bytes, js_crypto
from balon_client.conversation_records import ConversationRecord, GrantRecord
from balon_client.creating import NewConversation, create_conversation
from balon_client.grants import GrantVerifier
from balon_client.keyring_model import KeyringContent
from balon_client.ports import AccountKeys, ConversationKey, PasswordBuffer, Recipient, RootKey, WrappedConversationKey

CRYPTO = BrowserCrypto()


class Subject:
    """What `prepare_timings` set up."""

    root: RootKey
    wrapped: WrappedConversationKey
    account: Account


async def prepare_timings(known: dict, root: str) -> None:
    """Opens the account of the known answers, and a root key that the other side has too."""
    identity, envelopes, conversation = known["identity"], known["envelopes"], known["conversation"]
    octets = bytes.fromhex
    bundle = Bundle.parse(octets(identity["bundle"]))
    mek = RootKey(await js_crypto.importRoot(js_bytes(octets(envelopes["idk"]["root"]))))
    idk_context, rsa_context = octets(envelopes["idk"]["context"]), octets(envelopes["rsa"]["context"])
    idk = await CRYPTO.open_signing_key(mek, idk_context, octets(envelopes["idk"]["envelope"]), bundle.idk_pub)
    enc = await CRYPTO.open_decryption_key(mek, rsa_context, octets(envelopes["rsa"]["envelope"]), bundle.spki)
    recipient = Recipient(bundle.user_id, bundle.spki, bundle.rsa_kid)
    place = UUID(conversation["conversation_id"]), 0, recipient
    Subject.root = RootKey(await js_crypto.importRoot(js_bytes(octets(root))))
    Subject.wrapped = WrappedConversationKey(octets(conversation["wrapped"]), *place)
    keys = AccountKeys(mek=mek, idk=idk, enc=enc)
    Subject.account = Account(bundle=bundle, keys=keys, session_id="s", account_version=1, expires_at_ms=0)


async def timed(repeat: int, work: Callable[[], Awaitable[object]]) -> float:
    """Milliseconds of one turn, after one that nobody counts."""
    await work()
    return await timed_at_once(repeat, work)


async def timed_at_once(repeat: int, work: Callable[[], Awaitable[object]]) -> float:
    """Milliseconds of one turn, the first one included."""
    begun = time.perf_counter()
    for _ in range(repeat):
        await work()
    return (time.perf_counter() - begun) * 1000 / repeat


def messages(count: int, size: int) -> list[tuple[bytes, bytes]]:
    """Contexts and plaintexts."""
    text = "a context of the length that contexts of messages have, which is about {}"
    return [(text.format(index).encode(), bytes([index & 255]) * size) for index in range(count)]


async def time_sealing(count: int, size: int, repeat: int) -> float:
    """Sealing a batch in one call."""
    items = messages(count, size)
    return await timed(repeat, lambda: CRYPTO.seal_many(Subject.root, Kind.MESSAGE, items))


async def time_opening(count: int, size: int, repeat: int) -> float:
    """Opening a batch in one call."""
    items = messages(count, size)
    envelopes = await CRYPTO.seal_many(Subject.root, Kind.MESSAGE, items)
    sealed = [(context, envelope) for (context, _), envelope in zip(items, envelopes, strict=True)]
    return await timed(repeat, lambda: CRYPTO.open_many(Subject.root, Kind.MESSAGE, sealed))


async def time_contexts(count: int) -> float:
    """Building the contexts of a batch of messages, which the client does before it opens them."""
    fields = {"conversation_id": UUID(int=1), "epoch": 0, "sender_id": UUID(int=2), "prev_hash": bytes(32)}

    async def build() -> object:
        return [
            contexts.message_context(message_id=UUID(int=seq), seq=seq, created_ms=seq, **fields)
            for seq in range(count)
        ]

    return await timed(1, build)


async def time_derivation(iterations: int) -> float:
    """From the password to KEK and login key."""
    terms = {"login": "alice", "kdf": "PBKDF2-SHA256", "salt": bytes(range(32)), "iterations": iterations}

    async def derive() -> object:
        password = PasswordBuffer(js_bytes(b"correct horse"))
        return await CRYPTO.derive_password_keys(password, user_id=UUID(int=1), **terms)

    return await timed(1, derive)


async def time_unwrapping(repeat: int) -> float:
    """One conversation key."""
    enc = Subject.account.keys.enc
    return await timed(repeat, lambda: CRYPTO.unwrap_conversation_key(enc, Subject.wrapped))


async def time_a_chain_of_epochs(count: int) -> float:
    """The keys of all epochs before one, newest first."""
    place, roots = UUID(int=1), [epoch.to_bytes(32, "big") for epoch in range(1, count + 2)]
    handles = [RootKey(await js_crypto.importRoot(js_bytes(root))) for root in roots]
    envelopes = []
    for epoch in range(count, 0, -1):
        context = contexts.prev_epoch_context(place, epoch, epoch - 1)
        envelopes += await CRYPTO.seal_many(handles[epoch], Kind.PREV, [(context, roots[epoch - 1])])
    newest = ConversationKey(handles[count], bytes(32))
    return await timed(1, lambda: CRYPTO.open_previous_keys(newest, place, count, envelopes))


async def time_rewrapping(count: int) -> float:
    """Wrapping one's own grants anew for another key."""
    enc, items = Subject.account.keys.enc, [Subject.wrapped] * count
    return await timed(1, lambda: CRYPTO.rewrap_each(enc, items, Subject.account.recipient))


async def time_a_page_of_conversations(count: int) -> list[float]:
    """Verifying rosters and grants of a page of conversations: the first time, and with the keys remembered."""
    account = Subject.account
    records = [record_of(await create_conversation(CRYPTO, account, UUID(int=number), 1)) for number in range(count)]
    verifier, content = GrantVerifier(CRYPTO, account), KeyringContent()

    async def verify() -> object:
        found = await verifier.verify(records, content)
        assert all(conversation.is_writable for _, conversation in found)
        return found

    return [await timed_at_once(1, verify), await timed_at_once(3, verify)]


def record_of(made: NewConversation) -> ConversationRecord:
    """A conversation as the server gives it back."""
    grants = (GrantRecord(made.grant, made.wrapped),)
    return ConversationRecord(made.id, 0, 0, 1, 1, None, (made.roster,), grants, (), None)


async def open_sample(context: str, envelope: str) -> str:
    """Opens what the other side sealed; hex in and out."""
    octets = bytes.fromhex
    [plaintext] = await CRYPTO.open_many(Subject.root, Kind.MESSAGE, [(octets(context), octets(envelope))])
    return plaintext.hex()


async def seal_sample(context: str, plaintext: str) -> str:
    """Seals for the other side; hex in and out."""
    items = [(bytes.fromhex(context), bytes.fromhex(plaintext))]
    [envelope] = await CRYPTO.seal_many(Subject.root, Kind.MESSAGE, items)
    return envelope.hex()


TIMINGS = {
    function.__name__: function
    for function in (
        prepare_timings,
        time_sealing,
        time_opening,
        time_contexts,
        time_derivation,
        time_unwrapping,
        time_a_chain_of_epochs,
        time_rewrapping,
        time_a_page_of_conversations,
        open_sample,
        seal_sample,
    )
}
