"""That a run may wait for an approval: what older tables may hold, and the indexes of runs that wait.

Each statement is a transaction of its own. A turn has locks of several of these tables at once, so one that also waited
for several would wait for turns that wait for it, for as long as turns go on.
"""

import django.db.models.functions.datetime
from django.contrib.postgres.operations import AddIndexConcurrently, ValidateConstraint
from django.db import migrations, models

STATUSES = models.Q(('status', 'queued'), ('status', 'in_progress'), ('status', 'requires_action'), _connector='OR')
WORKER = models.Q(
    models.Q(('status', 'in_progress'), ('worker__isnull', False)),
    models.Q(models.Q(('status', 'queued'), ('status', 'requires_action'), _connector='OR'), ('worker', None)),
    _connector='OR',
)
KINDS = ['reserve', 'settle', 'release', 'pause', 'top_up', 'adjust', 'refund']
OUTCOMES = ['completed', 'failed', 'cancelled', 'incomplete', 'requeued', 'lost', 'requires_action']
# Of each table: the names of its checks, what each asks for now and asked for before, and the same as SQL.
CHECKS = {
    'activerun': (
        (
            'active_run_has_a_known_status',
            STATUSES,
            "status IN ('queued', 'in_progress', 'requires_action')",
            "status IN ('queued', 'in_progress')",
        ),
        (
            'active_run_has_a_worker_exactly_while_in_progress',
            WORKER,
            "(status = 'in_progress' AND worker_id IS NOT NULL)"
            " OR (status IN ('queued', 'requires_action') AND worker_id IS NULL)",
            "(status = 'in_progress') = (worker_id IS NOT NULL)",
        ),
    ),
    'ledgerentry': (
        (
            'ledger_entry_has_a_known_kind',
            models.Q(('kind__in', KINDS)),
            "kind IN ('reserve', 'settle', 'release', 'pause', 'top_up', 'adjust', 'refund')",
            "kind IN ('reserve', 'settle', 'release', 'top_up', 'adjust', 'refund')",
        ),
    ),
    'runattempt': (
        (
            'run_attempt_has_a_known_outcome',
            models.Q(('outcome__in', OUTCOMES)),
            "outcome IN ('completed', 'failed', 'cancelled', 'incomplete', 'requeued', 'lost', 'requires_action')",
            "outcome IN ('completed', 'failed', 'cancelled', 'incomplete', 'requeued', 'lost')",
        ),
    ),
}


def _replaced(table: str) -> migrations.SeparateDatabaseAndState:
    """Rows that are there are not looked at: that is done below."""

    def alter(*, at: int) -> str:
        actions = [
            f"DROP CONSTRAINT IF EXISTS {check[0]}, ADD CONSTRAINT {check[0]} CHECK ({check[at]}) NOT VALID"
            for check in CHECKS[table]
        ]
        return f"ALTER TABLE conversations_{table} {', '.join(actions)}"

    return migrations.SeparateDatabaseAndState(
        database_operations=[migrations.RunSQL(alter(at=2), alter(at=3))],
        state_operations=[
            operation
            for name, condition, *_ in CHECKS[table]
            for operation in (
                migrations.RemoveConstraint(table, name),
                migrations.AddConstraint(table, models.CheckConstraint(condition=condition, name=name)),
            )
        ],
    )


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('conversations', '0041_run_steps'),
    ]

    operations = [
        # The database knows nothing of these.
        migrations.SeparateDatabaseAndState(state_operations=[
            migrations.AlterField(
                model_name='activerun',
                name='queued_at',
                field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), help_text='When it last began to wait, for a worker or an approval.'),
            ),
            migrations.AlterField(
                model_name='activerun',
                name='status',
                field=models.CharField(choices=[('queued', 'queued'), ('in_progress', 'in_progress'), ('requires_action', 'requires_action')], db_default='queued', max_length=16),
            ),
            migrations.AlterField(
                model_name='ledgerentry',
                name='kind',
                field=models.CharField(choices=[('reserve', 'reserve'), ('settle', 'settle'), ('release', 'release'), ('pause', 'pause'), ('top_up', 'top up'), ('adjust', 'adjust'), ('refund', 'refund')], max_length=8),
            ),
            migrations.AlterField(
                model_name='runattempt',
                name='outcome',
                field=models.CharField(choices=[('completed', 'Completed'), ('failed', 'Failed'), ('cancelled', 'Cancelled'), ('incomplete', 'Incomplete'), ('requeued', 'Requeued'), ('lost', 'Lost'), ('requires_action', 'Requires Action')], max_length=16),
            ),
        ]),
        *(_replaced(table) for table in CHECKS),
        AddIndexConcurrently(
            model_name='activerun',
            index=models.Index(condition=models.Q(('status', 'requires_action')), fields=['queued_at', 'account'], name='active_run_requires_action'),
        ),
        AddIndexConcurrently(
            model_name='ledgerentry',
            index=models.Index(condition=models.Q(('kind', 'pause')), fields=['account', 'run'], name='ledger_pause_of_run'),
        ),
        *(
            ValidateConstraint(model_name=table, name=name)
            for table, checks in CHECKS.items()
            for name, *_ in checks
        ),
    ]
