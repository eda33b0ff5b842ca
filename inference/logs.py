"""Logs: one JSON object a line, metadata only.

What a library says is not trusted: its messages may quote a prompt, and so may the message of an exception. So
foreign records keep their logger, level and the exception's type and places, and lose their text; uvicorn's own are
known and kept.
"""

import logging
import sys
import time
import traceback
from types import TracebackType
from typing import Any

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.typing import EventDict, WrappedLogger

_KNOWN = ("uvicorn", "inference")
_PROBES = ("/healthz", "/readyz")
ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


def configure_logs(level: str) -> None:
    """Sends every log line of the process, structlog's and the standard library's, to standard error as JSON."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        silence_foreign_text,
        drop_exception_text,
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, structlog.processors.JSONRenderer()],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in ("openai", "httpx2", "httpcore2", "asyncio"):
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def silence_foreign_text(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Drops the message of every logger that is not known to keep content out of it."""
    name = str(event.get("logger", ""))
    if name.partition(".")[0] not in _KNOWN:
        event["event"] = "(text of a library, not logged)"
        event.pop("positional_args", None)
    return event


def drop_exception_text(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replaces an exception by its type and the places it passed."""
    info = _find_exception(event.pop("exc_info", None), event.get("_record"))
    if info is not None:
        event["exception"] = info[0].__name__
        event["places"] = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(info[2])]
    event.pop("exception_text", None)
    return event


def _find_exception(info: Any, record: Any) -> ExcInfo | None:
    """The exception of a log call, however it was given; the standard library's formatter must not see it again."""
    if info is True:
        info = sys.exc_info()
    if isinstance(info, BaseException):
        info = (type(info), info, info.__traceback__)
    if not info and isinstance(record, logging.LogRecord):
        info = record.exc_info
    if isinstance(record, logging.LogRecord):
        record.exc_info = record.exc_text = record.stack_info = None
    return info if info and info[0] is not None else None


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
