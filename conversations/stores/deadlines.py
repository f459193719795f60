"""How long the database may keep a request waiting, and that what it comes to later is not done.

A server that stands still, or packets that get lost, say nothing: only a clock tells. So a request's call of a service
has an end (`until`), and a DeadlineConnection waits no longer than that for an answer. But a statement that was sent
may still be carried out when the server goes on, and its caller was told otherwise. `latest_moment` lets a statement
ask, by the database's own clock, whether it has been overtaken.

Only the web process has such connections (project/asgi.py): a worker has all the time a run has.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

import psycopg
from django.conf import settings
from psycopg import errors

# Of the time a call has: what a statement begins later may have its answer too late.
MARGIN = 0.2
# A database's clock that is set forward makes statements seem late; for so long at most.
COMPARE_SECONDS = 10.0

Result = TypeVar("Result")

_ends_at: ContextVar[float | None] = ContextVar("ends_at", default=None)


def fixed() -> float:
    """The end of a call that begins now, in the process's monotonic time."""
    return time.monotonic() + settings.DATABASE_TIMEOUT


def server_options() -> str:
    """What every connection asks of the server, for the sake of what a client has given up.

    A transaction is not committed by what had been sent before, and a statement does not go on for nobody.
    """
    milliseconds = round(settings.DATABASE_TIMEOUT * 1000)
    return f"-c idle_in_transaction_session_timeout={milliseconds} -c client_connection_check_interval={milliseconds}"


@contextmanager
def until(ends_at: float) -> Iterator[None]:
    """What this thread asks of the database inside has to be answered by then."""
    token = _ends_at.set(ends_at)
    try:
        yield
    finally:
        _ends_at.reset(token)


def seconds_left() -> float | None:
    """None for any number."""
    ends_at = _ends_at.get()
    return None if ends_at is None else max(0.0, ends_at - time.monotonic())


class DeadlineConnection(psycopg.Connection[Any]):
    """Raises OperationalError instead of waiting on, and is closed then: nobody can tell what it would answer next."""

    # The database's clock, less this process's monotonic one, in seconds; and when that was found, by the latter.
    _clocks_apart = 0.0
    _compared_at = -math.inf

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        left = seconds_left()
        if left is None:
            return super().wait(gen, interval, timeout)
        try:
            if not left:
                # Not even begun: what had been sent would be carried out.
                raise errors._WaitTimeout
            return super().wait(gen, interval, left if timeout is None else min(left, timeout))
        except errors._WaitTimeout:
            self.close()
            raise psycopg.OperationalError("the server did not answer in time") from None

    def latest_moment(self) -> float | None:
        """By when a statement has to begin, in seconds of the database's clock; None when nobody waits for it."""
        left = seconds_left()
        if left is None:
            return None
        if time.monotonic() > self._compared_at + COMPARE_SECONDS:
            self._compare_clocks()
        return self._clocks_apart + time.monotonic() + left - MARGIN * settings.DATABASE_TIMEOUT

    def _compare_clocks(self) -> None:
        asked_at = time.monotonic()
        (now,) = self.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone() or (0.0,)
        self._clocks_apart, self._compared_at = now - asked_at, asked_at
