"""Due deliveries, and those that wait for a retry, get an index each. The index of due ones is ordered by account."""

from django.db import migrations, models

# Code older than this migration looks at `next_attempt_at` alone, never at `is_due`, so it goes on working meanwhile.
WAITING = """
UPDATE conversations_delivery SET is_due = false WHERE status = 'pending' AND next_attempt_at > statement_timestamp()
"""


class Migration(migrations.Migration):
    dependencies = [("conversations", "0010_fair_shares")]

    operations = [
        migrations.AddField(
            model_name="delivery",
            name="is_due",
            field=models.BooleanField(db_default=True, help_text="Its time has come; the sweeper notes it."),
        ),
        migrations.RunSQL(sql=WAITING, reverse_sql=migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="delivery",
            name="receiver",
            field=models.CharField(
                help_text="Scheme, host and port: what shares an account's limit of attempts at once.", max_length=300
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("is_due", True), ("status", "pending")),
                fields=["account", "receiver", "next_attempt_at"],
                name="delivery_due_of_account",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("is_due", False), ("status", "pending")),
                fields=["next_attempt_at"],
                name="delivery_waiting",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("status", "pending")), fields=["account"], name="delivery_pending"
            ),
        ),
        migrations.RemoveIndex(model_name="delivery", name="delivery_due"),
        migrations.RemoveIndex(model_name="delivery", name="delivery_due_first"),
    ]
