"""What every HTTP answer carries, and the one log line that every request leaves."""

import time
import uuid
from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import Any

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware

logger = structlog.get_logger("balon.request")

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; connect-src 'self'; "
    "style-src 'self'; img-src 'self' blob: data:; font-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_PERMISSIONS_POLICY = ", ".join(
    f"{feature}=()"
    for feature in (
        "accelerometer",
        "autoplay",
        "camera",
        "display-capture",
        "encrypted-media",
        "geolocation",
        "gyroscope",
        "hid",
        "magnetometer",
        "microphone",
        "midi",
        "payment",
        "publickey-credentials-get",
        "screen-wake-lock",
        "serial",
        "usb",
        "xr-spatial-tracking",
    )
)
_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": _PERMISSIONS_POLICY,
}
_HSTS = "max-age=63072000; includeSubDomains"
_FORMS = "/admin/"
"""Browsers send `Origin: null` with forms of pages under `no-referrer`, and Django refuses those: the admin's forms
get the next stricter policy."""

Next = Callable[[HttpRequest], Any]
"""What answers next: an awaitable answer where it is asynchronous, the answer itself where it is not."""


@sync_and_async_middleware
def security_headers(get_response: Next) -> Next:
    """Adds the policy and its companions to every answer: pages, scripts of workers, static files, errors."""
    if iscoroutinefunction(get_response):

        async def answer_async(request: HttpRequest) -> HttpResponse:
            return _secure(request, await get_response(request))

        return answer_async

    def answer(request: HttpRequest) -> HttpResponse:
        return _secure(request, get_response(request))

    return answer


def _secure(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    for name, value in _HEADERS.items():
        response.headers[name] = value
    if settings.BALON_HSTS:
        response.headers["Strict-Transport-Security"] = _HSTS
    if request.path.startswith(_FORMS):
        response.headers["Referrer-Policy"] = "same-origin"
    if request.path.startswith(("/api/", "/admin/")):
        response.headers.setdefault("Cache-Control", "no-store")
    return response


@sync_and_async_middleware
def request_log(get_response: Next) -> Next:
    """Logs method, route, status and time of each request under a fresh id. Never a path, a query or a body."""
    if iscoroutinefunction(get_response):

        async def answer_async(request: HttpRequest) -> HttpResponse:
            started = _begin()
            response: HttpResponse = await get_response(request)
            _log(request, response, started)
            return response

        return answer_async

    def answer(request: HttpRequest) -> HttpResponse:
        started = _begin()
        response: HttpResponse = get_response(request)
        _log(request, response, started)
        return response

    return answer


def _begin() -> float:
    structlog.contextvars.bind_contextvars(request_id=uuid.uuid4().hex)
    return time.perf_counter()


def _log(request: HttpRequest, response: HttpResponse, started: float) -> None:
    match = request.resolver_match
    logger.info(
        "request",
        method=request.method if request.method in _METHODS else "other",
        route=(match.view_name or "unnamed") if match else _unrouted(request, response),
        status=response.status_code,
        duration_ms=round((time.perf_counter() - started) * 1000, 2),
    )
    structlog.contextvars.unbind_contextvars("request_id")


def _unrouted(request: HttpRequest, response: HttpResponse) -> str:
    return "static" if request.path.startswith(settings.STATIC_URL) and response.status_code < 400 else "none"


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
