"""The admin: a client of the services. Lists are cheap, rows are read-only, and actions report a count.

Django registers the pages by importing this package. One module per concept.
"""

from conversations.admin import erasures, runs, workers
from conversations.admin.accounts import accounts, api_keys, users
from conversations.admin.conversations import conversations, presets
from conversations.admin.webhooks import deliveries, endpoints, events

__all__ = [
    "accounts",
    "api_keys",
    "conversations",
    "deliveries",
    "endpoints",
    "erasures",
    "events",
    "presets",
    "runs",
    "users",
    "workers",
]
