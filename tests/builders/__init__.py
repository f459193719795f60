"""Rows for tests. There is one way to make each kind.

`factories` makes the least valid plain row: a test states only what it is about. `runs` and `webhooks` go through the
services, for rows that only the product may make: accepted, claimed and finished runs, events and deliveries;
`erasures` erases. `locks` makes a call wait for a lock.
"""

from tests.builders import erasures, locks, runs, webhooks

__all__ = ["erasures", "locks", "runs", "webhooks"]
