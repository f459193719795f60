"""Transactions that PostgreSQL broke off because two waited for each other, begun anew.

There is one order of locks (docs/architecture.md), so this is for what no order covers: rows that a statement locks as
it finds them.
"""

import random
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import structlog
from django.db import OperationalError, connection

from conversations import refusals

log = structlog.get_logger(__name__)

# A deadlock; two that could not have come one after the other.
BROKEN_OFF = ("40P01", "40001")
# Two that begin anew at the same moment would meet again: each pause is up to half as long again, by chance.
PAUSES = (0.02, 0.1, 0.4)

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def retry_on_deadlock(service: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """For a service that writes in one transaction and puts what follows on `on_commit`: all of it can be repeated.

    Inside somebody else's transaction it does nothing: only the whole of that can begin anew.
    """

    @wraps(service)
    def call(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        for pause in PAUSES:
            try:
                return service(*args, **kwargs)
            except OperationalError as exc:
                if connection.in_atomic_block or refusals.sqlstate(exc) not in BROKEN_OFF:
                    raise
                log.info("transaction_begun_anew", service=service.__qualname__, **refusals.facts(exc))
            time.sleep(pause * random.uniform(1.0, 1.5))  # noqa: S311 — spreads load, guards nothing
        return service(*args, **kwargs)

    return call
