"""Logs: one JSON object a line, metadata only.

What a library says is not trusted: its messages may quote a prompt, and so may the message of an exception. So
foreign records keep their logger, level and the exception's type and places, and lose their text; uvicorn's own are
known and kept.
"""

import copy
import logging
import sys
import time
import traceback
from typing import Any, TextIO

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.typing import EventDict, WrappedLogger

_KNOWN = ("uvicorn", "inference")
_PROBES = ("/healthz", "/readyz")
_TALKATIVE = ("openai", "httpx2", "httpcore2", "asyncio")


def configure_logs(level: str, stream: TextIO | None = None) -> None:
    """Sends every log line of the process, structlog's and the standard library's, to one stream as JSON.

    Args:
        level: The least level that is written, by name.
        stream: Standard error unless told otherwise.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        MetadataFormatter(
            foreign_pre_chain=shared,
            processors=[
                drop_foreign_text,
                add_exception,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    # A line that cannot be written must not be printed with its arguments instead.
    logging.raiseExceptions = False
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


class MetadataFormatter(structlog.stdlib.ProcessorFormatter):
    """Takes exceptions away before anything can write them out, and keeps their type and places."""

    def format(self, record: logging.LogRecord) -> str:
        """Formats a copy of the record, without exception and stack."""
        bare = copy.copy(record)
        bare.described = _describe(record.exc_info)
        bare.exc_info = bare.exc_text = bare.stack_info = None
        return super().format(bare)


def drop_foreign_text(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Drops the message of every logger that is not known to keep content out of it."""
    if str(event.get("logger", "")).partition(".")[0] not in _KNOWN:
        event["event"] = "(text of a library, not logged)"
    return event


def add_exception(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Adds the type of the exception and the places it passed."""
    event.pop("exc_info", None)
    event.update(event["_record"].described)
    return event


def _describe(info: Any) -> dict[str, Any]:
    if not info or info[0] is None:
        return {}
    places = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(info[2])]
    return {"exception": info[0].__name__, "places": places}


class AccessLog:
    """Logs method, endpoint, status and time of each request: never a body, a header, a query or an address."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._log = structlog.get_logger("inference.access")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Runs the application and writes a line when it is done."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.monotonic()
        status = 0

        async def note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, note_status)
        finally:
            endpoint = getattr(scope.get("endpoint"), "__name__", None)
            elapsed_ms = round((time.monotonic() - started) * 1000)
            log = self._log.debug if scope["path"] in _PROBES else self._log.info
            log("request", method=scope["method"], endpoint=endpoint, status=status, duration_ms=elapsed_ms)
