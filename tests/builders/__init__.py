"""Rows for tests. There is one way to make each kind.

`factories` makes the least valid plain row: a test states only what it is about. `runs` and `webhooks` go through the
services, for rows that only the product may make: accepted, claimed and finished runs, events and deliveries;
`contents` keeps what a run has read; `erasures` erases. `locks` makes a call wait for a lock. `upstreams` makes keys
and targets of vendors on loopback. `money` meters accounts, and gives models prices. `usage` makes runs that have used
something, and counts them. `knowledge` makes bases and documents, and indexes these. `tools` makes tools and MCP
servers. `visitors` makes visitors and assistants, and turns of theirs.
"""

from tests.builders import (
    erasures,
    knowledge,
    locks,
    money,
    runs,
    tools,
    upstreams,
    usage,
    visitors,
    webhooks,
)
from tests.builders.texts import contents

__all__ = [
    "contents",
    "erasures",
    "knowledge",
    "locks",
    "money",
    "runs",
    "tools",
    "upstreams",
    "usage",
    "visitors",
    "webhooks",
]
