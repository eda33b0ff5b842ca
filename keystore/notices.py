"""Hints to a person's sockets that something changed. They may be lost: clients also ask by themselves."""

import asyncio
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer

from keystore.commits import attempt_on_commit

_AT_ONCE = 10
"""Each takes a connection to Redis."""


def person_group(user_id: UUID) -> str:
    """The channel layer group of all sockets of one person."""
    return f"person.{user_id.hex}"


def session_group(session_id: UUID) -> str:
    """The channel layer group of all sockets of one sign-in session."""
    return f"session.{session_id.hex}"


def notify_on_commit(user_ids: Iterable[UUID], what: str, conversation_id: UUID | None = None) -> None:
    """Tells people's sockets what changed, once the transaction stands.

    Args:
        user_ids: Whom to tell, as it is known now.
        what: `messages`, `meta`, `roster`, `streams`, `created`, `deleted` or `keyring`.
        conversation_id: Where, if it is about a conversation.
    """
    groups = [person_group(user_id) for user_id in user_ids]
    if groups:
        attempt_on_commit(partial(_send, groups, notice_event(what, conversation_id)))


def end_sockets_on_commit(session_id: UUID, reason: str) -> None:
    """Asks the sockets of an ended session to close at once; the sessions are polled as well."""
    event = {"type": "session.ended", "reason": reason}
    attempt_on_commit(partial(_send, [session_group(session_id)], event))


def notice_event(what: str, conversation_id: UUID | None) -> dict[str, Any]:
    """The channel layer event of a notice."""
    return {
        "type": "notice",
        "what": what,
        "conversation_id": None if conversation_id is None else str(conversation_id),
    }


def _send(groups: list[str], event: dict[str, Any]) -> None:
    async_to_sync(send_to_groups)(groups, event)


async def send_to_groups(groups: Sequence[str], event: dict[str, Any]) -> None:
    """Sends an event to groups of sockets, some at once: each is a hint, and none waits for a slow reader."""
    layer = get_channel_layer()
    if layer is not None:
        for first in range(0, len(groups), _AT_ONCE):
            await asyncio.gather(*(layer.group_send(group, event) for group in groups[first : first + _AT_ONCE]))
