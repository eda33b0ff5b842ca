"""What the keyring remembers of imports: the key of identifiers, and which are in as a whole (docs/imports.md)."""

from typing import Literal
from uuid import UUID

from balon_client.imports import ImportedConversation
from balon_client.keyring_model import Change, KeyringContent, Seen

State = Literal["new", "partly", "imported"]


def note_import(conversation_id: UUID, messages: int) -> Change:
    """How many messages of a file a conversation holds, now that all of them are in it."""

    def change(content: KeyringContent) -> bool:
        seen = content.conversations.setdefault(conversation_id, Seen())
        before, seen.imported = seen.imported, max(seen.imported or 0, messages)
        return seen.imported != before

    return change


def keep_import_key(key: bytes) -> Change:
    """The key that identifiers are derived under. The first one stays, whichever device made it."""

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
