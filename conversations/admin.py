"""Operators see that conversations exist, how many messages they have and how large these are. Never what they say."""

from django.contrib import admin
from django.db.models import Model, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce, Length
from django.http import HttpRequest

from conversations.models import Conversation, LegacyConversation, LegacyMessage, Message, Meta, Migration, Stream
from keystore.admin import MetadataAdmin, SizedAdmin


@admin.register(Conversation)
class ConversationAdmin(MetadataAdmin):
    """Conversations by activity: how many messages of how many bytes in all."""

    list_display = ("pk", "epoch", "messages", "size", "created_ms", "updated_ms")
    fields = ("id", "epoch", "messages", "size", "created_ms", "updated_ms")
    readonly_fields = ("messages", "size")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Model]:
        """Adds up the sizes in the database, for the rows of one page alone."""
        envelopes = Message.objects.filter(conversation_id=OuterRef("pk")).order_by().values("conversation_id")
        total = Subquery(envelopes.annotate(total=Sum(Length("envelope"))).values("total"))
        sized: QuerySet[Model] = super().get_queryset(request).defer("head_hash").annotate(size=Coalesce(total, 0))
        return sized

    @admin.display(description="messages", ordering="head_position")
    def messages(self, row: Model) -> int:
        """How many messages there are."""
        count: int = getattr(row, "head_position", 0)
        return count

    @admin.display(description="bytes")
    def size(self, row: Model) -> int:
        """Bytes of all envelopes."""
        size: int = getattr(row, "size", 0)
        return size


@admin.register(Message)
class MessageAdmin(SizedAdmin):
    """Messages as sizes and times."""

    list_display = ("conversation_id", "position", "sender_id", "epoch", "seq", "created_ms", "size")
    fields = ("conversation", "position", "message_id", "sender", "epoch", "seq", "created_ms", "size")
    show_full_result_count = False


@admin.register(Meta)
class MetaAdmin(SizedAdmin):
    """Titles as sizes."""

    list_display = ("pk", "meta_version", "epoch", "author_id", "size")
    fields = ("conversation", "meta_version", "epoch", "author", "size")


@admin.register(Stream)
class StreamAdmin(SizedAdmin):
    """Replies on their way."""

    opaque_columns = ("stream_env",)
    list_display = ("pk", "conversation_id", "sender_id", "epoch", "state", "created_ms", "size")
    fields = ("stream_id", "conversation", "sender", "epoch", "state", "created_ms", "size")


@admin.register(LegacyConversation)
class LegacyConversationAdmin(SizedAdmin):
    """Conversations in plaintext as sizes of their titles: what they say is nobody's business here either."""

    opaque_columns = ("title",)
    list_display = ("pk", "holder_id", "created_ms", "updated_ms", "size")
    fields = ("id", "created_ms", "updated_ms", "size")


@admin.register(LegacyMessage)
class LegacyMessageAdmin(SizedAdmin):
    """Messages in plaintext as sizes, which the database counts."""

    opaque_columns = ("text",)
    list_display = ("conversation_id", "number", "role", "created_ms", "size")
    fields = ("conversation_id", "number", "role", "created_ms", "size")
    readonly_fields = ("size",)
    show_full_result_count = False


@admin.register(Migration)
class MigrationAdmin(MetadataAdmin):
    """How far each account is."""

    list_display = ("pk", "state", "started_ms", "finished_ms", "purged_conversations", "purged_messages")
    fields = ("user", "state", "started_ms", "finished_ms", "purged_conversations", "purged_messages")
