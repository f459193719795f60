"""The admin: a client of the services. Lists are cheap, rows are read-only, and actions report a count.

Django registers the pages by importing this package. One module per concept.
"""

from conversations.admin import erasures, runs, workers
from conversations.admin.accounts import accounts, api_keys, users
from conversations.admin.assistants import assistants, intents, versions
from conversations.admin.conversations import conversations, presets
from conversations.admin.knowledge import bases, documents
from conversations.admin.money import balances, differences, ledger, prices, usage
from conversations.admin.tools import mcp_servers, tools
from conversations.admin.upstreams import keys, targets
from conversations.admin.visitors import visitors
from conversations.admin.webhooks import deliveries, endpoints, events

__all__ = [
    "accounts",
    "api_keys",
    "assistants",
    "balances",
    "bases",
    "conversations",
    "deliveries",
    "differences",
    "documents",
    "endpoints",
    "erasures",
    "events",
    "intents",
    "keys",
    "ledger",
    "mcp_servers",
    "presets",
    "prices",
    "runs",
    "targets",
    "tools",
    "usage",
    "users",
    "versions",
    "visitors",
    "workers",
]
