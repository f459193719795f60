"""All entries have a kind that 0046 knows."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('conversations', '0046_embedding_entries'),
    ]

    operations = [
        ValidateConstraint(model_name='ledgerentry', name='ledger_entry_has_a_known_kind'),
    ]
