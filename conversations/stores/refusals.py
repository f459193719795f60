"""Tells a store that refused something from a store that is away, and remembers which failures were logged.

A store that is away is worth another try. What a store refused it will refuse every time (ADR 9).
"""

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Any

import psycopg
import redis.exceptions as redis_errors
from django.db import DataError, InterfaceError, OperationalError

# A statement beyond PostgreSQL's own limits: too large, too deep, too many columns. Psycopg calls this an operational
# error, although the server is there.
PROGRAM_LIMIT = "54"
# A server that was the primary until a moment ago.
READ_ONLY = "25006"
# Data, constraints, limits.
OF_THE_ROW = ("22", "23", PROGRAM_LIMIT)
# Not of the row: what it points at is missing, such as the worker's own row, and would be missing for any row.
MISSING_REFERENCE = "23503"
# A lock was not free within `lock_timeout` (stores/deadlines.py).
LOCK_NOT_AVAILABLE = "55P03"
REMEMBERED_FAILURES = 1_000


def is_away(exc: BaseException) -> bool:
    """Whether the same may succeed later, unchanged: no connection, a deadlock, a full disk, a store that restarts."""
    if isinstance(exc, redis_errors.RedisError):
        # A plain ResponseError is about the one command. Its subclasses are about Redis: no memory, a replica, still
        # loading.
        return type(exc) is not redis_errors.ResponseError
    if isinstance(exc, ConnectionError):
        return True
    state = sqlstate(exc)
    if isinstance(exc, OperationalError | InterfaceError | psycopg.OperationalError | psycopg.InterfaceError):
        return not state.startswith(PROGRAM_LIMIT)
    return state == READ_ONLY


def is_locked(exc: BaseException) -> bool:
    """Whether the statement has waited for a row that others hold. Nothing of it was carried out."""
    return sqlstate(exc) == LOCK_NOT_AVAILABLE


def is_of_the_row(exc: BaseException) -> bool:
    """Whether the database refused this row or its new values, rather than something that all rows need."""
    state = sqlstate(exc)
    if not state:
        return isinstance(exc, DataError)
    return state.startswith(OF_THE_ROW) and state != MISSING_REFERENCE


def sqlstate(exc: BaseException) -> str:
    """PostgreSQL's error code; "" for an error that does not come from PostgreSQL."""
    cause = _cause(exc)
    return (cause.sqlstate or "") if cause else ""


def constraint(exc: BaseException) -> str:
    """The name of the constraint that was broken; "" when there is none."""
    cause = _cause(exc)
    return (cause.diag.constraint_name or "") if cause else ""


def facts(exc: BaseException) -> dict[str, Any]:
    """What a log may say of an error. Its text is left out: PostgreSQL quotes the data it refuses."""
    known = {"error": type(exc).__name__, "sqlstate": sqlstate(exc), "constraint": constraint(exc)}
    return {name: value for name, value in known.items() if value}


def _cause(exc: BaseException) -> psycopg.Error | None:
    """Django wraps psycopg's errors in its own."""
    found = exc if isinstance(exc, psycopg.Error) else exc.__cause__
    return found if isinstance(found, psycopg.Error) else None


class KnownFailures:
    """Which failures were logged already, so that one that comes every few seconds is one line in the log.

    Only the latest `most` are remembered. For any thread.
    """

    def __init__(self, *, most: int = REMEMBERED_FAILURES) -> None:
        self._most = most
        self._seen: OrderedDict[Hashable, None] = OrderedDict()
        self._lock = Lock()

    def is_new(self, failure: Hashable) -> bool:
        """Whether to log it: true the first time, and again after `resolve`."""
        with self._lock:
            is_new = failure not in self._seen
            self._seen[failure] = None
            self._seen.move_to_end(failure)
            if len(self._seen) > self._most:
                self._seen.popitem(last=False)
        return is_new

    def resolve(self, failure: Hashable) -> None:
        """It no longer fails. Should it fail again, that is new."""
        with self._lock:
            self._seen.pop(failure, None)
