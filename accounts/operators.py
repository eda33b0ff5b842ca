"""What operators may do to accounts: end their sessions, close them, open them again. Nothing else."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from django.contrib.admin.models import CHANGE, LogEntry
from django.db import transaction
from django.db.models import Q, QuerySet

from accounts.models import User
from accounts.sessions import end_all_sessions


@dataclass(frozen=True, slots=True)
class Measure:
    """Something that operators may do to accounts, with the words that ask for confirmation and that note it."""

    name: str
    consequence: str
    note: str
    apply: Callable[[UUID], None]


def _end_sessions(user_id: UUID) -> None:
    end_all_sessions(user_id)


def _suspend(user_id: UUID) -> None:
    User.objects.filter(pk=user_id).update(is_active=False)
    end_all_sessions(user_id)


def _reinstate(user_id: UUID) -> None:
    User.objects.filter(pk=user_id).update(is_active=True)


END_SESSIONS = Measure(
    name="End all sessions",
    consequence="They are signed out everywhere within a second and have to type their password again.",
    note="Ended all sessions.",
    apply=_end_sessions,
)
SUSPEND = Measure(
    name="Suspend",
    consequence="They are signed out everywhere within a second and cannot sign in until they are reinstated. "
    "A deletion that was asked for still happens on its day, and they cannot cancel it meanwhile.",
    note="Suspended.",
    apply=_suspend,
)
REINSTATE = Measure(
    name="Reinstate",
    consequence="They can sign in again.",
    note="Reinstated.",
    apply=_reinstate,
)


def take_measure(measure: Measure, *, accounts: QuerySet[User], operator: User) -> int:
    """Does something to accounts of people, all or none, and notes who did it. Operators and deleted ones are left out.

    Returns:
        How many accounts there were.
    """
    with transaction.atomic():
        people = User.objects.select_for_update(of=("self",)).filter(
            Q(sign_in_record__isnull=False) | Q(legacy_record__isnull=False),
            pk__in=accounts.values("pk"),
            is_operator=False,
        )
        found = list(people)
        for person in found:
            measure.apply(person.pk)
        if found:
            LogEntry.objects.log_actions(operator.pk, found, CHANGE, change_message=measure.note)
    return len(found)
