"""Reads what an HTTP answer says: JSON, problem details, or neither. Shared by every adapter of the port `Http`."""

from collections.abc import Mapping
from typing import Any

from balon_client.errors import ProblemError, ResponseError
from balon_client.ports import Response
from balon_client.wire import load_json

_MAX_PROBLEM_TEXT = 500


def parse_answer(status: int, headers: Mapping[str, str], body: bytes) -> Response:
    """Reads an answer.

    Args:
        status: HTTP status; a redirect is none the client follows, so it counts as malformed.
        headers: With lower-case names.
        body: As received.

    Raises:
        ProblemError: Status 400 or above.
        ResponseError: No success, or a success that is no JSON.
    """
    if status >= 400:
        raise _parse_problem(status, headers, body)
    if not 200 <= status < 300:
        raise ResponseError
    return Response(status, _parse_json(headers, body) if body else None)


def _parse_json(headers: Mapping[str, str], body: bytes) -> Any:
    if _media_type(headers) != "application/json":
        raise ResponseError
    try:
        return load_json(body)
    except ValueError as error:
        raise ResponseError from error


def _media_type(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _parse_problem(status: int, headers: Mapping[str, str], body: bytes) -> ProblemError:
    fields = _problem_fields(headers, body)
    return ProblemError(
        status,
        fields.get("code") or f"http-{status}",
        title=fields.get("title", ""),
        detail=fields.get("detail", ""),
        retry_after_s=_parse_retry_after(headers.get("retry-after", "")),
    )


def _problem_fields(headers: Mapping[str, str], body: bytes) -> dict[str, str]:
    if _media_type(headers) != "application/problem+json":
        return {}
    try:
        document = load_json(body)
    except ValueError:
        return {}
    fields = document if isinstance(document, dict) else {}
    return {name: text[:_MAX_PROBLEM_TEXT] for name, text in fields.items() if isinstance(text, str)}


def _parse_retry_after(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None
