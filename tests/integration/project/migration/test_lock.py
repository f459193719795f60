"""One process at a time prepares the database, and who waits for it holds up no index."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from django.db import connection

from project.migration import lock
from project.migration.errors import CannotMigrate
from tests.integration.project.migration.conftest import Connect

PATIENCE_SECONDS = 60.0


def silent(line: str) -> None:
    pass


@pytest.mark.usefixtures("transactional_db")
def test_others_wait_until_it_is_free_and_say_for_whom() -> None:
    arguments = connection.get_connection_params()
    lines: list[str] = []
    said, order = Event(), []

    def say(line: str) -> None:
        lines.append(line)
        said.set()

    def second() -> None:
        with lock.held(arguments, report=say, patience_seconds=PATIENCE_SECONDS):
            order.append("second")

    with ThreadPoolExecutor() as threads:
        with lock.held(arguments, report=silent, patience_seconds=PATIENCE_SECONDS):
            waiting = threads.submit(second)
            assert said.wait(PATIENCE_SECONDS)
            order.append("first")
        waiting.result(PATIENCE_SECONDS)

    assert order == ["first", "second"]
    assert lines[0].startswith("another process is preparing the database: parley migration ")


@pytest.mark.usefixtures("transactional_db")
def test_gives_up_after_its_patience_and_names_the_holder() -> None:
    arguments = connection.get_connection_params()
    held = lock.held(arguments, report=silent, patience_seconds=PATIENCE_SECONDS)

    with held, pytest.raises(CannotMigrate) as refused, lock.held(arguments, report=silent, patience_seconds=0.0):
        pytest.fail("The lock is not free")

    assert str(refused.value).startswith("another process has been preparing the database for 0 s: parley migration ")


def test_neither_the_holder_nor_who_waits_keeps_an_index_from_being_built(connect: Connect, table: str) -> None:
    """With `pg_advisory_xact_lock` the build waited for the snapshot of the one who waited, without an end."""
    arguments = connection.get_connection_params()
    said = Event()

    def wait() -> None:
        with lock.held(arguments, report=lambda _: said.set(), patience_seconds=PATIENCE_SECONDS):
            pass

    builder = connect()
    builder.autocommit = True
    builder.execute("SET statement_timeout = '60s'")
    with ThreadPoolExecutor() as threads:
        with lock.held(arguments, report=silent, patience_seconds=PATIENCE_SECONDS):
            waiting = threads.submit(wait)
            assert said.wait(PATIENCE_SECONDS)

            builder.execute(f"CREATE INDEX CONCURRENTLY sample_text ON {table} (text)")

            assert not waiting.done()
        waiting.result(PATIENCE_SECONDS)


@pytest.mark.usefixtures("transactional_db")
def test_is_free_again_when_its_holder_is_killed(connect: Connect) -> None:
    arguments = connection.get_connection_params()
    other = connect()
    killed = lock.held(arguments, report=silent, patience_seconds=PATIENCE_SECONDS)
    killed.__enter__()

    other.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name LIKE 'parley migration%'"
    )

    with lock.held(arguments, report=silent, patience_seconds=PATIENCE_SECONDS):
        pass
