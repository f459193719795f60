"""Django's PostgreSQL backend, with a cheaper check whether a pooled connection is alive."""

from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS
from django.db import connections as database_connections

from conversations.stores import deadlines
from project.postgresql import pool_sizes


def prepare_for_web(options: dict[str, Any]) -> None:
    """Change a database's OPTIONS for a web process: how many connections, and how long they wait for an answer."""
    options["pool"] = {
        **options["pool"],
        "max_size": settings.POOL_SIZES.web,
        "timeout": settings.DATABASE_TIMEOUT,
        "connection_class": deadlines.DeadlineConnection,
    }
    options["options"] = f"{options.get('options', '')} {deadlines.server_options()}".strip()


def limit_pools(*, connections: int) -> None:
    """Sizes the pools of this process, and of all that are forked from it, so that together they open no more.

    0: any number. To be called before anything has opened a connection.
    """
    settings.POOL_SIZES = pool_sizes.for_service(
        connections=connections,
        web_processes=settings.WEB_PROCESSES,
        worker_processes=settings.WORKER_PROCESSES,
    )
    options = database_connections.settings[DEFAULT_DB_ALIAS]["OPTIONS"]
    options["pool"] = {**options["pool"], "max_size": settings.POOL_SIZES.worker}
