"""Which errors are worth another try, and which failures are logged again."""

import psycopg.errors
import pytest
import redis.exceptions as redis_errors
from django.db import DatabaseError, DataError, InterfaceError, InternalError, OperationalError, ProgrammingError
from django.db.utils import IntegrityError

from conversations.stores import refusals
from conversations.stores.refusals import KnownFailures


def passed_on(kind: type[DatabaseError] | type[InterfaceError], code: str) -> Exception:
    """As Django does with what PostgreSQL said."""
    exc = kind("quoted: a secret")
    exc.__cause__ = psycopg.errors.lookup(code)("quoted: a secret")
    return exc


@pytest.mark.parametrize(
    ("exc", "is_away"),
    [
        (OperationalError("the connection is closed"), True),
        (InterfaceError("the connection is closed"), True),
        (passed_on(OperationalError, "40P01"), True),
        (passed_on(OperationalError, "40001"), True),
        (passed_on(OperationalError, "53100"), True),
        (passed_on(OperationalError, "57P01"), True),
        (passed_on(InternalError, "25006"), True),
        (psycopg.OperationalError("no server"), True),
        (passed_on(OperationalError, "54001"), False),
        (passed_on(OperationalError, "54000"), False),
        (passed_on(InternalError, "XX000"), False),
        (passed_on(DataError, "22P05"), False),
        (DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes"), False),
        (passed_on(IntegrityError, "23505"), False),
        (passed_on(ProgrammingError, "42703"), False),
        (redis_errors.ConnectionError("no server"), True),
        (redis_errors.TimeoutError("slow"), True),
        (redis_errors.OutOfMemoryError("full"), True),
        (redis_errors.ResponseError("WRONGTYPE"), False),
        (TypeError("Integer exceeds 64-bit range"), False),
    ],
    ids=lambda value: value if isinstance(value, bool) else f"{type(value).__name__} {refusals.sqlstate(value)}",
)
def test_distinguishes_a_store_that_is_away_from_one_that_refuses(exc: Exception, is_away: bool) -> None:
    assert refusals.is_away(exc) is is_away


@pytest.mark.parametrize(
    ("exc", "is_of_the_row"),
    [
        (passed_on(DataError, "22003"), True),
        (DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes"), True),
        (passed_on(IntegrityError, "23514"), True),
        (passed_on(OperationalError, "54000"), True),
        # The worker's own row is gone, or a column is missing: that is true of every run.
        (passed_on(IntegrityError, "23503"), False),
        (passed_on(ProgrammingError, "42703"), False),
        (passed_on(OperationalError, "40P01"), False),
        (OperationalError("the connection is closed"), False),
    ],
    ids=lambda value: value if isinstance(value, bool) else f"{type(value).__name__} {refusals.sqlstate(value)}",
)
def test_distinguishes_a_refused_row_from_what_is_wrong_for_all(exc: Exception, is_of_the_row: bool) -> None:
    assert refusals.is_of_the_row(exc) is is_of_the_row


def test_the_facts_of_an_error_leave_out_its_text() -> None:
    assert refusals.facts(passed_on(DataError, "22003")) == {"error": "DataError", "sqlstate": "22003"}
    assert refusals.facts(KeyError("a secret")) == {"error": "KeyError"}


def test_a_failure_is_new_once_until_it_is_resolved() -> None:
    failures = KnownFailures()

    rounds = [failures.is_new(("recover", "run_1")) for _ in range(3)]
    failures.resolve(("recover", "run_1"))
    again = failures.is_new(("recover", "run_1"))

    assert (rounds, again) == ([True, False, False], True)
    assert failures.is_new(("recover", "run_2"))


def test_remembers_only_so_many_failures() -> None:
    failures = KnownFailures(most=2)
    for name in ("a", "b", "a", "c"):
        failures.is_new(name)

    assert [failures.is_new(name) for name in ("a", "b")] == [False, True]
