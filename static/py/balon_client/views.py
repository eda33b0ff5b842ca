"""The shapes that the page gets (docs/worker.md): plain JSON values, made of what was verified."""

from typing import Any
from uuid import UUID

from balon_client.conversations import Conversation
from balon_client.errors import ClientError
from balon_client.messages import Message

View = dict[str, Any]


def problem_or_none(error: ClientError | None) -> dict[str, str | None] | None:
    """A problem as the page gets it."""
    return error.problem if error else None


def conversation_item(conversation: Conversation) -> View:
    """A ConversationItem."""
    return {
        "id": str(conversation.id),
        "title": conversation.title,
        "updated_ms": conversation.updated_ms,
        "streaming": conversation.is_streaming,
        "alarm": problem_or_none(next(iter(conversation.alarms.values()), None)),
    }


def conversation_view(conversation: Conversation, messages: list[View], *, more: bool) -> View:
    """A Conversation with its newest page."""
    return {
        "id": str(conversation.id),
        "title": conversation.title,
        "epoch": conversation.epoch,
        "messages": messages,
        "more": more,
        "alarms": [alarm.problem for alarm in conversation.alarms.values()],
        "writable": conversation.is_writable,
    }


ASSISTANT = {"user_id": None, "name": "Assistant", "kind": "assistant"}


def author_of(role: str | None, sender_id: UUID, own: tuple[UUID, str]) -> View:
    """Who a message is by: oneself, another person, or the assistant.

    Args:
        role: Of the payload; None where it did not open.
        sender_id: Who sealed it.
        own: User id and login name of the person.
    """
    if role == "assistant":
        return ASSISTANT
    if sender_id == own[0]:
        return {"user_id": str(sender_id), "name": own[1], "kind": "you"}
    return {"user_id": str(sender_id), "name": str(sender_id), "kind": "person"}


def message_view(message: Message, own: tuple[UUID, str]) -> View:
    """A stored Message."""
    payload = message.payload
    return {
        "id": str(message.id),
        "author": author_of(payload.role if payload else None, message.sender_id, own),
        "text": payload.text if payload else None,
        "created_ms": message.created_ms,
        "model": payload.model if payload else None,
        "state": "saved",
        "finish": payload.finish if payload else None,
        "mark": problem_or_none(message.mark),
        "sealed_for_model": payload is not None and payload.model is not None,
    }


def reply_view(stream_id: UUID, *, text: str, created_ms: int, model: str | None, failure: ClientError | None) -> View:
    """A reply that is coming, or, with a failure, one that never came."""
    return {
        "id": str(stream_id),
        "author": ASSISTANT,
        "text": text,
        "created_ms": created_ms,
        "model": model,
        "state": "failed" if failure else "streaming",
        "finish": "error" if failure else None,
        "mark": problem_or_none(failure),
        "sealed_for_model": True,
    }
