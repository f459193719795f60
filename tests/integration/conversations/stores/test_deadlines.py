"""A connection that waits until its deadline and no longer, and the latest moment of a statement."""

import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from conversations.stores import deadlines
from conversations.stores.deadlines import DeadlineConnection
from tests.waiting import eventually

pytestmark = pytest.mark.django_db

# Far longer than the test.
HANGS = "SELECT pg_sleep(300)"
NOW = "SELECT extract(epoch FROM clock_timestamp())::float8"


@pytest.fixture
def database() -> Iterator[DeadlineConnection]:
    known: dict[str, Any] = connection.get_connection_params()
    made = DeadlineConnection.connect(
        host=known["host"],
        port=known["port"],
        user=known["user"],
        dbname=known["dbname"],
        autocommit=True,
        options=deadlines.server_options(),
    )
    assert isinstance(made, DeadlineConnection)
    yield made
    made.close()


def now(database: DeadlineConnection) -> float:
    row = database.execute(NOW).fetchone()
    assert row
    return float(row[0])


def sessions(pid: int) -> int:
    with connection.cursor() as cursor:
        # Else a transaction goes on seeing those that it saw first.
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute("SELECT count(*) FROM pg_stat_get_activity(%s)", [pid])
        return int(cursor.fetchone()[0])


def test_does_not_wait_beyond_the_deadline(database: DeadlineConnection) -> None:
    session = database.info.backend_pid
    with deadlines.until(time.monotonic() + 0.1), pytest.raises(psycopg.OperationalError, match="did not answer"):
        database.execute(HANGS)

    assert database.closed
    eventually(partial(sessions, session), lambda count: count == 0)


def test_sends_nothing_after_the_deadline(database: DeadlineConnection) -> None:
    with deadlines.until(time.monotonic()), pytest.raises(psycopg.OperationalError, match="did not answer"):
        database.execute("CREATE TABLE too_late ()")

    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('too_late')")
        assert cursor.fetchone() == (None,)


def test_waits_for_any_time_without_a_deadline(database: DeadlineConnection) -> None:
    assert database.latest_moment() is None
    assert database.execute("SELECT pg_sleep(0.2), 1").fetchone() == ("", 1)


def test_the_latest_moment_is_by_the_clock_of_the_database(database: DeadlineConnection) -> None:
    before = now(database)
    with deadlines.until(time.monotonic() + 100.0):
        latest = database.latest_moment()
    after = now(database)

    assert latest is not None
    margin = deadlines.MARGIN * settings.DATABASE_TIMEOUT
    # The clocks may have been compared by an answer that took a moment: at most as long as all of this.
    assert before + 100.0 - margin - (after - before) <= latest <= after + 100.0 - margin + (after - before)
