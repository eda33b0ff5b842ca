"""Deletes accounts whose waiting period is over, with everything that is theirs alone.

What others hold with them stays readable to these others: sealed messages in a conversation that still has members,
under the random id of a user row from which everything else was removed.
"""

import contextlib
from uuid import UUID

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import CASCADE, ProtectedError

from accounts.deletion import forget_challenges, list_due_accounts, lock_due_account
from accounts.models import User
from accounts.sessions import end_all_sessions
from conversations.former_holders import retire_holder
from conversations.models import Conversation, LegacyConversation, LegacyHolder, LegacyMessage, Migration, Stream
from conversations.services import erase_conversation, notify_members
from conversations.streams import drop_streams_on_commit
from keystore.rosters import remove_member
from keystore.selectors import conversation_ids_of, reader_ids
from keystore.services import lock_bundle

_ATTEMPTS = 10


def delete_due_accounts() -> int:
    """Deletes every account that is due, each in a transaction of its own; the next run goes on where one broke off.

    Returns:
        How many were deleted.
    """
    return sum(delete_account(user_id) for user_id in list_due_accounts())


def delete_account(user_id: UUID) -> bool:
    """Deletes one account: sessions, keys, conversations of its own, grants, streams and, on commit, their frames.

    In conversations that others read, membership and grants go; the signed list of people keeps its entries, since
    nobody is there to sign another. Locks are taken in the order of keystore/rosters.py.

    Returns:
        Whether it was deleted: the person may have cancelled at the last moment, or somebody keeps inviting them.
    """
    for _ in range(_ATTEMPTS):
        with contextlib.suppress(_JoinedMeanwhileError):
            return _delete_at_once(user_id)
    return False


class _JoinedMeanwhileError(Exception):
    """The person came into another conversation before their bundle was locked: all is taken back, and begins anew."""


def _delete_at_once(user_id: UUID) -> bool:
    with transaction.atomic():
        _lock_migration(user_id)
        conversations = _lock_conversations(user_id)
        user = lock_due_account(user_id)
        if user is None:
            return False
        lock_bundle(user_id)
        if set(conversation_ids_of(user_id)) - {conversation.pk for conversation in conversations}:
            raise _JoinedMeanwhileError
        end_all_sessions(user_id)
        drop_streams_on_commit(Stream.objects.filter(sender_id=user_id))
        for conversation in conversations:
            _leave(conversation, user_id)
        _delete_texts(user_id)
        forget_challenges(user)
        _forget_operators_notes(user_id)
        _delete_row(user)
    return True


def _lock_migration(user_id: UUID) -> None:
    """First, as whoever works on a migration does (conversations/migration_lease.py)."""
    for model in (LegacyHolder, Migration):
        list(model.objects.select_for_update().filter(pk=user_id))


def _delete_texts(user_id: UUID) -> None:
    """Deletes texts from before encryption, for good; what was made of them went with the person's conversations."""
    LegacyMessage.objects.filter(conversation__holder_id=user_id).delete()
    LegacyConversation.objects.filter(holder_id=user_id).delete()
    retire_holder(user_id)


def _lock_conversations(user_id: UUID) -> list[Conversation]:
    mine = list(conversation_ids_of(user_id))
    return list(Conversation.objects.select_for_update().filter(pk__in=mine).order_by("pk"))


def _leave(conversation: Conversation, user_id: UUID) -> None:
    if set(reader_ids(conversation.pk)) <= {user_id}:
        erase_conversation(conversation)
        return
    remove_member(conversation_id=conversation.pk, user_id=user_id)
    notify_members(conversation.pk, "roster")


def _forget_operators_notes(user_id: UUID) -> None:
    about_users = ContentType.objects.get_for_model(User)
    LogEntry.objects.filter(content_type=about_users, object_id=str(user_id)).delete()


def _delete_row(user: User) -> None:
    """Deletes the row with all that hangs on it, or empties it where messages to others name its id."""
    try:
        with transaction.atomic():
            user.delete()
    except ProtectedError:
        for relation in User._meta.related_objects:  # noqa: SLF001 - Django documents it
            if relation.on_delete is CASCADE:
                relation.related_model._base_manager.filter(**{relation.field.name: user}).delete()  # noqa: SLF001
        _empty_row(user)


def _empty_row(user: User) -> None:
    user.login = f"deleted:{user.pk}"  # A colon is in no login name, so nobody can have this one.
    user.is_active = False
    user.created_ms = 0
    user.set_unusable_password()
    user.save()
