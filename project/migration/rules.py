"""What one operation does to turns, and to code of the release before. "" where it does nothing to them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib.postgres import operations as postgres
from django.db import connection, migrations
from django.db.migrations.migration import Migration
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models import NOT_PROVIDED, CheckConstraint, Field, GeneratedField, Value
from django.db.models.functions import Now

from conversations.stores.online_operations import AddUniqueConstraintConcurrently, Backfill
from project.migration import sql_rules

# Models whose tables have a row for every turn, or more: what reads or writes all of their rows takes long.
GROWING = {
    *("conversation", "delivery", "deliveryattempt", "event", "idempotencykey"),
    *("message", "reference", "run", "runattempt", "task"),
    *("content", "document", "documentcontent", "ledgerentry", "reading", "runstep", "toolcall"),
    *("assistedrun", "dialogue", "visitor", "visitoridentity"),
    *("passagevector", "storedpassage", "termcount", "usageofconversation"),
}

# As much of an SQL statement as tells it from others.
SUBJECT_CHARS = 60

_CHANGES_NOTHING = (
    migrations.AlterModelManagers,
    migrations.AlterModelOptions,
    migrations.AlterModelTableComment,
    migrations.CreateModel,
    migrations.RenameIndex,
    postgres.AddConstraintNotValid,
    postgres.ValidateConstraint,
    Backfill,
    AddUniqueConstraintConcurrently,
)
_BREAKS_EARLIER_CODE = (
    migrations.AlterModelTable,
    migrations.DeleteModel,
    migrations.RemoveField,
    migrations.RenameField,
    migrations.RenameModel,
)


@dataclass(frozen=True, slots=True)
class Change:
    """One operation, between the models before and after it. `made`: models that the same migration has created."""

    migration: Migration
    operation: Any
    before: ProjectState
    after: ProjectState
    made: frozenset[str]

    @property
    def model(self) -> str:
        """In lower case; "" when the operation names none."""
        name = getattr(self.operation, "model_name", None) or getattr(self.operation, "name", None) or ""
        return str(name).lower()

    @property
    def is_growing(self) -> bool:
        return self.model in GROWING and self.model not in self.made

    @property
    def subject(self) -> str:
        operation = self.operation
        if isinstance(operation, migrations.RunPython):
            return f"RunPython {getattr(operation.code, '__name__', '')}"
        if isinstance(operation, migrations.RunSQL):
            return f"RunSQL {next(sql_rules.statements(operation), '')[:SUBJECT_CHARS]}"
        part = getattr(operation, "index", None) or getattr(operation, "constraint", None)
        name = part.name if part else getattr(operation, "name", "") or getattr(operation, "old_name", "") or ""
        model = "" if name.lower() == self.model else self.model
        return f"{type(operation).__name__} {'.'.join(filter(None, (model, name)))}".strip()


def problem(change: Change) -> str:
    operation = change.operation
    if isinstance(operation, _BREAKS_EARLIER_CODE):
        return "the release before still uses it: it may go once that release is gone"
    if isinstance(operation, migrations.RunSQL):
        return sql_rules.problem(operation, growing=GROWING - change.made)
    if isinstance(operation, migrations.RunPython):
        is_open = change.migration.atomic and operation.atomic is not False
        return "keeps its locks until all is done: use Backfill, or batches and `atomic = False`" if is_open else ""
    if isinstance(operation, _CHANGES_NOTHING):
        return ""
    judge = next((judge for kind, judge in _JUDGES if isinstance(operation, kind)), None)
    if judge is None:
        return "is unknown to the lint"
    return judge(change) if change.is_growing else ""


def _add_field(change: Change) -> str:
    field: Any = change.operation.field
    if isinstance(field, GeneratedField):
        return "rewrites the table"
    default = field.db_default
    if default is not NOT_PROVIDED and not isinstance(default, Value | Now | str | int | float | bool):
        return "a default that may differ by row rewrites the table: let it be a constant"
    if not field.null and default is NOT_PROVIDED:
        return "the release before writes rows without it: null=True, or a db_default"
    if field.unique or field.db_index:
        return "builds an index while writers wait: db_index=False, and AddIndexConcurrently"
    return ""


def changes_nothing(change: Change) -> bool:
    """Of what the database knows: a help text, say, or choices."""
    if not isinstance(change.operation, migrations.AlterField):
        return False
    old, new = (_field(state, change) for state in (change.before, change.after))
    return _column(old) == _column(new)


def _alter_field(change: Change) -> str:
    if changes_nothing(change):
        return ""
    old, new = (_field(state, change) for state in (change.before, change.after))
    if old.null and not new.null:
        return "reads all rows while everybody waits: first a check that it is not null, not valid, then validated"
    if old.db_default is not NOT_PROVIDED and new.db_default is NOT_PROVIDED and not new.null:
        return "the release before writes rows without it"
    is_same = {**_column(old), "null": 0, "default": 0, "type": 0} == {
        **_column(new),
        "null": 0,
        "default": 0,
        "type": 0,
    }
    if is_same and (_column(old)["type"] == _column(new)["type"] or _is_longer(old, new)):
        return ""
    return "rewrites the table, or builds or drops an index or a key, while everybody waits"


def _field(state: ProjectState, change: Change) -> "Field[Any, Any]":
    model = state.apps.get_model(change.migration.app_label, change.model)
    field = model._meta.get_field(change.operation.name)
    assert isinstance(field, Field)  # noqa: S101 - only fields can be altered
    return field


def _column(field: Any) -> dict[str, object]:
    """What of a field the database knows."""
    return {
        "name": field.column,
        "type": field.db_type(connection),
        "check": field.db_check(connection),
        "null": field.null,
        "default": str(field.db_default),
        "unique": field.unique,
        "index": field.db_index,
        "key": bool(field.remote_field and field.db_constraint),
        "collation": getattr(field, "db_collation", None),
    }


def _is_longer(old: Any, new: Any) -> bool:
    """PostgreSQL makes a text column longer, or boundless, without looking at its rows."""
    types = {str(field.db_type(connection)).partition("(")[0] for field in (old, new)}
    if not types <= {"varchar", "text"} or new.unique or new.db_index or old.max_length is None:
        return False
    return new.max_length is None or new.max_length >= old.max_length


def _concurrently(change: Change) -> str:
    return "needs `atomic = False` in its migration" if change.migration.atomic else ""


def _add_constraint(change: Change) -> str:
    is_check = isinstance(change.operation.constraint, CheckConstraint)
    return f"holds up everybody: {'AddConstraintNotValid' if is_check else 'AddUniqueConstraintConcurrently'}"


_JUDGES: tuple[tuple[type[Operation], Callable[[Change], str]], ...] = (
    # The concurrent ones are subclasses of Django's plain ones, so they come first.
    (postgres.AddIndexConcurrently, _concurrently),
    (postgres.RemoveIndexConcurrently, _concurrently),
    (migrations.AddField, _add_field),
    (migrations.AlterField, _alter_field),
    (migrations.AddIndex, lambda _: "holds up writers: AddIndexConcurrently"),
    (migrations.RemoveIndex, lambda _: "holds up everybody: RemoveIndexConcurrently"),
    (migrations.AddConstraint, _add_constraint),
    (migrations.RemoveConstraint, lambda _: ""),
    (migrations.AlterUniqueTogether, lambda _: "holds up everybody: AddUniqueConstraintConcurrently"),
)
