"""Columns of conversations. Envelopes are ciphertext; the rest is what ordering and authorisation need.

Texts from before encryption rest in tables of their own (conversations/legacy_models.py).
"""

from django.conf import settings
from django.db import models

from conversations.legacy_models import (
    FormerHolder,
    HeldConversation,
    LegacyConversation,
    LegacyHolder,
    LegacyMessage,
    Migration,
    MigrationRow,
)
from keystore.clock import now_ms
from keystore.columns import OpaqueField

__all__ = (
    "Conversation",
    "FormerHolder",
    "HeldConversation",
    "LegacyConversation",
    "LegacyHolder",
    "LegacyMessage",
    "Message",
    "Meta",
    "Migration",
    "MigrationRow",
    "Stream",
)


class Conversation(models.Model):
    """A conversation: its epoch and the head of its order of messages. Writers lock this row.

    `epoch_position` is the newest position when the epoch began.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    epoch = models.PositiveBigIntegerField(default=0)
    epoch_position = models.PositiveBigIntegerField(default=0, db_default=0)
    head_position = models.PositiveBigIntegerField(default=0)
    head_hash = OpaqueField(null=True)
    created_ms = models.PositiveBigIntegerField(default=now_ms)
    updated_ms = models.PositiveBigIntegerField(default=now_ms)

    class Meta:
        indexes = (models.Index(fields=("-updated_ms", "-id"), name="conversation_by_activity"),)

    def __str__(self) -> str:
        return f"conversation {self.pk}"


class Message(models.Model):
    """One sealed message at its place in the server's order, which is gapless from 1. Never changed."""

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, db_index=False, related_name="messages")
    position = models.PositiveBigIntegerField()
    message_id = models.UUIDField()
    sender = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    epoch = models.PositiveBigIntegerField()
    seq = models.PositiveBigIntegerField()
    prev_hash = OpaqueField()
    created_ms = models.PositiveBigIntegerField()
    envelope = OpaqueField()
    envelope_hash = OpaqueField()
    signature = OpaqueField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("conversation", "position"), name="message_position_once"),
            models.UniqueConstraint(fields=("conversation", "message_id"), name="message_id_once"),
            models.UniqueConstraint(fields=("conversation", "sender", "seq"), name="message_seq_once"),
        )

    def __str__(self) -> str:
        return f"message {self.position} of {self.conversation_id}"


class Meta(models.Model):
    """The sealed title and settings of a conversation: the newest version only."""

    conversation = models.OneToOneField(
        Conversation, on_delete=models.CASCADE, primary_key=True, related_name="meta_record"
    )
    meta_version = models.PositiveBigIntegerField()
    epoch = models.PositiveBigIntegerField()
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    envelope = OpaqueField()
    signature = OpaqueField()

    class Meta:
        verbose_name_plural = "metas"

    def __str__(self) -> str:
        return f"meta {self.meta_version} of {self.pk}"


class Stream(models.Model):
    """A reply on its way: sealed frames are in the frame log until it is saved as a message of the same id."""

    class State(models.TextChoices):
        """How far the relay is: asking the gateway, relaying, or over."""

        ASKED = "asked"
        LIVE = "live"
        COMPLETE = "complete"
        CUT = "cut"

    stream_id = models.UUIDField(primary_key=True, editable=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="streams")
    epoch = models.PositiveBigIntegerField()
    sender = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    stream_env = OpaqueField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.ASKED)
    created_ms = models.PositiveBigIntegerField(default=now_ms, db_index=True)

    def __str__(self) -> str:
        return f"stream {self.pk}"

    @property
    def ended(self) -> bool:
        """Whether no more frames will come."""
        return self.state in {self.State.COMPLETE, self.State.CUT}
