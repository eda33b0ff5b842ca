"""Errors as problem details (RFC 9457), whether Django REST framework or Django itself meets them."""

from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

CONTENT_TYPE = "application/problem+json"
_CODES = {
    HTTPStatus.BAD_REQUEST: "invalid",
    HTTPStatus.UNAUTHORIZED: "not-signed-in",
    HTTPStatus.FORBIDDEN: "forbidden",
    HTTPStatus.NOT_FOUND: "not-found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method-not-allowed",
    HTTPStatus.NOT_ACCEPTABLE: "not-acceptable",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too-large",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "unsupported-media-type",
    HTTPStatus.TOO_MANY_REQUESTS: "throttled",
    HTTPStatus.INTERNAL_SERVER_ERROR: "internal",
}
_FRAMEWORK_CODES = frozenset(
    {
        "authentication_failed",
        "error",
        "invalid",
        "method_not_allowed",
        "not_acceptable",
        "not_authenticated",
        "not_found",
        "parse_error",
        "permission_denied",
        "throttled",
        "unsupported_media_type",
    }
)


class TooLargeError(exceptions.APIException):
    """A body beyond the limit."""

    status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    default_detail = "The request is too large."


def problem(status: int, detail: str, code: str | None = None) -> dict[str, Any]:
    """The members of a problem detail."""
    known = HTTPStatus(status)
    return {
        "type": "about:blank",
        "title": known.phrase,
        "status": status,
        "detail": detail,
        "code": code or _CODES.get(known, "error"),
    }


def exception_handler(error: Exception, _context: dict[str, Any]) -> Response | None:
    """Turns what a view raised into an answer; what nobody foresaw goes on to Django's own handler."""
    known = _to_api_exception(error)
    if known is None:
        return None
    set_rollback()
    return Response(
        {**problem(known.status_code, _detail_of(known), _code_of(known)), **getattr(known, "extension", {})},
        status=known.status_code,
        headers=_headers_of(known),
        content_type=CONTENT_TYPE,
    )


def _to_api_exception(error: Exception) -> exceptions.APIException | None:
    if isinstance(error, exceptions.APIException):
        return error
    if isinstance(error, Http404):
        return exceptions.NotFound("There is nothing here.")
    if isinstance(error, PermissionDenied):
        return exceptions.PermissionDenied()
    if isinstance(error, RequestDataTooBig):
        return TooLargeError()
    if isinstance(error, SuspiciousOperation):
        return exceptions.ParseError("The request is not valid.")
    return None


def _code_of(error: exceptions.APIException) -> str | None:
    codes = error.get_codes()
    return codes if isinstance(codes, str) and codes not in _FRAMEWORK_CODES else None


def _detail_of(error: exceptions.APIException) -> str:
    return " ".join(_sentences(error.detail)) or "The request was refused."


def _sentences(detail: Any, path: str = "") -> list[str]:
    if isinstance(detail, dict):
        found = [_sentences(inner, f"{path}.{name}" if path else str(name)) for name, inner in detail.items()]
        return [sentence for sentences in found for sentence in sentences]
    if isinstance(detail, list):
        return [sentence for inner in detail for sentence in _sentences(inner, path)]
    return [f"{path}: {detail}" if path else str(detail)]


def _headers_of(error: exceptions.APIException) -> dict[str, str]:
    headers: dict[str, str] = {}
    if auth_header := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = auth_header
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(wait)
    return headers


def _answer(request: HttpRequest, status: HTTPStatus, detail: str, code: str | None = None) -> HttpResponse:
    if request.path.startswith("/api/"):
        return JsonResponse(problem(status, detail, code), status=status, content_type=CONTENT_TYPE)
    return HttpResponse(f"{status.value} {status.phrase}\n", status=status, content_type="text/plain; charset=utf-8")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django's signature
    """What Django refuses before any view sees it."""
    return _answer(request, HTTPStatus.BAD_REQUEST, "The request is not valid.")


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001
    """What Django forbids."""
    return _answer(request, HTTPStatus.FORBIDDEN, "You may not do this.")


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001
    """No such address."""
    return _answer(request, HTTPStatus.NOT_FOUND, "There is nothing here.")


def server_error(request: HttpRequest) -> HttpResponse:
    """What nobody foresaw; the log has the place, the answer nothing of it."""
    return _answer(request, HTTPStatus.INTERNAL_SERVER_ERROR, "Something failed here. It was recorded.")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001 - Django's signature
    """A form without its token."""
    return _answer(request, HTTPStatus.FORBIDDEN, "The request did not carry the page's token.", "csrf-refused")
