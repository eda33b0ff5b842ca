"""`manage.py adopt_legacy_hashes`: lets accounts from before encryption sign in (docs/operations.md)."""

from typing import Any

from django.core.management.base import BaseCommand

from accounts.legacy_hashes import adopt_hashes


class Command(BaseCommand):
    """Makes sign-in records of Django password hashes and says how many could not be."""

    help = "Lets accounts with a Django password hash sign in, and says which kinds were left out."

    def handle(self, *_: Any, **__: Any) -> None:
        """Prints a line for each outcome with its count, and no names."""
        for outcome, count in sorted(adopt_hashes().items()):
            self.stdout.write(f"{count} {outcome}")
