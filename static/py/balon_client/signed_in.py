"""The parts of a session whose keys are here; dropped as a whole when it ends or is locked."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from balon_client.chat import Chat
from balon_client.errors import ClientError
from balon_client.parts import Parts
from balon_client.session_record import Times
from balon_client.sync import Sync

_FLUSH_S: Final = 3.0


class SignedIn:
    """Conversations and synchronisation of one person in one tab."""

    def __init__(self, parts: Parts, times: Times, on_ended: Callable[[str], None]) -> None:
        self.parts = parts
        self.times = times
        self.sync = Sync(parts, on_ended=on_ended)
        self.chat = Chat(parts, self.sync.send)

    def start(self) -> None:
        """Begins to keep in step with the server."""
        self.sync.start(self.chat)

    async def flush(self) -> None:
        """Saves what the keyring has not saved yet, within reason."""
        with contextlib.suppress(ClientError, TimeoutError):
            await asyncio.wait_for(self.parts.keyring.save(), _FLUSH_S)

    async def close(self) -> None:
        """Ends all work and forgets every handle and text."""
        self.parts.keyring.close()
        self.chat.close()
        await self.sync.close()
