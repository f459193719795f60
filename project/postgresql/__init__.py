"""Django's PostgreSQL backend, with a cheaper check whether a pooled connection is alive."""

from typing import Any

from django.conf import settings

from conversations.stores import deadlines


def set_deadlines(options: dict[str, Any]) -> None:
    """Change a database's OPTIONS so that its connections wait no longer for an answer than their callers do."""
    options["pool"] = {
        **options["pool"],
        "timeout": settings.DATABASE_TIMEOUT,
        "connection_class": deadlines.DeadlineConnection,
    }
    options["options"] = f"{options.get('options', '')} {deadlines.server_options()}".strip()
