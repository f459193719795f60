"""How a migration's statements wait for their locks, so that turns go on beside them.

ALTER TABLE needs a moment in which nobody else uses the table. While it waits for that, everybody who comes later waits
behind it: one reader with a long transaction would stop every turn. So it gives up soon, and is tried again later
(project/migration/patience.py). Building an index concurrently and checking a constraint's rows take long, but let
turns go on: they have all the time they need.
"""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, Self

import structlog
from django.db import DatabaseError, transaction
from django.db.backends.postgresql import schema

log = structlog.get_logger(__name__)

# Turns wait for as long as a statement waits, and then for its work. All of these are below PostgreSQL's
# `deadlock_timeout` (1 s): where a migration and a turn wait for each other, the migration has to be the one that gives
# up, because after that time PostgreSQL might end the turn.
FIRST_LOCK_MS = 500
# Once a transaction holds a lock, turns may be waiting for it already.
FURTHER_LOCK_MS = 300
# All that the statements of one transaction may wait together. After it they may only take what is free.
TRANSACTION_LOCK_MS = 1200
LEAST_LOCK_MS = 50
# What a statement has that lets turns go on, in milliseconds. The last one is when the server looks whether its client
# still lives: otherwise the build of a process that was killed would go on for hours.
_UNLIMITED = {"lock_timeout": 0, "statement_timeout": 0, "client_connection_check_interval": 5000}

_CONCURRENT = re.compile(r"\s*(CREATE\s+(UNIQUE\s+)?INDEX|DROP\s+INDEX|REINDEX\s.*?)\s+CONCURRENTLY\b", re.I | re.S)
_NEW_INDEX = re.compile(
    r"\s*CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+(?:IF\s+NOT\s+EXISTS\s+)?(\"[^\"]+\"|\w+)\s+ON\s", re.I
)
_VALIDATION = re.compile(r"\s*ALTER\s+TABLE\s.*\sVALIDATE\s+CONSTRAINT\b", re.I | re.S)

# Seconds that a statement may take which holds a lock turns wait for. None: any time.
_statement_seconds: ContextVar[float | None] = ContextVar("statement_seconds", default=None)


@contextmanager
def statement_limit(seconds: float) -> Iterator[None]:
    """Inside, a statement that turns might have to wait for is ended after `seconds`."""
    token = _statement_seconds.set(seconds)
    try:
        yield
    finally:
        _statement_seconds.reset(token)


class DatabaseSchemaEditor(schema.DatabaseSchemaEditor):
    """In a migration with `atomic = False`, each statement that changes a table is a transaction of its own."""

    def __enter__(self) -> Self:
        super().__enter__()
        # When the transaction of an atomic migration sent its first statement, in seconds of `time.monotonic()`.
        self._began_at: float | None = None
        if self.atomic_migration and not self.collect_sql:
            # For what a migration asks without this editor, as RunPython does.
            self._set_local(lock_ms=FIRST_LOCK_MS, statement_ms=_statement_ms())
        return self

    def execute(self, sql: Any, params: Any = ()) -> None:
        statement = str(sql)
        if self.collect_sql:
            super().execute(sql, params)
        elif self.connection.in_atomic_block:
            self._execute_in_transaction(statement, params)
        elif _CONCURRENT.match(statement):
            self._execute_concurrently(statement, params)
        else:
            with transaction.atomic(self.connection.alias):
                self._execute_in_transaction(statement, params)

    def _execute_in_transaction(self, statement: str, params: Any) -> None:
        if _VALIDATION.match(statement):
            # It shares the table with turns, however long it waits and works.
            self._set_local(lock_ms=0, statement_ms=0)
        else:
            self._set_local(lock_ms=self._next_lock_ms(), statement_ms=_statement_ms())
        super().execute(statement, params)

    def _next_lock_ms(self) -> float:
        now = time.monotonic()
        if not self.atomic_migration or self._began_at is None:
            self._began_at = now
            return FIRST_LOCK_MS
        left_ms = TRANSACTION_LOCK_MS - (now - self._began_at) * 1000
        return max(LEAST_LOCK_MS, min(FURTHER_LOCK_MS, left_ms))

    def _set_local(self, *, lock_ms: float, statement_ms: float) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('lock_timeout', %s, true), set_config('statement_timeout', %s, true)",
                [f"{lock_ms:.0f}", f"{statement_ms:.0f}"],
            )

    def _execute_concurrently(self, statement: str, params: Any) -> None:
        """PostgreSQL allows no transaction here, so a build that was broken off leaves an index that is never used."""
        new_index = _NEW_INDEX.match(statement)
        with self._without_limits():
            if new_index and (is_valid := self._is_valid(new_index[1])) is not None:
                if is_valid:
                    log.info("index_is_there", index=new_index[1])
                    return
                super().execute(f"DROP INDEX CONCURRENTLY {new_index[1]}", None)
            try:
                super().execute(statement, params)
            except DatabaseError:
                # A unique index that is only half built already refuses rows, and so would fail turns.
                if new_index:
                    with suppress(DatabaseError):
                        super().execute(f"DROP INDEX CONCURRENTLY IF EXISTS {new_index[1]}", None)
                raise

    def _is_valid(self, index: str) -> bool | None:
        """None when there is no such index. `index` is an SQL identifier, quoted where it has to be."""
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", [index])
            found = cursor.fetchone()
        return bool(found[0]) if found else None

    @contextmanager
    def _without_limits(self) -> Iterator[None]:
        """Those that an administrator set for the role or the database would end a build each time it is tried."""
        with self.connection.cursor() as cursor:
            for name, milliseconds in _UNLIMITED.items():
                cursor.execute(f"SET {name} = {milliseconds}")
        try:
            yield
        finally:
            with self.connection.cursor() as cursor:
                for name in _UNLIMITED:
                    cursor.execute(f"RESET {name}")


def _statement_ms() -> float:
    return (_statement_seconds.get() or 0) * 1000
