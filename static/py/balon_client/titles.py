"""Titles: sealed as META, signed by their author, so that nobody else sets them (docs/protocol.md section 8; A54)."""

import re
from collections.abc import Sequence
from typing import Final

from balon.protocol.contexts import meta_context
from balon.protocol.envelope import Kind
from balon.protocol.statements import meta_statement
from balon.protocol.types import Plaintext
from balon_client.account import Account
from balon_client.alarms import AnswerError, TitleError
from balon_client.conversations import Conversation
from balon_client.keyring_model import KeyringContent
from balon_client.ports import Crypto, encode_json
from balon_client.problems import TextRefusedError
from balon_client.records import ConversationRecord, MetaRecord
from balon_client.wire import Fields, load_json

MAX_TITLE: Final = 200
_TITLE_WORDS: Final = 6
_TITLE_CHARACTERS: Final = 60
_SPACE: Final = re.compile(r"\s+")


def make_title(text: str) -> str:
    """Makes a title of the first words of a message, here and without a model."""
    words = _SPACE.split(text.strip()[:500])
    title = " ".join(words[:_TITLE_WORDS])
    cut = len(title) > _TITLE_CHARACTERS or len(words) > _TITLE_WORDS
    return title[:_TITLE_CHARACTERS].rstrip(" ,.;:") + "…" if cut else title


def check_title(raw: object) -> str:
    """Reads a title as a person typed it.

    Raises:
        TextRefusedError: It is empty, too long, or no text.
    """
    title = _SPACE.sub(" ", raw).strip() if isinstance(raw, str) else ""
    if not 0 < len(title) <= MAX_TITLE:
        raise TextRefusedError("This title cannot be used.", f"A title has 1 to {MAX_TITLE} characters.")
    try:
        title.encode()
    except UnicodeEncodeError:
        raise TextRefusedError("This title cannot be used.", "It holds half of a character.") from None
    return title


async def open_titles(
    crypto: Crypto, pairs: Sequence[tuple[ConversationRecord, Conversation]], content: KeyringContent
) -> None:
    """Verifies and opens the titles of a page of conversations, into the conversations.

    A title that is not signed by a member, does not open, or is older than one seen raises the alarm of its
    conversation.

    Args:
        crypto: The crypto port.
        pairs: Records with their conversations; refused ones are passed over.
        content: The keyring, for the newest versions seen.
    """
    held = [(record, conversation) for record, conversation in pairs if not conversation.alarms]
    for record, conversation in held:
        if (record.meta.meta_version if record.meta else 0) < content.seen(record.id).meta_version:
            conversation.add_alarm(TitleError())
    metas = [(record.meta, each) for record, each in held if record.meta is not None and not each.alarms]
    for meta, conversation in await _verified(crypto, metas):
        await _open_title(crypto, meta, conversation)


async def _verified(
    crypto: Crypto, metas: Sequence[tuple[MetaRecord, Conversation]]
) -> list[tuple[MetaRecord, Conversation]]:
    items = []
    for meta, conversation in metas:
        public = conversation.identity_of(meta.author_id)
        if public is None or not conversation.may_write(meta.author_id):
            conversation.add_alarm(TitleError())
            continue
        statement = meta_statement(conversation.id, meta.epoch, meta.meta_version, meta.envelope)
        items.append((meta, conversation, (public, statement, meta.signature)))
    checked = await crypto.verify_each([item for _, _, item in items]) if items else []
    for (_, conversation, _), verified in zip(items, checked, strict=True):
        if verified is None:
            conversation.add_alarm(TitleError())
    return [(meta, conversation) for meta, conversation, _ in items if not conversation.alarms]


async def _open_title(crypto: Crypto, meta: MetaRecord, conversation: Conversation) -> None:
    key = conversation.keys.get(meta.epoch)
    context = meta_context(conversation.id, meta.epoch, meta.meta_version, meta.author_id)
    opened = [None] if key is None else await crypto.open_each(key.root, Kind.META, [(context, meta.envelope)])
    if opened[0] is None:
        conversation.add_alarm(TitleError())
        return
    conversation.meta_version = meta.meta_version
    conversation.title = _parse_title(opened[0])


def _parse_title(plaintext: Plaintext) -> str | None:
    """The title; None where a genuine META has none that this version understands."""
    try:
        return Fields(load_json(plaintext), "meta").text("title", limit=MAX_TITLE)
    except (AnswerError, ValueError, RecursionError):
        return None


async def seal_title(crypto: Crypto, account: Account, conversation: Conversation, title: str) -> MetaRecord:
    """Seals and signs the next version of a conversation's title."""
    version, epoch = conversation.meta_version + 1, conversation.epoch
    context = meta_context(conversation.id, epoch, version, account.user_id)
    plaintext = encode_json({"title": title})
    (envelope,) = await crypto.seal_many(conversation.key.root, Kind.META, [(context, plaintext)])
    signature = await crypto.sign(account.keys.idk, meta_statement(conversation.id, epoch, version, envelope))
    return MetaRecord(version, epoch, account.user_id, envelope, signature)
