"""One row of a statement written by hand, on this thread's Django connection, with parameters bound on the server."""

from collections.abc import Mapping
from typing import Any

import psycopg
from django.db import connection
from psycopg.rows import dict_row


def fetch_one(sql: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The row of a statement that always returns one."""
    row = fetch_one_or_none(sql, parameters)
    if row is None:
        raise LookupError("the statement returned no row")
    return row


def fetch_one_or_none(sql: str, parameters: Mapping[str, Any]) -> dict[str, Any] | None:
    """The statement's row, if any, on this thread's Django connection.

    Parameters are bound on the server, where the statement stays prepared. Django binds them on the client, and
    PostgreSQL would plan these long statements again for every turn.
    """
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection, row_factory=dict_row) as cursor:
        return cursor.execute(sql, parameters).fetchone()
