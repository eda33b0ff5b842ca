"""The page, and the addresses that tell whether the web tier lives and is ready."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

from accounts.selectors import verify_installation_key
from conversations.gateway import check_ready

logger = structlog.get_logger(__name__)


@require_safe
def page(_request: HttpRequest, conversation_id: UUID | None = None) -> HttpResponse:  # noqa: ARG001 - the page reads it
    """The one page: the same bytes for everyone, so that they can be audited. No cookie, no token."""
    response = HttpResponse(render_to_string("page.html"))
    response.headers["Cache-Control"] = "no-cache"
    return response


@require_safe
def health(_request: HttpRequest) -> HttpResponse:
    """Says that the process lives."""
    return JsonResponse({"status": "ok"}, headers={"Cache-Control": "no-store"})


@require_safe
def readiness(_request: HttpRequest) -> HttpResponse:
    """Says whether database, installation key, channel layer and gateway are in order."""
    checks = {name: _passes(name, check) for name, check in _CHECKS.items()}
    ready = all(checks.values())
    content = {
        "status": "ready" if ready else "not-ready",
        "checks": {name: "ok" if passed else "failed" for name, passed in checks.items()},
    }
    return JsonResponse(content, status=200 if ready else 503, headers={"Cache-Control": "no-store"})


def _passes(name: str, check: Callable[[], Any]) -> bool:
    try:
        check()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is not ready
        logger.warning("not-ready", check=name, error=type(error).__name__)
        return False
    return True


def _check_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _check_channel_layer() -> None:
    layer = get_channel_layer()
    if layer is None:
        raise ImproperlyConfigured("There is no channel layer.")
    async_to_sync(layer.group_send)("readiness", {"type": "readiness"})


_CHECKS: dict[str, Callable[[], Any]] = {
    "database": _check_database,
    "installation-key": verify_installation_key,
    "channel-layer": _check_channel_layer,
    "gateway": check_ready,
}
