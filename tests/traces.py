"""Finds what the database still knows about an account, in whatever table, column and spelling."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.apps import apps
from django.contrib.sessions.models import Session


def spellings(value: Any) -> set[str]:
    """How a value may rest in a column: as text, as hexadecimal digits of its bytes."""
    if isinstance(value, UUID):
        return {str(value), value.hex}
    if isinstance(value, bytes | memoryview):
        return {bytes(value).hex()}
    text = str(value)
    return {text, text.encode().hex()}


def rows_that_name(marks: set[str]) -> dict[str, int]:
    """Tables and how many of their rows hold one of the marks."""
    found: dict[str, int] = {}
    for model in apps.get_models(include_auto_created=True):
        count = sum(any(mark in text for mark in marks for text in _texts(row)) for row in model._base_manager.all())
        if count:
            found[model._meta.db_table] = count
    return found


def _texts(row: Any) -> list[str]:
    values = [getattr(row, field.attname) for field in row._meta.local_concrete_fields]
    texts = [text for value in values if value is not None for text in spellings(value)]
    return [*texts, str(row.get_decoded())] if isinstance(row, Session) else texts


def marks_of(login: str, user_id: UUID) -> set[str]:
    """What names an account: its login name and id, and the ids of all that it owns."""
    from accounts.decoys import hash_login
    from accounts.models import RecoveryRecord, SignInSession, SpentRecoveryKit
    from conversations.models import Conversation, LegacyConversation, Message, Stream
    from keystore.models import KeyBundle, Membership

    mine = Membership.objects.filter(user_id=user_id).values_list("conversation_id", flat=True)
    values: list[Any] = [login, user_id, hash_login(login)]
    values += LegacyConversation.objects.filter(holder_id=user_id).values_list("pk", flat=True)
    values += Conversation.objects.filter(pk__in=mine).values_list("pk", flat=True)
    values += Message.objects.filter(sender_id=user_id).values_list("message_id", flat=True)
    values += Stream.objects.filter(sender_id=user_id).values_list("pk", flat=True)
    values += RecoveryRecord.objects.filter(pk=user_id).values_list("recovery_id", flat=True)
    values += SpentRecoveryKit.objects.filter(user_id=user_id).values_list("pk", flat=True)
    values += KeyBundle.objects.filter(pk=user_id).values_list("idk_pub", flat=True)
    for session in SignInSession.objects.filter(user_id=user_id):
        values += [session.pk, session.cookie_key]
    return {mark for value in values if value for mark in spellings(value)}
