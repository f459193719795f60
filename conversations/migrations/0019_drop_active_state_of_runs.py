"""Drops the columns that active runs took over, and checks the constraints of 0018 against the rows that were there."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    needs_stop = "active runs move to a table of their own, which the release before neither reads nor fills"
    dependencies = [
        ('conversations', '0018_fill_active_runs'),
    ]

    operations = [
        ValidateConstraint(model_name='run', name='run_has_a_known_end'),
        ValidateConstraint(model_name='run', name='run_has_ended_when_it_says_how'),
        ValidateConstraint(model_name='run', name='run_says_why_when_failed'),
        migrations.RemoveField(
            model_name='run',
            name='attempts_lost',
        ),
        migrations.RemoveField(
            model_name='run',
            name='is_streamed',
        ),
        migrations.RemoveField(
            model_name='run',
            name='queued_at',
        ),
        migrations.RemoveField(
            model_name='run',
            name='status',
        ),
        migrations.RemoveField(
            model_name='run',
            name='woken_at',
        ),
        migrations.RemoveField(
            model_name='run',
            name='worker',
        ),
    ]
