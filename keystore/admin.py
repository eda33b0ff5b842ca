"""Operators see that key records exist, and how large they are. Never what is in them."""

from typing import TYPE_CHECKING

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from keystore.models import Grant, KeyBundle, Keyring, Membership, RosterEntry

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Model]
else:
    _ModelAdmin = admin.ModelAdmin


class MetadataAdmin(_ModelAdmin):
    """Read-only: nothing can be added, changed or deleted, and only named fields show."""

    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        """Nobody adds rows here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        """Nobody changes rows here."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        """Nobody deletes rows here."""
        return False


@admin.register(KeyBundle)
class KeyBundleAdmin(MetadataAdmin):
    """Which users have keys."""

    list_display = ("pk", "bundle_seq")
    fields = ("user", "bundle_seq")
    list_select_related = ("user",)


@admin.register(Keyring)
class KeyringAdmin(MetadataAdmin):
    """Versions and sizes of keyrings."""

    list_display = ("pk", "version", "updated_ms")
    fields = ("user", "version", "updated_ms")


@admin.register(RosterEntry)
class RosterEntryAdmin(MetadataAdmin):
    """Lengths of rosters."""

    list_display = ("conversation_id", "seq")
    fields = ("conversation_id", "seq")


@admin.register(Membership)
class MembershipAdmin(MetadataAdmin):
    """Who is in which conversation."""

    list_display = ("conversation_id", "user_id", "role")
    fields = ("conversation_id", "user", "role")


@admin.register(Grant)
class GrantAdmin(MetadataAdmin):
    """Which grants exist."""

    list_display = ("conversation_id", "epoch", "user_id")
    fields = ("conversation_id", "epoch", "user")
