"""Balances, the ledger, and what active runs have reserved. The tables are new, and that of active runs is short."""

import django.db.models.deletion
import django.db.models.functions.datetime
from decimal import Decimal
from django.db import migrations, models

# The ledger is the evidence: a mistake is put right by another entry. A note is free text, which may name somebody: of
# an account that is erased it goes, and nothing else.
KEEP = """
CREATE FUNCTION conversations_keep_ledger_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND NEW.note = ''
     AND EXISTS (SELECT FROM conversations_account a WHERE a.id = OLD.account_id AND a.erased_at IS NOT NULL) THEN
    OLD.note := '';
    IF OLD IS NOT DISTINCT FROM NEW THEN
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'a ledger entry is never changed: add another one'
    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'ledger_entry_is_never_changed';
END
$$
"""
KEPT = """
CREATE TRIGGER ledger_entry_is_never_changed BEFORE UPDATE OR DELETE ON conversations_ledgerentry
FOR EACH ROW EXECUTE FUNCTION conversations_keep_ledger_entry()
"""
# Every turn changes its account's row twice: with room on its page that touches no index and no other page.
# The table grows with every turn, and is vacuumed and analysed as the others that do.
GROWS = """
ALTER TABLE conversations_ledgerentry SET (
  autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02,
  autovacuum_vacuum_insert_scale_factor = 0.02
)
"""
ROOM = "ALTER TABLE conversations_balance SET (fillfactor = 50, autovacuum_vacuum_threshold = 1000)"


class Migration(migrations.Migration):

    dependencies = [
        ('conversations', '0032_keys_and_limits'),
    ]

    operations = [
        migrations.AddField(
            model_name='activerun',
            name='markup_percent',
            field=models.DecimalField(decimal_places=4, help_text="The account's, when a metered run was accepted.", max_digits=8, null=True),
        ),
        migrations.AddField(
            model_name='activerun',
            name='max_cost',
            field=models.DecimalField(decimal_places=10, help_text='What its caller would pay for it at most.', max_digits=20, null=True),
        ),
        migrations.AddField(
            model_name='activerun',
            name='reserved',
            field=models.DecimalField(decimal_places=10, help_text='None: the run is not metered.', max_digits=20, null=True),
        ),
        migrations.AddField(
            model_name='activerun',
            name='reserved_calls',
            field=models.PositiveSmallIntegerField(db_default=0),
        ),
        migrations.CreateModel(
            name='Balance',
            fields=[
                ('account', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='balance', serialize=False, to='conversations.account')),
                ('amount', models.DecimalField(decimal_places=10, editable=False, help_text='With what is reserved. None: the account pays no money, only its calls are counted.', max_digits=20, null=True)),
                ('reserved', models.DecimalField(db_default=0, decimal_places=10, editable=False, help_text='For runs that have not ended.', max_digits=20)),
                ('calls_left', models.BigIntegerField(editable=False, help_text='None is any number.', null=True)),
                ('currency', models.CharField(editable=False, max_length=3)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('amount__gte', models.F('reserved'))), name='balance_is_not_overdrawn'), models.CheckConstraint(condition=models.Q(('calls_left__gte', 0)), name='balance_has_calls'), models.CheckConstraint(condition=models.Q(('reserved__gte', 0)), name='balance_reserves_no_less_than_nothing'), models.CheckConstraint(condition=models.Q(('amount__lte', Decimal('9999999999.9999999999')), ('reserved__lte', Decimal('9999999999.9999999999'))), name='balance_is_a_number')],
            },
        ),
        migrations.CreateModel(
            name='LedgerEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('reserve', 'reserve'), ('settle', 'settle'), ('release', 'release'), ('top_up', 'top up'), ('adjust', 'adjust'), ('refund', 'refund')], max_length=8)),
                ('amount', models.DecimalField(db_default=0, decimal_places=10, max_digits=20)),
                ('reserved', models.DecimalField(db_default=0, decimal_places=10, max_digits=20)),
                ('calls', models.BigIntegerField(db_default=0)),
                ('written_off', models.DecimalField(db_default=0, decimal_places=10, help_text='What the run cost beyond what was left.', max_digits=20)),
                ('model', models.CharField(db_default='', help_text='As the caller named it.', max_length=200)),
                ('explanation', models.JSONField(help_text='The price of each kind of unit, the tier and the markup.', null=True)),
                ('usage_source', models.CharField(db_default='', max_length=16)),
                ('note', models.CharField(db_default='', max_length=200)),
                ('reference', models.CharField(db_default='', help_text='The payment that it is for. An account has no two entries with the same one.', max_length=100)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='conversations.account')),
                ('api_key', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='conversations.apikey', verbose_name='API key')),
                ('run', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='conversations.run')),
            ],
            options={
                'verbose_name_plural': 'ledger entries',
                'indexes': [models.Index(fields=['account', '-id'], name='ledger_of_account_newest'), models.Index(condition=models.Q(('kind', 'refund')), fields=['account', 'run'], name='ledger_refund_of_run'), models.Index(condition=models.Q(('note', ''), _negated=True), fields=['account', 'id'], name='ledger_note_of_account')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('kind__in', ('settle', 'release'))), fields=('account', 'run'), name='run_is_paid_once'), models.UniqueConstraint(condition=models.Q(('reference', ''), _negated=True), fields=('account', 'reference'), name='ledger_reference_is_entered_once', violation_error_message='This reference has been entered already: nothing is changed.'), models.CheckConstraint(condition=models.Q(('kind__in', ['reserve', 'settle', 'release', 'top_up', 'adjust', 'refund'])), name='ledger_entry_has_a_known_kind')],
            },
        ),
        migrations.RunSQL(KEEP, "DROP FUNCTION conversations_keep_ledger_entry()"),
        migrations.RunSQL(KEPT, "DROP TRIGGER ledger_entry_is_never_changed ON conversations_ledgerentry"),
        migrations.RunSQL(GROWS, migrations.RunSQL.noop),
        migrations.RunSQL(ROOM, migrations.RunSQL.noop),
    ]
