"""Keys get ids, scopes, models, limits and an end; accounts get limits. Rows of the release before get an id each."""

import conversations.ids
import django.contrib.postgres.functions
import django.core.validators
import django.db.models.functions.comparison
import django.db.models.functions.text
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('conversations', '0031_upstreams'),
    ]

    operations = [
        migrations.AddField(
            model_name='account',
            name='concurrent_runs',
            field=models.PositiveIntegerField(blank=True, null=True, validators=[django.core.validators.MaxValueValidator(1000000)]),
        ),
        migrations.AddField(
            model_name='account',
            name='requests_per_minute',
            field=models.PositiveIntegerField(blank=True, null=True, validators=[django.core.validators.MaxValueValidator(1000000)]),
        ),
        migrations.AddField(
            model_name='account',
            name='tokens_per_minute',
            field=models.PositiveIntegerField(blank=True, null=True, validators=[django.core.validators.MaxValueValidator(10000000)]),
        ),
        migrations.AddField(
            model_name='apikey',
            name='concurrent_runs',
            field=models.PositiveIntegerField(blank=True, null=True, validators=[django.core.validators.MaxValueValidator(1000000)]),
        ),
        migrations.AddField(
            model_name='apikey',
            name='expires_at',
            field=models.DateTimeField(blank=True, help_text='From then on it is refused.', null=True),
        ),
        migrations.AddField(
            model_name='apikey',
            name='made_by',
            field=models.CharField(db_default='', editable=False, help_text='The id of the key that made it; empty when an operator did.', max_length=40),
        ),
        migrations.AddField(
            model_name='apikey',
            name='model_patterns',
            field=models.JSONField(blank=True, db_default=models.Value([], models.JSONField()), default=list, help_text='The models that it may ask; * stands for any characters.', verbose_name='models'),
        ),
        migrations.AddField(
            model_name='apikey',
            name='public_id',
            field=models.CharField(db_default=django.db.models.functions.text.Concat(models.Value('key_'), django.db.models.functions.text.Replace(django.db.models.functions.comparison.Cast(django.contrib.postgres.functions.RandomUUID(), models.TextField()), models.Value('-'), models.Value(''), output_field=models.TextField()), output_field=models.TextField()), default=conversations.ids.new_key_id, editable=False, max_length=40),
        ),
        migrations.AddField(
            model_name='apikey',
            name='replaced_by',
            field=models.CharField(db_default='', editable=False, help_text='The id of its successor, once it was rotated.', max_length=40),
        ),
        migrations.AddField(
            model_name='apikey',
            name='requests_per_minute',
            field=models.PositiveIntegerField(blank=True, null=True, validators=[django.core.validators.MaxValueValidator(1000000)]),
        ),
        migrations.AddField(
            model_name='apikey',
            name='scopes',
            field=models.JSONField(blank=True, db_default=models.Value([], models.JSONField()), default=list, help_text='The families that it speaks, and keys: that it may make, change and revoke keys.'),
        ),
        migrations.AddField(
            model_name='apikey',
            name='tokens_per_minute',
            field=models.PositiveIntegerField(blank=True, null=True, validators=[django.core.validators.MaxValueValidator(10000000)]),
        ),
        migrations.AddConstraint(
            model_name='apikey',
            constraint=models.UniqueConstraint(fields=('public_id', 'account'), name='api_key_id_is_unique_in_its_account', opclasses=['varchar_pattern_ops', 'int8_ops']),
        ),
        migrations.AddIndex(
            model_name='apikey',
            index=models.Index(fields=['account', 'id'], name='api_key_of_account'),
        ),
    ]
