"""How long a request waits for the database, and how a statement that comes too late is kept from being carried out.

A server that hangs and a packet that is lost send no error: only a clock shows them. So what a request asks of the
database has a deadline (`until`), and a DeadlineConnection waits no longer than that for a response. But the server may
still carry out a statement that was sent, after the caller was answered that the service is unavailable. So a statement
gets a `latest_moment`, which it compares with the database's own clock.

Only the web process has such connections (project/asgi.py): a worker may wait for as long as its run may take.
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

# How long a statement of a request waits for a lock, as a part of the timeout: two seconds of five. Then PostgreSQL
# refuses it, and nothing of it is carried out.
LOCK_WAIT = 0.4
# The last part of the timeout in which the database changes nothing any more: its response might come too late.
LAST_PART = 0.1
# The last part in which no statement may begin any more: it may wait for a lock first.
MARGIN = LOCK_WAIT + LAST_PART
# How long a comparison of the clocks is used. When the database's clock is set forward, statements seem late for no
# longer than this.
COMPARE_SECONDS = 10.0

Result = TypeVar("Result")

_ends_at: ContextVar[float | None] = ContextVar("ends_at", default=None)


def from_now() -> float:
    """The deadline of a call that begins now, in seconds of `time.monotonic()`."""
    return time.monotonic() + settings.DATABASE_TIMEOUT


def server_options() -> str:
    """Options of every connection, for statements whose client has given up waiting, or will soon.

    The server ends a transaction that was left open, stops a statement whose client is gone, and refuses one that has
    waited too long for a lock: its client could still be answered, and its thread is needed by others.
    """
    milliseconds = round(settings.DATABASE_TIMEOUT * 1000)
    options = {
        "idle_in_transaction_session_timeout": milliseconds,
        "client_connection_check_interval": milliseconds,
        "lock_timeout": round(milliseconds * LOCK_WAIT),
    }
    return " ".join(f"-c {name}={value}" for name, value in options.items())


@contextmanager
def until(ends_at: float) -> Iterator[None]:
    """The deadline, in seconds of `time.monotonic()`, for all that this thread asks of the database inside."""
    token = _ends_at.set(ends_at)
    try:
        yield
    finally:
        _ends_at.reset(token)


def seconds_left() -> float | None:
    """Until the deadline; None when there is none."""
    ends_at = _ends_at.get()
    return None if ends_at is None else max(0.0, ends_at - time.monotonic())


class DeadlineConnection(psycopg.Connection[Any]):
    """At the deadline it raises OperationalError and closes: the late response would be read as the next one's."""

    # The database's clock minus `time.monotonic()`, in seconds, and the monotonic time of the comparison.
    _clocks_apart = 0.0
    _compared_at = -math.inf

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        left = seconds_left()
        if left is None:
            return super().wait(gen, interval, timeout)
        try:
            if not left:
                # Do not even begin: the server would carry out what was sent.
                raise errors._WaitTimeout
            return super().wait(gen, interval, left if timeout is None else min(left, timeout))
        except errors._WaitTimeout:
            self.close()
            raise psycopg.OperationalError("the server did not answer in time") from None

    def latest_moment(self, *, is_locked: bool = False) -> float | None:
        """By when a statement has to begin, or to have its locks, in seconds of the database's clock.

        None when there is no deadline.
        """
        left = seconds_left()
        if left is None:
            return None
        if time.monotonic() > self._compared_at + COMPARE_SECONDS:
            self._compare_clocks()
        return (
            self._clocks_apart
            + time.monotonic()
            + left
            - (LAST_PART if is_locked else MARGIN) * settings.DATABASE_TIMEOUT
        )

    def _compare_clocks(self) -> None:
        (now,) = self.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone() or (0.0,)
        # Compared with the time of the response: when that took long, statements seem late too soon, never too late.
        self._compared_at = time.monotonic()
        self._clocks_apart = now - self._compared_at
