"""Operations of migrations that leave the table to turns while they work, and go on where they were broken off."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import IntegrityError, NotSupportedError, connection, models
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ModelState, ProjectState

from conversations.stores.online_operations import AddUniqueConstraintConcurrently, Backfill

ROWS = 2500
FILL = Backfill("sample", assignments="copy = text", where="copy IS NULL", batch_rows=1000)


@pytest.fixture
def other(transactional_db: None) -> "Iterator[psycopg.Connection[Any]]":
    """A session beside Django's, which ends before the table does."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE app_sample (id bigint PRIMARY KEY, text varchar(20) NOT NULL, copy varchar(20))")
        # Far apart, as after many deletions.
        cursor.execute("INSERT INTO app_sample SELECT i * 1000, 'row ' || i FROM generate_series(1, %s) i", [ROWS])
    with psycopg.connect(settings.DATABASE_URL, dbname=settings.DATABASES["default"]["NAME"]) as opened:
        yield opened
        opened.rollback()
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE app_sample")


def run(operation: Operation, *, atomic: bool = False) -> None:
    fields: dict[str, models.Field[Any, Any]] = {
        "id": models.BigAutoField(primary_key=True),
        "text": models.TextField(),
        "copy": models.TextField(),
    }
    state = ProjectState()
    state.add_model(ModelState("app", "Sample", fields))
    after = state.clone()
    operation.state_forwards("app", after)
    with connection.schema_editor(atomic=atomic) as editor:
        operation.database_forwards("app", editor, state, after)


def one(sql: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


def unique(**options: Any) -> AddUniqueConstraintConcurrently:
    return AddUniqueConstraintConcurrently("sample", models.UniqueConstraint(name="sample_has_its_text", **options))


def constraint() -> Any:
    return one("SELECT (SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'sample_has_its_text')")


@pytest.mark.usefixtures("other")
def test_fills_every_row() -> None:
    run(FILL)

    assert one("SELECT count(*) FROM app_sample WHERE copy = text") == ROWS


@pytest.mark.usefixtures("other")
def test_keeps_what_was_filled_before_it_was_broken_off() -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE app_sample SET copy = 'filled' WHERE id <= 1700000")

    run(FILL)

    assert one("SELECT count(*) FROM app_sample WHERE copy = 'filled'") == 1700
    assert one("SELECT count(*) FROM app_sample WHERE copy IS NULL") == 0


def test_fills_a_row_that_is_locked_once_it_is_free(other: "psycopg.Connection[Any]") -> None:
    other.execute("UPDATE app_sample SET text = 'changed' WHERE id = 1000")
    batches = []

    def commit_after_the_first_round(execute: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
        found = execute(sql, params, many, context)
        if "SKIP LOCKED" in sql:
            batches.append(sql)
        elif "EXISTS" in sql and batches:
            other.commit()
        return found

    with connection.execute_wrapper(commit_after_the_first_round):
        run(FILL)

    # Three for the whole table, and three for the row that was locked.
    assert len(batches) == 6
    assert one("SELECT copy FROM app_sample WHERE id = 1000") == "changed"


@pytest.mark.usefixtures("other")
@pytest.mark.parametrize("operation", [FILL, unique(fields=["text"])])
def test_refuses_to_work_in_a_transaction(operation: Operation) -> None:
    with pytest.raises(NotSupportedError):
        run(operation, atomic=True)


@pytest.mark.usefixtures("other")
def test_makes_a_constraint_of_the_index() -> None:
    run(unique(fields=["text", "id"]))

    assert constraint() == "UNIQUE (text, id)"


@pytest.mark.usefixtures("other")
def test_keeps_the_constraints_options() -> None:
    run(unique(fields=["text"], nulls_distinct=False, deferrable=models.Deferrable.DEFERRED))

    assert constraint() == "UNIQUE NULLS NOT DISTINCT (text) DEFERRABLE INITIALLY DEFERRED"


@pytest.mark.usefixtures("other")
def test_may_be_repeated_when_only_its_end_was_not_noted() -> None:
    run(unique(fields=["text"]))

    run(unique(fields=["text"]))

    assert constraint() == "UNIQUE (text)"


@pytest.mark.usefixtures("other")
def test_goes_on_with_the_index_that_an_earlier_attempt_built() -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE UNIQUE INDEX sample_has_its_text ON app_sample (text)")

    run(unique(fields=["text"]))

    assert constraint() == "UNIQUE (text)"


@pytest.mark.usefixtures("other")
def test_a_rule_for_some_rows_is_an_index_alone() -> None:
    run(unique(fields=["text"], condition=models.Q(copy="filled")))

    definition = one("SELECT pg_get_indexdef('sample_has_its_text'::regclass)")
    assert definition.startswith(
        "CREATE UNIQUE INDEX sample_has_its_text ON public.app_sample USING btree (text) WHERE"
    )
    assert constraint() is None


@pytest.mark.usefixtures("other")
def test_leaves_nothing_of_a_rule_that_rows_break() -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE app_sample SET text = 'same'")

    with pytest.raises(IntegrityError):
        run(unique(fields=["text"]))

    assert one("SELECT to_regclass('sample_has_its_text')") is None
