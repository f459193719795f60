"""Operations for migrations of large tables beside turns, which Django does not have.

Both may be repeated: a migration that was broken off goes on where it was. Neither works in a transaction, so their
migration has `atomic = False`.
"""

import time
from typing import Any

import structlog
from django.contrib.postgres.operations import NotInTransactionMixin
from django.db import transaction
from django.db.backends.postgresql.schema import DatabaseSchemaEditor
from django.db.migrations.operations import AddConstraint
from django.db.migrations.operations.base import Operation
from django.db.models import UniqueConstraint

log = structlog.get_logger(__name__)

BATCH_ROWS = 1000
PAUSE_SECONDS = 0.02
REPORT_SECONDS = 5.0
# When all rows that are left are locked by others, and how often that may be so in a row.
LOCKED_PAUSE_SECONDS = 0.5
LOCKED_ROUNDS = 240

# Rows that a turn has locked are left for a later round: a turn would wait for the whole batch, and the batch for it.
_FILL = """
WITH batch AS (
    SELECT {key} FROM {table} WHERE {key} > %(after)s AND {key} <= %(to)s AND ({where}) FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE {table} SET {assignments} FROM batch WHERE {table}.{key} = batch.{key}
"""
_NEXT = "SELECT max({key}) FROM (SELECT {key} FROM {table} WHERE {key} > %s ORDER BY {key} LIMIT %s) AS batch"
_LEFT = "SELECT EXISTS (SELECT FROM {table} WHERE {where})"


class Backfill(NotInTransactionMixin, Operation):
    """Fills a column of the rows that were there before it, each batch in a transaction of its own.

    `assignments` is what stands after SET. `where` chooses the rows that are not filled yet, and none that are: it ends
    the work. New rows must come filled already, by a `db_default` or the code of the release before.
    """

    atomic = False
    reduces_to_sql = False
    reversible = True

    def __init__(self, model_name: str, *, assignments: str, where: str, batch_rows: int = BATCH_ROWS) -> None:
        self.model_name = model_name
        self.assignments = assignments
        self.where = where
        self.batch_rows = batch_rows

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        kwargs = {"assignments": self.assignments, "where": self.where, "batch_rows": self.batch_rows}
        return type(self).__qualname__, [self.model_name], kwargs

    def describe(self) -> str:
        return f"Fill {self.assignments} of {self.model_name} in batches"

    def state_forwards(self, app_label: str, state: Any) -> None:
        pass

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        self._ensure_not_in_transaction(schema_editor)
        meta = to_state.apps.get_model(app_label, self.model_name)._meta
        quote = schema_editor.quote_name
        names = {"table": quote(meta.db_table), "key": quote(meta.pk.column)}
        names |= {"where": self.where, "assignments": self.assignments}
        idle_rounds = 0
        while self._is_any_left(schema_editor, names):
            if self._fill_once(schema_editor, names):
                idle_rounds = 0
                continue
            idle_rounds += 1
            if idle_rounds == LOCKED_ROUNDS:
                raise RuntimeError(f"{self.describe()}: the rows left are locked, or `where` chooses filled ones too")
            time.sleep(LOCKED_PAUSE_SECONDS)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """The column goes away with its own migration."""

    def _is_any_left(self, schema_editor: Any, names: dict[str, str]) -> bool:
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(_LEFT.format_map(names))
            return bool(cursor.fetchone()[0])

    def _fill_once(self, schema_editor: Any, names: dict[str, str]) -> int:
        """Go through the whole table once; returns how many rows were filled."""
        after, filled, report_at = 0, 0, time.monotonic() + REPORT_SECONDS
        while (to := self._end_of_batch(schema_editor, names, after=after)) is not None:
            with transaction.atomic(schema_editor.connection.alias), schema_editor.connection.cursor() as cursor:
                cursor.execute(_FILL.format_map(names), {"after": after, "to": to})
                filled += cursor.rowcount
            after = to
            if time.monotonic() >= report_at:
                log.info("backfill", table=names["table"], filled=filled, up_to=after)
                report_at = time.monotonic() + REPORT_SECONDS
            time.sleep(PAUSE_SECONDS)
        return filled

    def _end_of_batch(self, schema_editor: Any, names: dict[str, str], *, after: int) -> int | None:
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(_NEXT.format_map(names), [after, self.batch_rows])
            last: int | None = cursor.fetchone()[0]
        return last


class AddUniqueConstraintConcurrently(NotInTransactionMixin, AddConstraint):
    """Builds the unique index beside turns, and makes it the constraint's in a moment.

    Raises IntegrityError when rows break the rule. Nothing is left of the index then.
    """

    atomic = False

    def describe(self) -> str:
        return f"Concurrently create unique constraint {self.constraint.name} on model {self.model_name}"

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        self._ensure_not_in_transaction(schema_editor)
        model = to_state.apps.get_model(app_label, self.model_name)
        if self._is_there(model, schema_editor):
            return
        constraint = self.constraint
        assert isinstance(constraint, UniqueConstraint)  # noqa: S101 - a migration's author sees it at once
        sql = str(constraint.create_sql(model, schema_editor))
        unique_index = "CREATE UNIQUE INDEX "
        if sql.startswith(unique_index):
            # With a condition or an expression it is an index and nothing else.
            schema_editor.execute(sql.replace(unique_index, f"{unique_index}CONCURRENTLY ", 1), params=None)
            return
        self._add(model, constraint, schema_editor)

    def _add(self, model: Any, constraint: UniqueConstraint, schema_editor: DatabaseSchemaEditor) -> None:
        quote = schema_editor.quote_name
        table, name = quote(model._meta.db_table), quote(constraint.name)
        columns = ", ".join(quote(model._meta.get_field(field).column) for field in constraint.fields)
        nulls = " NULLS NOT DISTINCT" if constraint.nulls_distinct is False else ""
        schema_editor.execute(f"CREATE UNIQUE INDEX CONCURRENTLY {name} ON {table} ({columns}){nulls}", params=None)
        deferrable = schema_editor._deferrable_constraint_sql(constraint.deferrable)  # type: ignore[attr-defined]
        schema_editor.execute(
            f"ALTER TABLE {table} ADD CONSTRAINT {name} UNIQUE USING INDEX {name}{deferrable}", params=None
        )

    def _is_there(self, model: Any, schema_editor: Any) -> bool:
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(
                "SELECT EXISTS (SELECT FROM pg_constraint WHERE conrelid = to_regclass(%s) AND conname = %s)",
                [schema_editor.quote_name(model._meta.db_table), self.constraint.name],
            )
            return bool(cursor.fetchone()[0])
