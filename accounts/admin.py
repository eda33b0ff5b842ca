"""Operators see accounts and sessions as ids, times and counts."""

from django.contrib import admin

from accounts.models import RecoveryRecord, SignInRecord, SignInSession, User
from keystore.admin import MetadataAdmin


@admin.register(User)
class UserAdmin(MetadataAdmin):
    """Accounts, without their passwords' hashes."""

    list_display = ("pk", "login", "account_version", "is_active", "is_operator", "created_ms")
    fields = ("id", "login", "account_version", "is_active", "is_operator", "created_ms")
    search_fields = ("login",)


@admin.register(SignInRecord)
class SignInRecordAdmin(MetadataAdmin):
    """How sign-in passwords are derived."""

    list_display = ("pk", "kdf", "iterations", "mek_ver")
    fields = ("user", "kdf", "iterations", "mek_ver")


@admin.register(RecoveryRecord)
class RecoveryRecordAdmin(MetadataAdmin):
    """Who has a recovery kit."""

    list_display = ("pk",)
    fields = ("user",)


@admin.register(SignInSession)
class SignInSessionAdmin(MetadataAdmin):
    """Who is signed in since when."""

    list_display = ("pk", "user_id", "created_ms", "expires_ms")
    fields = ("id", "user", "account_version", "created_ms", "expires_ms")
