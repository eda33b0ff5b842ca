"""What the keyring notes of a migration, so that nothing about its end is the server's word (section 12; A40).

How many messages of each conversation are in it as a whole is noted as for imports (`import_marks.note_import`).
"""

from dataclasses import replace

from balon_client.keyring_model import Change, KeyringContent
from balon_client.migration_mark import MigrationMark


def note_offered(conversations: int, messages: int) -> Change:
    """How much plaintext the server has: the most that it ever offered counts, so it can leave nothing out later."""

    def change(content: KeyringContent) -> bool:
        before = content.migration or MigrationMark(0, 0)
        after = replace(
            before,
            conversations=max(before.conversations, conversations),
            messages=max(before.messages, messages),
        )
        is_news = after != content.migration
        content.migration = after
        return is_news

    return change


def refuse_plaintext() -> Change:
    """From now on no plaintext is asked for or shown, whatever the server offers. It is never taken back."""

    def change(content: KeyringContent) -> bool:
        before, content.no_plaintext = content.no_plaintext, True
        return not before

    return change


def note_purged() -> Change:
    """The server said that the plaintext is gone, so Finish need not be asked for again."""

    def change(content: KeyringContent) -> bool:
        if content.migration is None or content.migration.is_purged:
            return False
        content.migration = replace(content.migration, is_purged=True)
        return True

    return change
