"""Operators see that key records exist, and how large they are. Never what is in them."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.db.models.functions import Length
from django.http import HttpRequest

from keystore.models import Grant, KeyBundle, Keyring, Membership, PreviousKey, RosterEntry

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Model]
else:
    _ModelAdmin = admin.ModelAdmin


class MetadataAdmin(_ModelAdmin):
    """Read-only: nothing can be added, changed or deleted, and only named fields show."""

    actions: Any = None

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        """Nobody adds rows here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        """Nobody changes rows here."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        """Nobody deletes rows here."""
        return False


class SizedAdmin(MetadataAdmin):
    """Shows the size of the envelope, which never leaves the database."""

    opaque_columns: tuple[str, ...] = ("envelope",)
    readonly_fields = ("size",)

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


@admin.register(KeyBundle)
class KeyBundleAdmin(MetadataAdmin):
    """Which users have keys."""

    list_display = ("pk", "bundle_seq")
    fields = ("user", "bundle_seq")
    list_select_related = ("user",)


@admin.register(Keyring)
class KeyringAdmin(SizedAdmin):
    """Versions and sizes of keyrings."""

    list_display = ("pk", "version", "updated_ms", "size")
    fields = ("user", "version", "updated_ms", "size")


@admin.register(RosterEntry)
class RosterEntryAdmin(MetadataAdmin):
    """Lengths of rosters."""

    list_display = ("conversation_id", "seq", "epoch")
    fields = ("conversation_id", "seq", "epoch")


@admin.register(PreviousKey)
class PreviousKeyAdmin(SizedAdmin):
    """Which former keys are handed on."""

    list_display = ("conversation_id", "epoch", "size")
    fields = ("conversation_id", "epoch", "size")


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
