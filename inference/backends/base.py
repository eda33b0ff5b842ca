"""The port between the gateway and whatever makes the text."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Literal, Protocol

Role = Literal["system", "user", "assistant"]
Finish = Literal["stop", "length"]


@dataclass(frozen=True)
class Model:
    """A model on offer. `context_tokens` is 0 where it is not known; `demonstration` marks a toy."""

    id: str
    name: str
    context_tokens: int = 0
    demonstration: bool = False


@dataclass(frozen=True)
class PromptMessage:
    """One message of the conversation that the model continues. `content` is plaintext of the participants."""

    role: Role
    content: str = field(repr=False)


@dataclass(frozen=True)
class Prompt:
    """What the model is asked: plaintext, never to be logged. Options that are None are the model's own."""

    model: str
    messages: tuple[PromptMessage, ...]
    max_tokens: int | None = None
    temperature: float | None = None

    def __repr__(self) -> str:
        """Hides the content, since reprs end up in logs and tracebacks."""
        return f"<Prompt of {len(self.messages)} messages>"


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of the reply. The last one carries the reason why the reply ends."""

    text: str
    finish: Finish | None = None

    def __repr__(self) -> str:
        """Hides the content, since reprs end up in logs and tracebacks."""
        return f"<Delta of {len(self.text)} characters>"


@dataclass(frozen=True)
class Readiness:
    """Whether the model answers, and why not: a word or two for operators, never content."""

    ready: bool
    reason: str


class ModelBackend(Protocol):
    """Makes text. Every method is called from the gateway's event loop."""

    async def start(self) -> None:
        """Begins to get ready and returns at once; `readiness` tells how it goes."""

    async def close(self) -> None:
        """Ends every process and connection of the back end."""

    def models(self) -> tuple[Model, ...]:
        """The models on offer, as far as known by now."""

    def readiness(self) -> Readiness:
        """Whether a prompt would be answered now."""

    def generate(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
        """Answers a prompt piece by piece; closing the generator stops the model.

        Raises:
            ReplyError: The reply cannot be made or breaks off; pieces that came before it stand.
        """
