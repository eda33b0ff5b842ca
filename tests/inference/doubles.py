"""A model and a clock under the test's control."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field

from inference.backends.base import Delta, Model, Prompt, Readiness

Play = Callable[[Prompt], AsyncGenerator[Delta, None]]


async def greet(prompt: Prompt) -> AsyncGenerator[Delta, None]:
    """Says hello."""
    yield Delta("Hel")
    yield Delta("lo", "stop")


async def never_end(prompt: Prompt) -> AsyncGenerator[Delta, None]:
    """Counts until it is stopped."""
    number = 0
    while True:
        yield Delta(f"{number} ")
        number += 1
        await asyncio.sleep(0.005)


async def until(condition: Callable[[], bool], timeout_s: float = 15.0) -> None:
    """Waits until something is true, and fails when it does not come true in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        await asyncio.sleep(0.01)


@dataclass
class ScriptedBackend:
    """Plays a function as the model and notes what it was asked."""

    play: Play = greet
    prompts: list[Prompt] = field(default_factory=list)
    running: int = 0
    closed: int = 0

    async def start(self) -> None:
        """Is ready at once."""

    async def close(self) -> None:
        """Has nothing to end."""

    def models(self) -> tuple[Model, ...]:
        return (Model(id="scripted", name="Scripted", context_tokens=1000),)

    def readiness(self) -> Readiness:
        return Readiness(ready=True, reason="ok")

    async def generate(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
        self.prompts.append(prompt)
        self.running += 1
        try:
            async for delta in self.play(prompt):
                yield delta
        finally:
            self.running -= 1
            self.closed += 1


@dataclass
class FakeClock:
    """A clock that moves when it is told to."""

    now_ms: int = 1_790_000_000_000

    def __call__(self) -> int:
        return self.now_ms

    def advance(self, *, minutes: float) -> None:
        self.now_ms += round(minutes * 60_000)
