"""Active runs get a table of their own (ADR 29). 0018 fills it, 0019 drops what it replaces.

No process of the release before this one may run meanwhile: it would neither see the new table nor fill it.
"""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

# A queue: each run leaves two dead rows, and its indexes grow with what is not vacuumed away. So it is vacuumed after so
# many rows whatever its size, and at full speed. It is never made shorter: that would lock out all turns for a moment,
# and a table of one page is best read whole, by plans that connections keep when it has thousands of rows (0018).
QUEUE = """
ALTER TABLE conversations_activerun SET (
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0,
  autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 1000,
  autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 1000, vacuum_truncate = false
)
"""


class Migration(migrations.Migration):
    needs_stop = "active runs move to a table of their own, which the release before neither reads nor fills"
    dependencies = [
        ('conversations', '0016_dialects_checked_in_code'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='run',
            name='conversation_has_at_most_one_active_run',
        ),
        migrations.RemoveConstraint(
            model_name='run',
            name='run_has_a_known_status',
        ),
        migrations.RemoveConstraint(
            model_name='run',
            name='run_has_a_worker_exactly_while_in_progress',
        ),
        migrations.RemoveConstraint(
            model_name='run',
            name='run_has_an_end_when_terminal',
        ),
        migrations.RemoveConstraint(
            model_name='run',
            name='run_says_why_when_failed',
        ),
        migrations.RemoveIndex(
            model_name='run',
            name='run_active_in_conversation',
        ),
        migrations.RemoveIndex(
            model_name='run',
            name='run_waiting',
        ),
        migrations.RemoveIndex(
            model_name='run',
            name='run_in_progress_by_worker',
        ),
        migrations.RemoveIndex(
            model_name='run',
            name='run_held',
        ),
        migrations.RemoveIndex(
            model_name='run',
            name='run_waiting_of_account',
        ),
        migrations.CreateModel(
            name='ActiveRun',
            fields=[
                ('run', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='active', serialize=False, to='conversations.run')),
                ('status', models.CharField(choices=[('queued', 'queued'), ('in_progress', 'in_progress')], db_default='queued', max_length=16)),
                ('attempt', models.PositiveSmallIntegerField(db_default=0, help_text='Never decreases: writes of older attempts are refused.')),
                ('attempts_lost', models.PositiveSmallIntegerField(db_default=0, help_text='Attempts that count towards the limit: lost with their worker, or broken off by the vendor.')),
                ('is_streamed', models.BooleanField(db_default=False, help_text='Whether anybody ever opened it as a stream.')),
                ('queued_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), help_text='When it last began to wait for a worker.')),
                ('woken_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), help_text='When workers were last woken for it. None while it is held because its account has its share.', null=True)),
                ('claimed_at', models.DateTimeField(help_text='When the current attempt began.', null=True)),
                ('cancel_requested_at', models.DateTimeField(help_text='Its worker checks this several times a second.', null=True)),
            ],
        ),
        migrations.AddField(
            model_name='run',
            name='ended_as',
            field=models.CharField(choices=[('failed', 'failed'), ('cancelled', 'cancelled'), ('incomplete', 'incomplete')], db_default='', help_text='How it ended, unless it completed.', max_length=16),
        ),
        migrations.AddField(
            model_name='run',
            name='forget_after',
            field=models.DateTimeField(help_text='When the content of a run that is not stored may be erased. None once it is.', null=True),
        ),
        migrations.AlterField(
            model_name='run',
            name='attempt',
            field=models.PositiveSmallIntegerField(db_default=0, help_text='The number of its last attempt, once it ended.'),
        ),
        migrations.AlterField(
            model_name='run',
            name='cancel_requested_at',
            field=models.DateTimeField(help_text='When somebody asked to stop it in the middle of an answer, once it ended.', null=True),
        ),
        migrations.AlterField(
            model_name='run',
            name='claimed_at',
            field=models.DateTimeField(help_text='When its last attempt began, once it ended.', null=True),
        ),
        migrations.AlterField(
            model_name='run',
            name='finished_at',
            field=models.DateTimeField(help_text='None exactly while it is active.', null=True),
        ),
        migrations.AddField(
            model_name='activerun',
            name='account',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='conversations.account'),
        ),
        migrations.AddField(
            model_name='activerun',
            name='conversation',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='active_runs', to='conversations.conversation'),
        ),
        migrations.AddField(
            model_name='activerun',
            name='worker',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='active_runs', to='conversations.worker'),
        ),
        migrations.AddIndex(
            model_name='activerun',
            index=models.Index(condition=models.Q(('conversation__isnull', False)), fields=['conversation', 'run'], name='active_run_of_conversation'),
        ),
        migrations.AddIndex(
            model_name='activerun',
            index=models.Index(condition=models.Q(('worker', None)), fields=['account', 'queued_at'], name='active_run_waiting_of_account'),
        ),
        migrations.AddIndex(
            model_name='activerun',
            index=models.Index(condition=models.Q(('status', 'queued')), fields=['woken_at'], name='active_run_waiting'),
        ),
        migrations.AddIndex(
            model_name='activerun',
            index=models.Index(condition=models.Q(('status', 'queued'), ('woken_at', None)), fields=['account', 'queued_at', 'run'], name='active_run_held'),
        ),
        migrations.AddConstraint(
            model_name='activerun',
            constraint=models.UniqueConstraint(condition=models.Q(('status', 'in_progress')), fields=('conversation',), name='conversation_has_at_most_one_active_run'),
        ),
        migrations.AddConstraint(
            model_name='activerun',
            constraint=models.CheckConstraint(condition=models.Q(('status', 'queued'), ('status', 'in_progress'), _connector='OR'), name='active_run_has_a_known_status'),
        ),
        migrations.AddConstraint(
            model_name='activerun',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'in_progress'), ('worker__isnull', False)), models.Q(('status', 'queued'), ('worker', None)), _connector='OR'), name='active_run_has_a_worker_exactly_while_in_progress'),
        ),
        AddConstraintNotValid(
            model_name='run',
            constraint=models.CheckConstraint(condition=models.Q(('ended_as__in', ['', 'failed', 'cancelled', 'incomplete'])), name='run_has_a_known_end'),
        ),
        AddConstraintNotValid(
            model_name='run',
            constraint=models.CheckConstraint(condition=models.Q(('ended_as', ''), ('finished_at__isnull', False), _connector='OR'), name='run_has_ended_when_it_says_how'),
        ),
        AddConstraintNotValid(
            model_name='run',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('ended_as', 'failed'), _negated=True), models.Q(('error_code', ''), _negated=True), _connector='OR'), name='run_says_why_when_failed'),
        ),
        migrations.AddField(
            model_name='conversation',
            name='previous_run_id',
            field=models.BigIntegerField(null=True),
        ),
        migrations.RunSQL(QUEUE, migrations.RunSQL.noop),
    ]
