"""Which migrations may not run beside turns, or beside the release before. `make check` refuses them.

A migration may say why something is right all the same, in an attribute of its class: `accepted = {"AddIndex
message.message_by_text": "a new, empty table"}`. One with `needs_stop = "…"` runs beside nobody, and has only to be
repeatable.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from django.contrib.postgres import operations as postgres
from django.db import migrations
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.migration import Migration
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from conversations.stores.online_operations import AddUniqueConstraintConcurrently, Backfill
from project.migration import earlier_release, rules, sql_rules, transactions
from project.migration.rules import Change

APP = "conversations"
# Applied before there were rules; their tables were small.
LAST_UNJUDGED = "0016_dialects_checked_in_code"
# What takes long and lets turns go on, as long as nothing else in its transaction holds a lock.
LONG = (postgres.ValidateConstraint,)
# What may be repeated after it was broken off, and so may stand in a migration without a transaction.
REPEATABLE = (
    postgres.AddIndexConcurrently,
    postgres.RemoveIndexConcurrently,
    postgres.ValidateConstraint,
    migrations.RunPython,
    Backfill,
    AddUniqueConstraintConcurrently,
)


@dataclass(frozen=True, slots=True)
class Finding:
    """`subject` is the key under which the migration may accept it."""

    migration: str
    subject: str
    problem: str

    def __str__(self) -> str:
        return f"{self.migration}: {self.subject}: {self.problem}"


def findings() -> list[Finding]:
    """Of all migrations that are judged. No database is asked."""
    loader = MigrationLoader(None)
    found: list[Finding] = []
    for key in sorted(loader.disk_migrations):
        if key[0] == APP and key[1] > LAST_UNJUDGED:
            migration = loader.disk_migrations[key]
            found += judge(migration, loader.project_state(migration.dependencies))
    return found


def judge(migration: Migration, state: ProjectState) -> list[Finding]:
    """`state`: of the models before the migration; it is changed."""
    accepted: Mapping[str, str] = getattr(migration, "accepted", {})
    found = {finding.subject: finding for finding in _all(migration, state)}
    refused = [finding for subject, finding in found.items() if not accepted.get(subject, "").strip()]
    unused = [Finding(migration.name, subject, "is accepted, and not there") for subject in accepted.keys() - found]
    return refused + sorted(unused, key=str)


def _all(migration: Migration, state: ProjectState) -> Iterator[Finding]:
    made: set[str] = set()
    is_judged = migration.atomic and migration.name > transactions.LAST_UNJUDGED
    own = transactions.Transaction() if is_judged and not earlier_release.reason(migration) else None
    for operation, is_in_database in _flattened(migration.operations):
        before = state.clone()
        operation.state_forwards(migration.app_label, state)
        if not is_in_database:
            continue
        change = Change(migration=migration, operation=operation, before=before, after=state, made=frozenset(made))
        problem = _problem(change) or (own.problem(change) if own else "")
        if problem:
            yield Finding(migration.name, change.subject, problem)
        if isinstance(operation, migrations.CreateModel):
            made.add(operation.name.lower())


def _flattened(operations: Iterable[Operation], *, is_in_database: bool = True) -> Iterator[tuple[Operation, bool]]:
    """Each operation, and whether it changes the database or only what Django knows of it."""
    for operation in operations:
        if isinstance(operation, migrations.SeparateDatabaseAndState):
            for inner, is_inner_in_database in _flattened(operation.database_operations or ()):
                yield inner, is_inner_in_database and is_in_database
            yield from _flattened(operation.state_operations or (), is_in_database=False)
        else:
            yield operation, is_in_database


def _problem(change: Change) -> str:
    if earlier_release.reason(change.migration):
        return "" if change.migration.atomic else _problem_of_place(change)
    return rules.problem(change) or _problem_of_place(change)


def _problem_of_place(change: Change) -> str:
    """Whether the operation may stand in such a migration, beside such others."""
    operation, migration = change.operation, change.migration
    if isinstance(operation, migrations.RunSQL):
        return sql_rules.problem_of_place(operation, is_atomic=migration.atomic)
    if migration.atomic:
        is_alone = len(migration.operations) == 1
        return "" if is_alone or not isinstance(operation, LONG) else "takes long: give it a migration of its own"
    if isinstance(operation, REPEATABLE):
        return ""
    return "cannot be repeated when the migration breaks off: put it into an atomic migration before this one"
