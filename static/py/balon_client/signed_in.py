"""The parts of a session whose keys are here; dropped as a whole when it ends or is locked."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from balon_client.chat import Chat
from balon_client.errors import ClientError
from balon_client.idle import IdleWatch
from balon_client.parts import Parts
from balon_client.sync import Sync

_FLUSH_S: Final = 3.0


class SignedIn:
    """Conversations, synchronisation and time of one person in one tab."""

    def __init__(self, parts: Parts, idle: IdleWatch, on_ended: Callable[[str], None]) -> None:
        self.parts = parts
        self.idle = idle
        self.session_id = parts.account.session_id
        self._sync = Sync(parts, on_ended=on_ended)
        self.chat = Chat(parts, self._sync.send)

    def start(self) -> None:
        """Begins to keep in step with the server and with the time."""
        self._sync.start(self.chat)
        self.idle.start(self.session_id)

    def silence(self) -> None:
        """Tells the page nothing more, and hands out no text."""
        self.parts.events.close()
        self.chat.end_transfers()

    async def flush(self) -> None:
        """Saves what the keyring has not saved yet, within reason."""
        with contextlib.suppress(ClientError, TimeoutError):
            await asyncio.wait_for(self.parts.keyring.save(), _FLUSH_S)

    async def close(self) -> None:
        """Ends all work and forgets every handle and text; what still runs can neither tell nor send anything."""
        self.silence()
        self.idle.close()
        self.parts.keyring.close()
        self.parts.api.close()
        self.chat.close()
        await self._sync.close()
