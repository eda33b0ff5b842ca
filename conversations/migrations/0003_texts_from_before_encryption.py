import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import keystore.clock
import keystore.columns

NOTHING = django.db.models.deletion.DO_NOTHING
CASCADE = django.db.models.deletion.CASCADE


class Migration(migrations.Migration):
    """New tables alone: the release before goes on beside them."""

    dependencies = [
        ("accounts", "0005_legacy_sign_in_records"),
        ("conversations", "0002_epoch_position"),
    ]

    operations = [
        migrations.CreateModel(
            name="LegacyHolder",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=CASCADE,
                        primary_key=True,
                        related_name="legacy_holder",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("legacy_id", models.CharField(max_length=255, unique=True)),
            ],
        ),
        migrations.CreateModel(
            name="LegacyConversation",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "holder",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=NOTHING,
                        related_name="legacy_conversations",
                        to="conversations.legacyholder",
                    ),
                ),
                ("legacy_id", models.CharField(max_length=255)),
                ("title", models.TextField()),
                ("created_ms", models.PositiveBigIntegerField()),
                ("updated_ms", models.PositiveBigIntegerField()),
            ],
            options={
                "indexes": [models.Index(fields=["holder", "id"], name="legacy_conversation_by_id")],
                "constraints": [
                    models.UniqueConstraint(fields=("holder", "legacy_id"), name="legacy_conversation_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="LegacyMessage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "conversation",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=NOTHING,
                        related_name="messages",
                        to="conversations.legacyconversation",
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                ("legacy_id", models.CharField(max_length=255)),
                (
                    "role",
                    models.CharField(
                        choices=[("user", "User"), ("assistant", "Assistant"), ("system", "System")], max_length=9
                    ),
                ),
                ("text", models.TextField()),
                ("model", models.CharField(max_length=200, null=True)),
                ("created_ms", models.PositiveBigIntegerField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("conversation", "number"), name="legacy_message_number_once"),
                    models.UniqueConstraint(fields=("conversation", "legacy_id"), name="legacy_message_once"),
                ],
            },
        ),
        migrations.CreateModel(
            name="HeldConversation",
            fields=[
                (
                    "conversation",
                    models.OneToOneField(
                        on_delete=NOTHING,
                        primary_key=True,
                        related_name="held",
                        serialize=False,
                        to="conversations.conversation",
                    ),
                ),
                (
                    "legacy_conversation",
                    models.OneToOneField(on_delete=NOTHING, related_name="held", to="conversations.legacyconversation"),
                ),
            ],
        ),
        migrations.CreateModel(
            name="MigrationRow",
            fields=[
                (
                    "legacy_message",
                    models.OneToOneField(
                        on_delete=NOTHING,
                        primary_key=True,
                        related_name="row",
                        serialize=False,
                        to="conversations.legacymessage",
                    ),
                ),
                (
                    "held",
                    models.ForeignKey(on_delete=NOTHING, related_name="rows", to="conversations.heldconversation"),
                ),
                ("message", models.OneToOneField(on_delete=NOTHING, related_name="+", to="conversations.message")),
                ("is_verified", models.BooleanField(default=False)),
            ],
        ),
        migrations.CreateModel(
            name="Migration",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=CASCADE,
                        primary_key=True,
                        related_name="migration",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[("running", "Running"), ("finishing", "Finishing"), ("finished", "Finished")],
                        default="running",
                        max_length=9,
                    ),
                ),
                ("lease_hash", keystore.columns.OpaqueField(null=True)),
                ("lease_session", models.UUIDField(null=True)),
                ("lease_expires_ms", models.PositiveBigIntegerField(default=0)),
                ("started_ms", models.PositiveBigIntegerField(default=keystore.clock.now_ms)),
                ("finished_ms", models.PositiveBigIntegerField(null=True)),
                ("purged_conversations", models.PositiveBigIntegerField(default=0)),
                ("purged_messages", models.PositiveBigIntegerField(default=0)),
            ],
        ),
    ]
