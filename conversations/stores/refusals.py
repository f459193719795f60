"""What a store refused for good, told from a store that is away; and saying of each thing once that it was refused.

A store that is away is worth another try. What it refused it refuses again, however often it is asked.
"""

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Any

import psycopg
import redis.exceptions as redis_errors
from django.db import DataError, InterfaceError, OperationalError

# Of psycopg's operational errors the ones that are about the statement: too large, too deep, too many columns.
PROGRAM_LIMIT = "54"
# A server that was the primary until a moment ago.
READ_ONLY = "25006"
# Data, constraints, limits; but not a row that others point at, such as the worker's own.
OF_THE_ROW = ("22", "23", PROGRAM_LIMIT)
MISSING_REFERENCE = "23503"
REMEMBERED_COMPLAINTS = 1_000


def is_away(exc: BaseException) -> bool:
    """Whether the same may succeed later, unchanged: no connection, a deadlock, a full disk, a store that restarts."""
    if isinstance(exc, redis_errors.RedisError):
        # A plain ResponseError is about the one command. Its kin are not: no memory, a replica, still loading.
        return type(exc) is not redis_errors.ResponseError
    state = sqlstate(exc)
    if isinstance(exc, OperationalError | InterfaceError | psycopg.OperationalError | psycopg.InterfaceError):
        return not state.startswith(PROGRAM_LIMIT)
    return state == READ_ONLY


def is_of_the_row(exc: BaseException) -> bool:
    """Whether it is the row that is refused, or what was to be written of it; not that something is missing for all."""
    state = sqlstate(exc)
    if not state:
        return isinstance(exc, DataError)
    return state.startswith(OF_THE_ROW) and state != MISSING_REFERENCE


def sqlstate(exc: BaseException) -> str:
    """PostgreSQL's code for what happened; "" when it did not come from PostgreSQL."""
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


class Complaints:
    """What was complained of already, so that what fails each round is one line and not one a round.

    Of many only the latest are remembered. For any thread.
    """

    def __init__(self, *, most: int = REMEMBERED_COMPLAINTS) -> None:
        self._most = most
        self._made: OrderedDict[Hashable, None] = OrderedDict()
        self._lock = Lock()

    def is_new(self, what: Hashable) -> bool:
        """Whether this has to be said. It is not new a second time, until it is `over`."""
        with self._lock:
            is_new = what not in self._made
            self._made[what] = None
            self._made.move_to_end(what)
            if len(self._made) > self._most:
                self._made.popitem(last=False)
        return is_new

    def over(self, what: Hashable) -> None:
        """It went well: should it fail again, that is news."""
        with self._lock:
            self._made.pop(what, None)
