"""Columns of texts from before encryption, and of their move into conversations (docs/protocol.md section 12).

The tables of texts are filled by `manage.py load_legacy` and deleted from after Finish; nothing updates them. Their
foreign keys do nothing by themselves: whoever deletes a row deletes what hangs on it first, in pieces, and the database
refuses anything else.
"""

import uuid

from django.conf import settings
from django.db import models

from keystore.clock import now_ms
from keystore.columns import OpaqueField


class LegacyHolder(models.Model):
    """An account that may have plaintext. Without this row the database takes none for it; nothing makes it again.

    `legacy_id` is the person's name in the system that the texts come from, so that no two people become one.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="legacy_holder"
    )
    legacy_id = models.CharField(max_length=255, unique=True)

    def __str__(self) -> str:
        return f"legacy holder {self.pk}"


class FormerHolder(models.Model):
    """A person whose holder is gone, with all texts: Finish deleted it, or the account's deletion.

    `tag` is a keyed hash of the holder's `legacy_id`. It names no account, so it stays when that one goes.
    """

    tag = OpaqueField(primary_key=True)

    def __str__(self) -> str:
        return "former legacy holder"


class LegacyConversation(models.Model):
    """A conversation in plaintext; `legacy_id` is its name in the system that it comes from."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    holder = models.ForeignKey(
        LegacyHolder, on_delete=models.DO_NOTHING, db_index=False, related_name="legacy_conversations"
    )
    legacy_id = models.CharField(max_length=255)
    title = models.TextField()
    created_ms = models.PositiveBigIntegerField()
    updated_ms = models.PositiveBigIntegerField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("holder", "legacy_id"), name="legacy_conversation_once"),)
        indexes = (models.Index(fields=("holder", "id"), name="legacy_conversation_by_id"),)

    def __str__(self) -> str:
        return f"legacy conversation {self.pk}"


class LegacyMessage(models.Model):
    """A message in plaintext, at its place: numbers are gapless from 1."""

    class Role(models.TextChoices):
        """Who speaks."""

        USER = "user"
        ASSISTANT = "assistant"
        SYSTEM = "system"

    conversation = models.ForeignKey(
        LegacyConversation, on_delete=models.DO_NOTHING, db_index=False, related_name="messages"
    )
    number = models.PositiveIntegerField()
    legacy_id = models.CharField(max_length=255)
    role = models.CharField(max_length=9, choices=Role.choices)
    text = models.TextField()
    model = models.CharField(max_length=200, null=True)  # noqa: DJ001 - no model is not a model without a name
    created_ms = models.PositiveBigIntegerField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("conversation", "number"), name="legacy_message_number_once"),
            models.UniqueConstraint(fields=("conversation", "legacy_id"), name="legacy_message_once"),
        )

    def __str__(self) -> str:
        return f"legacy message {self.number} of {self.conversation_id}"


class HeldConversation(models.Model):
    """A conversation that a migration made. While this row stands it is not listed, and the migration alone writes."""

    conversation = models.OneToOneField(
        "conversations.Conversation", on_delete=models.DO_NOTHING, primary_key=True, related_name="held"
    )
    legacy_conversation = models.OneToOneField(LegacyConversation, on_delete=models.DO_NOTHING, related_name="held")

    def __str__(self) -> str:
        return f"held conversation {self.pk}"


class MigrationRow(models.Model):
    """That a legacy message has its sealed message: staged, and verified once the client read that back."""

    legacy_message = models.OneToOneField(
        LegacyMessage, on_delete=models.DO_NOTHING, primary_key=True, related_name="row"
    )
    held = models.ForeignKey(HeldConversation, on_delete=models.DO_NOTHING, related_name="rows")
    message = models.OneToOneField("conversations.Message", on_delete=models.DO_NOTHING, related_name="+")
    is_verified = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"migration of legacy message {self.pk}"


class Migration(models.Model):
    """How far an account is, and which tab works. Whoever writes for it locks this row first."""

    class State(models.TextChoices):
        """Under way; texts are being deleted, with no way back; over."""

        RUNNING = "running"
        FINISHING = "finishing"
        FINISHED = "finished"

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="migration"
    )
    state = models.CharField(max_length=9, choices=State.choices, default=State.RUNNING)
    lease_hash = OpaqueField(null=True)
    lease_session = models.UUIDField(null=True)
    lease_expires_ms = models.PositiveBigIntegerField(default=0)
    started_ms = models.PositiveBigIntegerField(default=now_ms)
    finished_ms = models.PositiveBigIntegerField(null=True)
    purged_conversations = models.PositiveBigIntegerField(default=0)
    purged_messages = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return f"migration of {self.pk}"
