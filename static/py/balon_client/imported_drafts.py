"""Messages from elsewhere as drafts to seal: of imports (docs/imports.md), and of a migration from plaintext."""

from collections.abc import Sequence
from uuid import UUID

from balon_client.imports import ImportedMessage, Source
from balon_client.messages import Draft
from balon_client.payloads import Origin, Payload


def make_drafts(messages: Sequence[ImportedMessage], source: Source, now_ms: int) -> list[Draft]:
    """The messages to seal. When they are sealed is what the server learns; their own times are in the payload.

    Args:
        messages: All of a conversation, in order: the same ones always give the same payloads.
        source: The product.
        now_ms: Now.
    """
    parents = [None, *(message.id for message in messages)]
    models = _models_of(messages, source)
    return [
        Draft(message.id, now_ms, _payload_of(message, source, parent, model))
        for message, parent, model in zip(messages, parents, models, strict=False)
    ]


def _models_of(messages: Sequence[ImportedMessage], source: Source) -> list[str | None]:
    """Of a question the model that answered it: it was meant for one, and may go to one again."""
    models: list[str | None] = []
    answering: str | None = None
    for message in reversed(messages):
        if message.role == "assistant":
            answering = message.model
        models.append((answering or source.value) if message.role == "user" else message.model)
    return models[::-1]


def _payload_of(message: ImportedMessage, source: Source, parent: UUID | None, model: str | None) -> Payload:
    return Payload(
        role=message.role,
        text=message.text,
        parent=parent,
        model=model,
        imported=Origin(source.value, message.created_ms),
    )
