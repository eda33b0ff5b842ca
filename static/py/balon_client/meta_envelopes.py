"""Titles and settings as META: sealed, and signed by their author, so that nobody else sets them (section 8; A54)."""

from collections.abc import Sequence

from balon.protocol.contexts import meta_context
from balon.protocol.envelope import Kind
from balon.protocol.statements import meta_statement
from balon_client.account import Account
from balon_client.alarms import TitleError
from balon_client.conversation_records import ConversationRecord, MetaRecord
from balon_client.conversations import Conversation
from balon_client.keyring_model import KeyringContent
from balon_client.metas import Meta, parse_meta
from balon_client.ports import ConversationKey, Crypto

Pairs = Sequence[tuple[ConversationRecord, Conversation]]


async def open_metas(crypto: Crypto, pairs: Pairs, content: KeyringContent) -> None:
    """Verifies and opens the META of a page of conversations, into the conversations.

    One that is not signed by somebody who might write in its epoch, is of another epoch than the newest, does not open,
    or is older than one seen raises the alarm of its conversation.

    Args:
        crypto: The crypto port.
        pairs: Records with their conversations; those whose keys do not hold are passed over.
        content: The keyring, for the newest versions seen.
    """
    held = [(record, conversation) for record, conversation in pairs if conversation.epoch in conversation.keys]
    for record, conversation in held:
        if (record.meta.meta_version if record.meta else 0) < content.seen(record.id).meta_version:
            conversation.add_alarm(TitleError())
    metas = [(record.meta, each) for record, each in held if record.meta is not None and not _is_refused(each)]
    for meta, conversation in await _verified(crypto, metas):
        await _open(crypto, meta, conversation)


def _is_refused(conversation: Conversation) -> bool:
    return TitleError.code in conversation.alarms


async def _verified(
    crypto: Crypto, metas: Sequence[tuple[MetaRecord, Conversation]]
) -> list[tuple[MetaRecord, Conversation]]:
    items = []
    for meta, conversation in metas:
        public = conversation.identity_in(meta.epoch, meta.author_id)
        may_set = meta.epoch == conversation.epoch and conversation.might_write_in(meta.epoch, meta.author_id)
        if public is None or not may_set:
            conversation.add_alarm(TitleError())
            continue
        statement = meta_statement(conversation.id, meta.epoch, meta.meta_version, meta.envelope)
        items.append((meta, conversation, (public, statement, meta.signature)))
    checked = await crypto.verify_each([item for _, _, item in items]) if items else []
    for (_, conversation, _), verified in zip(items, checked, strict=True):
        if verified is None:
            conversation.add_alarm(TitleError())
    return [(meta, conversation) for meta, conversation, _ in items if not _is_refused(conversation)]


async def _open(crypto: Crypto, meta: MetaRecord, conversation: Conversation) -> None:
    context = meta_context(conversation.id, meta.epoch, meta.meta_version, meta.author_id)
    (opened,) = await crypto.open_each(conversation.key.root, Kind.META, [(context, meta.envelope)])
    if opened is None:
        conversation.add_alarm(TitleError())
        return
    conversation.meta = parse_meta(meta.meta_version, opened)


async def seal_meta(
    crypto: Crypto, account: Account, conversation: Conversation, meta: Meta, under: tuple[int, ConversationKey]
) -> MetaRecord:
    """Seals and signs title and settings.

    Args:
        crypto: The crypto port.
        account: The author.
        conversation: Whose.
        meta: With the version that it will have.
        under: The epoch and its key: the newest one, or the one that is just about to begin.
    """
    epoch, key = under
    context = meta_context(conversation.id, epoch, meta.version, account.user_id)
    (envelope,) = await crypto.seal_many(key.root, Kind.META, [(context, meta.serialize())])
    signature = await crypto.sign(account.keys.idk, meta_statement(conversation.id, epoch, meta.version, envelope))
    return MetaRecord(meta.version, epoch, account.user_id, envelope, signature)
