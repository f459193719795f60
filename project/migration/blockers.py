"""Who keeps a migration from its locks, in words for the operator."""

from typing import Any, NamedTuple

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

# The oldest transactions that use one of this database's tables; ours has ended. The tables of PostgreSQL are left out.
_OLDEST = """
SELECT a.pid, a.backend_type, coalesce(nullif(a.application_name, ''), a.usename, ''), coalesce(a.state, ''),
       extract(epoch FROM clock_timestamp() - a.xact_start)::float8, c.relname
FROM pg_stat_activity a
JOIN pg_locks l ON l.pid = a.pid AND l.granted AND l.locktype = 'relation'
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
JOIN pg_class c ON c.oid = l.relation AND c.relkind IN ('r', 'p') AND c.relnamespace <> 'pg_catalog'::regnamespace
WHERE a.pid <> pg_backend_pid() AND a.xact_start < clock_timestamp() - interval '0.3 s'
ORDER BY a.xact_start, c.relname LIMIT 20
"""
_AUTOVACUUM = "autovacuum worker"
# Longer than PostgreSQL's `deadlock_timeout`, after which autovacuum stops for the sake of one who waits.
_AUTOVACUUM_WAIT = "5s"


class Blocker(NamedTuple):
    pid: int
    kind: str
    name: str
    state: str
    seconds: float
    table: str

    def __str__(self) -> str:
        who = self.kind if self.kind == _AUTOVACUUM else f"{self.name} ({self.state})"
        return f"{self.table} is used by {who}, PostgreSQL's process {self.pid}, for {self.seconds:.0f} s"


def found(connection: BaseDatabaseWrapper) -> list[Blocker]:
    """Transactions that have used a table for a while, the oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(_OLDEST)
        return [Blocker(*row) for row in cursor.fetchall()]


def stop_autovacuum(connection: BaseDatabaseWrapper, blockers: list[Blocker]) -> bool:
    """Whether autovacuum was made to let go of a table.

    It stops for who waits longer than a migration may. This waits for a lock that turns do not mind.
    """
    tables = sorted({blocker.table for blocker in blockers if blocker.kind == _AUTOVACUUM})
    for table in tables:
        _wait_beside_turns(connection, table)
    return bool(tables)


def _wait_beside_turns(connection: BaseDatabaseWrapper, table: str) -> None:
    quoted: Any = connection.ops.quote_name(table)
    with transaction.atomic(connection.alias), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{_AUTOVACUUM_WAIT}'")
        cursor.execute(f"LOCK TABLE {quoted} IN SHARE UPDATE EXCLUSIVE MODE")
