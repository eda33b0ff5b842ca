"""Operators see that conversations exist, how many messages they have and how large these are. Never what they say."""

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.db.models.functions import Length
from django.http import HttpRequest

from conversations.models import Conversation, Message, Meta, Stream
from keystore.admin import MetadataAdmin


class SizedAdmin(MetadataAdmin):
    """Shows the size of the envelope, which never leaves the database."""

    opaque_columns: tuple[str, ...] = ("envelope",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Model]:
        """Leaves opaque columns in the database."""
        rows = super().get_queryset(request).defer(*self.opaque_columns)
        sized: QuerySet[Model] = rows.annotate(size=Length(self.opaque_columns[0]))
        return sized

    @admin.display(description="bytes", ordering="size")
    def size(self, row: Model) -> int:
        """Bytes of the envelope."""
        size: int = getattr(row, "size", 0)
        return size


@admin.register(Conversation)
class ConversationAdmin(MetadataAdmin):
    """Conversations by activity."""

    list_display = ("pk", "epoch", "head_position", "created_ms", "updated_ms")
    fields = ("id", "epoch", "head_position", "created_ms", "updated_ms")


@admin.register(Message)
class MessageAdmin(SizedAdmin):
    """Messages as sizes and times."""

    list_display = ("conversation_id", "position", "sender_id", "epoch", "seq", "created_ms", "size")
    fields = ("conversation", "position", "message_id", "sender", "epoch", "seq", "created_ms", "size")
    readonly_fields = ("size",)
    show_full_result_count = False


@admin.register(Meta)
class MetaAdmin(SizedAdmin):
    """Titles as sizes."""

    list_display = ("pk", "meta_version", "epoch", "author_id", "size")
    fields = ("conversation", "meta_version", "epoch", "author", "size")
    readonly_fields = ("size",)


@admin.register(Stream)
class StreamAdmin(SizedAdmin):
    """Replies on their way."""

    opaque_columns = ("stream_env",)
    list_display = ("pk", "conversation_id", "sender_id", "epoch", "state", "created_ms")
    fields = ("stream_id", "conversation", "sender", "epoch", "state", "created_ms")
