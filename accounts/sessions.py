"""Where a person is signed in: the list, its upkeep, and the ends of sessions."""

from uuid import UUID

from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import QuerySet

from accounts.errors import UnknownSessionError
from accounts.models import SignInSession
from accounts.selectors import standing_sessions
from keystore.clock import now_ms
from keystore.notices import end_sockets_on_commit

USE_STEP_MS = 60_000
"""The last use is noted this seldom, so that a request costs no write."""


def note_use(session: SignInSession) -> None:
    """Notes that a session was used, unless that was noted in the last minute: then it is no query at all."""
    now = now_ms()
    if now - session.last_used_ms < USE_STEP_MS:
        return
    SignInSession.objects.filter(pk=session.pk, last_used_ms=session.last_used_ms).update(last_used_ms=now)
    session.last_used_ms = now


def note_browser(session: SignInSession, *, cookie_key: str, device: str) -> None:
    """Notes which cookie row a session belongs to, and on which device it is.

    Args:
        session: A session that just began or was given a new cookie.
        cookie_key: The key of Django's row, which goes with the session.
        device: What `describe_device` says, at most 64 characters.
    """
    session.cookie_key, session.device = cookie_key, device
    session.save(update_fields=("cookie_key", "device"))


def list_sessions(user_id: UUID) -> list[SignInSession]:
    """A person's standing sessions, the one used last first."""
    return list(standing_sessions().filter(user_id=user_id).order_by("-last_used_ms", "-created_ms", "pk"))


def end_one_session(*, requester_id: UUID, session_id: UUID) -> None:
    """Ends one of the requester's sessions; its sockets are told on commit.

    Raises:
        UnknownSessionError: It is not theirs, or does not exist: the same answer.
    """
    with transaction.atomic():
        if not _end(standing_sessions().filter(pk=session_id, user_id=requester_id)):
            raise UnknownSessionError


def end_other_sessions(session: SignInSession) -> int:
    """Ends all sessions of a person but one; sockets are told on commit.

    Returns:
        How many there were.
    """
    with transaction.atomic():
        return _end(SignInSession.objects.filter(user_id=session.user_id).exclude(pk=session.pk))


def end_all_sessions(user_id: UUID) -> int:
    """Ends all sessions of a person; sockets are told on commit.

    Returns:
        How many there were.
    """
    with transaction.atomic():
        return _end(SignInSession.objects.filter(user_id=user_id))


def _end(sessions: QuerySet[SignInSession]) -> int:
    rows = list(sessions.values_list("pk", "cookie_key"))
    Session.objects.filter(pk__in=[cookie_key for _, cookie_key in rows if cookie_key]).delete()
    SignInSession.objects.filter(pk__in=[session_id for session_id, _ in rows]).delete()
    for session_id, _ in rows:
        end_sockets_on_commit(session_id, "ended")
    return len(rows)
