"""What runs that have ended used and cost, added up by day and by conversation. The tables are new."""

import django.db.models.deletion
from django.db import migrations, models

# Every few seconds the rows of today are changed: with room on their page that touches no index.
ROOM = "ALTER TABLE conversations_usageofday SET (fillfactor = 70, autovacuum_vacuum_threshold = 1000)"
# It has a row for nearly every conversation.
OFTEN = """
ALTER TABLE conversations_usageofconversation
SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02,
     autovacuum_vacuum_insert_scale_factor = 0.02)
"""


class Migration(migrations.Migration):

    dependencies = [
        ('conversations', '0034_ledger_differences'),
    ]

    operations = [
        migrations.CreateModel(
            name='UsageOfConversation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField(help_text='In UTC, on which the runs ended.')),
                ('model', models.CharField(help_text='As the caller named it.', max_length=200)),
                ('api_key_key', models.BigIntegerField(db_default=0, help_text='0 is none.')),
                ('runs', models.BigIntegerField(db_default=0)),
                ('unpriced_runs', models.BigIntegerField(db_default=0, help_text='That used something which has no price.')),
                ('estimated_runs', models.BigIntegerField(db_default=0, help_text='Whose tokens the vendor did not report.')),
                ('input', models.BigIntegerField(db_default=0)),
                ('cache_read', models.BigIntegerField(db_default=0)),
                ('cache_write_5m', models.BigIntegerField(db_default=0)),
                ('cache_write_1h', models.BigIntegerField(db_default=0)),
                ('output', models.BigIntegerField(db_default=0)),
                ('reasoning', models.BigIntegerField(db_default=0)),
                ('image_input', models.BigIntegerField(db_default=0)),
                ('image_output', models.BigIntegerField(db_default=0)),
                ('audio_input', models.BigIntegerField(db_default=0)),
                ('audio_output', models.BigIntegerField(db_default=0)),
                ('search', models.BigIntegerField(db_default=0)),
                ('cost', models.DecimalField(db_default=0, decimal_places=10, help_text='What was taken from the balance.', max_digits=30)),
                ('written_off', models.DecimalField(db_default=0, decimal_places=10, help_text='What runs cost beyond what was left.', max_digits=30)),
                ('price', models.DecimalField(db_default=0, decimal_places=10, help_text='By the price list with the markup, whoever pays.', max_digits=30)),
                ('vendor_cost', models.DecimalField(db_default=0, decimal_places=10, help_text='By the price list without the markup.', max_digits=30)),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='conversations.account')),
                ('conversation', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='conversations.conversation')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('account', 'conversation', 'day', 'model', 'api_key_key'), name='usage_of_a_conversation_is_added_up_once')],
            },
        ),
        migrations.CreateModel(
            name='UsageOfDay',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField(help_text='In UTC, on which the runs ended.')),
                ('model', models.CharField(help_text='As the caller named it.', max_length=200)),
                ('api_key_key', models.BigIntegerField(db_default=0, help_text='0 is none.')),
                ('runs', models.BigIntegerField(db_default=0)),
                ('unpriced_runs', models.BigIntegerField(db_default=0, help_text='That used something which has no price.')),
                ('estimated_runs', models.BigIntegerField(db_default=0, help_text='Whose tokens the vendor did not report.')),
                ('input', models.BigIntegerField(db_default=0)),
                ('cache_read', models.BigIntegerField(db_default=0)),
                ('cache_write_5m', models.BigIntegerField(db_default=0)),
                ('cache_write_1h', models.BigIntegerField(db_default=0)),
                ('output', models.BigIntegerField(db_default=0)),
                ('reasoning', models.BigIntegerField(db_default=0)),
                ('image_input', models.BigIntegerField(db_default=0)),
                ('image_output', models.BigIntegerField(db_default=0)),
                ('audio_input', models.BigIntegerField(db_default=0)),
                ('audio_output', models.BigIntegerField(db_default=0)),
                ('search', models.BigIntegerField(db_default=0)),
                ('cost', models.DecimalField(db_default=0, decimal_places=10, help_text='What was taken from the balance.', max_digits=30)),
                ('written_off', models.DecimalField(db_default=0, decimal_places=10, help_text='What runs cost beyond what was left.', max_digits=30)),
                ('price', models.DecimalField(db_default=0, decimal_places=10, help_text='By the price list with the markup, whoever pays.', max_digits=30)),
                ('vendor_cost', models.DecimalField(db_default=0, decimal_places=10, help_text='By the price list without the markup.', max_digits=30)),
                ('vendor', models.CharField(db_default='', max_length=50)),
                ('upstream_model', models.CharField(db_default='', help_text="The vendor's name of the model.", max_length=200)),
                ('is_put_back', models.BooleanField(db_default=False, help_text='Of attempts that did not end their run: nobody pays for them.')),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='conversations.account')),
            ],
            options={
                'verbose_name': 'usage of a day',
                'verbose_name_plural': 'usage',
                'indexes': [models.Index(fields=['vendor', 'day'], name='usage_of_vendor_by_day')],
                'constraints': [models.UniqueConstraint(fields=('account', 'day', 'model', 'api_key_key', 'vendor', 'upstream_model', 'is_put_back'), name='usage_of_a_day_is_added_up_once')],
            },
        ),
        migrations.RunSQL(ROOM, migrations.RunSQL.noop),
        migrations.RunSQL(OFTEN, migrations.RunSQL.noop),
    ]
