"""The shapes that the page gets (docs/worker.md): plain JSON values, made of what was verified."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from balon_client.conversations import Conversation
from balon_client.errors import ClientError
from balon_client.messages import Message
from balon_client.names import ASSISTANT

View = dict[str, Any]
NameOf = Callable[[UUID], str]
"""What a person is called (`People.name_of`)."""


def problem_or_none(error: ClientError | None) -> dict[str, str | None] | None:
    """A problem as the page gets it."""
    return error.problem if error else None


def conversation_item(conversation: Conversation, names: NameOf, *, unread: int, is_known: bool) -> View:
    """A ConversationItem.

    Args:
        conversation: Which.
        names: What people are called.
        unread: How many messages came since it was read.
        is_known: Whether this person verified who invites them; of invitations.
    """
    return {
        "id": str(conversation.id),
        "title": conversation.meta.title,
        "updated_ms": conversation.updated_ms,
        "streaming": conversation.is_streaming,
        "alarm": problem_or_none(next(iter(conversation.alarms.values()), None)),
        "unread": unread,
        "people": len(conversation.roster.members) if conversation.roster else 0,
        "invitation": _invitation(conversation, names, is_known=is_known),
    }


def _invitation(conversation: Conversation, names: NameOf, *, is_known: bool) -> View | None:
    roster, entry = conversation.followed, conversation.invitation
    if roster is None or entry is None:
        return None
    return {
        "by": {"user_id": str(entry.actor_id), "name": names(entry.actor_id), "verified": is_known},
        "role": entry.role,
        "share_history": not roster.begins_epoch(entry.seq),
    }


def conversation_state(conversation: Conversation) -> View:
    """What a Conversation says besides its messages."""
    return {
        "title": conversation.meta.title,
        "epoch": conversation.epoch,
        "alarms": [alarm.problem for alarm in conversation.alarms.values()],
        "writable": conversation.is_writable,
        "role": str(conversation.role) if conversation.role else None,
        "people": len(conversation.roster.members) if conversation.roster else 0,
        "assistant": conversation.meta.assistant,
    }


def conversation_view(conversation: Conversation, messages: list[View], *, more: bool) -> View:
    """A Conversation with its newest page."""
    return {"id": str(conversation.id), "messages": messages, "more": more, **conversation_state(conversation)}


ASSISTANT_VIEW = {"user_id": None, "name": ASSISTANT, "kind": "assistant"}


def author_of(role: str | None, sender_id: UUID, own_id: UUID, names: NameOf) -> View:
    """Who a message is by: oneself, another person, or the assistant.

    Args:
        role: Of the payload; None where it did not open.
        sender_id: Who sealed it.
        own_id: The person.
        names: What people are called.
    """
    if role == "assistant":
        return ASSISTANT_VIEW
    kind = "you" if sender_id == own_id else "person"
    return {"user_id": str(sender_id), "name": names(sender_id), "kind": kind}


def message_view(message: Message, own_id: UUID, names: NameOf) -> View:
    """A stored Message."""
    payload = message.payload
    return {
        "id": str(message.id),
        "author": author_of(payload.role if payload else None, message.sender_id, own_id, names),
        "text": payload.text if payload else None,
        "created_ms": message.created_ms,
        "model": payload.model if payload else None,
        "state": "saved",
        "finish": payload.finish if payload else None,
        "mark": problem_or_none(message.mark),
        "sealed_for_model": message.is_for_model,
        "imported": payload.imported.to_json() if payload and payload.imported else None,
    }


def reply_view(stream_id: UUID, *, text: str, created_ms: int, model: str | None, failure: ClientError | None) -> View:
    """A reply that is coming, or, with a failure, one that never came."""
    return {
        "id": str(stream_id),
        "author": ASSISTANT_VIEW,
        "text": text,
        "created_ms": created_ms,
        "model": model,
        "state": "failed" if failure else "streaming",
        "finish": "error" if failure else None,
        "mark": problem_or_none(failure),
        "sealed_for_model": True,
        "imported": None,
    }
