"""Sets the database's clock: functions of our own that the search path finds before those of PostgreSQL.

The product is unchanged: its statements call `now()`, and the search path decides which. Defaults of columns are bound
when the table is made, so they follow the clock only in a database that is shifted before it is migrated.
"""

from datetime import datetime, timedelta

import psycopg
from django.db import connection

SEARCH_PATH = "public, test_clock, pg_catalog"
NAMES = ("now", "statement_timestamp", "clock_timestamp")
FUNCTION = """
CREATE OR REPLACE FUNCTION test_clock.{name}() RETURNS timestamptz STABLE LANGUAGE sql AS $$ SELECT {moment} $$
"""
SCHEMA = "CREATE SCHEMA IF NOT EXISTS test_clock"


def shift(url: str, by: timedelta) -> None:
    """Shift the clock of a new database for all later connections."""
    with psycopg.connect(url, autocommit=True) as session:
        session.execute(SCHEMA)
        for name in NAMES:
            moment = f"pg_catalog.{name}() + interval '{by.total_seconds()} seconds'"
            session.execute(FUNCTION.format(name=name, moment=moment).encode())
        session.execute(f"ALTER DATABASE {session.info.dbname} SET search_path TO {SEARCH_PATH}".encode())


def stop_at(moment: datetime) -> None:
    """Stop the clock of Django's connection until its transaction ends, which is that of a test marked django_db."""
    assert connection.in_atomic_block, "The clock would stay stopped for good"
    with connection.cursor() as cursor:
        cursor.execute(SCHEMA)
        for name in NAMES:
            cursor.execute(FUNCTION.format(name=name, moment=f"timestamptz '{moment.isoformat()}'"))
        cursor.execute(f"SET LOCAL search_path TO {SEARCH_PATH}")
