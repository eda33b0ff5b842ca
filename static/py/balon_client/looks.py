"""One look after the other: what many hints in a row are worth."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

from balon_client.ports import Clock

BUSY_S: Final = 0.5
"""Where hints come faster than looks end, this lies between two looks."""


class Looks:
    """Looks at what hints are about. A look that waits for its turn serves all hints that come until then."""

    def __init__(self, clock: Clock, look: Callable[[str, UUID], Awaitable[None]]) -> None:
        self._clock = clock
        self._look = look
        self._turns: defaultdict[tuple[str, UUID], asyncio.Lock] = defaultdict(asyncio.Lock)
        self._waiting: set[tuple[str, UUID]] = set()
        self._busy: set[tuple[str, UUID]] = set()

    async def take(self, what: str, conversation_id: UUID) -> None:
        """Looks once more after the look that goes on, unless another one waits for that already."""
        about = (what, conversation_id)
        if about in self._waiting:
            self._busy.add(about)
            return
        self._waiting.add(about)
        async with self._turns[about]:
            if about in self._busy:
                await self._clock.sleep(BUSY_S)
            self._busy.discard(about)
            self._waiting.discard(about)
            try:
                await self._look(what, conversation_id)
            finally:
                if about not in self._waiting:  # What a server makes up leaves nothing behind.
                    del self._turns[about]
