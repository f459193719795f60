"""A ledger may say what vectors cost that a vendor made for a knowledge base. Older entries are validated by 0047."""

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

KINDS = ['reserve', 'settle', 'release', 'pause', 'embed', 'top_up', 'adjust', 'refund']


class Migration(migrations.Migration):

    dependencies = [
        ('conversations', '0045_refused_vectors'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='ledgerentry',
            name='ledger_entry_has_a_known_kind',
        ),
        migrations.AlterField(
            model_name='ledgerentry',
            name='kind',
            field=models.CharField(choices=[(kind, kind.replace('_', ' ')) for kind in KINDS], max_length=8),
        ),
        AddConstraintNotValid(
            model_name='ledgerentry',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', KINDS)), name='ledger_entry_has_a_known_kind'),
        ),
    ]
