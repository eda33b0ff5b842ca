"""The app's name for Django, and what it has to say about what accounts do."""

from django.apps import AppConfig


class ConversationsConfig(AppConfig):
    """Conversations and streams."""

    name = "conversations"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Lets no account replace its keys while a migration holds conversations of it."""
        from accounts.rotation import rotation_asked  # noqa: PLC0415 - models are ready only now
        from conversations.migration_selectors import require_none_held  # noqa: PLC0415

        rotation_asked.connect(require_none_held, dispatch_uid="conversations.held")
