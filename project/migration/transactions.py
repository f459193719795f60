"""What one transaction of a migration locks of the tables that turns use all the time.

A turn has locks of several of them at once. A transaction that has one and waits for another one waits for turns that
wait for it: it gives up, and meets the next turns the next time. And whatever it does once it has one, turns wait for.
"""

import re
from collections.abc import Iterator

from django.contrib.postgres import operations as postgres
from django.db import migrations

from project.migration import rules, sql_rules
from project.migration.rules import Change

# Released before this was judged.
LAST_UNJUDGED = "0036_usage_so_far"
# Beside those that grow: what turns, heartbeats and claims use.
BUSY = rules.GROWING | {"account", "activerun", "balance", "worker"}

_LOCKING = re.compile(r"(ALTER TABLE (?!\S+ (SET|RESET) \([^)]*\)$)|CREATE (OR REPLACE )?TRIGGER|DROP TRIGGER)", re.I)
_OPERATIONS = (
    migrations.AddConstraint,
    migrations.AddField,
    migrations.AddIndex,
    migrations.AlterField,
    migrations.RemoveConstraint,
    migrations.RemoveField,
    migrations.RemoveIndex,
    postgres.AddConstraintNotValid,
)


class Transaction:
    """That of an atomic migration, operation by operation. `held`: the busy table that it has locked, "" for none."""

    def __init__(self) -> None:
        self.held = ""

    def problem(self, change: Change) -> str:
        tables = sorted(_locked(change))
        others = [table for table in tables if table != self.held]
        if self.held and others:
            return f"waits for {others[0]} with a lock of {self.held}, as turns do: give it a migration of its own"
        if self.held and not tables and isinstance(change.operation, migrations.CreateModel):
            return f"is done while turns wait for {self.held}: put it before"
        self.held = self.held or next(iter(tables), "")
        if len(tables) > 1:
            return f"waits for {tables[1]} with a lock of {tables[0]}, as turns do: give each a migration of its own"
        return ""


def _locked(change: Change) -> Iterator[str]:
    """The busy tables that the operation locks so that turns wait."""
    busy = BUSY - change.made
    if isinstance(change.operation, migrations.RunSQL):
        for statement in sql_rules.statements(change.operation):
            if _LOCKING.match(statement):
                yield from busy & sql_rules.tables(statement)
    elif isinstance(change.operation, _OPERATIONS) and change.model in busy and not rules.changes_nothing(change):
        yield change.model
