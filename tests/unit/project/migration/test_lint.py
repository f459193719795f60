"""Which migrations are refused, because they would hold up turns or break the release before."""

from collections.abc import Sequence
from typing import Any

import pytest
from django.contrib.postgres import operations as postgres
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models.functions import Now, Random, Upper

from conversations.stores.online_operations import AddUniqueConstraintConcurrently, Backfill
from project.migration import lint

INDEX = models.Index(fields=["created_at"], name="run_by_age")
CHECK = models.CheckConstraint(condition=models.Q(error_code=""), name="run_has_no_error")
UNIQUE = models.UniqueConstraint(fields=["account", "public_id"], name="run_has_its_own_id")


@pytest.fixture(scope="module")
def before() -> ProjectState:
    """The models after the last migration that is not judged."""
    state: ProjectState = MigrationLoader(None).project_state((lint.APP, lint.LAST_UNJUDGED))
    return state


def judged(before: ProjectState, *operations: Operation, atomic: bool = True, **attributes: Any) -> list[str]:
    kind = type("Migration", (migrations.Migration,), {"operations": operations, "atomic": atomic, **attributes})
    return [f"{finding.subject}: {finding.problem}" for finding in lint.judge(kind("9001", lint.APP), before.clone())]


def add(field: "models.Field[Any, Any]", *, model: str = "run") -> Operation:
    return migrations.AddField(model, "extra", field)


def alter(name: str, field: "models.Field[Any, Any]", *, model: str = "run") -> Operation:
    return migrations.AlterField(model, name, field)


def do_nothing(apps: Any, schema_editor: Any) -> None:
    pass


ATOMIC: Sequence[Operation] = [
    add(models.IntegerField(null=True)),
    add(models.CharField(max_length=20, db_default="chat")),
    add(models.DateTimeField(db_default=Now())),
    add(models.ForeignKey("conversations.account", models.PROTECT, null=True, db_index=False)),
    alter("error_code", models.CharField(max_length=80, db_default="", help_text="Longer, and explained.")),
    alter("error_message", models.TextField(null=True)),
    alter("name", models.TextField(db_default=""), model="message"),
    migrations.AlterModelOptions("run", {}),
    migrations.AddField("account", "extra", models.IntegerField(null=True, unique=True)),
    migrations.AddIndex("account", models.Index(fields=["name"], name="account_by_name")),
    migrations.CreateModel("Marker", [("id", models.BigAutoField(primary_key=True))]),
    migrations.RemoveConstraint("run", "run_says_why_when_failed"),
    postgres.AddConstraintNotValid("run", CHECK),
    postgres.ValidateConstraint("run", "run_has_no_error"),
    migrations.RunSQL("ALTER TABLE conversations_run SET (autovacuum_vacuum_scale_factor = 0.02, fillfactor = 90)"),
    migrations.RunSQL("ALTER TABLE conversations_run ADD CONSTRAINT a FOREIGN KEY (x) REFERENCES t (x) NOT VALID"),
    migrations.RunSQL("ALTER TABLE conversations_run ADD COLUMN x bigint"),
    migrations.RunSQL("ALTER TABLE conversations_run ADD COLUMN x text DEFAULT 'a, b' NOT NULL, ALTER y SET DEFAULT 1"),
    migrations.RunSQL("-- why\nUPDATE conversations_account SET name = 'one'; ANALYZE conversations_run"),
]
CONCURRENT: Sequence[Operation] = [
    postgres.AddIndexConcurrently("run", INDEX),
    AddUniqueConstraintConcurrently("run", UNIQUE),
    Backfill("run", assignments="error_code = ''", where="error_code IS NULL"),
    migrations.RunPython(do_nothing),
    migrations.RunSQL("CREATE UNIQUE INDEX CONCURRENTLY run_by_age ON conversations_run (created_at)"),
    migrations.RunSQL("DROP INDEX CONCURRENTLY IF EXISTS run_by_age"),
    migrations.RunSQL("ALTER TABLE conversations_run VALIDATE CONSTRAINT a"),
    migrations.RunSQL(
        "ALTER TABLE conversations_run DROP CONSTRAINT IF EXISTS a;"
        "ALTER TABLE conversations_run ADD CONSTRAINT a UNIQUE USING INDEX b"
    ),
]


@pytest.mark.parametrize("operation", ATOMIC, ids=lambda operation: operation.describe())
def test_lets_pass_what_takes_a_moment(before: ProjectState, operation: Operation) -> None:
    assert judged(before, operation) == []


@pytest.mark.parametrize("operation", CONCURRENT, ids=lambda operation: operation.describe())
def test_lets_pass_what_turns_do_not_wait_for(before: ProjectState, operation: Operation) -> None:
    assert judged(before, operation, atomic=False) == []


REFUSED: Sequence[tuple[Operation, str]] = [
    (add(models.IntegerField(default=0)), "AddField run.extra: the release before writes rows without it"),
    (add(models.IntegerField(null=True, db_index=True)), "AddField run.extra: builds an index"),
    (add(models.IntegerField(null=True, unique=True)), "AddField run.extra: builds an index"),
    (add(models.ForeignKey("conversations.account", models.PROTECT, null=True)), "AddField run.extra: builds an index"),
    (add(models.FloatField(db_default=Random())), "AddField run.extra: a default that may differ"),
    (
        add(models.GeneratedField(expression=Upper("model"), output_field=models.TextField(), db_persist=True)),
        "AddField run.extra: rewrites",
    ),
    (alter("model", models.IntegerField()), "AlterField run.model: rewrites"),
    (alter("model", models.CharField(max_length=20)), "AlterField run.model: rewrites"),
    (alter("model", models.CharField(max_length=200, db_index=True)), "AlterField run.model: rewrites"),
    (alter("claimed_at", models.DateTimeField()), "AlterField run.claimed_at: reads all rows"),
    (alter("error_code", models.CharField(max_length=50)), "AlterField run.error_code: the release before"),
    (migrations.RemoveField("account", "name"), "RemoveField account.name: the release before still uses it"),
    (migrations.RenameField("run", "model", "llm"), "RenameField run.model: the release before still uses it"),
    (migrations.DeleteModel("Tally"), "DeleteModel Tally: the release before still uses it"),
    (migrations.AddIndex("run", INDEX), "AddIndex run.run_by_age: holds up writers: AddIndexConcurrently"),
    (migrations.RemoveIndex("run", "run_waiting"), "RemoveIndex run.run_waiting: holds up everybody"),
    (postgres.AddIndexConcurrently("run", INDEX), "AddIndexConcurrently run.run_by_age: needs `atomic = False`"),
    (migrations.AddConstraint("run", CHECK), "AddConstraint run.run_has_no_error: holds up everybody"),
    (migrations.AddConstraint("run", UNIQUE), "AddConstraint run.run_has_its_own_id: holds up everybody"),
    (migrations.RunPython(do_nothing), "RunPython do_nothing: keeps its locks"),
    (migrations.RunSQL("UPDATE conversations_run SET model = ''"), "RunSQL UPDATE conversations_run SET model = ''"),
    (migrations.RunSQL("CREATE INDEX a ON conversations_run (x)"), "RunSQL CREATE INDEX a ON conversations_run (x)"),
    (migrations.RunSQL("CREATE INDEX CONCURRENTLY a ON t (x)"), "RunSQL CREATE INDEX CONCURRENTLY a ON t (x): needs"),
    (migrations.RunSQL("LOCK TABLE conversations_run"), "RunSQL LOCK TABLE conversations_run: may hold up"),
    (
        migrations.RunSQL("ALTER TABLE conversations_run SET (fillfactor = 90), ALTER x TYPE bigint"),
        "RunSQL ALTER TABLE conversations_run SET (fillfactor = 90), ALTER x: may hold up",
    ),
    (
        migrations.RunSQL("ALTER TABLE conversations_run ADD CONSTRAINT a CHECK (x > 0)"),
        "RunSQL ALTER TABLE conversations_run ADD CONSTRAINT a CHECK (x > 0): may hold up",
    ),
    (
        migrations.RunSQL("ALTER TABLE conversations_run ADD COLUMN x bigint NOT NULL"),
        "RunSQL ALTER TABLE conversations_run ADD COLUMN x bigint NOT NULL: may hold up",
    ),
]
BROKEN_OFF: Sequence[tuple[Operation, str]] = [
    (add(models.IntegerField(null=True)), "AddField run.extra: cannot be repeated"),
    (postgres.AddConstraintNotValid("run", CHECK), "AddConstraintNotValid run.run_has_no_error: cannot be repeated"),
    (
        migrations.RunSQL("ALTER TABLE conversations_run ADD CONSTRAINT a UNIQUE USING INDEX a"),
        "RunSQL ALTER TABLE conversations_run ADD CONSTRAINT a UNIQUE USING : cannot be repeated",
    ),
]


@pytest.mark.parametrize(("operation", "expected"), REFUSED, ids=lambda value: getattr(value, "describe", str)())
def test_refuses_what_holds_up_turns_or_breaks_the_release_before(
    before: ProjectState, operation: Operation, expected: str
) -> None:
    (found,) = judged(before, operation)

    assert found.startswith(expected)


@pytest.mark.parametrize(("operation", "expected"), BROKEN_OFF, ids=lambda value: getattr(value, "describe", str)())
def test_refuses_what_cannot_be_repeated_outside_of_a_transaction(
    before: ProjectState, operation: Operation, expected: str
) -> None:
    (found,) = judged(before, operation, atomic=False)

    assert found.startswith(expected)


def test_wants_long_checks_in_a_migration_of_their_own(before: ProjectState) -> None:
    validate = postgres.ValidateConstraint("run", "run_has_no_error")

    assert judged(before, postgres.AddConstraintNotValid("run", CHECK), validate) == [
        "ValidateConstraint run.run_has_no_error: takes long: give it a migration of its own"
    ]


@pytest.mark.parametrize(
    "second",
    [
        add(models.IntegerField(null=True), model="message"),
        migrations.RemoveConstraint("message", "message_has_a_known_role"),
        postgres.AddConstraintNotValid("account", models.CheckConstraint(condition=models.Q(name=""), name="nameless")),
        migrations.RunSQL(
            "ALTER TABLE conversations_webhookendpoint ADD CONSTRAINT a FOREIGN KEY (x)"
            " REFERENCES conversations_message (x) NOT VALID"
        ),
    ],
    ids=lambda operation: operation.describe(),
)
def test_a_transaction_waits_for_no_second_table_that_turns_use(before: ProjectState, second: Operation) -> None:
    """Turns have locks of both, so it would have to meet a moment without any turn."""
    (found,) = judged(before, add(models.IntegerField(null=True)), second)

    assert "with a lock of run, as turns do: give it a migration of its own" in found


def test_one_statement_locks_no_two_tables_that_turns_use(before: ProjectState) -> None:
    link = "ADD CONSTRAINT a FOREIGN KEY (x) REFERENCES conversations_message (x) NOT VALID"

    (found,) = judged(before, migrations.RunSQL(f"ALTER TABLE conversations_run {link}"))

    assert "waits for run with a lock of message" in found


def test_tables_are_made_before_turns_have_to_wait(before: ProjectState) -> None:
    made = migrations.CreateModel("Marker", [("id", models.BigAutoField(primary_key=True))])
    column = migrations.AddField("account", "extra", models.IntegerField(null=True))

    assert judged(before, made, column) == []
    (found,) = judged(before, column, made)
    assert found == "CreateModel Marker: is done while turns wait for account: put it before"


def test_what_the_database_does_not_notice_locks_nothing(before: ProjectState) -> None:
    texts = alter("error_code", models.CharField(max_length=50, db_default="", help_text="Explained."))
    storage = migrations.RunSQL("ALTER TABLE conversations_message SET (autovacuum_vacuum_scale_factor = 0.02)")

    assert judged(before, add(models.IntegerField(null=True), model="message"), storage, texts) == []


def test_a_table_that_is_made_in_the_same_migration_is_nobodys_yet(before: ProjectState) -> None:
    made = migrations.CreateModel("Task", [("id", models.BigAutoField(primary_key=True)), ("at", models.DateField())])
    without_task = before.clone()
    without_task.remove_model(lint.APP, "task")
    assert (
        judged(without_task, made, migrations.AddIndex("task", models.Index(fields=["at"], name="task_by_day"))) == []
    )


def test_what_changes_only_djangos_state_is_nobodys_matter(before: ProjectState) -> None:
    state_only = migrations.SeparateDatabaseAndState(state_operations=[migrations.RemoveField("run", "error_message")])

    assert judged(before, state_only) == []


def test_looks_into_what_is_separate_from_the_state(before: ProjectState) -> None:
    separate = migrations.SeparateDatabaseAndState(database_operations=[migrations.AddIndex("run", INDEX)])

    assert judged(before, separate) == ["AddIndex run.run_by_age: holds up writers: AddIndexConcurrently"]


def test_a_written_reason_is_enough(before: ProjectState) -> None:
    accepted = {"AddIndex run.run_by_age": "no installation has runs yet"}

    assert judged(before, migrations.AddIndex("run", INDEX), accepted=accepted) == []


def test_an_empty_reason_is_none(before: ProjectState) -> None:
    accepted = {"AddIndex run.run_by_age": " "}

    assert judged(before, migrations.AddIndex("run", INDEX), accepted=accepted) != []


def test_a_reason_for_what_is_not_there_is_refused(before: ProjectState) -> None:
    accepted = {"AddIndex run.run_by_age": "it was here once"}

    assert judged(before, accepted=accepted) == ["AddIndex run.run_by_age: is accepted, and not there"]


def test_a_migration_for_a_stopped_service_is_not_judged(before: ProjectState) -> None:
    assert judged(before, migrations.RemoveField("run", "model"), needs_stop="runs move to another table") == []


def test_a_migration_for_a_stopped_service_may_be_broken_off_too(before: ProjectState) -> None:
    add_check = postgres.AddConstraintNotValid("run", CHECK)

    (found,) = judged(before, add_check, atomic=False, needs_stop="runs move to another table")

    assert found.startswith("AddConstraintNotValid run.run_has_no_error: cannot be repeated")


def test_the_migrations_of_this_release_pass() -> None:
    assert lint.findings() == []
