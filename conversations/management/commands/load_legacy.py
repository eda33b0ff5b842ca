"""`manage.py load_legacy FILE`: accounts and texts from before encryption (docs/legacy.md)."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from conversations.legacy_loading import load_legacy


class Command(BaseCommand):
    """Loads a file of JSON lines; it may be run again."""

    help = "Loads accounts and texts from before encryption from a file of JSON lines. It may be run again."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which file."""
        parser.add_argument("file", type=Path, help="the file of JSON lines")

    def handle(self, *_: Any, **options: Any) -> None:
        """Loads it; says which lines are left out and why, and how many of what there were. Names nobody."""
        try:
            with options["file"].open("rb") as file:
                counts = load_legacy(file, lambda number, reason: self.stderr.write(f"line {number}: {reason}"))
        except OSError as error:
            raise CommandError(f"The file cannot be read: {error.strerror}.") from error
        for name, count in sorted(counts.items()):
            if count:
                self.stdout.write(f"{name}: {count}")
        self.stdout.write("Next: manage.py adopt_legacy_hashes")
