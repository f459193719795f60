"""The steps of runs whose models call tools, and the calls of each. The tables are new."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


def _link(table: str) -> migrations.RunSQL:
    """A composite key in the place of the single one, as in migration 0002."""
    name, alter = f"{table}_belongs_to_its_runs_account", f"ALTER TABLE conversations_{table}"
    return migrations.RunSQL(
        f"{alter} ADD CONSTRAINT {name} FOREIGN KEY (account_id, run_id) "
        "REFERENCES conversations_run (account_id, id) DEFERRABLE INITIALLY DEFERRED",
        f"{alter} DROP CONSTRAINT {name}",
    )


class Migration(migrations.Migration):
    accepted = {
        f"RunSQL ALTER TABLE conversations_{table} ADD CONSTRAINT {beginning}": "The table is empty."
        for table, beginning in (("runstep", "runstep_bel"), ("toolcall", "toolcall_b"))
    }

    dependencies = [
        ('conversations', '0040_tools'),
    ]

    operations = [
        migrations.CreateModel(
            name='RunStep',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveSmallIntegerField(help_text='Counts from 1, over all attempts.')),
                ('attempt', models.PositiveSmallIntegerField()),
                ('parts', models.JSONField()),
                ('provider_metadata', models.JSONField(null=True)),
                ('usage', models.JSONField(null=True)),
                ('target', models.CharField(db_default='', max_length=400)),
                ('is_stored', models.BooleanField(db_default=True, help_text='Whether its turn is. If not, it goes with the answer.')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='conversations.account')),
                ('run', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='steps', to='conversations.run')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('is_stored', False)), fields=['id'], name='run_step_of_unstored')],
                'constraints': [models.UniqueConstraint(fields=('run', 'number', 'account'), name='run_step_has_its_own_number_in_its_run')],
            },
        ),
        migrations.CreateModel(
            name='ToolCall',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('step', models.PositiveSmallIntegerField(help_text='The number of the step that it belongs to.')),
                ('index', models.PositiveSmallIntegerField(help_text='Counts from 0 in its step.')),
                ('call_id', models.TextField(help_text="The vendor's.")),
                ('tool_id', models.CharField(db_default='', help_text='Empty where no tool has the name.', max_length=40)),
                ('name', models.CharField(max_length=128)),
                ('arguments', models.TextField(help_text='As the model wrote them, if they are not too long.')),
                ('provider_metadata', models.JSONField(null=True)),
                ('needs_approval', models.BooleanField(db_default=False)),
                ('status', models.CharField(choices=[('requested', 'requested'), ('approved', 'approved'), ('running', 'running'), ('done', 'done'), ('failed', 'failed'), ('refused', 'refused'), ('unknown', 'unknown')], db_default='requested', max_length=16)),
                ('result', models.TextField(db_default='')),
                ('is_error', models.BooleanField(db_default=False)),
                ('http_status', models.PositiveSmallIntegerField(null=True)),
                ('started_at', models.DateTimeField(null=True)),
                ('seconds', models.FloatField(null=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='conversations.account')),
                ('run', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='tool_calls', to='conversations.run')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('run', 'step', 'index', 'account'), name='tool_call_has_one_place_in_its_run'), models.CheckConstraint(condition=models.Q(('status__in', ['requested', 'approved', 'running', 'done', 'failed', 'refused', 'unknown'])), name='tool_call_has_a_known_status')],
            },
        ),
        _link("runstep"),
        _link("toolcall"),
    ]
