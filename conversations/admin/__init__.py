"""The review desk: a client of the services. Lists are cheap, evidence is read-only, actions report a count.

Django finds the pages by importing this package; one module per concept.
"""

from conversations.admin import (
    accounts,
    api_keys,
    conversations,
    deliveries,
    events,
    presets,
    runs,
    users,
    webhook_endpoints,
    workers,
)

__all__ = [
    "accounts",
    "api_keys",
    "conversations",
    "deliveries",
    "events",
    "presets",
    "runs",
    "users",
    "webhook_endpoints",
    "workers",
]
