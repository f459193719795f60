"""Rows that the database refuses: a trigger that answers a marked row as PostgreSQL answers U+0000 in JSON.

It quotes the row in the error's detail, as PostgreSQL does, so that a log can be searched for what it must not hold.
"""

import contextlib
from collections.abc import Callable, Iterator

# An error that no retry cures, and of another class than what breaks when the database is away.
_FUNCTION = """
CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF {when} THEN
    RAISE EXCEPTION USING ERRCODE = '22P05', MESSAGE = 'unsupported Unicode escape sequence',
      DETAIL = coalesce(NEW, OLD)::text;
  END IF;
  RETURN coalesce(NEW, OLD);
END $$
"""


@contextlib.contextmanager
def refusing(run_sql: Callable[[str], object], table: str, what: str, *, when: str) -> Iterator[None]:
    """While it lasts, `what` ("INSERT", "UPDATE", "DELETE") is refused of the table's rows of which `when` is true.

    `when` is SQL about NEW and OLD, and may ask other tables.
    """
    name = f"refuse_row_of_{table}"
    run_sql(_FUNCTION.format(name=name, when=when))
    try:
        run_sql(f"CREATE TRIGGER {name} BEFORE {what} ON conversations_{table} FOR EACH ROW EXECUTE FUNCTION {name}()")
        yield
    finally:
        run_sql(f"DROP FUNCTION {name} CASCADE")
