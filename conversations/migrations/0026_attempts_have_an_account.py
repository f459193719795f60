"""Attempts get their account's column, and busy tables are vacuumed early. Neither rewrites a table."""

import django.db.models.deletion
from django.db import migrations, models

# PostgreSQL's defaults wait for a fifth of a table: 600,000 dead rows of three million, and statistics as old. The
# insert scale counts for tables that only grow: it keeps their visibility map, and so index-only scans, current.
AUTOVACUUM = {
    "autovacuum_vacuum_scale_factor": "0.02",
    "autovacuum_analyze_scale_factor": "0.02",
    "autovacuum_vacuum_insert_scale_factor": "0.02",
}
BUSY = (
    *("conversation", "message", "run", "runattempt", "reference", "idempotencykey"),
    *("event", "delivery", "deliveryattempt", "task"),
)
# Room for the update by which a turn is accepted: it changes no indexed column, so on the same page it needs no new
# index entries. Pages that exist are not rewritten.
CONVERSATION_FILL_PERCENT = 90


def _set(table: str, parameters: dict[str, object]) -> migrations.RunSQL:
    values = ", ".join(f"{name} = {value}" for name, value in parameters.items())
    return migrations.RunSQL(
        sql=f"ALTER TABLE conversations_{table} SET ({values})",
        reverse_sql=f"ALTER TABLE conversations_{table} RESET ({', '.join(parameters)})",
    )


def _account(model: str) -> migrations.AddField:
    return migrations.AddField(
        model,
        "account",
        models.ForeignKey(
            db_constraint=False,
            db_index=False,
            null=True,
            on_delete=django.db.models.deletion.PROTECT,
            related_name="+",
            to="conversations.account",
        ),
    )


class Migration(migrations.Migration):
    dependencies = [("conversations", "0025_message_by_parent")]

    operations = [
        _account("runattempt"),
        _account("deliveryattempt"),
        *(_set(table, AUTOVACUUM) for table in BUSY),
        _set("conversation", {"fillfactor": CONVERSATION_FILL_PERCENT}),
    ]
