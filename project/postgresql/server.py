"""How many connections a PostgreSQL server has for this service."""

import psycopg

CONNECT_SECONDS = 4
# PostgreSQL 15 has no `reserved_connections`. A superuser may also take the reserved ones, but must not.
_ALLOWED = """
SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
         - coalesce(current_setting('reserved_connections', true)::int, 0),
       nullif(r.rolconnlimit, -1), nullif(d.datconnlimit, -1), r.rolsuper
FROM pg_roles r, pg_database d WHERE r.rolname = current_user AND d.datname = current_database()
"""


def allowed_connections(*, url: str) -> int:
    """The most that this role may open to this database. Raises psycopg.Error."""
    with psycopg.connect(url, autocommit=True, connect_timeout=CONNECT_SECONDS) as connection:
        row = connection.execute(_ALLOWED).fetchone()
    assert row  # noqa: S101 - the role and the database of this very connection
    of_server, of_role, of_database, is_superuser = row
    # PostgreSQL holds superusers to the server's limit alone.
    limits = [of_server] if is_superuser else [of_server, of_role, of_database]
    return min(int(limit) for limit in limits if limit is not None)
