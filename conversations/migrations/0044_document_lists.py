"""Indexes of lists of documents: a base's in order, and those that are not ready. Steps and calls are vacuumed early."""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


# A fiftieth may be dead, or new, before they are vacuumed and analysed.
EARLY = """
ALTER TABLE conversations_{table}
SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02,
     autovacuum_vacuum_insert_scale_factor = 0.02)
"""


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('conversations', '0043_kept_with_steps'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='document',
            index=models.Index(fields=['base', 'account', '-id'], name='document_of_base_in_order'),
        ),
        RemoveIndexConcurrently(
            model_name='document',
            name='document_of_base',
        ),
        AddIndexConcurrently(
            model_name='document',
            index=models.Index(condition=models.Q(('status__in', ['queued', 'processing', 'failed'])), fields=['status', '-id'], name='document_not_ready'),
        ),
        *(migrations.RunSQL(EARLY.format(table=table), migrations.RunSQL.noop) for table in ('runstep', 'toolcall')),
    ]
