"""What the schema editor allows each statement, and what it does about indexes that were half built."""

import psycopg
import pytest
from django.db import IntegrityError, connection, transaction

from project.postgresql import schema
from tests.integration.project.migration.conftest import Connect


def shown(name: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SHOW {name}")
        return str(cursor.fetchone()[0])


def indexes(table: str) -> dict[str, bool]:
    """Whether each is valid, by name."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
            "WHERE i.indrelid = to_regclass(%s) AND NOT i.indisprimary",
            [table],
        )
        return dict(cursor.fetchall())


def build(table: str, *, unique: str = "", of: str = "text") -> None:
    with connection.schema_editor(atomic=False) as editor:
        editor.execute(f"CREATE {unique} INDEX CONCURRENTLY sample_text ON {table} ({of})")


def break_off(table: str, connect: Connect) -> None:
    """As when the server ends in the middle: the build has begun, and its index stays."""
    reader, builder = connect(), connect()
    reader.execute(f"SELECT FROM {table} LIMIT 1")
    reader.execute(f"LOCK TABLE {table} IN ROW EXCLUSIVE MODE")
    builder.autocommit = True
    builder.execute("SET statement_timeout = '200ms'")
    with pytest.raises(psycopg.errors.QueryCanceled):
        builder.execute(f"CREATE INDEX CONCURRENTLY sample_text ON {table} (id)")
    reader.rollback()


def test_an_index_that_was_half_built_is_built_anew(connect: Connect, table: str) -> None:
    break_off(table, connect)
    assert indexes(table) == {"sample_text": False}

    build(table)

    assert indexes(table) == {"sample_text": True}
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_indexdef('sample_text'::regclass)")
        assert cursor.fetchone()[0].endswith("(text)")


def test_an_index_that_is_there_is_not_built_twice(table: str) -> None:
    build(table)

    build(table)

    assert indexes(table) == {"sample_text": True}


def test_nothing_is_left_of_a_unique_index_that_rows_contradict(table: str) -> None:
    """Half built it would already refuse rows."""
    with pytest.raises(IntegrityError):
        build(table, unique="UNIQUE", of="length(text)")

    assert indexes(table) == {}


def test_a_build_has_more_time_than_the_role_has(table: str) -> None:
    with connection.cursor() as cursor:
        # A build takes longer than a millisecond.
        cursor.execute("SET statement_timeout = 1")
    try:
        build(table)
    finally:
        connection.close()

    assert indexes(table) == {"sample_text": True}


def test_a_build_leaves_the_session_as_it_was(table: str) -> None:
    names = ("lock_timeout", "statement_timeout", "client_connection_check_interval")
    before = [shown(name) for name in names]

    build(table)

    assert [shown(name) for name in names] == before


def test_the_longer_a_transaction_has_locks_the_less_it_waits(table: str) -> None:
    seen = []
    with connection.schema_editor() as editor:
        seen.append(shown("lock_timeout"))
        for name in ("one", "two"):
            editor.execute(f"ALTER TABLE {table} ADD COLUMN {name} int")
            seen.append(shown("lock_timeout"))
        editor.execute("SELECT pg_sleep(1.3)")
        editor.execute(f"ALTER TABLE {table} ADD COLUMN three int")
        seen.append(shown("lock_timeout"))

    assert seen == ["500ms", "500ms", "300ms", "50ms"]
    assert shown("lock_timeout") == "0"


def test_each_statement_outside_of_a_transaction_has_its_own_limit(table: str) -> None:
    """A new column takes the value of the setting at that moment as its default."""
    with connection.schema_editor(atomic=False) as editor:
        editor.execute(f"ALTER TABLE {table} ADD COLUMN a text DEFAULT current_setting('lock_timeout')")
        editor.execute(f"ALTER TABLE {table} ADD COLUMN b text DEFAULT current_setting('lock_timeout')")
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT DISTINCT a, b FROM {table}")
        found = cursor.fetchall()

    assert found == [("500ms", "500ms")]
    assert shown("lock_timeout") == "0"


def test_the_check_of_all_rows_has_no_limit(table: str) -> None:
    with connection.schema_editor() as editor:
        editor.execute(f"ALTER TABLE {table} ADD CONSTRAINT short CHECK (length(text) < 20) NOT VALID")
    with schema.statement_limit(1.0), connection.schema_editor() as editor:
        limited = shown("statement_timeout")
        editor.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT short")
        unlimited = shown("statement_timeout"), shown("lock_timeout")

    assert limited == "1s"
    assert unlimited == ("0", "0")


def test_sql_that_is_only_shown_is_not_limited(table: str) -> None:
    with transaction.atomic(), connection.schema_editor(collect_sql=True) as editor:
        editor.execute(f"CREATE INDEX CONCURRENTLY sample_text ON {table} (text)")

    assert editor.collected_sql == ["CREATE INDEX CONCURRENTLY sample_text ON sample (text);"]
