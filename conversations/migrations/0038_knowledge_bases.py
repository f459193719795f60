"""Knowledge bases, their documents and the work on these. All tables are new; accounts get columns for their quotas."""

import conversations.ids
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


# As in migration 0005: the database refuses links across accounts.
LINKS = (
    # table, constraint, column, referenced table
    ("document", "document_belongs_to_its_bases_account", "base_id", "knowledgebase"),
    ("documentcontent", "content_belongs_to_its_documents_account", "document_id", "document"),
    ("indexingjob", "job_belongs_to_its_documents_account", "document_id", "document"),
    ("indexingjob", "job_belongs_to_its_bases_account", "base_id", "knowledgebase"),
)
# A fiftieth may be dead, or new, before they are vacuumed and analysed; jobs all come and go.
BUSY = ("document", "indexingjob")


def _link(table: str, name: str, column: str, target: str) -> migrations.RunSQL:
    return migrations.RunSQL(
        f"ALTER TABLE conversations_{table} ADD CONSTRAINT {name} FOREIGN KEY (account_id, {column}) "
        f"REFERENCES conversations_{target} (account_id, id) DEFERRABLE INITIALLY DEFERRED",
        f"ALTER TABLE conversations_{table} DROP CONSTRAINT {name}",
    )


def _vacuum_early(table: str) -> migrations.RunSQL:
    return migrations.RunSQL(
        f"ALTER TABLE conversations_{table} SET (autovacuum_vacuum_scale_factor = 0.02, "
        "autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02)",
        migrations.RunSQL.noop,
    )


class Migration(migrations.Migration):

    dependencies = [
        ('conversations', '0037_contents'),
    ]

    operations = [
        migrations.CreateModel(
            name='KnowledgeUsage',
            fields=[
                ('account', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='+', serialize=False, to='conversations.account')),
                ('documents', models.BigIntegerField(db_default=0)),
                ('held_bytes', models.BigIntegerField(db_default=0)),
            ],
        ),
        migrations.CreateModel(
            name='KnowledgeBase',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.CharField(default=conversations.ids.new_knowledge_base_id, editable=False, max_length=40)),
                ('name', models.CharField(max_length=200)),
                ('embedding', models.CharField(blank=True, db_default='', help_text='Empty: words alone are searched for.', max_length=200)),
                ('generation', models.PositiveIntegerField(db_default=1, editable=False)),
                ('index_version', models.PositiveIntegerField(db_default=0, editable=False, help_text='How the passages of the generation were made (index.VERSION).')),
                ('last_generation', models.PositiveIntegerField(db_default=1, editable=False, help_text='No number comes again.')),
                ('next_generation', models.PositiveIntegerField(editable=False, null=True)),
                ('next_embedding', models.CharField(db_default='', editable=False, max_length=200)),
                ('planned_to', models.BigIntegerField(db_default=0, editable=False)),
                ('stale_generation', models.PositiveIntegerField(editable=False, null=True)),
                ('reindex_error', models.CharField(db_default='', editable=False, max_length=600)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('deleted_at', models.DateTimeField(editable=False, null=True)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='knowledge_bases', to='conversations.account')),
            ],
        ),
        migrations.CreateModel(
            name='Document',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.CharField(default=conversations.ids.new_document_id, editable=False, max_length=40)),
                ('name', models.CharField(max_length=300)),
                ('kind', models.CharField(choices=[('text', 'Text'), ('file', 'File'), ('url', 'Url')], max_length=8)),
                ('url', models.CharField(db_default='', max_length=2048)),
                ('digest', models.CharField(max_length=64)),
                ('media_type', models.CharField(db_default='', max_length=150)),
                ('status', models.CharField(choices=[('queued', 'Queued'), ('processing', 'Processing'), ('ready', 'Ready'), ('failed', 'Failed')], db_default='queued', max_length=16)),
                ('error_code', models.CharField(db_default='', max_length=50)),
                ('error_message', models.CharField(db_default='', max_length=500)),
                ('size', models.BigIntegerField(db_default=0, help_text='Bytes that were given, or read at the URL.')),
                ('held_bytes', models.BigIntegerField(db_default=0, help_text="What counts for the account's quota.")),
                ('characters', models.PositiveIntegerField(db_default=0)),
                ('pages', models.PositiveIntegerField(db_default=0, help_text='0 for what has no pages.')),
                ('passages', models.PositiveIntegerField(db_default=0)),
                ('indexed_in', models.PositiveIntegerField(db_default=0)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('ready_at', models.DateTimeField(editable=False, null=True)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='conversations.account')),
                ('base', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='documents', to='conversations.knowledgebase')),
            ],
        ),
        migrations.CreateModel(
            name='DocumentContent',
            fields=[
                ('document', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='content', serialize=False, to='conversations.document')),
                ('data', models.BinaryField(null=True)),
                ('text', models.TextField(db_default='', help_text='Empty until it is known.')),
                ('page_starts', models.JSONField(default=list)),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='conversations.account')),
            ],
        ),
        migrations.CreateModel(
            name='IndexingJob',
            fields=[
                ('document', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='job', serialize=False, to='conversations.document')),
                ('is_rebuild', models.BooleanField(db_default=False)),
                ('due_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('attempts', models.PositiveSmallIntegerField(db_default=0)),
                ('claimed_at', models.DateTimeField(null=True)),
                ('progress', models.FloatField(db_default=0.0, help_text='From 0 to 1.')),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='conversations.account')),
                ('base', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='conversations.knowledgebase')),
                ('worker', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='conversations.worker')),
            ],
        ),
        migrations.AddIndex(
            model_name='knowledgebase',
            index=models.Index(condition=models.Q(('deleted_at__isnull', False), ('next_generation__isnull', False), ('stale_generation__isnull', False), _connector='OR'), fields=['id'], name='base_with_work'),
        ),
        migrations.AddConstraint(
            model_name='knowledgebase',
            constraint=models.UniqueConstraint(fields=('account', 'id'), name='base_has_one_account'),
        ),
        migrations.AddConstraint(
            model_name='knowledgebase',
            constraint=models.UniqueConstraint(fields=('public_id', 'account'), name='base_id_is_unique_in_its_account', opclasses=['varchar_pattern_ops', 'int8_ops']),
        ),
        migrations.AddConstraint(
            model_name='knowledgebase',
            constraint=models.UniqueConstraint(condition=models.Q(('deleted_at', None)), fields=('account', 'name'), name='base_has_a_name_of_its_own'),
        ),
        migrations.AddConstraint(
            model_name='knowledgebase',
            constraint=models.CheckConstraint(condition=models.Q(('next_generation', None), ('next_generation__gt', models.F('generation')), _connector='OR'), name='base_is_reindexed_into_a_later_generation'),
        ),
        migrations.AddIndex(
            model_name='document',
            index=models.Index(fields=['base', '-id'], name='document_of_base'),
        ),
        migrations.AddIndex(
            model_name='document',
            index=models.Index(fields=['base', 'status', 'id'], name='document_of_base_by_status'),
        ),
        migrations.AddConstraint(
            model_name='document',
            constraint=models.UniqueConstraint(fields=('account', 'id'), name='document_has_one_account'),
        ),
        migrations.AddConstraint(
            model_name='document',
            constraint=models.UniqueConstraint(fields=('public_id', 'account'), name='document_id_is_unique_in_its_account', opclasses=['varchar_pattern_ops', 'int8_ops']),
        ),
        migrations.AddConstraint(
            model_name='document',
            constraint=models.UniqueConstraint(fields=('base', 'digest', 'name', 'account'), name='document_is_in_its_base_once'),
        ),
        migrations.AddConstraint(
            model_name='document',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['queued', 'processing', 'ready', 'failed'])), name='document_has_a_known_status'),
        ),
        migrations.AddConstraint(
            model_name='document',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['text', 'file', 'url'])), name='document_has_a_known_kind'),
        ),
        migrations.AddConstraint(
            model_name='document',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'failed'), _negated=True), models.Q(('error_code', ''), _negated=True), _connector='OR'), name='document_says_why_it_failed'),
        ),
        migrations.AddIndex(
            model_name='indexingjob',
            index=models.Index(condition=models.Q(('worker', None)), fields=['account', 'due_at', 'document'], name='job_waiting'),
        ),
        migrations.AddIndex(
            model_name='indexingjob',
            index=models.Index(condition=models.Q(('worker__isnull', False)), fields=['worker', 'account'], name='job_claimed'),
        ),
        migrations.AddIndex(
            model_name='indexingjob',
            index=models.Index(fields=['base', 'is_rebuild'], name='job_of_base'),
        ),
        migrations.AddConstraint(
            model_name='indexingjob',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('claimed_at', None), ('worker', None)), models.Q(('claimed_at__isnull', False), ('worker__isnull', False)), _connector='OR'), name='job_is_claimed_by_a_worker'),
        ),
        *(_link(*link) for link in LINKS),
        *(_vacuum_early(table) for table in BUSY),
        # Last: nobody gets at an account from here to the end.
        migrations.AddField(
            model_name='account',
            name='max_knowledge_bases',
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='account',
            name='max_knowledge_bytes',
            field=models.BigIntegerField(blank=True, help_text='Of all documents together.', null=True, validators=[django.core.validators.MinValueValidator(0)]),
        ),
        migrations.AddField(
            model_name='account',
            name='max_knowledge_documents',
            field=models.PositiveIntegerField(blank=True, help_text='Of all bases together.', null=True),
        ),
    ]
