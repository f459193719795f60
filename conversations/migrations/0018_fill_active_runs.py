"""Fills what 0017 added, and builds its indexes beside whoever reads."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

BATCH = 10_000

# Gives the empty table some twenty pages, which it keeps. So the planner never takes it for one that is best read whole.
PAGES = """
INSERT INTO conversations_activerun (run_id, account_id) SELECT -n, 0 FROM generate_series(1, 2000) AS n;
DELETE FROM conversations_activerun WHERE run_id < 0;
"""
TAKE_OVER = """
INSERT INTO conversations_activerun (run_id, account_id, conversation_id, status, worker_id, attempt, attempts_lost,
                                     is_streamed, queued_at, woken_at, claimed_at, cancel_requested_at)
SELECT id, account_id, conversation_id, status, worker_id, attempt, attempts_lost, is_streamed, queued_at, woken_at,
       claimed_at, cancel_requested_at
FROM conversations_run WHERE finished_at IS NULL
ON CONFLICT (run_id) DO NOTHING
"""
# The content of turns that are not stored may belong to an idempotency key or a task, which live for 24 hours.
FILL = """
UPDATE conversations_run
SET ended_as = CASE WHEN status IN ('failed', 'cancelled', 'incomplete') THEN status ELSE '' END,
    forget_after = CASE WHEN conversation_id IS NULL AND request IS NOT NULL
                        THEN statement_timestamp() + interval '24 hours' END
WHERE id >= %(first)s AND id < %(first)s + %(batch)s
  AND ((status IN ('failed', 'cancelled', 'incomplete') AND ended_as = '')
       OR (conversation_id IS NULL AND request IS NOT NULL AND forget_after IS NULL))
"""
GIVE_BACK = """
UPDATE conversations_run r
SET status = a.status, worker_id = a.worker_id, attempt = a.attempt, attempts_lost = a.attempts_lost,
    is_streamed = a.is_streamed, queued_at = a.queued_at, woken_at = a.woken_at, claimed_at = a.claimed_at,
    cancel_requested_at = a.cancel_requested_at
FROM conversations_activerun a WHERE a.run_id = r.id
"""
# A run is updated once, at its end, with its answer. With room on its page that adds no entry to any index (HOT).
ROOM = "ALTER TABLE conversations_run SET (fillfactor = 80)"
NO_ROOM = "ALTER TABLE conversations_run RESET (fillfactor)"
RESTORE = """
UPDATE conversations_run SET status = COALESCE(NULLIF(ended_as, ''), 'completed')
WHERE id >= %(first)s AND id < %(first)s + %(batch)s AND finished_at IS NOT NULL
"""


def _in_batches(cursor, statement):
    """Each in a transaction of its own: what was done stays done when the migration is begun anew."""
    cursor.execute("SELECT min(id), max(id) FROM conversations_run")
    first, last = cursor.fetchone()
    while first is not None and first <= last:
        cursor.execute(statement, {"first": first, "batch": BATCH})
        first += BATCH


def fill(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(TAKE_OVER)
        _in_batches(cursor, FILL)


def restore(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(GIVE_BACK)
        _in_batches(cursor, RESTORE)


class Migration(migrations.Migration):
    needs_stop = "active runs move to a table of their own, which the release before neither reads nor fills"
    atomic = False

    dependencies = [
        ('conversations', '0017_active_runs'),
    ]

    operations = [
        migrations.RunSQL(PAGES, migrations.RunSQL.noop),
        migrations.RunSQL(ROOM, NO_ROOM),
        migrations.RunPython(fill, restore),
        AddIndexConcurrently(
            model_name='run',
            index=models.Index(condition=models.Q(('ended_as', ''), _negated=True), fields=['account', 'ended_as', '-id'], name='run_of_account_by_end_newest'),
        ),
        AddIndexConcurrently(
            model_name='run',
            index=models.Index(condition=models.Q(('ended_as', ''), _negated=True), fields=['ended_as', '-id'], name='run_by_end_newest'),
        ),
        AddIndexConcurrently(
            model_name='run',
            index=models.Index(condition=models.Q(('forget_after__isnull', False)), fields=['forget_after'], name='run_to_forget'),
        ),
    ]
