"""Conversations from other products, read from their export files (docs/imports.md).

Everything here runs in the browser, and touches neither network nor keys. A file is hostile until it was read: what
comes out is typed, bounded and ordered, or it is one error of `errors`.
"""

from balon_client.imports.model import (
    ImportedConversation,
    ImportedMessage,
    LeftOut,
    RefusedConversation,
    Source,
)
from balon_client.imports.reading import read_conversations, recognize

__all__ = [
    "ImportedConversation",
    "ImportedMessage",
    "LeftOut",
    "RefusedConversation",
    "Source",
    "read_conversations",
    "recognize",
]
