"""Messages: sealing and signing one's own, opening and verifying pages of them (docs/protocol.md section 8)."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from balon.protocol.contexts import message_context
from balon.protocol.envelope import Kind
from balon.protocol.statements import message_statement, reply_statement
from balon.protocol.types import Envelope, Plaintext, PublicKey, Signature, Statement
from balon_client.account import Account
from balon_client.alarms import LateMessageError, MessageRefusedError
from balon_client.chain import Link
from balon_client.conversation_records import MessageRecord
from balon_client.conversations import Conversation
from balon_client.errors import ClientError
from balon_client.payloads import LEGACY, Payload, PayloadError, hash_text, parse_payload
from balon_client.ports import Crypto
from balon_client.problems import (
    ImportedReplyError,
    InterruptedReplyError,
    LegacyMessageError,
    UnconfirmedError,
    UnreadableError,
    reply_failure,
)

Gateways = Mapping[bytes, PublicKey]
"""Pinned gateways, past ones too: identity keys by gateway_id."""


@dataclass(frozen=True, slots=True)
class Message:
    """A stored message as far as it could be opened. `payload` is None where it was refused or not understood.

    A proof in the payload was verified: one that does not hold was taken out.
    """

    position: int
    id: UUID
    sender_id: UUID
    created_ms: int
    payload: Payload | None = field(repr=False)
    mark: ClientError | None = None
    epoch: int = 0

    @property
    def is_for_model(self) -> bool:
        """Whether its author sealed it for a model too; everything else stays among the people (A54)."""
        return self.payload is not None and self.payload.model is not None

    @property
    def is_confirmed(self) -> bool:
        """Whether it says what it seems to: a person's own words, or a reply that the gateway signed."""
        return self.payload is not None and (self.payload.role != "assistant" or self.payload.reply is not None)


def newest_question(messages: Sequence[Message], sender_id: UUID | None = None) -> Message | None:
    """The newest message that a person, or this one, sealed for a model; None where there is none."""
    for message in reversed(messages):
        is_theirs = sender_id is None or message.sender_id == sender_id
        if is_theirs and message.is_for_model and message.payload and message.payload.role == "user":
            return message
    return None


@dataclass(frozen=True, slots=True)
class Draft:
    """A message before it is sealed: it keeps id and time when it must be sealed again behind newer ones."""

    message_id: UUID
    created_ms: int
    payload: Payload


async def seal_message(
    crypto: Crypto, account: Account, conversation: Conversation, draft: Draft, place: tuple[int, bytes]
) -> MessageRecord:
    """Seals and signs a message at its place.

    Args:
        crypto: The crypto port.
        account: The sender.
        conversation: Verified and writable.
        draft: What to seal.
        place: The sender's next number, and the hash of the envelope before it.

    Returns:
        The record to post; its position is 0 until the server gives one.
    """
    (record,) = await seal_messages(crypto, account, conversation, [draft], place)
    return record


async def seal_messages(
    crypto: Crypto, account: Account, conversation: Conversation, drafts: Sequence[Draft], place: tuple[int, bytes]
) -> list[MessageRecord]:
    """Seals and signs messages that follow each other; arguments as of `seal_message`, `place` of the first one."""
    seq, prev_hash = place
    records, statements = [], []
    for number, draft in enumerate(drafts, seq):
        envelope = await _seal(crypto, account, conversation, draft, (number, prev_hash))
        statements.append(message_statement(conversation.id, conversation.epoch, draft.message_id, envelope))
        records.append(
            MessageRecord(
                position=0,
                message_id=draft.message_id,
                sender_id=account.user_id,
                epoch=conversation.epoch,
                seq=number,
                prev_hash=prev_hash,
                created_ms=draft.created_ms,
                envelope=envelope,
                signature=Signature(b""),
            )
        )
        prev_hash = hashlib.sha256(envelope).digest()
    signatures = await crypto.sign_many(account.keys.idk, statements)
    return [replace(record, signature=each) for record, each in zip(records, signatures, strict=True)]


async def _seal(
    crypto: Crypto, account: Account, conversation: Conversation, draft: Draft, place: tuple[int, bytes]
) -> Envelope:
    seq, prev_hash = place
    context = message_context(
        conversation_id=conversation.id,
        epoch=conversation.epoch,
        message_id=draft.message_id,
        sender_id=account.user_id,
        seq=seq,
        prev_hash=prev_hash,
        created_ms=draft.created_ms,
    )
    item = (context, draft.payload.serialize())
    (envelope,) = await crypto.seal_many(conversation.key.root, Kind.MESSAGE, [item])
    return envelope


def link_of(record: MessageRecord, *, genuine: bool, late: bool = False) -> Link:
    """A record's place in the chain."""
    return Link(
        position=record.position,
        message_id=record.message_id,
        sender_id=record.sender_id,
        seq=record.seq,
        prev_hash=record.prev_hash,
        hash=hashlib.sha256(record.envelope).digest(),
        epoch=record.epoch,
        genuine=genuine,
        late=late,
    )


async def open_messages(
    crypto: Crypto,
    conversation: Conversation,
    records: Sequence[MessageRecord],
    gateways: Gateways,
    *,
    after_epoch: int = 0,
) -> list[tuple[Link, Message]]:
    """Opens and verifies a page of messages: one call for each epoch in it, and one for all signatures.

    Args:
        crypto: The crypto port.
        conversation: Verified; with the keys and members of each epoch.
        records: The page, in the server's order.
        gateways: Pinned gateways.
        after_epoch: The epoch of a genuine message that comes before them.

    Returns:
        A link and a message for each record, in order. One that does not open, whose signature does not hold, or whose
        epoch was over is there without content: the page shows that something is there, and what.
    """
    plaintexts = await _open_envelopes(crypto, conversation, records)
    payloads = [_parse_or_none(plaintext) for plaintext in plaintexts]
    signatures = [_signature_item(conversation, record) for record in records]
    proofs = [_proof_item(conversation.id, *pair, gateways) for pair in zip(records, payloads, strict=True)]
    holds = await _verify(crypto, [*signatures, *proofs])
    opened = []
    for index, record in enumerate(records):
        signed = plaintexts[index] is not None and holds[index]
        late = signed and (record.epoch < after_epoch or conversation.is_late(record.epoch, record.position))
        link = link_of(record, genuine=signed and not late, late=late)
        after_epoch = max(after_epoch, record.epoch) if link.genuine else after_epoch
        opened.append((link, _message_of(record, link, payloads[index], confirmed=holds[len(records) + index])))
    return opened


def _message_of(record: MessageRecord, link: Link, payload: Payload | None, *, confirmed: bool) -> Message:
    shown = payload if link.genuine else None
    mark = LateMessageError() if link.late else _mark_of(shown, genuine=link.genuine, confirmed=confirmed)
    if shown is not None and not confirmed:
        shown = replace(shown, reply=None)
    return Message(record.position, record.message_id, record.sender_id, record.created_ms, shown, mark, record.epoch)


async def _open_envelopes(
    crypto: Crypto, conversation: Conversation, records: Sequence[MessageRecord]
) -> list[Plaintext | None]:
    plaintexts: dict[int, Plaintext | None] = {}
    for epoch in {record.epoch for record in records} & conversation.keys.keys():
        chosen = [index for index, record in enumerate(records) if record.epoch == epoch]
        items = [(_context_of(conversation.id, records[index]), records[index].envelope) for index in chosen]
        opened = await crypto.open_each(conversation.keys[epoch].root, Kind.MESSAGE, items)
        plaintexts |= zip(chosen, opened, strict=True)
    return [plaintexts.get(index) for index in range(len(records))]


def _context_of(conversation_id: UUID, record: MessageRecord) -> bytes:
    """Every field that the record claims is bound: whichever was changed, the envelope does not open (A11)."""
    return message_context(
        conversation_id=conversation_id,
        epoch=record.epoch,
        message_id=record.message_id,
        sender_id=record.sender_id,
        seq=record.seq,
        prev_hash=record.prev_hash,
        created_ms=record.created_ms,
    )


_SignatureItem = tuple[PublicKey, Statement, Signature] | None


def _signature_item(conversation: Conversation, record: MessageRecord) -> _SignatureItem:
    """The key is the first one that the sender had in the message's epoch, in which they might write at some time."""
    public = conversation.identity_in(record.epoch, record.sender_id)
    if public is None or not conversation.might_write_in(record.epoch, record.sender_id):
        return None
    statement = message_statement(conversation.id, record.epoch, record.message_id, record.envelope)
    return public, statement, record.signature


def _proof_item(
    conversation_id: UUID, record: MessageRecord, payload: Payload | None, gateways: Gateways
) -> _SignatureItem:
    """The gateway's signature of a reply: by a pinned gateway, for this stream, over this text (A52).

    What says that it was imported was not: its time is a file's, which no gateway vouches for.
    """
    proof = payload.reply if payload else None
    if payload is None or proof is None or payload.role != "assistant" or payload.imported:
        return None
    identity = gateways.get(proof.gateway_id)
    if identity is None or proof.text_hash != hash_text(payload.text):
        return None
    statement = reply_statement(
        gateway_id=proof.gateway_id,
        conversation_id=conversation_id,
        stream_id=record.message_id,
        request_hash=proof.request_hash,
        text_hash=proof.text_hash,
    )
    return identity, statement, proof.signature


async def _verify(crypto: Crypto, items: Sequence[_SignatureItem]) -> list[bool]:
    present = [item for item in items if item is not None]
    checked = iter(await crypto.verify_each(present) if present else [])
    return [item is not None and next(checked) is not None for item in items]


def _parse_or_none(plaintext: Plaintext | None) -> Payload | None:
    if plaintext is None:
        return None
    try:
        return parse_payload(plaintext)
    except PayloadError:
        return None


def _mark_of(payload: Payload | None, *, genuine: bool, confirmed: bool) -> ClientError | None:
    if not genuine:
        return MessageRefusedError()
    if payload is None:
        return UnreadableError()
    return reply_mark(payload, confirmed=confirmed)


def reply_mark(payload: Payload, *, confirmed: bool) -> ClientError | None:
    """What must stand beside a message: that it is unconfirmed, interrupted, or why the model failed."""
    if payload.imported is not None and payload.imported.source == LEGACY:
        return LegacyMessageError()
    if payload.role != "assistant":
        return None
    if payload.imported is not None:
        return ImportedReplyError()
    if not confirmed:
        return InterruptedReplyError() if _is_cut(payload) else UnconfirmedError()
    return reply_failure(payload.error or "") if payload.finish == "error" else None


def _is_cut(payload: Payload) -> bool:
    return payload.finish == "interrupted" and payload.reply is None
