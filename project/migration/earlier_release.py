"""Migrations that code of the release before cannot live with: they wait until its workers are gone.

Such a migration says so, with the reason, in an attribute of its class: `needs_stop = "…"`.
"""

import time
from collections.abc import Callable, Sequence

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.migration import Migration

from conversations.models.runs.workers import LEASE_SECONDS
from project.migration.errors import CannotMigrate

# A worker that was killed seems to live until its lease is over.
WAIT_SECONDS = LEASE_SECONDS + 7.0
POLL_SECONDS = 0.5
# Older tables than the models describe may be there, so this names the few columns that have always been.
_ALIVE = """
SELECT name FROM conversations_worker
WHERE stopped_at IS NULL AND heartbeat_at >= statement_timestamp() - make_interval(secs => %s) ORDER BY name LIMIT 1
"""


def reason(migration: Migration) -> str:
    """Why the service has to be stopped for it; "" for all others."""
    return str(getattr(migration, "needs_stop", ""))


def wait_for_its_end(
    connection: BaseDatabaseWrapper,
    migrations: Sequence[Migration],
    *,
    report: Callable[[str], None],
    wait_seconds: float = WAIT_SECONDS,
) -> None:
    """Raises CannotMigrate when a worker still lives that one of the migrations would break."""
    breaking = next((migration for migration in migrations if reason(migration)), None)
    if breaking is None or (worker := _living(connection)) is None:
        return
    report(f"{breaking.name} needs the earlier release to be stopped; waiting for {worker}")
    give_up_at = time.monotonic() + wait_seconds
    while (worker := _living(connection)) is not None:
        if time.monotonic() >= give_up_at:
            raise CannotMigrate(
                f"{breaking.name} needs the earlier release to be stopped ({reason(breaking)}), "
                f"and its worker {worker} still runs: stop it on every host, and try again"
            )
        time.sleep(POLL_SECONDS)


def _living(connection: BaseDatabaseWrapper) -> str | None:
    """A worker that lives; None also in a database without tables."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('conversations_worker')")
        if cursor.fetchone()[0] is None:
            return None
        cursor.execute(_ALIVE, [LEASE_SECONDS])
        found = cursor.fetchone()
    return str(found[0]) if found else None
