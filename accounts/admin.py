"""Operators see accounts and sessions as ids, times and counts; they end sessions, suspend and reinstate, no more."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.signals import user_logged_in
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count, Model, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from rest_framework.exceptions import Throttled

from accounts.decoys import hash_login
from accounts.models import DeletionRequest, RecoveryRecord, SignInRecord, SignInSession, User
from accounts.operators import END_SESSIONS, REINSTATE, SUSPEND, Measure, take_measure
from accounts.proved import address_of
from accounts.throttles import Limit, count_attempt
from keystore.admin import MetadataAdmin
from keystore.models import Membership

OPERATOR_SESSION_S = 8 * 3600


class OperatorLoginForm(AdminAuthenticationForm):
    """Slows guessing of operators' passwords down, by address and by name, as sign-in of people is."""

    def clean(self) -> dict[str, Any]:
        """Counts the attempt first."""
        request = self.request
        address = address_of(request) if request else "unknown"
        try:
            count_attempt("operator", address.encode(), Limit(*settings.BALON_LIMIT_ADDRESS))
            login_tag = hash_login(str(self.cleaned_data.get("username", "")))
            count_attempt("operator-login", login_tag, Limit(*settings.BALON_LIMIT_LOGIN))
        except Throttled as error:
            raise ValidationError("Too many attempts. Try again later.", code="throttled") from error
        return super().clean()


admin.site.login_form = OperatorLoginForm


@receiver(user_logged_in, dispatch_uid="accounts.operator_session")
def limit_operator_session(request: HttpRequest, **_: Any) -> None:
    """An operator's session in the admin is shorter than a person's."""
    request.session.set_expiry(OPERATOR_SESSION_S)


Action = Callable[["UserAdmin", HttpRequest, QuerySet[User]], HttpResponse | None]


def _action_of(measure: Measure) -> Action:
    @admin.action(description=measure.name, permissions=("view",))
    def act(modeladmin: "UserAdmin", request: HttpRequest, queryset: QuerySet[User]) -> HttpResponse | None:
        return modeladmin.confirm_or_take(request, queryset, measure)

    act.__name__ = measure.name.lower().replace(" ", "_")
    return act


@admin.register(User)
class UserAdmin(MetadataAdmin):
    """Accounts, without their passwords' hashes."""

    list_display = (
        "pk", "login", "is_active", "is_operator", "account_version", "sessions", "conversations", "created_ms",
    )  # fmt: skip
    fields = ("id", "login", "is_active", "is_operator", "account_version", "sessions", "conversations", "created_ms")
    readonly_fields = ("sessions", "conversations")
    search_fields = ("login",)
    list_filter = ("is_active", "is_operator")
    actions = (_action_of(END_SESSIONS), _action_of(SUSPEND), _action_of(REINSTATE))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Model]:
        """Counts sessions and conversations of each account."""
        rows: QuerySet[Model] = super().get_queryset(request)
        counted: QuerySet[Model] = rows.annotate(
            session_count=_count(SignInSession), conversation_count=_count(Membership)
        )
        return counted

    @admin.display(description="sessions", ordering="session_count")
    def sessions(self, row: Model) -> int:
        """How many sign-in sessions there are."""
        return int(getattr(row, "session_count", 0))

    @admin.display(description="conversations", ordering="conversation_count")
    def conversations(self, row: Model) -> int:
        """How many conversations the account is in."""
        return int(getattr(row, "conversation_count", 0))

    def confirm_or_take(self, request: HttpRequest, accounts: QuerySet[User], measure: Measure) -> HttpResponse | None:
        """Shows what will happen to whom; once that was confirmed, does it."""
        if not isinstance(request.user, User):
            raise PermissionDenied
        if request.POST.get("confirmed") != "yes":
            return self._ask(request, accounts, measure)
        count = take_measure(measure, accounts=accounts, operator=request.user)
        left = "" if count == len(request.POST.getlist(ACTION_CHECKBOX_NAME)) else " Operators are left out."
        self.message_user(request, f"{measure.name}: {count} accounts.{left}", messages.SUCCESS)
        return None

    def _ask(self, request: HttpRequest, accounts: QuerySet[User], measure: Measure) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": f"{measure.name}?",
            "measure": measure,
            "accounts": accounts,
            "opts": self.model._meta,  # noqa: SLF001 - Django's templates ask for it
            "action": request.POST["action"],
            "checkbox": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/accounts/confirm_measure.html", context)


def _count(model: type[Model]) -> Coalesce:
    counts = model._base_manager.filter(user_id=OuterRef("pk")).order_by().values("user_id")  # noqa: SLF001
    return Coalesce(Subquery(counts.annotate(count=Count("pk")).values("count")), 0)


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
    """Who is signed in since when, on what. Never the cookie."""

    list_display = ("pk", "user_id", "device", "created_ms", "last_used_ms", "expires_ms")
    fields = ("id", "user", "device", "account_version", "created_ms", "last_used_ms", "expires_ms")


@admin.register(DeletionRequest)
class DeletionRequestAdmin(MetadataAdmin):
    """Whose account goes when."""

    list_display = ("pk", "requested_ms", "delete_after_ms")
    fields = ("user", "requested_ms", "delete_after_ms")
