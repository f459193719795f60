"""Fills the new columns of tasks, and builds the indexes by which tasks are polled and old rows are found."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

BATCH = 5_000
# Each batch is a transaction of its own: the locks of its rows last some hundredths of a second.
FILL = """
UPDATE conversations_task t SET trace_id = r.trace_id, operation = COALESCE(r.request ->> 'operation', 'chat')
FROM conversations_run r
WHERE r.id = t.run_id AND t.id > %(after)s AND t.id <= %(until)s AND t.trace_id IS NULL
"""


def fill(apps, schema_editor):
    """What is filled already is left as it is, so it can be broken off and begun anew."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT COALESCE(min(id), 1) - 1, COALESCE(max(id), 0) FROM conversations_task")
        first, last = cursor.fetchone()
        for after in range(first, last, BATCH):
            cursor.execute(FILL, {"after": after, "until": after + BATCH})


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('conversations', '0020_task_by_trace'),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
        AddIndexConcurrently(
            model_name='task',
            index=models.Index(fields=['account', 'trace_id', '-id'], name='task_by_trace'),
        ),
        AddIndexConcurrently(
            model_name='task',
            index=models.Index(fields=['account', '-created_at', '-id'], name='task_newest'),
        ),
        AddIndexConcurrently(
            model_name='task',
            index=models.Index(fields=['account', 'operation', '-created_at', '-id'], name='task_newest_of_operation'),
        ),
        AddIndexConcurrently(
            model_name='event',
            index=models.Index(fields=['run'], name='event_of_run', condition=models.Q(run__isnull=False)),
        ),
        AddIndexConcurrently(
            model_name='event',
            index=models.Index(fields=['account', 'type', 'id'], name='event_rare_of_account', condition=models.Q(('type', 'run.completed'), _negated=True)),
        ),
        AddIndexConcurrently(
            model_name='delivery',
            index=models.Index(fields=['account', 'status', '-id'], name='delivery_lost_of_account', condition=models.Q(('status__in', ['failed', 'cancelled']))),
        ),
        AddIndexConcurrently(
            model_name='run',
            index=models.Index(fields=['created_at'], name='run_unstored_oldest', condition=models.Q(conversation__isnull=True)),
        ),
    ]
