"""Django's PostgreSQL backend, with a cheaper check whether a pooled connection is alive."""

from typing import Any

from django.conf import settings

from conversations.stores import deadlines


def prepare_for_web(options: dict[str, Any]) -> None:
    """Change a database's OPTIONS for a web process: how many connections, and how long they wait for an answer."""
    options["pool"] = {
        **options["pool"],
        "max_size": settings.POOL_SIZES.web,
        "timeout": settings.DATABASE_TIMEOUT,
        "connection_class": deadlines.DeadlineConnection,
    }
    options["options"] = f"{options.get('options', '')} {deadlines.server_options()}".strip()
