"""`manage.py delete_due_accounts`: once a day (docs/operations.md)."""

from typing import Any

from asgiref.sync import async_to_sync, sync_to_async
from django.core.management.base import BaseCommand

from conversations.deletion import delete_due_accounts
from conversations.frames import get_frame_log


class Command(BaseCommand):
    """Deletes the accounts whose waiting period is over."""

    help = "Deletes the accounts whose waiting period is over, with everything that is theirs."

    def handle(self, *_: Any, **options: Any) -> None:
        """Deletes, and says how many if there were any; names none."""
        count = async_to_sync(_delete)()
        if count or options["verbosity"] > 1:
            self.stdout.write(f"Deleted accounts: {count}")


async def _delete() -> int:
    """Runs all of it on one event loop: the connections to the frame log and to the sockets belong to one."""
    try:
        return await sync_to_async(delete_due_accounts)()
    finally:
        await get_frame_log().close()
