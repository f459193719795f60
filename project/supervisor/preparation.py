"""What must hold before web and workers start: both stores answer, tables exist, and so does an admin user."""

from urllib.parse import urlsplit

import psycopg
import redis
from django.core.management import call_command
from django.db import Error as DatabaseError
from django.db import connection
from psycopg.conninfo import conninfo_to_dict

from conversations.errors import ParleyError
from conversations.services.accounts import first_start
from conversations.services.accounts.first_start import FirstStart
from project.embedded.errors import CannotStart

CONNECT_SECONDS = 4
# Any number will do, as long as every Parley on this database uses the same.
_MIGRATION_LOCK = 0x5061726C6579


def check_redis(*, url: str) -> None:
    """Raises CannotStart when Redis does not answer."""
    try:
        with redis.Redis.from_url(
            url, socket_connect_timeout=CONNECT_SECONDS, socket_timeout=CONNECT_SECONDS
        ) as client:
            client.ping()
    except (redis.RedisError, OSError, ValueError) as exc:
        password = urlsplit(url).password
        raise CannotStart(f"Redis does not answer (REDIS_URL): {_one_line(exc, password)}") from None


def prepare_database(*, url: str, api_key: str, admin_password: str) -> FirstStart:
    """Migrate the database and make the first account and the admin user. Raises CannotStart."""
    try:
        # Several machines may start on one database: one of them migrates, the others wait.
        # No transaction is open meanwhile: an index that is built concurrently waits for all older ones.
        with psycopg.connect(url, connect_timeout=CONNECT_SECONDS, autocommit=True) as guard:
            guard.execute("SELECT pg_advisory_lock(%s)", [_MIGRATION_LOCK])
            call_command("migrate", interactive=False, verbosity=0)
            return first_start.prepare(api_key=api_key, admin_password=admin_password)
    except ParleyError as exc:
        raise CannotStart(f"PARLEY_API_KEY: {exc.message}") from None
    except (psycopg.Error, DatabaseError) as exc:
        password = str(conninfo_to_dict(url).get("password") or "")
        raise CannotStart(f"The database cannot be used (DATABASE_URL): {_one_line(exc, password)}") from None
    finally:
        # The pool's threads must have ended before the next fork; the supervisor needs no connection any more.
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]  # only the backend has it


def _one_line(exc: Exception, password: str | None) -> str:
    text = " ".join(str(exc).split()) or type(exc).__name__
    return text.replace(password, "***") if password else text
