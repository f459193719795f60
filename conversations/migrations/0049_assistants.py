"""Assistants, intents, visitors, and what of an account is theirs. The tables are new."""

import conversations.ids
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


def _link(table: str, owner: str) -> migrations.RunSQL:
    """A composite key in the place of the single one, as in migration 0002."""
    name, alter = f"{table}_has_the_account_of_its_{owner}", f"ALTER TABLE conversations_{table}"
    return migrations.RunSQL(
        f"{alter} ADD CONSTRAINT {name} FOREIGN KEY (account_id, {owner}_id) "
        f"REFERENCES conversations_{owner} (account_id, id) DEFERRABLE INITIALLY DEFERRED",
        f"{alter} DROP CONSTRAINT {name}",
    )


class Migration(migrations.Migration):

    dependencies = [
        ('conversations', '0048_remote_names'),
    ]

    operations = [
        migrations.CreateModel(
            name='Assistant',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.CharField(default=conversations.ids.new_assistant_id, editable=False, max_length=40)),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('is_default', models.BooleanField(db_default=False, help_text="Answers the account's requests that name none.")),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('deleted_at', models.DateTimeField(editable=False, null=True)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='conversations.account')),
            ],
        ),
        migrations.CreateModel(
            name='AssistantVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('name', models.CharField(max_length=100)),
                ('kind', models.CharField(choices=[('dialogue', 'dialogue'), ('knowledge', 'knowledge'), ('tool', 'tool')], max_length=16)),
                ('model', models.CharField(blank=True, db_default='', help_text='Empty: the setting DEFAULT_MODEL.', max_length=200)),
                ('prompt', models.TextField(blank=True, db_default='', help_text='The name of a preset, or a system prompt.')),
                ('options', models.JSONField(blank=True, default=dict, help_text='Generation options, such as temperature.')),
                ('has_context', models.BooleanField(db_default=True, default=True, help_text='Remembers what a visitor said before.')),
                ('history_most', models.PositiveIntegerField(blank=True, help_text='How many earlier messages its model is shown; empty: as many as fit.', null=True)),
                ('knowledge', models.JSONField(blank=True, default=list)),
                ('tools', models.JSONField(blank=True, default=list)),
                ('intents', models.JSONField(blank=True, default=list)),
                ('search', models.BooleanField(db_default=False, default=False, help_text='Searches the web before each answer.')),
                ('fallback', models.CharField(choices=[('custom', 'custom'), ('fix', 'fix'), ('web_search', 'web_search')], db_default='custom', help_text='What happens when its knowledge holds nothing that fits.', max_length=16)),
                ('fallback_text', models.TextField(blank=True, db_default='')),
                ('decodes_base64', models.BooleanField(db_default=True, default=True, verbose_name='decodes base64')),
                ('greeting', models.TextField(blank=True, db_default='')),
                ('requires_token', models.BooleanField(db_default=False, default=False, help_text='Only client tokens may ask it in the name of a visitor.')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='conversations.account')),
                ('assistant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='versions', to='conversations.assistant')),
            ],
        ),
        migrations.CreateModel(
            name='Intent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.CharField(default=conversations.ids.new_intent_id, editable=False, max_length=40)),
                ('name', models.CharField(max_length=100)),
                ('description', models.CharField(blank=True, db_default='', max_length=1000)),
                ('examples', models.JSONField(blank=True, default=list, help_text='Questions that satisfy it.')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('changed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='conversations.account')),
            ],
        ),
        migrations.CreateModel(
            name='Visitor',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.CharField(default=conversations.ids.new_visitor_id, editable=False, max_length=40)),
                ('name', models.CharField(blank=True, db_default='', max_length=200)),
                ('email', models.CharField(blank=True, db_default='', max_length=254)),
                ('mobile', models.CharField(blank=True, db_default='', max_length=50)),
                ('attributes', models.JSONField(blank=True, default=dict)),
                ('first_seen_at', models.DateTimeField(editable=False, help_text='Empty: it has never asked anything.', null=True)),
                ('last_seen_at', models.DateTimeField(editable=False, null=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('changed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='conversations.account')),
            ],
        ),
        migrations.CreateModel(
            name='Dialogue',
            fields=[
                ('conversation', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='dialogue', serialize=False, to='conversations.conversation')),
                ('is_thread', models.BooleanField(db_default=False)),
                ('is_open', models.BooleanField(db_default=False)),
                ('look_at', models.DateTimeField(null=True)),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='conversations.account')),
                ('assistant', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='conversations.assistant')),
                ('visitor', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='conversations.visitor')),
            ],
        ),
        migrations.CreateModel(
            name='AssistedRun',
            fields=[
                ('run', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='assisted', serialize=False, to='conversations.run')),
                ('assistant_version', models.PositiveIntegerField(null=True)),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='conversations.account')),
                ('assistant', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='conversations.assistant')),
                ('visitor', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='conversations.visitor')),
            ],
        ),
        migrations.CreateModel(
            name='VisitorIdentity',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('external_id', models.CharField(max_length=128)),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='conversations.account')),
                ('visitor', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='identities', to='conversations.visitor')),
            ],
            options={
                'verbose_name_plural': 'visitor identities',
            },
        ),
        migrations.CreateModel(
            name='VisitorSecret',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('encrypted', models.TextField(editable=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('expires_at', models.DateTimeField(editable=False, null=True)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='conversations.account')),
            ],
        ),
        migrations.AddConstraint(
            model_name='assistant',
            constraint=models.UniqueConstraint(fields=('account', 'id'), name='assistant_has_one_account'),
        ),
        migrations.AddConstraint(
            model_name='assistant',
            constraint=models.UniqueConstraint(fields=('public_id', 'account'), name='assistant_id_is_unique_in_its_account', opclasses=['varchar_pattern_ops', 'int8_ops']),
        ),
        migrations.AddConstraint(
            model_name='assistant',
            constraint=models.UniqueConstraint(condition=models.Q(('deleted_at', None), ('is_default', True)), fields=('account',), name='account_has_one_default_assistant'),
        ),
        migrations.AddConstraint(
            model_name='assistantversion',
            constraint=models.UniqueConstraint(fields=('assistant', 'number', 'account'), name='assistant_version_has_its_own_number'),
        ),
        migrations.AddConstraint(
            model_name='assistantversion',
            constraint=models.CheckConstraint(condition=models.Q(('number__gte', 1)), name='assistant_versions_count_from_one'),
        ),
        migrations.AddConstraint(
            model_name='assistantversion',
            constraint=models.CheckConstraint(condition=models.Q(('name', ''), _negated=True), name='assistant_has_a_name'),
        ),
        migrations.AddConstraint(
            model_name='assistantversion',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['dialogue', 'knowledge', 'tool'])), name='assistant_has_a_known_kind'),
        ),
        migrations.AddConstraint(
            model_name='assistantversion',
            constraint=models.CheckConstraint(condition=models.Q(('fallback__in', ['custom', 'fix', 'web_search'])), name='assistant_has_a_known_fallback'),
        ),
        migrations.AddConstraint(
            model_name='assistantversion',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('fallback', 'fix'), _negated=True), models.Q(('fallback_text', ''), _negated=True), _connector='OR'), name='assistant_has_a_text_to_fall_back_on'),
        ),
        migrations.AddConstraint(
            model_name='intent',
            constraint=models.UniqueConstraint(fields=('public_id', 'account'), name='intent_id_is_unique_in_its_account', opclasses=['varchar_pattern_ops', 'int8_ops']),
        ),
        migrations.AddConstraint(
            model_name='intent',
            constraint=models.UniqueConstraint(fields=('account', 'name'), name='intent_name_is_unique_in_its_account'),
        ),
        migrations.AddConstraint(
            model_name='intent',
            constraint=models.CheckConstraint(condition=models.Q(('name', ''), _negated=True), name='intent_has_a_name'),
        ),
        migrations.AddIndex(
            model_name='visitor',
            index=models.Index(condition=models.Q(('email', ''), _negated=True), fields=['account', 'email'], name='visitor_by_email'),
        ),
        migrations.AddIndex(
            model_name='visitor',
            index=models.Index(condition=models.Q(('mobile', ''), _negated=True), fields=['account', 'mobile'], name='visitor_by_mobile'),
        ),
        migrations.AddIndex(
            model_name='visitor',
            index=models.Index(condition=models.Q(('name', ''), _negated=True), fields=['account', 'name'], name='visitor_by_name'),
        ),
        migrations.AddConstraint(
            model_name='visitor',
            constraint=models.UniqueConstraint(fields=('account', 'id'), name='visitor_has_one_account'),
        ),
        migrations.AddConstraint(
            model_name='visitor',
            constraint=models.UniqueConstraint(fields=('public_id', 'account'), name='visitor_id_is_unique_in_its_account', opclasses=['varchar_pattern_ops', 'int8_ops']),
        ),
        migrations.AddIndex(
            model_name='dialogue',
            index=models.Index(condition=models.Q(('visitor__isnull', False)), fields=['visitor', '-conversation'], name='dialogue_of_visitor'),
        ),
        migrations.AddIndex(
            model_name='dialogue',
            index=models.Index(condition=models.Q(('assistant__isnull', False)), fields=['assistant', '-conversation'], name='dialogue_of_assistant'),
        ),
        migrations.AddIndex(
            model_name='dialogue',
            index=models.Index(condition=models.Q(('is_open', True)), fields=['look_at'], name='dialogue_to_look_at'),
        ),
        migrations.AddConstraint(
            model_name='dialogue',
            constraint=models.UniqueConstraint(condition=models.Q(('is_thread', True)), fields=('visitor', 'assistant', 'account'), name='visitor_has_one_thread_with_an_assistant'),
        ),
        migrations.AddConstraint(
            model_name='dialogue',
            constraint=models.CheckConstraint(condition=models.Q(('assistant__isnull', False), ('visitor__isnull', False), _connector='OR'), name='dialogue_has_somebody'),
        ),
        migrations.AddConstraint(
            model_name='dialogue',
            constraint=models.CheckConstraint(condition=models.Q(('is_thread', False), models.Q(('assistant__isnull', False), ('visitor__isnull', False)), _connector='OR'), name='thread_has_a_visitor_and_an_assistant'),
        ),
        migrations.AddConstraint(
            model_name='dialogue',
            constraint=models.CheckConstraint(condition=models.Q(('is_open', False), ('look_at__isnull', False), _connector='OR'), name='open_dialogue_is_looked_at'),
        ),
        migrations.AddIndex(
            model_name='assistedrun',
            index=models.Index(condition=models.Q(('assistant__isnull', False)), fields=['assistant', '-run'], name='assisted_run_of_assistant'),
        ),
        migrations.AddIndex(
            model_name='assistedrun',
            index=models.Index(condition=models.Q(('visitor__isnull', False)), fields=['visitor', '-run'], name='assisted_run_of_visitor'),
        ),
        migrations.AddIndex(
            model_name='visitoridentity',
            index=models.Index(fields=['visitor', 'id'], name='identity_of_visitor'),
        ),
        migrations.AddConstraint(
            model_name='visitoridentity',
            constraint=models.UniqueConstraint(fields=('account', 'external_id'), name='visitor_identity_is_unique_in_its_account'),
        ),
        migrations.AddConstraint(
            model_name='visitoridentity',
            constraint=models.CheckConstraint(condition=models.Q(('external_id', ''), _negated=True), name='visitor_identity_is_not_empty'),
        ),
        migrations.AddIndex(
            model_name='visitorsecret',
            index=models.Index(fields=['account', 'id'], name='visitor_secret_of_account'),
        ),
        migrations.AddConstraint(
            model_name='visitorsecret',
            constraint=models.UniqueConstraint(condition=models.Q(('expires_at', None)), fields=('account',), name='account_has_one_current_visitor_secret'),
        ),
        _link("assistantversion", "assistant"),
        _link("visitoridentity", "visitor"),
        _link("dialogue", "assistant"),
        _link("dialogue", "visitor"),
        _link("assistedrun", "assistant"),
        _link("assistedrun", "visitor"),
        # Last: nobody gets at an account from here to the end.
        migrations.AddField(
            model_name='account',
            name='max_assistants',
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='account',
            name='max_intents',
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='account',
            name='max_visitors',
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='account',
            name='visitor_count',
            field=models.BigIntegerField(db_default=0, editable=False),
        ),
    ]
