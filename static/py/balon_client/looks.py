"""One look after the other: what many hints in a row are worth."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from uuid import UUID


class Looks:
    """Looks at what hints are about. A look that waits for its turn serves all hints that come until then."""

    def __init__(self, look: Callable[[str, UUID], Awaitable[None]]) -> None:
        self._look = look
        self._turns: defaultdict[tuple[str, UUID], asyncio.Lock] = defaultdict(asyncio.Lock)
        self._waiting: set[tuple[str, UUID]] = set()

    async def take(self, what: str, conversation_id: UUID) -> None:
        """Looks once more after the look that goes on, unless another one waits for that already."""
        about = (what, conversation_id)
        if about in self._waiting:
            return
        self._waiting.add(about)
        async with self._turns[about]:
            self._waiting.discard(about)
            await self._look(what, conversation_id)
