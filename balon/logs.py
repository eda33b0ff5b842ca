"""JSON logs that never hold content, a token or a proof.

Balon's own events may carry the fields of `FIELDS` and no others. Of other libraries' records only the unformatted
message stands, without its arguments, since those hold paths, values and bodies. Of exceptions only the type and the
places in the code stand, since their messages hold values too.
"""

import logging
import logging.config
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any

import structlog

FIELDS = frozenset(
    {
        "check",
        "duration_ms",
        "error",
        "event",
        "frames",
        "level",
        "logger",
        "method",
        "places",
        "request_id",
        "route",
        "status",
        "timestamp",
    }
)
_QUIET = ("httpx", "httpcore", "asyncio", "twisted", "autobahn", "txaio")

Event = MutableMapping[str, Any]


def configure_logging(*, level: str) -> None:
    """Sends every record of every library through the filter, as one JSON line each, to standard error."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": [strip_foreign_record, *shared],
        "processors": [describe_exception, keep_known_fields, structlog.processors.JSONRenderer()],
        "use_get_message": False,
        "pass_foreign_args": True,
    }
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"json": formatter},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
            "root": {"handlers": ["stderr"], "level": level.upper()},
            "loggers": {name: {"level": "WARNING"} for name in _QUIET} | {"django.request": {"level": "ERROR"}},
        }
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def strip_foreign_record(_logger: Any, _method: str, event: Event) -> Event:
    """Keeps the message as its author wrote it, without what was filled in at run time."""
    record: logging.LogRecord = event["_record"]
    has_arguments = bool(event.pop("positional_args", None))
    is_template = isinstance(record.msg, str) and (has_arguments or record.name.startswith(("django", "daphne")))
    event["event"] = record.msg if is_template else "library-record"
    return event


def describe_exception(_logger: Any, _method: str, event: Event) -> Event:
    """Names the type of an exception and the places it came through; never its message."""
    record: logging.LogRecord | None = event.get("_record")
    found = event.pop("exc_info", None) or (record.exc_info if record else None)
    if found is True:
        found = sys.exc_info()
    if isinstance(found, BaseException):
        found = (type(found), found, found.__traceback__)
    if found and found[0] is not None:
        event["error"] = found[0].__name__
        event["places"] = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(found[2])]
    return event


def keep_known_fields(_logger: Any, _method: str, event: Event) -> Event:
    """Drops every field that is not known to be harmless."""
    return {name: value for name, value in event.items() if name in FIELDS}
