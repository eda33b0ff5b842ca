"""The app's name for Django."""

from django.apps import AppConfig


class ConversationsConfig(AppConfig):
    """Conversations and streams."""

    name = "conversations"
    default_auto_field = "django.db.models.BigAutoField"
