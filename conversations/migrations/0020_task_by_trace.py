"""A task has the trace id and the operation of its run, so that it is found by them without reading runs."""

from django.db import migrations, models

class Migration(migrations.Migration):

    dependencies = [
        ('conversations', '0019_drop_active_state_of_runs'),
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
    ]
