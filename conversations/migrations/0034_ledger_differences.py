"""What the nightly comparison of ledger and balances finds. The table is new."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('conversations', '0033_ledger'),
    ]

    operations = [
        migrations.CreateModel(
            name='LedgerDifference',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('what', models.CharField(choices=[('amount', 'ledger and balance: amount'), ('reserved', 'ledger and balance: reserved'), ('calls', 'ledger and balance: calls'), ('active', 'active runs and balance: reserved'), ('left_over', 'reserved for a run that has ended')], max_length=16)),
                ('run_key', models.BigIntegerField(db_default=0)),
                ('expected', models.DecimalField(decimal_places=10, max_digits=30)),
                ('found', models.DecimalField(decimal_places=10, max_digits=30)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('account', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='conversations.account')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('account', 'what', 'run_key'), name='ledger_difference_is_said_once')],
            },
        ),
    ]
