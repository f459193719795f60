"""Rows for tests. There is one way to make each kind.

`factories` makes the least valid plain row: a test states only what it is about. `runs` and `webhooks` go through the
services, for rows that only the product may make: accepted, claimed and finished runs, events and deliveries;
`erasures` erases.
"""

from tests.builders import erasures, runs, webhooks

__all__ = ["erasures", "runs", "webhooks"]
