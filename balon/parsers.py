"""JSON bodies, read strictly."""

import json
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser


class StrictJSONParser(BaseParser):
    """UTF-8 JSON without NaN, without repeated names, and of no depth that could exhaust the stack."""

    media_type = "application/json"

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,  # noqa: ARG002 - the base's signature
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Reads the whole body, if it is within the limit: the view's `max_body_size` where it has one.

        Raises:
            RequestDataTooBig: It is not. Django itself only looks at bodies that it reads as a whole.
            ParseError: It is not JSON.
        """
        view = (parser_context or {}).get("view")
        limit: int = getattr(view, "max_body_size", settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise RequestDataTooBig("The body is too large.")
        try:
            return json.loads(body.decode(), parse_constant=_refuse_constant, object_pairs_hook=_refuse_repeated_names)
        except (ValueError, RecursionError) as error:
            raise ParseError("The body is not valid JSON.") from error


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON.")


def _refuse_repeated_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("A name is repeated.")
    return members
