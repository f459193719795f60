"""What another attempt of a run goes on from: the sources that its model was shown."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ('conversations', '0042_requires_action'),
    ]

    operations = [
        migrations.AddField(
            model_name='runstep',
            name='context',
            field=models.JSONField(help_text='Of the sources that its model was shown (`values/context/step_records.py`).', null=True),
        ),
    ]
