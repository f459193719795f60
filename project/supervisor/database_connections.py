"""Whether the database has connections enough for the processes that are to start."""

import psycopg
from django.conf import settings

from project.embedded.errors import CannotStart
from project.postgresql import pool_sizes, server
from project.postgresql.pool_sizes import LEAST, SPARE
from project.supervisor import preparation

# Of PostgreSQL's default, `superuser_reserved_connections`.
RESERVED = 3
# Whatever else a developer runs beside a small service.
EMBEDDED_LEAST = 50


def for_embedded() -> int:
    """`max_connections` of the embedded server: what the processes of this service may open, and no more."""
    return max(EMBEDDED_LEAST, _needed(settings.POOL_SIZES) + RESERVED)


def allowed(*, url: str) -> int:
    """How many connections this service may open; 0 for any number. `url`: of a server of the operator's own, or "".

    Raises CannotStart when they are too few, or when the server does not answer.
    """
    if not (settings.DATABASE_CONNECTIONS or url):
        return 0
    try:
        connections = settings.DATABASE_CONNECTIONS or server.allowed_connections(url=url)
    except psycopg.Error as exc:
        raise preparation.unusable(exc, url=url) from None
    if (needed := _needed(LEAST)) > connections:
        raise CannotStart(_too_few(connections=connections, needed=needed))
    return connections


def _needed(sizes: pool_sizes.PoolSizes) -> int:
    return sizes.needed(web_processes=settings.WEB_PROCESSES, worker_processes=settings.WORKER_PROCESSES)


def _too_few(*, connections: int, needed: int) -> str:
    raise_it = "raise max_connections (or the limit of the role or the database) there"
    given, advice = f"The database allows this service {connections} connections", raise_it
    if settings.DATABASE_CONNECTIONS:
        given, advice = f"DATABASE_CONNECTIONS is {connections}", "raise it"
    return (
        f"{given}, and its processes need {needed}: {LEAST.web + LEAST.admin} for each of {settings.WEB_PROCESSES} web "
        f"processes, {LEAST.worker} for each of {settings.WORKER_PROCESSES} workers, for upkeep and for knowledge, "
        f"and {SPARE} spare. Either {advice}, or lower WEB_PROCESSES or WORKER_PROCESSES"
    )
