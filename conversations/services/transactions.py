"""Retries transactions that PostgreSQL aborted because two waited for each other.

All code takes its locks in one order (docs/architecture.md). This is for the locks that no order covers: rows that a
statement locks in the order in which it finds them.
"""

import random
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import structlog
from django.db import OperationalError, connection

from conversations.stores import refusals

log = structlog.get_logger(__name__)

# SQLSTATE deadlock_detected and serialization_failure.
RETRYABLE = ("40P01", "40001")
# In seconds. Each is made up to half as long again, at random: two that retry at the same moment would meet again.
PAUSES = (0.02, 0.1, 0.4)

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
