"""One log line per fact: constant messages, facts as fields. Keys, prompts and replies are never logged.

Not by way of an error either: PostgreSQL quotes the row it refuses, and redis-py the command. What a store's error says
is left out of every line and traceback; its class, SQLSTATE and constraint stand for it.
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


def without_quotes(_logger: Any, _method: str, event: Event) -> Event:
    """Formats the traceback, if there is one; and takes what stores quoted out of it and out of the line itself."""
    exc = _exception(event.pop("exc_info", None))
    if exc is None:
        return event
    quoted = [found for found in _chain(exc, set()) if isinstance(found, DjangoError | psycopg.Error | RedisError)]
    said = {"event": str(event["event"]), "exception": "".join(traceback.format_exception(exc)).rstrip()}
    for found in quoted:
        known = f"(sqlstate={refusals.sqlstate(found)} constraint={refusals.constraint(found)})"
        for text, shown in ((repr(found), type(found).__name__ + known), (str(found), known)):
            # What is shorter quotes nothing, and would be found everywhere.
            if len(text) > SHORT_CHARS:
                said = {name: value.replace(text, shown) for name, value in said.items()}
    event.update(said)
    return event


def _exception(exc_info: Any) -> BaseException | None:
    """As the standard library and structlog allow it to be given."""
    if exc_info is True:
        exc_info = sys.exc_info()
    found = exc_info[1] if isinstance(exc_info, tuple) else exc_info
    return found if isinstance(found, BaseException) else None


def _chain(exc: BaseException | None, seen: set[int]) -> Iterator[BaseException]:
    """All that a traceback shows: what it came from, what it was raised in, what it groups."""
    if exc is None or id(exc) in seen:
        return
    seen.add(id(exc))
    yield exc
    for part in (exc.__cause__, exc.__context__, *getattr(exc, "exceptions", ())):
        yield from _chain(part, seen)


def _log_dead_thread(args: threading.ExceptHookArgs) -> None:
    """Python would print the traceback as it is."""
    name = args.thread.name if args.thread else ""
    structlog.get_logger(__name__).error("thread_died", thread=name, exc_info=args.exc_value)


SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
    without_quotes,
]


def of_libraries(level: str) -> str:
    """At DEBUG only our own loggers say more: libraries would print headers, bodies, statements and commands."""
    return "INFO" if level == "DEBUG" else level


def logging_config(level: str) -> dict[str, Any]:
    """The dictConfig for every process; structlog and the standard library end in the same lines."""
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
        "root": {"handlers": ["stderr"], "level": of_libraries(level)},
        "loggers": {
            **{name: {"level": level} for name in OURS},
            # Request lines of httpx would print whole URLs; Django's would print every refused request.
            "httpx": {"level": "WARNING"},
            # It sets a level of its own when it finds none, and would go on warning when only errors are wanted.
            "psycopg": {"level": max(logging.WARNING, logging.getLevelNamesMapping()[level])},
            "django.request": {"level": "ERROR"},
            # It has handlers of its own, with its own form of a traceback.
            "uvicorn": {"handlers": [], "propagate": True},
            "uvicorn.error": {"handlers": [], "propagate": True},
            # Told off by its own option, which this would undo: it goes by whether anybody listens.
            "uvicorn.access": {"handlers": [], "propagate": False},
            # Celery would print two lines a run and one a sweep.
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
            "celery.beat": {"level": "WARNING"},
        },
    }
