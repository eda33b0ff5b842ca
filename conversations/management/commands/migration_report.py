"""`manage.py migration_report`: how far the move from plaintext to ciphertext is (docs/operations.md)."""

from typing import Any

from django.core.management.base import BaseCommand

from conversations.migration_report import report_migration


class Command(BaseCommand):
    """Prints counts of accounts and texts."""

    help = "Prints how many accounts and texts from before encryption are in which state. No names, no content."

    def handle(self, *_: Any, **__: Any) -> None:
        """One line for each state."""
        for name, count in report_migration().items():
            self.stdout.write(f"{name}: {count}")
