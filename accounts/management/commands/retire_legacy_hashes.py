"""`manage.py retire_legacy_hashes`: deletes password hashes from before encryption (docs/operations.md)."""

from typing import Any

from django.core.management.base import BaseCommand

from accounts.legacy_hashes import retire_hashes


class Command(BaseCommand):
    """Deletes what only the previous release needs. There is no way back to it for these accounts."""

    help = "Deletes the Django password hashes of adopted accounts; the previous release cannot sign them in after it."

    def handle(self, *_: Any, **__: Any) -> None:
        """Prints a line for each outcome with its count, and no names."""
        for outcome, count in sorted(retire_hashes().items()):
            self.stdout.write(f"{count} {outcome}")
