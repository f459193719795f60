"""The database refuses webhooks across accounts: composite foreign keys, as in migration 0002."""

from django.db import migrations

LINKS = (
    # table, constraint, columns, referenced table
    ("conversations_signingsecret", "secret_belongs_to_its_endpoints_account", "account_id, endpoint_id",
     "conversations_webhookendpoint"),
    ("conversations_event", "event_belongs_to_its_conversations_account", "account_id, conversation_id",
     "conversations_conversation"),
    ("conversations_event", "event_belongs_to_its_runs_account", "account_id, run_id", "conversations_run"),
    ("conversations_delivery", "delivery_belongs_to_its_endpoints_account", "account_id, endpoint_id",
     "conversations_webhookendpoint"),
    ("conversations_delivery", "delivery_belongs_to_its_events_account", "account_id, event_id",
     "conversations_event"),
    ("conversations_delivery", "delivery_belongs_to_its_runs_account", "account_id, run_id", "conversations_run"),
    ("conversations_task", "task_belongs_to_its_runs_account", "account_id, run_id", "conversations_run"),
)


def _add(table: str, name: str, columns: str, target: str) -> migrations.RunSQL:
    return migrations.RunSQL(
        sql=f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY ({columns}) "
        f"REFERENCES {target} (account_id, id) DEFERRABLE INITIALLY DEFERRED",
        reverse_sql=f"ALTER TABLE {table} DROP CONSTRAINT {name}",
    )


class Migration(migrations.Migration):
    dependencies = [("conversations", "0004_webhooks")]
    operations = [_add(*link) for link in LINKS]
