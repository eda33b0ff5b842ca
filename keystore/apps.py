"""The app's name for Django."""

from django.apps import AppConfig


class KeystoreConfig(AppConfig):
    """Opaque key records."""

    name = "keystore"
    default_auto_field = "django.db.models.BigAutoField"
