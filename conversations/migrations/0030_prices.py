"""Prices, and each account's markup. The table is new, and that of accounts is small."""

import django.core.validators
import django.db.models.functions.datetime
from decimal import Decimal
from django.db import migrations, models

# A price that was valid explains what was paid for. One that is not valid yet may be withdrawn.
KEEP = """
CREATE FUNCTION conversations_keep_price() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND OLD.valid_from > clock_timestamp() THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION 'a price is never changed: add a new one'
    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'price_is_never_changed';
END
$$
"""
KEPT = """
CREATE TRIGGER price_is_never_changed BEFORE UPDATE OR DELETE ON conversations_price
FOR EACH ROW EXECUTE FUNCTION conversations_keep_price()
"""


class Migration(migrations.Migration):

    dependencies = [
        ('conversations', '0029_endpoint_indexes'),
    ]

    operations = [
        migrations.CreateModel(
            name='Price',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('vendor', models.CharField(max_length=50)),
                ('model', models.CharField(help_text="The vendor's own name of it; an asterisk at the end is any ending.", max_length=200)),
                ('kind', models.CharField(choices=[('input', 'input'), ('cache_read', 'cache read'), ('cache_write_5m', 'cache write 5m'), ('cache_write_1h', 'cache write 1h'), ('output', 'output'), ('reasoning', 'reasoning'), ('image_input', 'image input'), ('image_output', 'image output'), ('audio_input', 'audio input'), ('audio_output', 'audio output'), ('call', 'call'), ('search', 'search')], max_length=16)),
                ('amount', models.DecimalField(decimal_places=10, help_text='Of a million tokens, of one call or of one search.', max_digits=20)),
                ('currency', models.CharField(max_length=3)),
                ('from_input_tokens', models.PositiveIntegerField(db_default=0, help_text='The length of the prompts that it is for: so many tokens or more.')),
                ('valid_from', models.DateTimeField()),
                ('source', models.CharField(choices=[('admin', 'admin'), ('file', 'file'), ('shipped', 'shipped')], max_length=16)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
            ],
        ),
        migrations.AddField(
            model_name='account',
            name='markup_percent',
            field=models.DecimalField(db_default=Decimal('0'), decimal_places=4, default=Decimal('0'), help_text="What is added to the vendors' prices, in percent.", max_digits=8, validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(1000)]),
        ),
        migrations.AddConstraint(
            model_name='account',
            constraint=models.CheckConstraint(condition=models.Q(('markup_percent__gte', 0), ('markup_percent__lte', 1000)), name='account_has_a_markup_of_no_less_than_nothing'),
        ),
        migrations.AddConstraint(
            model_name='price',
            constraint=models.UniqueConstraint(fields=('vendor', 'model', 'kind', 'valid_from', 'source', 'from_input_tokens', 'currency'), name='price_is_said_once'),
        ),
        migrations.AddConstraint(
            model_name='price',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gte', 0), ('amount__lte', 100000)), name='price_is_no_less_than_nothing'),
        ),
        migrations.AddConstraint(
            model_name='price',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['input', 'cache_read', 'cache_write_5m', 'cache_write_1h', 'output', 'reasoning', 'image_input', 'image_output', 'audio_input', 'audio_output', 'call', 'search'])), name='price_has_a_known_kind'),
        ),
        migrations.AddConstraint(
            model_name='price',
            constraint=models.CheckConstraint(condition=models.Q(('source__in', ['admin', 'file', 'shipped'])), name='price_has_a_known_source'),
        ),
        migrations.AddConstraint(
            model_name='price',
            constraint=models.CheckConstraint(condition=models.Q(('currency__regex', '^[A-Z]{3}$')), name='price_has_a_currency'),
        ),
        migrations.AddConstraint(
            model_name='price',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('vendor', ''), _negated=True), ('model__regex', '^([^*]+\\*?|\\*)$')), name='price_has_a_model'),
        ),
        migrations.RunSQL(KEEP, "DROP FUNCTION conversations_keep_price()"),
        migrations.RunSQL(KEPT, "DROP TRIGGER price_is_never_changed ON conversations_price"),
    ]
