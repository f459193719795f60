"""The database refuses links across accounts and conversations: composite foreign keys, which the ORM cannot say.

They stand in for the single-column keys of the same links (`db_constraint=False` on the models), so each link is
still checked once.
"""

from django.db import migrations

LINKS = (
    # table, constraint, columns, referenced table, referenced columns
    ("conversations_message", "message_belongs_to_its_conversations_account", "account_id, conversation_id",
     "conversations_conversation", "account_id, id"),
    ("conversations_message", "message_belongs_to_its_runs_account", "account_id, run_id",
     "conversations_run", "account_id, id"),
    ("conversations_message", "message_has_its_parent_in_the_same_conversation", "conversation_id, parent_id",
     "conversations_message", "conversation_id, id"),
    ("conversations_conversation", "conversation_has_its_head_inside", "id, head_id",
     "conversations_message", "conversation_id, id"),
    ("conversations_run", "run_belongs_to_its_conversations_account", "account_id, conversation_id",
     "conversations_conversation", "account_id, id"),
    ("conversations_reference", "reference_belongs_to_its_runs_account", "account_id, run_id",
     "conversations_run", "account_id, id"),
)


def _add(table: str, name: str, columns: str, target: str, target_columns: str) -> migrations.RunSQL:
    # Checked at the end of the transaction, because the ORM deletes and inserts a thread's rows in an order of its own.
    return migrations.RunSQL(
        sql=f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY ({columns}) "
        f"REFERENCES {target} ({target_columns}) DEFERRABLE INITIALLY DEFERRED",
        reverse_sql=f"ALTER TABLE {table} DROP CONSTRAINT {name}",
    )


class Migration(migrations.Migration):
    dependencies = [("conversations", "0001_initial")]
    operations = [_add(*link) for link in LINKS]
