"""Repeats transactions: those that PostgreSQL aborted because two waited for each other, and those it was away for.

All code takes its locks in one order (docs/architecture.md). `retry_on_deadlock` is for the locks that no order covers:
rows that a statement locks in the order in which it finds them.
"""

import random
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import structlog
from django.db import DatabaseError, OperationalError, connection

from conversations.stores import refusals

log = structlog.get_logger(__name__)

# SQLSTATE deadlock_detected and serialization_failure.
RETRYABLE = ("40P01", "40001")
# In seconds. Each is made up to half as long again, at random: two that retry at the same moment would meet again.
PAUSES = (0.02, 0.1, 0.4)
# In seconds, while the database is away: a restart takes a few.
AWAY_PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def retry_on_deadlock(service: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """For a service that writes in one transaction and leaves everything else to `on_commit`: it can be repeated.

    Inside an outer transaction it does nothing: only that can be repeated as a whole.
    """

    @wraps(service)
    def call(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        for pause in PAUSES:
            try:
                return service(*args, **kwargs)
            except OperationalError as exc:
                if connection.in_atomic_block or refusals.sqlstate(exc) not in RETRYABLE:
                    raise
                log.info("transaction_begun_anew", service=service.__qualname__, **refusals.facts(exc))
            time.sleep(pause * random.uniform(1.0, 1.5))  # noqa: S311 — spreads load, guards nothing
        return service(*args, **kwargs)

    return call


def retry_while_away(
    write: Callable[[], Result],
    *,
    log_away: Callable[[DatabaseError], object],
    wait: Callable[[float], object] = time.sleep,
) -> Result:
    """For a write that can be repeated, also where its commit was lost. No connection is held between two tries.

    Raises at once what the database refuses, and what `wait` raises. While the database is away, raises its error only
    after the last pause.
    """
    pauses = iter(AWAY_PAUSES)
    while True:
        try:
            return write()
        except DatabaseError as exc:
            connection.close()
            pause = next(pauses, None)
            if pause is None or not refusals.is_away(exc):
                raise
            log_away(exc)
        wait(pause)
