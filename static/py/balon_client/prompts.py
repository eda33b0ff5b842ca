"""What the model is asked: the newest verified messages that fit its context (docs/protocol.md section 9)."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final
from uuid import UUID

from balon_client.messages import Message
from balon_client.payloads import Payload
from balon_client.problems import TooLongError

CHARACTERS_PER_TOKEN: Final = 3
DEFAULT_CONTEXT_TOKENS: Final = 4096
"""Where the gateway does not know the model's context."""
_MOST_FOR_REPLY: Final = 1024
_FRAME_CHARACTERS: Final = 12
"""What a chat template adds to each message, roughly."""

PromptMessage = dict[str, str]
NameOf = Callable[[UUID], str]


def prompt_budget(context_tokens: int) -> int:
    """How many characters of prompt fit, with room left for the reply."""
    tokens = context_tokens or DEFAULT_CONTEXT_TOKENS
    return (tokens - min(_MOST_FOR_REPLY, tokens // 4)) * CHARACTERS_PER_TOKEN


def build_prompt(messages: Sequence[Message], budget: int, own_id: UUID, name_of: NameOf) -> list[PromptMessage]:
    """Chooses the newest messages that fit, oldest first, ending with the newest one of a person.

    Left out: what people wrote to each other and did not seal for the model, what did not open, replies that nobody can
    vouch for, empty ones, and replies that were asked again (A54).

    Args:
        messages: Verified, in the server's order, up to the message that is asked about.
        budget: Characters, from `prompt_budget`.
        own_id: The person; replies that their own client saved are theirs to vouch for.
        name_of: What people are called. Where several wrote, each message says who.

    Raises:
        TooLongError: Even the newest message does not fit.
    """
    usable = _usable(messages, own_id)
    is_company = len({message.sender_id for message, payload in usable if payload.role == "user"}) > 1
    chosen: list[PromptMessage] = []
    for message, payload in reversed(usable):
        content = payload.text
        if is_company and payload.role == "user":
            content = attribute(name_of(message.sender_id), content)
        budget -= len(content) + _FRAME_CHARACTERS
        if budget < 0:
            break
        chosen.append({"role": payload.role, "content": content})
    if not chosen:
        raise TooLongError
    return _begin_with_person(chosen[::-1])


def attribute(name: str, text: str) -> str:
    """A message with its author's name. Every line of it is quoted, so that nobody can write in another's name."""
    return "\n".join([f"{name} wrote:", *(f"> {line}" for line in text.splitlines())])


def fits_more(messages: Iterable[Message], budget: int) -> bool:
    """Whether older messages would still fit: then another page is worth loading."""
    return sum(len(m.payload.text) + _FRAME_CHARACTERS for m in messages if m.payload and _is_for_prompt(m)) < budget


def _is_for_prompt(message: Message) -> bool:
    """Questions that were sealed for a model, and replies."""
    payload = message.payload
    return payload is not None and (payload.role == "assistant" or (payload.role == "user" and message.is_for_model))


def _usable(messages: Sequence[Message], own_id: UUID) -> list[tuple[Message, Payload]]:
    answered: set[UUID] = set()
    usable: list[tuple[Message, Payload]] = []
    for message in reversed(messages):
        payload = message.payload
        if payload is None or not payload.text or not _is_for_prompt(message):
            continue
        if not (message.is_confirmed or message.sender_id == own_id):
            continue
        if payload.role == "assistant" and payload.parent is not None:
            if payload.parent in answered:
                continue
            answered.add(payload.parent)
        usable.append((message, payload))
    return usable[::-1]


def _begin_with_person(prompt: list[PromptMessage]) -> list[PromptMessage]:
    """A prompt that was cut begins with a person's message, as models expect it."""
    while len(prompt) > 1 and prompt[0]["role"] == "assistant":
        del prompt[0]
    return prompt
