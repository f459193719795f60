"""Statements written by hand, whose parameters are bound on the server, where they stay prepared.

Django binds parameters on the client, so PostgreSQL plans its statements anew each time: that costs more than most of
them take. It also means that tests which capture Django's queries do not see these.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

import psycopg
from django.db import connection
from psycopg.rows import dict_row

_PLACEHOLDER = re.compile(r"%\((\w+)\)[st]")


@dataclass(frozen=True, slots=True)
class Numbered:
    """A statement whose parameters are numbered once and for all.

    For those that are too long for psycopg to remember how it reads them: it would take 0.2 ms each time.
    """

    sql: str
    names: tuple[str, ...]

    @classmethod
    def of(cls, statement: str) -> Self:
        """`statement` has named parameters."""
        names = tuple(dict.fromkeys(_PLACEHOLDER.findall(statement)))
        numbers = {name: f"${number}" for number, name in enumerate(names, start=1)}
        return cls(_PLACEHOLDER.sub(lambda found: numbers[found[1]], statement), names)


def fetch_one(sql: str | Numbered, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The row of a statement that always returns one."""
    row = _fetch_numbered(sql, parameters) if isinstance(sql, Numbered) else fetch_one_or_none(sql, parameters)
    if row is None:
        raise LookupError("the statement returned no row")
    return row


def fetch_one_or_none(sql: str, parameters: Mapping[str, Any]) -> dict[str, Any] | None:
    """The statement's row, if any, on this thread's Django connection."""
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection, row_factory=dict_row) as cursor:
        return cursor.execute(sql, parameters).fetchone()


def _fetch_numbered(statement: Numbered, parameters: Mapping[str, Any]) -> dict[str, Any] | None:
    connection.ensure_connection()
    values = [parameters[name] for name in statement.names]
    with connection.wrap_database_errors, psycopg.RawCursor(connection.connection, row_factory=dict_row) as cursor:
        return cursor.execute(statement.sql, values).fetchone()


def fetch_all(sql: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection, row_factory=dict_row) as cursor:
        return cursor.execute(sql, parameters).fetchall()


def execute(sql: str, parameters: Mapping[str, Any]) -> None:
    """For a statement that returns no rows."""
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(sql, parameters)


def in_utc(moment: datetime) -> datetime:
    """A time in a row of such a statement. The connection is in UTC, but only Django's own cursors add that."""
    return moment.replace(tzinfo=UTC)
