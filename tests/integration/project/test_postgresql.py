"""The pool hands out no connection that the server closed meanwhile, and asks it only when there is a sign of that."""

import select
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from project.postgresql import base

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def other() -> "Iterator[psycopg.Connection[Any]]":
    """A connection of its own, with which to end others."""
    with psycopg.connect(settings.DATABASE_URL, dbname=settings.DATABASES["default"]["NAME"], autocommit=True) as found:
        yield found


def backend() -> int:
    """The server's process behind the connection that the pool gives out."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid: int = cursor.fetchone()[0]
    connection.close()
    return pid


def end(pid: int, *, by: "psycopg.Connection[Any]") -> None:
    """Ends the server process and waits until it is gone."""
    by.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


def test_gives_out_the_same_connections_while_they_live() -> None:
    """The pool holds up to eight, which it gives out in turn."""
    given = {backend() for _ in range(8)}

    assert {backend() for _ in range(8)} == given


def test_replaces_a_connection_that_the_server_closed(other: "psycopg.Connection[Any]") -> None:
    first = backend()

    end(first, by=other)

    assert backend() not in (first, 0)


def test_tells_a_closed_connection_from_one_with_a_notice(other: "psycopg.Connection[Any]") -> None:
    with psycopg.connect(other.info.dsn, autocommit=True) as idle:
        idle.execute("LISTEN news")
        other.execute("NOTIFY news")
        assert select.select([idle], [], [], 5.0)[0]

        assert base.is_alive(idle)
        assert base.is_alive(idle)
        end(idle.info.backend_pid, by=other)
        assert not base.is_alive(idle)
    assert not base.is_alive(idle)
