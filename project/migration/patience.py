"""Runs migrations beside a working service: one process at a time, and again where a lock was not free.

A migration that is tried again begins as if it had never been tried: an atomic one was rolled back, and one that is
not holds only what may be repeated (`lint.py`). What was finished is recorded, and not done twice.
"""

import time
from collections.abc import Callable

import psycopg
from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.migration import Migration

from project.migration import blockers, earlier_release, lock
from project.migration.errors import CannotMigrate

Report = Callable[[str], None]

# Since the last migration that got through.
PATIENCE_SECONDS = 600.0
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0


def migrate(
    connection: BaseDatabaseWrapper,
    apply: Callable[[], object],
    *,
    report: Report,
    patience_seconds: float = PATIENCE_SECONDS,
    is_checked: bool = True,
) -> None:
    """Call `apply`, Django's `migrate`, until every lock it needs was free.

    `is_checked`: first wait for an earlier release to end, if a migration needs that.
    Raises CannotMigrate when either takes too long, what `apply` raises, and OperationalError without a database.
    """
    arguments = connection.get_connection_params()
    # The lock has a connection that is not Django's, and commands expect Django's errors.
    with connection.wrap_database_errors, lock.held(arguments, report=report, patience_seconds=patience_seconds):
        if is_checked:
            earlier_release.wait_for_its_end(connection, pending(connection), report=report)
        _retry(connection, apply, report=report, patience_seconds=patience_seconds)


def pending(connection: BaseDatabaseWrapper) -> list[Migration]:
    """The migrations that are not applied yet, in their order."""
    executor = MigrationExecutor(connection)
    return [migration for migration, _ in executor.migration_plan(executor.loader.graph.leaf_nodes())]


def _retry(
    connection: BaseDatabaseWrapper, apply: Callable[[], object], *, report: Report, patience_seconds: float
) -> None:
    waiting_for, pause, give_up_at = "", FIRST_PAUSE_SECONDS, 0.0
    while True:
        try:
            apply()
        except OperationalError as exc:
            _raise_unless_blocked(exc, connection)
        else:
            return
        now = time.monotonic()
        if (name := _first(pending(connection))) != waiting_for:
            waiting_for, pause, give_up_at = name, FIRST_PAUSE_SECONDS, now + patience_seconds
        found = blockers.found(connection)
        who = str(found[0]) if found else "turns use its tables all the time"
        if now >= give_up_at:
            raise CannotMigrate(f"{name} has had no lock for {patience_seconds:g} s: {who}. End that, and try again")
        if blockers.stop_autovacuum(connection, found):
            continue
        report(f"{name} waits for a lock: {who}. Trying again in {pause:g} s")
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def _raise_unless_blocked(exc: OperationalError, connection: BaseDatabaseWrapper) -> None:
    """Only what another transaction's lock has caused may be tried again."""
    if isinstance(exc.__cause__, psycopg.errors.QueryCanceled):
        raise CannotMigrate(
            f"{_first(pending(connection))} holds a lock for longer than turns may wait: "
            "stop the service, and start it again with the new release, which will migrate"
        ) from exc
    if not isinstance(exc.__cause__, psycopg.errors.LockNotAvailable | psycopg.errors.DeadlockDetected):
        raise exc


def _first(migrations: list[Migration]) -> str:
    return f"{migrations[0].app_label}.{migrations[0].name}" if migrations else "the last step"
