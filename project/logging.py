"""Logging: constant messages with facts as fields. Keys, prompts and replies are never logged.

Errors could quote them: PostgreSQL quotes the row it refuses, and redis-py the command. So the text of a store's error
is replaced in every line and traceback by its class, SQLSTATE and constraint.
"""

import logging
import sys
import threading
import traceback
from collections.abc import Iterator, MutableMapping
from typing import Any

import psycopg
import structlog
from django.db import Error as DjangoError
from redis.exceptions import RedisError

from conversations.stores import refusals

Event = MutableMapping[str, Any]

SHORT_CHARS = 3
OURS = ("conversations", "project", "providers")


def redact_store_errors(_logger: Any, _method: str, event: Event) -> Event:
    """Formats the traceback, if there is one, and replaces the texts of store errors in it and in the line."""
    exc = _exception(event.pop("exc_info", None))
    if exc is None:
        return event
    store_errors = [one for one in _chain(exc, set()) if isinstance(one, DjangoError | psycopg.Error | RedisError)]
    texts = {"event": str(event["event"]), "exception": "".join(traceback.format_exception(exc)).rstrip()}
    for error in store_errors:
        summary = f"(sqlstate={refusals.sqlstate(error)} constraint={refusals.constraint(error)})"
        for text, shown in ((repr(error), type(error).__name__ + summary), (str(error), summary)):
            # A shorter text quotes nothing and would match everywhere.
            if len(text) > SHORT_CHARS:
                texts = {name: value.replace(text, shown) for name, value in texts.items()}
    event.update(texts)
    return event


def _exception(exc_info: Any) -> BaseException | None:
    """The exception in any form that the standard library and structlog accept."""
    if exc_info is True:
        exc_info = sys.exc_info()
    found = exc_info[1] if isinstance(exc_info, tuple) else exc_info
    return found if isinstance(found, BaseException) else None


def _chain(exc: BaseException | None, seen: set[int]) -> Iterator[BaseException]:
    """All exceptions that a traceback shows: causes, contexts and members of groups."""
    if exc is None or id(exc) in seen:
        return
    seen.add(id(exc))
    yield exc
    for part in (exc.__cause__, exc.__context__, *getattr(exc, "exceptions", ())):
        yield from _chain(part, seen)


def _log_dead_thread(args: threading.ExceptHookArgs) -> None:
    """Replaces Python's own hook, which would print the traceback unredacted."""
    name = args.thread.name if args.thread else ""
    structlog.get_logger(__name__).error("thread_died", thread=name, exc_info=args.exc_value)


SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
    redact_store_errors,
]


def library_level(level: str) -> str:
    """The level for libraries. At DEBUG they would log headers, bodies, statements and commands."""
    return "INFO" if level == "DEBUG" else level


def logging_config(level: str) -> dict[str, Any]:
    """The dictConfig of every process. structlog and the standard library write lines of one form."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    threading.excepthook = _log_dead_thread
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "lines": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": SHARED,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], drop_missing=True),
                ],
            },
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"handlers": ["stderr"], "level": library_level(level)},
        "loggers": {
            **{name: {"level": level} for name in OURS},
            # httpx would log whole URLs, and Django (django.request) every refused request.
            "httpx": {"level": "WARNING"},
            "httpx2": {"level": "WARNING"},
            # It would log what MCP servers say, and the ids of sessions.
            "mcp": {"level": "CRITICAL"},
            # It sets its own level when it has none, and would log warnings when only errors are wanted.
            "psycopg": {"level": max(logging.WARNING, logging.getLevelNamesMapping()[level])},
            "django.request": {"level": "ERROR"},
            # It has handlers of its own, which would format tracebacks in their own way.
            "uvicorn": {"handlers": [], "propagate": True},
            "uvicorn.error": {"handlers": [], "propagate": True},
            # --no-access-log removes its handlers. uvicorn asks `hasHandlers()`, so propagating would turn it on again.
            "uvicorn.access": {"handlers": [], "propagate": False},
            # Celery would log two lines for each run and each sweep.
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
        },
    }
