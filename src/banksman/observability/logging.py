"""Structured logs: one line an event, with the turn's id where there is one.

Never a message's text, a phone number or a secret at INFO or above.
"""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.types import EventDict, Processor


def _one_line(_: object, __: str, event: EventDict) -> EventDict:
    """Text from outside cannot break a line or drive a terminal."""
    for key, value in event.items():
        if isinstance(value, str) and not value.isprintable() and key not in ("exception", "stack"):
            event[key] = value.encode("unicode_escape").decode("ascii")
    return event


def configure(level: str = "INFO", style: str = "console") -> None:
    """Sends structlog's and the standard library's lines the same way: `console`, or `json` on stderr."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        _one_line,
    ]
    renderer: list[Processor] = (
        [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()]
        if style == "json"
        else [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
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
