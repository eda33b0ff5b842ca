"""A reply in progress, with what the manager of replies needs to know about it besides its frames."""

import asyncio
from dataclasses import dataclass, field
from uuid import UUID

from balon.protocol.encoding import encode_b64u
from balon_client.conversations import Conversation
from balon_client.inference import Model, PreparedRequest
from balon_client.messages import Draft
from balon_client.payloads import Payload
from balon_client.prompts import PromptMessage
from balon_client.replies import Reply, ReplyState
from balon_client.views import View, reply_view


@dataclass(frozen=True, slots=True)
class Question:
    """What a reply answers: kept until its first frame, in case the prompt must be sealed again."""

    model: Model
    messages: list[PromptMessage] = field(repr=False)


@dataclass(slots=True, eq=False)
class Running:
    """A reply that is being made, followed or saved."""

    conversation: Conversation
    reply: Reply
    parent: UUID | None
    model: str | None
    question: Question | None = None
    """Set in the tab that asked."""
    prepared: PreparedRequest | None = None
    is_accepted: bool = False
    sealings: int = 0
    """How often the prompt was sealed again."""
    subscriptions: int = 0
    saving: asyncio.Task[None] | None = None

    @property
    def stream_id(self) -> UUID:
        """The stream, and later the message."""
        return self.reply.stream_id

    @property
    def is_streaming(self) -> bool:
        """Whether more may come."""
        return self.reply.state is ReplyState.STREAMING

    def view(self) -> View:
        """As the page gets it while it comes."""
        return reply_view(
            self.stream_id,
            text=self.reply.text,
            created_ms=self.reply.created_ms,
            model=self.model,
            failure=None,
        )

    def draft(self, now_ms: int) -> Draft:
        """The message that keeps the reply (section 9): the stream id is its message id, so it is saved once."""
        reply = self.reply
        payload = Payload(
            role="assistant",
            text=reply.text,
            parent=self.parent,
            model=self.model,
            finish=reply.finish,
            error=reply.error,
            reply=reply.proof,
        )
        return Draft(reply.stream_id, now_ms, payload)

    def infer_message(self) -> dict[str, object] | None:
        """What asks the relay to carry the request; the same bytes again are harmless."""
        if self.prepared is None:
            return None
        return {
            "type": "infer",
            "ref": str(self.stream_id),
            "conversation_id": str(self.conversation.id),
            "stream_id": str(self.stream_id),
            "epoch": self.prepared.epoch,
            "request": encode_b64u(self.prepared.request),
            "stream_env": encode_b64u(self.prepared.stream_env),
        }

    def subscribe_message(self) -> dict[str, object]:
        """What asks the relay for the frames that are missing."""
        return {
            "type": "subscribe",
            "conversation_id": str(self.conversation.id),
            "stream_id": str(self.stream_id),
            "after": self.reply.last_number,
        }
