"""What must hold before web and workers start: both stores answer, tables exist, and so does an admin user."""

import io
from urllib.parse import urlsplit

import psycopg
import redis
import structlog
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import Error as DatabaseError
from django.db import connection
from psycopg.conninfo import conninfo_to_dict

from conversations import broker
from conversations.brokers.protocol import BrokerAway
from conversations.errors import ParleyError
from conversations.rules.prices.price_files import PriceFileError
from conversations.services.accounts import first_start
from conversations.services.accounts.first_start import FirstStart
from conversations.services.money import balances, price_files, price_updates
from project.embedded.errors import CannotStart
from project.environment import checks
from project.migration import lock
from project.migration.errors import CannotMigrate

CONNECT_SECONDS = 4
LOCK_SECONDS = 600.0

log = structlog.get_logger(__name__)


def check_redis(*, url: str) -> None:
    """Raises CannotStart when Redis does not answer, or is a cluster."""
    try:
        with redis.Redis.from_url(
            url, socket_connect_timeout=CONNECT_SECONDS, socket_timeout=CONNECT_SECONDS
        ) as client:
            client.ping()
            is_cluster = _is_cluster(client)
    except (redis.RedisError, OSError, ValueError) as exc:
        password = urlsplit(url).password
        raise CannotStart(f"Redis does not answer (REDIS_URL): {_one_line(exc, password)}") from None
    if is_cluster:
        raise CannotStart(f"REDIS_URL: {checks.NO_CLUSTER}")


def _is_cluster(client: redis.Redis) -> bool:
    try:
        return bool(client.info("cluster").get("cluster_enabled"))
    except redis.ResponseError:
        # Some hosted servers do not allow it.
        return False


def check_broker() -> None:
    """Raises CannotStart when a broker other than the Redis of REDIS_URL does not answer."""
    if settings.BROKER_URL == settings.REDIS_URL:
        return
    try:
        broker.check()
    except BrokerAway as exc:
        raise CannotStart(f"The broker does not answer (PARLEY_BROKER_URL): {exc}") from None


def prepare_database(*, url: str, api_key: str, admin_password: str) -> FirstStart:
    """Migrate the database and make the prices, the first account and the admin user. Raises CannotStart."""
    try:
        # Before anything is changed: a mistake in the file stops the start.
        price_files.own()
        # Several machines may start on one database: each of the two steps is for one of them at a time.
        call_command("migrate", interactive=False, verbosity=0, stdout=_ProgressLog())
        with lock.held(connection.get_connection_params(), report=_report, patience_seconds=LOCK_SECONDS):
            check_currency()
            _update_prices()
            return first_start.prepare(api_key=api_key, admin_password=admin_password)
    except (CommandError, CannotMigrate) as exc:
        raise CannotStart(f"The database is not ready: {_one_line(exc, None)}") from None
    except PriceFileError as exc:
        raise CannotStart(str(exc)) from None
    except ParleyError as exc:
        raise CannotStart(f"PARLEY_API_KEY: {exc.message}") from None
    except (psycopg.Error, DatabaseError) as exc:
        raise unusable(exc, url=url) from None
    finally:
        # The pool's threads must have ended before the next fork; the supervisor needs no connection any more.
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]  # only the backend has it


def check_currency() -> None:
    """Raises CannotStart when there are balances in another currency than CURRENCY."""
    if (currency := balances.foreign_currency()) is not None:
        raise CannotStart(
            f"CURRENCY is {settings.CURRENCY}, but there are balances in {currency}. Start with CURRENCY={currency}. "
            "To change it, close them in the admin (Ledger entries) before, and open new ones afterwards."
        )


def _update_prices() -> None:
    changes = price_updates.update()
    log.info("prices_updated", shipped=len(changes.shipped), from_file=len(changes.from_file))
    for vendor, model, kind in changes.replaced:
        log.warning("price_of_admin_replaced", vendor=vendor, model=model, kind=kind)


def unusable(exc: Exception, *, url: str) -> CannotStart:
    """What to raise for an error of the database. PostgreSQL's own text names the cause."""
    password = str(conninfo_to_dict(url).get("password") or "")
    return CannotStart(f"The database cannot be used (DATABASE_URL): {_one_line(exc, password)}")


class _ProgressLog(io.TextIOBase):
    """What `migrate` says while it waits, as lines of the log."""

    def write(self, text: str) -> int:
        if line := text.strip():
            _report(line)
        return len(text)


def _report(line: str) -> None:
    log.info("migration", progress=line)


def _one_line(exc: Exception, password: str | None) -> str:
    text = " ".join(str(exc).split()) or type(exc).__name__
    return text.replace(password, "***") if password else text
