"""What the keyring remembers of imports: the key of identifiers, and which are in as a whole (docs/imports.md)."""

from typing import Literal
from uuid import UUID

from balon_client.imports import ImportedConversation
from balon_client.keyring_model import IMPORT_KEY_SIZE, Change, KeyringContent, Seen
from balon_client.parts import Parts

State = Literal["new", "partly", "imported"]


def note_import(conversation_id: UUID, messages: int) -> Change:
    """How many messages of a file a conversation holds, now that all of them are in it."""

    def change(content: KeyringContent) -> bool:
        seen = content.conversations.setdefault(conversation_id, Seen())
        before, seen.imported = seen.imported, max(seen.imported or 0, messages)
        return seen.imported != before

    return change


async def keep_import_key(parts: Parts) -> bytes | None:
    """The key that all devices derive identifiers under: it counts once it is saved, and the first one stays.

    Returns:
        The key; None where the session ended meanwhile.

    Raises:
        KeyringError, NetworkError: It cannot be kept.
    """
    keyring = parts.keyring
    keyring.verify_current()
    keyring.change(_note_import_key(parts.platform.random.generate_bytes(IMPORT_KEY_SIZE)))
    await keyring.save()
    return keyring.content.import_key


def _note_import_key(key: bytes) -> Change:
    def change(content: KeyringContent) -> bool:
        if content.import_key is not None:
            return False
        content.import_key = key
        return True

    return change


def state_of(content: KeyringContent, conversation: ImportedConversation) -> State:
    """Whether a conversation was imported before: not at all, in part (or the file has more now), or as a whole.

    The keyring says so and not the server, which could otherwise have everything imported twice, or nothing.
    """
    seen = content.conversations.get(conversation.id)
    if seen is None:
        return "new"
    return "imported" if (seen.imported or 0) >= len(conversation.messages) else "partly"
