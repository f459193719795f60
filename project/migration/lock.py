"""One process at a time changes the tables and makes the first account: others wait for it.

The wait is a poll. A session that waits inside `pg_advisory_lock` holds a snapshot, and an index that is built
concurrently waits for every older snapshot: the two would wait for each other, and PostgreSQL would not notice.

The lock belongs to a transaction, not to a session: so it also works through a pooler that gives a server's session to
one transaction at a time. While that transaction is idle it holds no snapshot either.
"""

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from project.migration.errors import CannotMigrate

# Any number will do, as long as every Parley on this database uses the same.
_LOCK = 0x5061726C6579
POLL_SECONDS = 0.2
REPORT_SECONDS = 10.0
CONNECT_SECONDS = 4
_HOLDER = """
SELECT a.pid, a.application_name, extract(epoch FROM clock_timestamp() - a.xact_start)
FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND l.classid = %(high)s::bigint::oid AND l.objid = %(low)s::bigint::oid
"""


@contextmanager
def held(connection: "dict[str, Any]", *, report: Callable[[str], None], patience_seconds: float) -> Iterator[None]:
    """Wait until no other process changes the tables. `connection`: arguments of `psycopg.connect`.

    Raises CannotMigrate after `patience_seconds`, and psycopg.Error when the database is away.
    """
    with psycopg.connect(**{**connection, "autocommit": False, "connect_timeout": CONNECT_SECONDS}) as guard:
        _wait(guard, report=report, patience_seconds=patience_seconds)
        # An index may take hours, in which this transaction is idle.
        guard.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        yield


def _wait(guard: "psycopg.Connection[Any]", *, report: Callable[[str], None], patience_seconds: float) -> None:
    give_up_at = time.monotonic() + patience_seconds
    report_at = time.monotonic()
    while not _try(guard):
        now = time.monotonic()
        if now >= report_at:
            report(f"another process is preparing the database: {_holder(guard)}")
            report_at = now + REPORT_SECONDS
        if now >= give_up_at:
            raise CannotMigrate(
                f"another process has been preparing the database for {patience_seconds:g} s: {_holder(guard)}"
            )
        time.sleep(POLL_SECONDS)


def _try(guard: "psycopg.Connection[Any]") -> bool:
    """The transaction stays open only where the lock was free."""
    # Seen by whoever waits. PostgreSQL cuts it after 63 bytes.
    name = f"parley migration {os.getpid()} on {socket.gethostname()}"
    guard.execute("SELECT set_config('application_name', %s, true)", [name])
    (is_held,) = guard.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK]).fetchone() or (False,)
    if not is_held:
        guard.rollback()
    return bool(is_held)


def _holder(guard: "psycopg.Connection[Any]") -> str:
    found = guard.execute(_HOLDER, {"high": _LOCK >> 32, "low": _LOCK & 0xFFFFFFFF}).fetchone()
    guard.rollback()
    if found is None:
        return "it has just ended"
    pid, name, seconds = found
    return f"{name or 'unnamed'} (PostgreSQL's process {pid}, for {seconds or 0:.0f} s)"
