"""`manage.py disclose LOGIN FILE`: all that the operator could hand over about an account (docs/operations.md)."""

from pathlib import Path
from typing import Any

from asgiref.sync import async_to_sync, sync_to_async
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import User
from conversations.disclosure_archive import write_archive
from conversations.frames import get_frame_log


class Command(BaseCommand):
    """Writes the archive of one account."""

    help = "Writes all that the operator could hand over about an account to a new ZIP file, with an index."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whose, and where to."""
        parser.add_argument("login", help="the login name of a person")
        parser.add_argument("file", type=Path, help="the ZIP file to make; it must not exist")

    def handle(self, *_: Any, **options: Any) -> None:
        """Writes the file and says how much is in it."""
        login: str = options["login"].strip().lower()
        user = User.objects.filter(login=login, is_operator=False).first()  # Of the deleted, no name is left to match.
        if user is None:
            raise CommandError("No person has this login name.")
        try:
            count = async_to_sync(_write)(user, options["file"])
        except OSError as error:
            raise CommandError(f"The file cannot be made: {error.strerror}.") from error
        self.stdout.write(f"Rows written: {count}. README.txt in the archive explains each file.")


async def _write(user: User, path: Path) -> int:
    """Runs all of it on one event loop: the connections to the frame log belong to one."""
    try:
        return await sync_to_async(write_archive)(user, path)
    finally:
        await get_frame_log().close()
