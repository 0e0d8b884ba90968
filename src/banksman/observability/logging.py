"""Structured logs: one line an event, with the turn's id where there is one.

Never a message's text, a phone number or a secret at INFO or above: an exception is told by its type and
its places, in full only where the level is DEBUG.
"""

from __future__ import annotations

import logging
import sys
import traceback
from pathlib import Path

import structlog
from structlog.types import EventDict, Processor


def _one_line(_: object, __: str, event: EventDict) -> EventDict:
    """Text from outside cannot break a line or drive a terminal."""
    for key, value in event.items():
        if isinstance(value, str) and not value.isprintable() and key not in ("exception", "stack"):
            event[key] = value.encode("unicode_escape").decode("ascii")
    return event


def _where_it_failed(_: object, __: str, event: EventDict) -> EventDict:
    """An exception as its type and the places it went through: its text and its variables may name a person."""
    given = event.pop("exc_info", None)
    error = given if isinstance(given, BaseException) else sys.exc_info()[1] if given else None
    if isinstance(given, tuple):
        error = given[1]
    if isinstance(error, BaseException):
        frames = traceback.extract_tb(error.__traceback__)
        event["error"] = type(error).__qualname__
        event["sqlstate"] = getattr(error, "sqlstate", None)
        event["at"] = " < ".join(f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in reversed(frames[-12:]))
    return event


def configure(level: str = "INFO", style: str = "console") -> None:
    """Sends structlog's and the standard library's lines the same way: `console`, or `json` on stderr."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        *([] if level == "DEBUG" else [_where_it_failed]),
        _one_line,
    ]
    renderer: list[Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if style == "json"
        else [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        ]
    )
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # These name addresses and queries in their lines.
    for name in ("httpx", "httpcore", "httpx2", "httpcore2", "hpack", "asyncio", "anthropic", "psycopg.pool"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level)))
