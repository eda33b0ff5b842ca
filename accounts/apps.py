"""The app's name for Django, and the sentinel that every migrated database holds."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AccountsConfig(AppConfig):
    """Accounts and sessions."""

    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Plants the sentinel of the installation key after each migration."""
        from accounts.services import plant_sentinel  # noqa: PLC0415 - models are ready only now

        post_migrate.connect(plant_sentinel, sender=self, dispatch_uid="accounts.sentinel")
