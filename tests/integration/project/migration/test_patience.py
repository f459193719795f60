"""A migration waits for a lock for a moment at a time, so that nobody waits behind it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from django.db import DataError, connection

from project.migration import patience
from project.migration.errors import CannotMigrate
from project.postgresql import schema
from tests.integration.project.migration.conftest import Connect

PATIENCE_SECONDS = 60.0


def add_column(table: str) -> Callable[[], None]:
    def add() -> None:
        with connection.schema_editor() as editor:
            editor.execute(f"ALTER TABLE {table} ADD COLUMN extra int")

    return add


def columns(table: str) -> list[str]:
    with connection.cursor() as cursor:
        return [column.name for column in connection.introspection.get_table_description(cursor, table)]


def test_readers_pass_while_it_waits_for_one_of_them(connect: Connect, table: str) -> None:
    long_reader, reader = connect(), connect()
    reader.autocommit = True
    long_reader.execute(f"SELECT FROM {table} LIMIT 1")
    lines: list[str] = []
    tried = Event()

    def say(line: str) -> None:
        lines.append(line)
        tried.set()

    def migrate() -> None:
        try:
            patience.migrate(connection, add_column(table), report=say)
        finally:
            connection.close()

    with ThreadPoolExecutor() as threads:
        migrating = threads.submit(migrate)
        assert tried.wait(PATIENCE_SECONDS)
        found = reader.execute(f"SELECT count(*) FROM {table}").fetchone()
        long_reader.rollback()
        migrating.result(PATIENCE_SECONDS)

    assert found == (3000,)
    assert lines[0].startswith("the last step waits for a lock: sample is used by a reader (idle in transaction), ")
    assert lines[0].endswith(". Trying again in 0.5 s")
    assert columns(table) == ["id", "text", "extra"]


def test_gives_up_in_the_end_and_names_who_is_in_the_way(connect: Connect, table: str) -> None:
    connect().execute(f"SELECT FROM {table} LIMIT 1")

    with pytest.raises(CannotMigrate) as refused:
        patience.migrate(connection, add_column(table), report=lambda _: None, patience_seconds=0.0)

    assert str(refused.value).startswith("the last step has had no lock for 0 s: sample is used by a reader (idle in ")
    assert str(refused.value).endswith(" s. End that, and try again")
    assert columns(table) == ["id", "text"]


def test_does_not_try_again_what_would_fail_again(table: str) -> None:
    tried = []

    def convert() -> None:
        tried.append(1)
        with connection.schema_editor() as editor:
            editor.execute(f"ALTER TABLE {table} ALTER text TYPE int USING text::int")

    with pytest.raises(DataError):
        patience.migrate(connection, convert, report=lambda _: None)

    assert tried == [1]


def test_ends_a_statement_that_turns_would_wait_too_long_for(table: str) -> None:
    def work() -> None:
        with connection.schema_editor() as editor:
            editor.execute(f"ALTER TABLE {table} ADD COLUMN extra int")
            editor.execute("SELECT pg_sleep(60)")

    with pytest.raises(CannotMigrate) as refused, schema.statement_limit(0.2):
        patience.migrate(connection, work, report=lambda _: None)

    assert str(refused.value) == (
        "the last step holds a lock for longer than turns may wait: "
        "stop the service, and start it again with the new release, which will migrate"
    )
    assert columns(table) == ["id", "text"]
