"""A task has the trace id and the operation of its run, so that it is found by them without reading runs."""

from django.db import migrations, models

# Processes of the last release go on making tasks while this one is rolled out, and do not know the columns. Without
# this, such a task could not be found by its trace id. To be dropped in the release after this one.
FILL_IN = """
CREATE FUNCTION conversations_fill_in_task() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  SELECT r.trace_id, COALESCE(r.request ->> 'operation', 'chat') INTO NEW.trace_id, NEW.operation
  FROM conversations_run r WHERE r.id = NEW.run_id;
  RETURN NEW;
END $$;
CREATE TRIGGER fill_in BEFORE INSERT ON conversations_task
FOR EACH ROW WHEN (NEW.trace_id IS NULL) EXECUTE FUNCTION conversations_fill_in_task();
"""
LEAVE_OUT = """
DROP TRIGGER fill_in ON conversations_task;
DROP FUNCTION conversations_fill_in_task();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('conversations', '0016_dialects_checked_in_code'),
    ]

    operations = [
        migrations.AddField(
            model_name='task',
            name='trace_id',
            field=models.UUIDField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='task',
            name='operation',
            field=models.CharField(choices=[('chat', 'chat'), ('completion', 'completion'), ('embedding', 'embedding')], db_default='', editable=False, max_length=16),
        ),
        migrations.RunSQL(FILL_IN, LEAVE_OUT),
    ]
