"""Fills the attempts' accounts in batches and builds the indexes of migration 0028, while turns go on.

Each step can be repeated: one that was broken off begins anew.
"""

from django.db import migrations, models

BATCH_ROWS = 10_000

# table, index, what it is on, condition
INDEXES = (
    ("conversation", "conversation_with_preset", "INDEX", "preset_id", "preset_id IS NOT NULL"),
    ("run", "run_id_is_unique_in_its_account", "UNIQUE INDEX", "public_id varchar_pattern_ops, account_id", ""),
    ("message", "message_id_is_unique_in_its_account", "UNIQUE INDEX", "public_id varchar_pattern_ops, account_id", ""),
    ("event", "event_id_is_unique_in_its_account", "UNIQUE INDEX", "public_id varchar_pattern_ops, account_id", ""),
    ("delivery", "delivery_id_is_unique_in_its_account", "UNIQUE INDEX", "public_id varchar_pattern_ops, account_id",
     ""),
    ("webhookendpoint", "endpoint_id_is_unique_in_its_account", "UNIQUE INDEX",
     "public_id varchar_pattern_ops, account_id", ""),
    # These replace others, whose names they get in migration 0028.
    ("conversation", "new_conversation_id_is_unique_in_its_account", "UNIQUE INDEX",
     "public_id varchar_pattern_ops, account_id", ""),
    ("runattempt", "new_run_attempt_is_written_once", "UNIQUE INDEX", "run_id, number, account_id", ""),
    ("deliveryattempt", "new_delivery_attempt_is_written_once", "UNIQUE INDEX", "delivery_id, number, account_id", ""),
    ("reference", "new_reference_has_one_place_in_its_run", "UNIQUE INDEX", "run_id, position, account_id", ""),
    ("event", "new_event_has_its_own_number_in_its_conversation", "UNIQUE INDEX",
     "conversation_id, sequence, account_id", "conversation_id IS NOT NULL"),
    ("signingsecret", "new_endpoint_has_one_current_secret", "UNIQUE INDEX", "endpoint_id, account_id",
     "endpoint_id IS NOT NULL AND expires_at IS NULL"),
)


def fill(apps, schema_editor):
    """A transaction for each batch. Rows that are inserted meanwhile bring their account, or are left to 0028."""
    for table, link, owner in (("runattempt", "run_id", "run"), ("deliveryattempt", "delivery_id", "delivery")):
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(f"SELECT COALESCE(max(id), 0) FROM conversations_{table}")
            (newest,) = cursor.fetchone()
            for after in range(0, newest, BATCH_ROWS):
                cursor.execute(
                    f"UPDATE conversations_{table} a SET account_id = o.account_id FROM conversations_{owner} o "
                    f"WHERE o.id = a.{link} AND a.account_id IS NULL AND a.id > %s AND a.id <= %s",
                    [after, after + BATCH_ROWS],
                )


def _build(table: str, name: str, kind: str, on: str, condition: str) -> migrations.RunSQL:
    # A build that was broken off leaves an invalid index behind.
    drop = f"DROP INDEX CONCURRENTLY IF EXISTS {name}"
    where = f" WHERE {condition}" if condition else ""
    return migrations.RunSQL(
        sql=[drop, f"CREATE {kind} CONCURRENTLY {name} ON conversations_{table} ({on}){where}"], reverse_sql=[drop]
    )


def _unique_id(model: str, name: str) -> migrations.AddConstraint:
    return migrations.AddConstraint(
        model,
        models.UniqueConstraint(
            fields=("public_id", "account"), name=name, opclasses=["varchar_pattern_ops", "int8_ops"]
        ),
    )


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("conversations", "0026_attempts_have_an_account")]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.SeparateDatabaseAndState(
            database_operations=[_build(*index) for index in INDEXES],
            state_operations=[
                migrations.AddIndex(
                    "conversation",
                    models.Index(
                        condition=models.Q(("preset__isnull", False)),
                        fields=["preset"],
                        name="conversation_with_preset",
                    ),
                ),
                _unique_id("run", "run_id_is_unique_in_its_account"),
                _unique_id("message", "message_id_is_unique_in_its_account"),
                _unique_id("event", "event_id_is_unique_in_its_account"),
                _unique_id("delivery", "delivery_id_is_unique_in_its_account"),
                _unique_id("webhookendpoint", "endpoint_id_is_unique_in_its_account"),
            ],
        ),
    ]
