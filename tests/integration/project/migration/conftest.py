"""A table of the tests' own, and sessions beside Django's that use it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection

Connect = Callable[[], "psycopg.Connection[Any]"]


@pytest.fixture
def connect(table: str) -> Iterator[Connect]:
    """Opens sessions on the tests' database; they end before the table does."""
    with ExitStack() as stack:

        def opened() -> "psycopg.Connection[Any]":
            name = settings.DATABASES["default"]["NAME"]
            session = psycopg.connect(settings.DATABASE_URL, dbname=name, application_name="a reader")
            stack.callback(session.close)
            return session

        yield opened


@pytest.fixture
def table(transactional_db: None) -> Iterator[str]:
    """Its name; it has the rows 1 to 3000."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE sample (id bigint PRIMARY KEY, text varchar(20) NOT NULL)")
        cursor.execute("INSERT INTO sample SELECT i, 'row ' || i FROM generate_series(1, 3000) i")
    yield "sample"
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE sample CASCADE")
