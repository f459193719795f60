"""A new API family is a folder of code: it needs no migration."""

from django.db import migrations, models

import conversations.dialects.registry


class Migration(migrations.Migration):

    dependencies = [
        ('conversations', '0015_field_names'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='run',
            name='run_has_a_known_dialect',
        ),
        migrations.AlterField(
            model_name='run',
            name='dialect',
            field=models.CharField(choices=conversations.dialects.registry.choices, max_length=16),
        ),
    ]
