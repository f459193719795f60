"""The database's clock, as a test wants it: functions of our own, found before those of PostgreSQL.

Nothing of the product knows of it: its statements say `now()`, and the search path says whose. Columns' defaults are
bound when their table is made, so only a database that is shifted before it is migrated has those on its clock too.
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
    """Sets the clock of a new database forward, or back, for all who connect to it from now on."""
    with psycopg.connect(url, autocommit=True) as session:
        session.execute(SCHEMA)
        for name in NAMES:
            moment = f"pg_catalog.{name}() + interval '{by.total_seconds()} seconds'"
            session.execute(FUNCTION.format(name=name, moment=moment).encode())
        session.execute(f"ALTER DATABASE {session.info.dbname} SET search_path TO {SEARCH_PATH}".encode())


def stop_at(moment: datetime) -> None:
    """Stops Django's connection's clock at this moment, until the transaction ends: that of a test marked django_db."""
    assert connection.in_atomic_block, "The clock would stay stopped for good"
    with connection.cursor() as cursor:
        cursor.execute(SCHEMA)
        for name in NAMES:
            cursor.execute(FUNCTION.format(name=name, moment=f"timestamptz '{moment.isoformat()}'"))
        cursor.execute(f"SET LOCAL search_path TO {SEARCH_PATH}")
