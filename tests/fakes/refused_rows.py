"""Rows that the database refuses: a trigger that answers a marked row as PostgreSQL answers U+0000 in JSON.

It quotes the row in the error's detail, as PostgreSQL does, so that a log can be searched for what it must not hold.
"""

import contextlib
from collections.abc import Callable, Iterator

# An error that no retry cures, and of another class than what breaks when the database is away.
_FUNCTION = """
CREATE OR REPLACE FUNCTION refuse_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = '22P05', MESSAGE = 'unsupported Unicode escape sequence',
    DETAIL = coalesce(NEW, OLD)::text;
END $$
"""


@contextlib.contextmanager
def refusing(run_sql: Callable[[str], object], table: str, what: str, *, when: str) -> Iterator[None]:
    """While it lasts, `what` ("INSERT", "UPDATE", "DELETE") is refused of the table's rows of which `when` is true.

    `when` is SQL about NEW and OLD.
    """
    run_sql(_FUNCTION)
    run_sql(
        f"CREATE TRIGGER refuse_row BEFORE {what} ON conversations_{table} FOR EACH ROW WHEN ({when}) "
        "EXECUTE FUNCTION refuse_row()"
    )
    try:
        yield
    finally:
        run_sql(f"DROP TRIGGER refuse_row ON conversations_{table}")
